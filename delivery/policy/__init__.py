"""``dwcp policy``: evaluates the policies over the program or an exported state.

Other packages import ``check.PolicyCheck``, which returns one ``PolicyReport`` per stack. ``policy_report`` and ``sarif`` format
the reports.
"""
