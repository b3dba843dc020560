"""The right to change an environment, and the copies of its state.

``lease`` is the right to change an environment, ``backups`` are the state's copies, ``history`` its versions, ``locks`` the
engine's own locks; ``owner`` identifies the owner of a lease or lock, and finds out whether it still runs. ``clients.checkpoint``
reads the state itself.
"""
