"""``dwcp policy``: the rules over the program or a state.

From here may be imported: ``check.PolicyCheck``, which returns a ``PolicyReport`` per stack; ``report`` and ``sarif``
write reports.
"""
