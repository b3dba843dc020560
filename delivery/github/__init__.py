"""The pipelines: a local runner for their jobs, and the steps that the jobs call.

``runner`` runs a job of a ``workflow`` on this machine, and evaluates its ``expressions``. The jobs call ``image_tags``,
``recovery``, ``metrics``, ``variables``, and ``image_contract``, which checks a built image.
"""
