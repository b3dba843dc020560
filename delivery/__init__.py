"""The ``dwcp`` command: preview, deploy, roll out, roll back and diagnose the platform."""
