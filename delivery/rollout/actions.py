"""What the state machine takes and gives: what is seen, what may be done, and what was decided."""

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
    """What the gates say so far, and on what grounds."""

    outcome: GateOutcome
    reason: str
    unmeasured: int = 0
    """How many times in a row nothing could be measured, this one included."""


@dataclass(frozen=True, kw_only=True)
class TrackState:
    """One track as it is. Pods and targets count only with the Deployment's own image."""

    image: str
    replicas: int
    """Ordered."""
    ready: int = 0
    healthy: int = 0
    """Targets that are healthy, of those ready pods."""
    settled: bool = False
    """Whether the Deployment's controller has finished: no pod of another image is left."""
    trouble: str = ""
    """What a pod is in trouble with, and which."""
    trouble_seconds: float = 0
    short_seconds: float = 0
    """For how long fewer targets have been healthy than the track needs."""
    floor: int = 0
    """``minReplicas`` of its autoscaler."""
    ceiling: int = UNBOUNDED
    """``maxReplicas`` of its autoscaler."""

    def carries(self, count: int) -> bool:
        """Whether ``count`` pods' worth of traffic may go to it."""
        return self.ready >= count and self.healthy >= count


@dataclass(frozen=True, kw_only=True)
class Observation:
    """Everything that is seen at one time."""

    stable: TrackState
    canary: TrackState
    split: int | None
    """The canary's part of the traffic in percent, as read back; ``None`` where the rule is none of ours."""
    flag: int
    seconds: float = 0
    """Since the phase was entered, by a monotonic clock; from 0 again after a crash."""
    now: float | None = None
    """Prometheus' clock, where it answered."""
    analysis: Analysis | None = None
    promotion: str = ""
    """Of the order that the phase is about: ``running``, ``done``, ``failed: REASON``, or empty while none was given."""
    stop: str = ""
    """Why it shall end now; empty while it shall not."""


@dataclass(frozen=True)
class LoadCanary:
    """Give the canary an image; the rest of its containers as stable has them."""

    image: str


@dataclass(frozen=True)
class RaiseFloor:
    """Keep stable's autoscaler from shrinking it while its traffic leaves."""

    replicas: int


@dataclass(frozen=True)
class SizeCanary:
    """Order this many canary pods, no fewer for its autoscaler."""

    replicas: int


@dataclass(frozen=True)
class Route:
    """Send this percentage to the canary, the rest to stable; then move the flag."""

    split: int
    flag: int


@dataclass(frozen=True)
class Promote:
    """Order stable to run an image."""

    image: str


@dataclass(frozen=True)
class Retire:
    """No canary pods, and the autoscalers' floors as before."""


Action = LoadCanary | RaiseFloor | SizeCanary | Route | Promote | Retire


@dataclass(frozen=True)
class Decision:
    """The progress to write down first, and then what to do; nothing to do means to look again later."""

    progress: RolloutProgress
    action: Action | None = None
    waiting_for: str = field(default="", compare=False)
