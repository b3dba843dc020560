"""Input and output of the state machine: observations, actions, and decisions."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from delivery.rollout.plan import RolloutProgress

UNBOUNDED = 2**31
"""More pods than any autoscaler allows."""


class GateOutcome(StrEnum):
    """The four outcomes of an analysis, kept apart."""

    PASSED = "passed"
    FAILED = "failed"
    UNMEASURED = "could not measure"
    LITTLE_TRAFFIC = "too little traffic"


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """The outcome of the gates so far, and its reason."""

    outcome: GateOutcome
    reason: str
    unmeasured: int = 0
    """Failed measurements in a row, this one included."""


@dataclass(frozen=True, kw_only=True)
class TrackState:
    """The present state of one track. Pods and targets count only with the Deployment's own image."""

    image: str
    replicas: int
    """Ordered."""
    ready: int = 0
    healthy: int = 0
    """Healthy targets among the ready pods."""
    settled: bool = False
    """Whether the Deployment's controller has finished: no pod of another image is left."""
    trouble: str = ""
    """The problem of a pod, with its name."""
    trouble_seconds: float = 0
    short_seconds: float = 0
    """Seconds for which the track has had fewer healthy targets than it needs."""
    floor: int = 0
    """``minReplicas`` of its autoscaler."""
    ceiling: int = UNBOUNDED
    """``maxReplicas`` of its autoscaler."""

    def carries(self, count: int) -> bool:
        """Whether it can handle the traffic of ``count`` pods."""
        return self.ready >= count and self.healthy >= count


@dataclass(frozen=True, kw_only=True)
class Observation:
    """The present state of everything that the rollout reads."""

    stable: TrackState
    canary: TrackState
    split: int | None
    """The canary's share of the traffic in percent, as read back; ``None`` if the strategy does not use the rule."""
    flag: int
    seconds: float = 0
    """Seconds since the phase began, on a monotonic clock; from 0 again after a crash."""
    now: float | None = None
    """Time on Prometheus' clock, if it answered."""
    analysis: Analysis | None = None
    promotion: str = ""
    """State of the phase's order: ``running``, ``done``, ``failed: REASON``, or empty if none was given."""
    stop: str = ""
    """The reason to end the rollout; empty without a request."""


@dataclass(frozen=True)
class LoadCanary:
    """Set the canary's image, and the rest of its containers as in stable."""

    image: str


@dataclass(frozen=True)
class RaiseFloor:
    """Raise the minimum of stable's autoscaler, so that it does not shrink while its traffic decreases."""

    replicas: int


@dataclass(frozen=True)
class SizeCanary:
    """Scale the canary to this number of pods, also as its autoscaler's minimum."""

    replicas: int


@dataclass(frozen=True)
class Route:
    """Send this percentage to the canary and the rest to stable; then set the flag."""

    split: int
    flag: int


@dataclass(frozen=True)
class Promote:
    """Update stable to an image."""

    image: str


@dataclass(frozen=True)
class Retire:
    """Scale the canary to 0, and restore the autoscalers' minimums."""


Action = LoadCanary | RaiseFloor | SizeCanary | Route | Promote | Retire


@dataclass(frozen=True)
class Decision:
    """The progress to record first, and then the action; without an action the loop observes again later."""

    progress: RolloutProgress
    action: Action | None = None
    waiting_for: str = field(default="", compare=False)
