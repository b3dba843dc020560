"""Deployments, rollbacks, and the release records, which contain all data that a rollback needs.

``deploy.Deployment`` and ``rollback.Rollback`` are the commands. Each is a list of ``steps``, and both roll back with
``restore``; ``request`` contains the checks before the first step. ``release`` is a record, ``store`` reads and writes the
records, ``release_report`` and ``incidents`` report them, and ``running_now`` describes the running images. ``backup_files``
and ``guide_files`` write files that teams can read and apply; ``manifests`` contains the Kubernetes objects for both.
``stack_file`` creates the stack file for the engine, ``configuration`` that of a rollback, and ``settings`` compares them.
"""

from delivery.releases.release import Release, Result, StepRecord, new_id
from delivery.releases.store import ReleaseError, Releases

__all__ = ["Release", "ReleaseError", "Releases", "Result", "StepRecord", "new_id"]
