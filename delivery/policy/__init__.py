"""``dwcp policy``: the rules over the program or a state.

Other packages import ``check.PolicyCheck``, which returns a ``PolicyReport`` per stack; ``policy_report`` and ``sarif`` write
reports.
"""
