"""The right to change an environment, and the copies of its state.

``lease`` grants the right to change an environment to one command at a time. ``owner`` identifies the owner of a lease, and
determines whether the owner still runs. ``backups`` copies and restores the state, ``history`` reads the configuration of the last
update, and ``locks`` finds and removes the engine's own locks. ``clients.checkpoint`` reads the state itself.
"""
