"""The plan of a rollout and its progress, as plain, frozen data in the journal."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from annotated_types import Ge, Interval
from pydantic import BaseModel, ConfigDict, model_validator

from components.settings import RolloutSettings

Strategy = Literal["weighted", "flag"]
Percentage = Annotated[int, Interval(ge=0, le=100)]
Seconds = Annotated[float, Ge(0)]


class Frozen(BaseModel):
    """Immutable data; an unknown field is an error, so that a journal of another version is not misread."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Plan(Frozen):
    """One complete rollout: made once from the options and the present state, then never changed."""

    environment: str
    strategy: Strategy = "weighted"
    image: str
    previous_image: str
    replicas: Annotated[int, Ge(1)]
    """Pods of the stable track when the rollout began; the canary's size follows from this, not from a shrinking stable."""
    stable_floor: Annotated[int, Ge(0)]
    """``minReplicas`` of stable's autoscaler before the rollout, restored at its end."""
    canary_floor: Annotated[int, Ge(0)]
    steps: Annotated[tuple[Percentage, ...], "ascending"]
    waits: tuple[Seconds, ...]
    """Seconds of analysis, one per step."""
    error_threshold: Annotated[float, Interval(gt=0, lt=1)]
    """A ratio."""
    scrape_interval: Annotated[float, Ge(0)]
    """Seconds; a window is measured only if it has enough scrapes."""
    drain: Seconds
    """The target groups' deregistration delay, after which a track without traffic is idle."""
    settings: RolloutSettings
    """The environment's settings when the rollout began; later changes do not affect an open rollout."""

    @model_validator(mode="after")
    def _steps_ascend(self) -> Self:
        if not self.steps or list(self.steps) != sorted(set(self.steps)) or len(self.waits) != len(self.steps):
            raise ValueError(f"steps {self.steps} must ascend, with one wait time each, not {self.waits}")
        return self

    @property
    def promotes(self) -> bool:
        """Whether it ends at 100 %; otherwise it holds at its last step."""
        return self.steps[-1] == 100

    def size(self, step: int) -> int:
        """Pods that the canary needs for ``step``'s share of the traffic: as many per request as stable has."""
        return max(1, math.ceil(self.replicas * self.steps[step] / 100))


class Phase(StrEnum):
    """The phase of a rollout. Each phase can be entered again after a crash, because it depends only on what it observes."""

    PREPARE = "prepare"
    """The canary gets the new image, and both autoscalers get a minimum."""
    SCALE = "scale"
    """The pods of the track that gets more traffic become ready and their targets healthy."""
    SHIFT = "shift"
    """The step's weight is set and read back."""
    PROPAGATE = "propagate"
    """The load balancer's nodes apply it."""
    ANALYSE = "analyse"
    """The gates are measured, until the step's wait is over."""
    PROMOTE = "promote"
    """The canary has all traffic; stable gets the new image without traffic."""
    TO_STABLE = "to stable"
    """All traffic goes to stable, after the promotion or an abort."""
    DRAIN = "drain"
    """Weight 0 was read back; open requests finish."""
    STANDBY = "standby"
    """The idle canary gets the previous image, so that a rollback takes seconds."""
    BAKE = "bake"
    """Stable runs the new image and is measured."""
    FLIP = "flip"
    """Stable became unhealthy: all traffic goes to the previous image on the canary."""
    RESTORE = "restore"
    """Stable gets the previous image, without traffic."""
    RETIRE = "retire"
    """The idle canary is scaled to 0, and the autoscalers' minimums are restored."""
    DONE = "done"


class RolloutOutcome(StrEnum):
    """The outcome of a rollout."""

    PROMOTED = "promoted"
    ABORTED = "aborted"
    """It was aborted before the promotion, and all traffic is on the previous image."""
    ROLLED_BACK = "rolled back"
    """It was promoted, became unhealthy, and the previous image has all traffic again."""


class RolloutProgress(Frozen):
    """The progress of a rollout; with the plan and an observation it determines the next action."""

    phase: Phase = Phase.PREPARE
    step: Annotated[int, Ge(0)] = 0
    promoted: bool = False
    """Whether stable was last ordered to run the new image."""
    was_promoted: bool = False
    """Whether it ever got traffic as stable."""
    aborting: str = ""
    """The reason of the abort; empty without one."""
    at_once: bool = False
    """Whether the rollback does not wait until stable is large enough: for the traffic, the canary is worse."""
    holding: str = ""
    """The reason why it waits for a person; empty without one."""
    reached: bool = False
    """Whether it holds because it was requested."""
    window_start: float | None = None
    """Unix seconds on Prometheus' clock from which the step's metrics count."""
    outcome: RolloutOutcome | None = None

    def to(self, phase: Phase, **changes: Any) -> RolloutProgress:
        """The progress in another phase, with a new window."""
        return self.model_copy(update={"phase": phase, "window_start": None, **changes})

    def replace(self, **changes: Any) -> RolloutProgress:
        """The progress with changes."""
        return self.model_copy(update=changes)
