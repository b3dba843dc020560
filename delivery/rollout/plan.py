"""The plan and the progress of a rollout: immutable data that the journal stores."""

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
    """Immutable data. An unknown field is an error, so that the journal of another `dwcp` version is not misread."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Plan(Frozen):
    """The plan of one rollout, made from the options, the settings and the platform's state.

    A rollout that holds at its last percentage gets a new plan if a later command requests another percentage. A command without
    ``--percentage`` requests the last step in the settings.
    """

    environment: str
    strategy: Strategy = "weighted"
    image: str
    previous_image: str
    replicas: Annotated[int, Ge(1)]
    """Pods of the stable track when the rollout began. The number is stored, because stable can have fewer pods later. If
    autoscalers add pods, the tracks are sized from a larger number (``_sizing.py``)."""
    stable_floor: Annotated[int, Ge(0)]
    """``minReplicas`` of stable's autoscaler before the rollout. The rollout restores this number at the end."""
    canary_floor: Annotated[int, Ge(0)]
    steps: Annotated[tuple[Percentage, ...], "ascending"]
    """The steps below ``--percentage`` in the setting ``rollout.steps`` (``components/settings/groups/rollout.py``), then
    ``--percentage`` itself. Without this option: all steps. A new plan after a hold omits the steps that are not above the
    reached percentage."""
    waits: tuple[Seconds, ...]
    """Seconds of analysis, one per step."""
    error_threshold: Annotated[float, Interval(gt=0, lt=1)]
    """The highest accepted ratio of failed requests."""
    scrape_interval: Annotated[float, Ge(0)]
    """Prometheus' scrape interval in seconds. A measurement window is evaluated only if it has enough scrapes."""
    drain: Seconds
    """The longer of the two target groups' deregistration delays. After this time, a track without traffic has no open requests.
    0 with the strategy ``flag``."""
    settings: RolloutSettings
    """The environment's settings when the rollout began; later changes do not affect an open rollout."""

    @model_validator(mode="after")
    def _steps_ascend(self) -> Self:
        if not self.steps or list(self.steps) != sorted(set(self.steps)) or len(self.waits) != len(self.steps):
            raise ValueError(f"steps {self.steps} must ascend, with one wait time each, not {self.waits}")
        return self

    @property
    def promotes(self) -> bool:
        """Whether the plan ends at 100 %. Otherwise the rollout holds at the last step."""
        return self.steps[-1] == 100

    def size(self, step: int) -> int:
        """The minimum number of pods that the canary needs for ``step``'s share of the traffic, in proportion to ``replicas``."""
        return max(1, math.ceil(self.replicas * self.steps[step] / 100))


class Phase(StrEnum):
    """The phase of a rollout.

    A phase can be entered again after a crash, because the next action depends only on the journal and on new observations.

    The strategy ``flag`` sets only the flag. Its phases are PREPARE, SHIFT, PROPAGATE, ANALYSE and DONE, and in an abort TO_STABLE.
    """

    PREPARE = "prepare"
    """The minimum of stable's autoscaler is raised to stable's number of pods, and the canary gets the new image."""
    SCALE = "scale"
    """The track that gets more traffic is scaled until it has enough ready pods and healthy targets."""
    SHIFT = "shift"
    """The step's weight and flag are set and read back."""
    PROPAGATE = "propagate"
    """The weight and the flag take effect."""
    ANALYSE = "analyse"
    """The gates are measured, at least until the step's wait is over."""
    PROMOTE = "promote"
    """The canary has all traffic. Stable, which has none, gets the new image."""
    TO_STABLE = "to stable"
    """All traffic goes to stable, after the promotion or an abort."""
    DRAIN = "drain"
    """The canary's weight was read back as 0, and its open requests finish."""
    STANDBY = "standby"
    """The idle canary gets the previous image, so that a rollback takes seconds."""
    BAKE = "bake"
    """Stable serves all traffic with the new image and is measured."""
    FLIP = "flip"
    """The rollout is aborted after the promotion: all traffic goes to the canary, which runs the previous image."""
    RESTORE = "restore"
    """Stable, which has no traffic, gets the previous image."""
    RETIRE = "retire"
    """The idle canary is scaled to 0, and the autoscalers' minimums are restored."""
    DONE = "done"


class RolloutOutcome(StrEnum):
    """The outcome of a rollout."""

    PROMOTED = "promoted"
    ABORTED = "aborted"
    """The rollout was aborted before stable served the new image, and the previous image has all traffic."""
    ROLLED_BACK = "rolled back"
    """The rollout was aborted after stable had served the new image, and the previous image has all traffic again."""


class RolloutProgress(Frozen):
    """The progress of a rollout. Together with the plan and an observation, it determines the next action."""

    phase: Phase = Phase.PREPARE
    step: Annotated[int, Ge(0)] = 0
    promoted: bool = False
    """Whether the last update of stable, finished or not, was to the new image."""
    was_promoted: bool = False
    """Whether stable has had traffic with the new image."""
    aborting: str = ""
    """The reason for the abort; empty if the rollout is not aborted."""
    at_once: bool = False
    """Whether an abort moves the traffic before stable is large enough. It does so if the canary is unhealthy or failed a gate, or
    if a person has aborted the rollout again."""
    holding: str = ""
    """The reason why the rollout is on hold; empty if the rollout is not on hold."""
    reached: bool = False
    """Whether the rollout is on hold because it reached the requested percentage."""
    window_start: float | None = None
    """Unix time on Prometheus' clock at which the measurement window of the phase begins; ``None`` before it begins."""
    outcome: RolloutOutcome | None = None

    def to(self, phase: Phase, **changes: Any) -> RolloutProgress:
        """The progress in another phase, with a new measurement window."""
        return self.model_copy(update={"phase": phase, "window_start": None, **changes})

    def replace(self, **changes: Any) -> RolloutProgress:
        """The progress with these changes."""
        return self.model_copy(update=changes)
