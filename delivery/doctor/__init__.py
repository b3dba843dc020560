"""The guide's troubleshooting chapter as automatic checks, from observations to findings.

``reading.observe`` reads a snapshot of an environment (``observations``), ``diagnosis.diagnose`` makes a report of it
(``findings``), and ``doctor_report`` prints it. ``checks.CHECKS`` is the table of checks.
"""
