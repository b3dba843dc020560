"""The pipelines: their jobs run locally as on GitHub, their decisions, and their comments and issues on GitHub.

``runner`` runs a job of a ``workflow`` with the values of ``expressions``. The decisions and records are ``image_tags``,
``recovery``, ``metrics`` and ``variables``; ``image_contract`` checks a built image.
"""
