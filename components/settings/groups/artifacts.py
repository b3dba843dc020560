"""The settings group ``artifacts`` of a stack file."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Interval

from components.settings.groups._group import Group
from components.settings.types import RetentionDays, Switch, Whole


class ArtifactsSettings(Group):
    """The bucket of build and deployment artifacts."""

    noncurrent_version_days: RetentionDays = 90
    """Days after which the old version of a changed or deleted artifact is permanently deleted (AWS: S3 lifecycle rules)."""
    infrequent_access_after_days: Annotated[Whole, Interval(ge=30, le=3653)] = 30
    """Days after which an artifact moves to the storage class Standard-IA (AWS: S3 lifecycle transitions)."""
    force_destroy: Switch = False
    """Whether `pulumi destroy` also deletes the artifacts in the bucket (AWS: S3 bucket deletion)."""
