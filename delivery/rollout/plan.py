"""What a rollout sets out to do, and how far it has come: both as plain, frozen data that the journal holds."""

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
    """Immutable, and a field that is not known is an error: a journal of another version is not guessed at."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Plan(Frozen):
    """One rollout, complete: made once from the options and from what is, then never changed."""

    environment: str
    strategy: Strategy = "weighted"
    image: str
    previous_image: str
    replicas: Annotated[int, Ge(1)]
    """Of the stable track when the rollout began; the canary is sized from this, never from a stable that shrinks."""
    stable_floor: Annotated[int, Ge(0)]
    """``minReplicas`` of stable's autoscaler before the rollout, restored at its end."""
    canary_floor: Annotated[int, Ge(0)]
    steps: Annotated[tuple[Percentage, ...], "ascending"]
    waits: tuple[Seconds, ...]
    """Seconds of analysis, one per step."""
    error_threshold: Annotated[float, Interval(gt=0, lt=1)]
    """A ratio."""
    scrape_interval: Annotated[float, Ge(0)]
    """Seconds; a window is measured only where enough scrapes lie in it."""
    drain: Seconds
    """The target groups' deregistration delay, after which a track without traffic is idle."""
    settings: RolloutSettings
    """The environment's when the rollout began: a change of them does not reach a rollout that is open."""

    @model_validator(mode="after")
    def _steps_ascend(self) -> Self:
        if not self.steps or list(self.steps) != sorted(set(self.steps)) or len(self.waits) != len(self.steps):
            raise ValueError(f"steps {self.steps} must ascend, with one wait time each, not {self.waits}")
        return self

    @property
    def promotes(self) -> bool:
        """Whether it goes all the way; else it holds at its last step."""
        return self.steps[-1] == 100

    def size(self, step: int) -> int:
        """Pods that the canary needs for ``step``'s part of the traffic: as many per request as stable has."""
        return max(1, math.ceil(self.replicas * self.steps[step] / 100))


class Phase(StrEnum):
    """Where a rollout is. Each phase can be entered again after a crash: what it does depends on what it then sees."""

    PREPARE = "prepare"
    """The canary gets the new image, both autoscalers a floor."""
    SCALE = "scale"
    """The canary's pods get ready and their targets healthy."""
    SHIFT = "shift"
    """The step's weight is set and read back."""
    PROPAGATE = "propagate"
    """The load balancer's nodes take it up."""
    ANALYSE = "analyse"
    """The gates are asked, until the step's wait is over."""
    PROMOTE = "promote"
    """The canary carries everything; stable gets the new image without traffic."""
    TO_STABLE = "to stable"
    """All traffic goes back to stable: promoted, or given up."""
    DRAIN = "drain"
    """Weight 0 was read back; open requests end."""
    STANDBY = "standby"
    """The idle canary gets the previous image, so that going back takes seconds."""
    BAKE = "bake"
    """Stable runs the new image and is watched."""
    FLIP = "flip"
    """Health was lost: all traffic goes to the previous image on the canary."""
    RESTORE = "restore"
    """Stable gets the previous image, without traffic."""
    RETIRE = "retire"
    """The idle canary goes to no pods, the floors to what they were."""
    DONE = "done"


class RolloutOutcome(StrEnum):
    """How a rollout ended."""

    PROMOTED = "promoted"
    ABORTED = "aborted"
    """Traffic never left the previous image for good, and is all on it."""
    ROLLED_BACK = "rolled back"
    """It was promoted, lost health, and the previous image has all traffic again."""


class RolloutProgress(Frozen):
    """How far a rollout has come; with the plan and a look at the world it says what is next."""

    phase: Phase = Phase.PREPARE
    step: Annotated[int, Ge(0)] = 0
    promoted: bool = False
    """Whether stable was last ordered to run the new image."""
    was_promoted: bool = False
    """Whether it ever got traffic as stable."""
    aborting: str = ""
    """Why it is given up; empty while it is not."""
    at_once: bool = False
    """Whether the way back does not wait until stable is large enough: the canary is the worse place for the traffic."""
    holding: str = ""
    """Why it waits for a person; empty while it does not."""
    reached: bool = False
    """Whether it holds because it was asked to."""
    window_start: float | None = None
    """Unix seconds on Prometheus' clock: from when on the step's metrics count."""
    outcome: RolloutOutcome | None = None

    def to(self, phase: Phase, **changes: Any) -> RolloutProgress:
        """The same, in another phase. A phase's window is its own."""
        return self.model_copy(update={"phase": phase, "window_start": None, **changes})

    def but(self, **changes: Any) -> RolloutProgress:
        """The same, with changes."""
        return self.model_copy(update=changes)
