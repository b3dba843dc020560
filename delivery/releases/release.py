"""The record of one release."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator

from delivery.releases.settings import SettingsChange

Result = Literal["running", "staged", "deployed", "failed", "rolled back"]
"""``staged`` waits at 0 % for a rollout; ``rolled back`` failed, and the former one runs again; ``failed`` was not rolled back."""

TIMESTAMP = "%Y%m%dT%H%M%SZ"


class StepRecord(BaseModel):
    """One step of a command: its name, result and duration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    result: Literal["done", "failed", "skipped"]
    seconds: float = 0.0
    detail: str = ""


class Release(BaseModel):
    """The result of one command on an environment. It contains no secret."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    id: str
    environment: str
    command: Literal["deploy", "rollout", "rollback"]
    result: Result = "running"
    image: str
    """The image of stable after it, or after the promotion of a staged one; by digest if that is known."""
    digest: str = ""
    """``sha256:...`` of that image, as the nodes pulled it; empty if no pod reports it."""
    tag: str = ""
    commit: str = ""
    """Commit of the program, with ``-dirty`` at the end if the work tree was not clean."""
    replaced: str = ""
    """The image that stable ran before it."""
    settings: dict[str, Any] = Field(default_factory=dict[str, Any])
    """The stack's settings after it, by path, without credentials, which are never restored."""
    changed: SettingsChange = Field(default_factory=SettingsChange)
    """The release's own changes of the settings, which a rollback reverts with its image."""
    config_hash: str = ""
    """Digest of ``settings``."""
    state_version: str = ""
    """S3 version of the engine's state after it."""
    manifests: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])
    """The program's objects in the cluster, without secrets and without what autoscaler and delivery own."""
    started: datetime
    ended: datetime | None = None
    who: str = ""
    previous: str = ""
    """The release that ran before."""
    restores: str = ""
    """The release that a rollback restored."""
    fencing: int = 0
    """Number of its lease, by which releases are ordered, because clocks differ."""
    reason: str = ""
    """The reason of the failure or of the rollback."""
    steps: list[StepRecord] = Field(default_factory=list[StepRecord])

    @model_validator(mode="before")
    @classmethod
    def _of_an_earlier_dwcp(cls, content: Any) -> Any:
        """Drop the stack file from a record of an older dwcp, because a rollback does not use it any more."""
        if isinstance(content, dict):
            cast("dict[str, Any]", content).pop("config", None)
        return cast(Any, content)

    @property
    def order(self) -> tuple[int, datetime]:
        """The key that sorts releases from the oldest to the newest."""
        return (self.fencing, self.started)

    @property
    def timestamp(self) -> str:
        """The time of its start in the format of file names."""
        return self.started.astimezone(UTC).strftime(TIMESTAMP)


def new_id(tag: str, at: datetime) -> str:
    """A release's id, which sorts by time and contains the tag."""
    return f"{at.astimezone(UTC).strftime(TIMESTAMP)}-{tag}"
