"""The settings group ``logs`` of a stack file."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Interval
from pydantic import BeforeValidator

from components.settings.groups._group import Group
from components.settings.types import HoldsData, Whole, whole

LogRetentionDays = Annotated[
    Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
    BeforeValidator(whole),
    HoldsData(),
]
"""Accepted values: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html."""


class LogsSettings(Group):
    """CloudWatch log groups."""

    retention_days: LogRetentionDays = 30
    """Days after which logs are deleted (guide: Key Resources)."""
    key_deletion_window_days: Annotated[Whole, Interval(ge=7, le=30)] = 30
    """Days in which the deletion of the logs' encryption key can be cancelled (AWS: KMS ScheduleKeyDeletion)."""
