"""The ``dwcp`` command: preview, deploy, roll out, roll back and diagnose the platform.

``cli`` has the commands and their options. The work is in the other packages: ``releases`` (deploy, roll back, render),
``rollout``, ``preview`` (also drift), ``policy``, ``doctor``, ``state`` (backups, locks and leases) and ``github`` (pipelines).
``clients`` has one module for each outside system.
"""
