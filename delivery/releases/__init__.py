"""What was released where, when, by whom and how it ended; enough of it kept to go back.

``deploy.Deployment`` and ``rollback.Rollback`` are the commands, each a list of ``steps``; ``restore`` is the way back of both.
``Releases`` is the store; teams may read and apply ``backup_files`` and ``guide_files``; ``stack_file`` is what the engine gets.
"""

from delivery.releases.release import Release, Result, StepRecord, new_id
from delivery.releases.store import ReleaseError, Releases

__all__ = ["Release", "ReleaseError", "Releases", "Result", "StepRecord", "new_id"]
