"""The guide's troubleshooting chapter as automatic checks, from observations to findings.

``reading.observe`` reads a snapshot of an environment (``observations``, made of ``facts``) through the clients in ``sources``;
``drifted`` adds the drift. ``diagnosis.diagnose`` runs the ``checks`` on the snapshot and returns a report (``findings``), and
``doctor_report`` prints the report. ``checks.CHECKS`` is the table of checks.
"""
