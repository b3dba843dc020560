"""The right to change an environment, and the copies of its state.

``lease`` grants the right to change an environment to one command. ``backups`` copies and restores the state, ``history`` reads the
configuration of the last update, and ``locks`` handles the engine's own locks. ``owner`` identifies the owner of a lease, and
determines whether this owner still runs. ``clients.checkpoint`` reads the state itself.
"""
