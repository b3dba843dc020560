"""The input and output of the state machine: observations, actions and decisions."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from delivery.rollout.plan import RolloutProgress

UNBOUNDED = 2**31
"""More pods than any autoscaler allows."""


def share(split: int | None) -> str:
    """The canary's share of the traffic, for a message. ``None``: both weights are 0."""
    return "0 % on both tracks" if split is None else f"{split} %"


class GateOutcome(StrEnum):
    """The possible outcomes of an analysis."""

    PASSED = "passed"
    FAILED = "failed"
    UNMEASURED = "could not measure"
    LITTLE_TRAFFIC = "too little traffic"


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """The outcome of the gates so far, and the reason for the outcome."""

    outcome: GateOutcome
    reason: str
    unmeasured: int = 0
    """Number of consecutive analyses with the outcome ``UNMEASURED``, including this one."""


@dataclass(frozen=True, kw_only=True)
class TrackState:
    """The present state of one track. Only pods with the Deployment's present image count as ready or healthy."""

    image: str
    replicas: int
    """``spec.replicas`` of the Deployment."""
    ready: int = 0
    healthy: int = 0
    """Number of ready pods that are also healthy targets of the load balancer. With the strategy ``flag``: all ready pods."""
    settled: bool = False
    """Whether every pod has the Deployment's newest template and is available."""
    trouble: str = ""
    """The problem of a pod, with the pod's name; empty without a problem."""
    trouble_seconds: float = 0
    short_seconds: float = 0
    """Time for which the track has had fewer healthy targets than the plan requires."""
    floor: int = 0
    """``minReplicas`` of the track's autoscaler."""
    ceiling: int = UNBOUNDED
    """``maxReplicas`` of the track's autoscaler."""

    def carries(self, count: int) -> bool:
        """Whether the track can handle the traffic of ``count`` pods."""
        return self.ready >= count and self.healthy >= count


@dataclass(frozen=True, kw_only=True)
class Observation:
    """The present state of everything that the rollout reads."""

    stable: TrackState
    canary: TrackState
    split: int | None
    """The canary's share of the traffic in percent, as read back. ``None`` for the strategy ``flag``, or if both weights are 0."""
    flag: int
    seconds: float = 0
    """Seconds since the phase began, on a monotonic clock. The value starts at 0 again after a crash."""
    now: float | None = None
    """Unix time on Prometheus' clock if a measurement window begins now; ``None`` otherwise, or if Prometheus did not answer."""
    analysis: Analysis | None = None
    promotion: str = ""
    """State of this process's last update of stable: ``running``, ``done`` or ``failed: REASON``. Empty if there was no update, or
    if the update has ended and had another image than the wanted one."""
    stop: str = ""
    """The reason for a requested abort; empty without a request."""


@dataclass(frozen=True)
class LoadCanary:
    """Give the canary the containers of stable, with this image."""

    image: str


@dataclass(frozen=True)
class RaiseFloor:
    """Raise the minimum of stable's autoscaler, so that stable is not scaled down while its traffic decreases."""

    replicas: int


@dataclass(frozen=True)
class SizeCanary:
    """Scale the canary to this number of pods, and set the minimum of the canary's autoscaler to the same number."""

    replicas: int


@dataclass(frozen=True)
class Route:
    """Send ``split`` percent of the traffic to the canary and the rest to stable, then set the flag.

    With the strategy ``flag``, only the flag is set.
    """

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
    """The progress, which the loop first writes to the journal, and the action, which the loop then performs.

    Without an action, the loop observes again: after a pause if ``waiting_for`` is set, otherwise at once.
    """

    progress: RolloutProgress
    action: Action | None = None
    waiting_for: str = field(default="", compare=False)
