"""Deployments, rollbacks, and release records. A release is an image and the settings that are deployed together with the image.

``deploy.Deployment`` and ``rollback.Rollback`` are the commands. Each command is a list of ``steps``, and both roll back with
``restore``. ``request`` checks the options and the checkout. A new check before a deployment is a line in
``deploy.Deployment._check``, or a ``Step`` in ``deploy.Deployment.steps``. ``release`` is a release record, ``store`` reads and
writes the records, ``release_report`` and ``incidents`` write reports from them, and ``running_now`` describes the running images.
``manifests`` lets the API server check the program's objects. ``backup_files`` and ``guide_files`` write files that teams can read
and apply. ``stack_file`` reads and writes stack files. For a rollback or a promotion, ``configuration`` creates the stack file, and
``program_at`` provides the program. ``settings`` compares settings.
"""

from delivery.releases.release import Release, Result, StepRecord, new_id
from delivery.releases.store import ReleaseError, Releases

__all__ = ["Release", "ReleaseError", "Releases", "Result", "StepRecord", "new_id"]
