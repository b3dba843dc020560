"""The record of one release."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from delivery.releases.settings import SettingsChange

Result = Literal["running", "staged", "deployed", "failed", "rolled back"]
"""The result of a release.

- ``running``: the command has not finished.
- ``staged``: the track canary has the image, and waits at 0 % of the traffic for a rollout.
- ``deployed``: the release is complete.
- ``failed``: the release failed and was not rolled back, or its update never started.
- ``rolled back``: the release failed or was aborted, and the previous release runs again.
"""

TIMESTAMP = "%Y%m%dT%H%M%SZ"


class StepRecord(BaseModel):
    """One step of a command: its name, result and duration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    result: Literal["done", "failed", "skipped"]
    seconds: float = 0.0
    detail: str = ""


class Release(BaseModel):
    """The record of one release: the command, its result, and the data for a rollback. It contains no secret."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    id: str
    environment: str
    command: Literal["deploy", "rollout", "rollback"]
    result: Result = "running"
    image: str
    """The image that the track stable gets. For a staged release, stable gets it when a rollout promotes the release."""
    digest: str = ""
    """``sha256:...`` of the image that the nodes pulled for stable. Recorded only by a deployment in the mode ``direct``;
    otherwise, and if it is not known, empty."""
    tag: str = ""
    commit: str = ""
    """Commit of the program, with ``-dirty`` at the end if the work tree was not clean."""
    replaced: str = ""
    """The image that stable ran before the command."""
    replaced_program: str = ""
    """Commit of the program before the command; empty if it is not known. A rollout has the value of the staged release, if
    there is one."""
    settings: dict[str, Any] = Field(default_factory=dict[str, Any])
    """The stack's settings after the command, by path. Credentials are omitted, because they are never restored."""
    changed: SettingsChange = Field(default_factory=SettingsChange)
    """The settings that this release changed. A rollback reverts them together with the image."""
    config_hash: str = ""
    """Digest of ``settings``."""
    state_version: str = ""
    """S3 version of the engine's state after the command; empty for a rollout, and for a deployment whose update never started."""
    manifests: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])
    """The service's objects as the program applies them, without Secrets and without fields that autoscalers or ``dwcp`` own."""
    started: datetime
    ended: datetime | None = None
    who: str = ""
    previous: str = ""
    """The id of the newest deployed release before this release; empty if there is none."""
    restores: str = ""
    """The name of the release that a rollback or an aborted rollout restored."""
    fencing: int = 0
    """The fencing number of the command's lease. Releases are ordered by this number, because clocks differ."""
    reason: str = ""
    """The reason for the failure or the rollback."""
    steps: list[StepRecord] = Field(default_factory=list[StepRecord])

    @property
    def order(self) -> tuple[int, datetime]:
        """The sort key that orders releases from the oldest to the newest."""
        return (self.fencing, self.started)

    @property
    def timestamp(self) -> str:
        """The start time, in the format for file names."""
        return self.started.astimezone(UTC).strftime(TIMESTAMP)


def new_id(tag: str, at: datetime) -> str:
    """The id of a new release. An id begins with the time, so that ids sort by time, and ends with the tag."""
    return f"{at.astimezone(UTC).strftime(TIMESTAMP)}-{tag}"
