"""The guide's troubleshooting chapter as checks that run: observations in, findings out, and what could not be seen is named.

``reading.observe`` gives a picture of an environment (``observations``), ``diagnosis.diagnose`` makes a report of it
(``findings``), and ``report`` prints it. ``checks.CHECKS`` is the table of checks.
"""
