"""The guide's troubleshooting chapter as automatic checks, from observations to findings.

``reading.observe`` reads a snapshot of an environment through the clients in ``sources``. ``observations`` defines the parts of
the snapshot, ``facts`` their data types, and ``drifted`` reads the drift. ``diagnosis.diagnose`` runs the ``checks`` on the
snapshot and returns a report (``findings``), and ``doctor_report`` prints the report. ``checks.CHECKS`` is the table of checks.
"""
