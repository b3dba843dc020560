"""Where the platform's state lies, who may change it, and whether it is whole.

``lease`` (``Lease``: the right to change an environment), ``checkpoint`` (``States``: the state and its versions), ``backups`` (``Backups``), ``locks`` (the
engine's own), ``backend`` (``Backend``: bucket, keys and table), ``owner`` (``Owner``) and ``errors``.
"""
