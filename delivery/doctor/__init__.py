"""The guide's troubleshooting chapter as automatic checks, from observations to findings.

``reading.observe`` reads a snapshot of an environment (``observations``), ``diagnosis.diagnose`` runs the checks on it and
returns a report (``findings``), and ``doctor_report`` prints the report. ``checks.CHECKS`` is the table of checks.
"""
