"""The engine's state: its backend, its integrity, its backups, and the lease on it.

``lease`` is the right to change an environment, ``checkpoint`` the state and its versions, ``backups`` its copies, ``locks`` the
engine's own locks, ``backend`` the bucket, keys and table of all of them; ``owner`` identifies the owner of a lease or lock, and
finds out whether it still runs.
"""
