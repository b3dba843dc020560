"""One release, as it is recorded."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator

from delivery.releases.settings import SettingsChange

Result = Literal["running", "staged", "deployed", "failed", "rolled back"]
"""``staged`` waits at 0 % for a rollout; ``rolled back`` failed, and what ran before runs again; ``failed`` was left as it was."""

TIMESTAMP = "%Y%m%dT%H%M%SZ"


class StepRecord(BaseModel):
    """One step of a command: what it was, how it ended, how long it took."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    result: Literal["done", "failed", "skipped"]
    seconds: float = 0.0
    detail: str = ""


class Release(BaseModel):
    """What one command made of an environment. No secret is in it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    id: str
    environment: str
    command: Literal["deploy", "rollout", "rollback"]
    result: Result = "running"
    image: str
    """What stable runs after it, or would run after the promotion of a staged one: by digest where that is known."""
    digest: str = ""
    """``sha256:...`` of that image, as the nodes pulled it; empty where no pod has said it."""
    tag: str = ""
    commit: str = ""
    """Of the program; ``-dirty`` behind it when the work tree was not clean."""
    replaced: str = ""
    """The image that stable ran before it."""
    settings: dict[str, Any] = Field(default_factory=dict[str, Any])
    """What the stack was set to after it, by path, without credentials: they never go back."""
    changed: SettingsChange = Field(default_factory=SettingsChange)
    """What it changed of the settings itself; that goes back with its image."""
    config_hash: str = ""
    """Of ``settings``."""
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
    """The release that a rollback went back to."""
    fencing: int = 0
    """Number of the lease it was made under; releases are ordered by it, since clocks differ."""
    reason: str = ""
    """Why it failed, or why someone went back."""
    steps: list[StepRecord] = Field(default_factory=list[StepRecord])

    @model_validator(mode="before")
    @classmethod
    def _of_an_earlier_dwcp(cls, content: Any) -> Any:
        """Records used to hold the whole stack file, which is not gone back to any more."""
        if isinstance(content, dict):
            cast("dict[str, Any]", content).pop("config", None)
        return cast(Any, content)

    @property
    def order(self) -> tuple[int, datetime]:
        """What sorts releases from the oldest to the newest."""
        return (self.fencing, self.started)

    @property
    def timestamp(self) -> str:
        """When it began, as file names have it."""
        return self.started.astimezone(UTC).strftime(TIMESTAMP)


def new_id(tag: str, at: datetime) -> str:
    """A release's name: sorts by time, says what it brought."""
    return f"{at.astimezone(UTC).strftime(TIMESTAMP)}-{tag}"
