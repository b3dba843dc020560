"""Deployments, rollbacks, and the release records, which contain all data that a rollback needs.

``deploy.Deployment`` and ``rollback.Rollback`` are the commands. Each is a list of ``steps``, and both roll back with ``restore``.
``Releases`` is the store of the records. ``backup_files`` and ``guide_files`` write files that teams can read and apply, and
``stack_file`` creates the stack file for the engine.
"""

from delivery.releases.release import Release, Result, StepRecord, new_id
from delivery.releases.store import ReleaseError, Releases

__all__ = ["Release", "ReleaseError", "Releases", "Result", "StepRecord", "new_id"]
