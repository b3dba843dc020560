"""Where the platform's state lies, who may change it, and whether it is whole.

``lease`` has the right to change an environment, ``checkpoint`` the state and its versions, ``backups`` its copies, ``locks`` the
engine's own locks, ``backend`` the bucket, keys and table behind all of them; ``owner`` says who holds something and whether that
one still runs.
"""
