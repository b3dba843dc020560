"""Deployments, rollbacks, and the record of each release, with everything that a rollback needs.

``deploy.Deployment`` and ``rollback.Rollback`` are the commands, each a list of ``steps``; both roll back with ``restore``.
``Releases`` is the store; teams can read and apply ``backup_files`` and ``guide_files``; ``stack_file`` makes the engine's file.
"""

from delivery.releases.release import Release, Result, StepRecord, new_id
from delivery.releases.store import ReleaseError, Releases

__all__ = ["Release", "ReleaseError", "Releases", "Result", "StepRecord", "new_id"]
