"""The settings group ``rollout`` of a stack file."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Interval, Len
from pydantic import AfterValidator

from components.monitoring.objectives import ERROR_RATIO, MINIMUM_REQUESTS
from components.settings.groups.group import Group
from components.settings.types import PartOfHundred, Percent, PollSeconds, Seconds, Whole, ascending


class RolloutSettings(Group):
    """How `dwcp rollout` moves traffic to a release, and what it measures."""

    strategy: Literal["weighted", "flag"] = "weighted"
    """Whether the load balancer splits the traffic, or only the feature flag changes (guide: Gradual Rollout)."""
    steps: Annotated[tuple[Percent, ...], Len(1), AfterValidator(ascending)] = (10, 50, 100)
    """Ascending percentages of the traffic; the rollout holds at the last one if it is below 100 (guide: Gradual Rollout)."""
    wait_seconds: Seconds = 300
    """Seconds of analysis at each step (guide: Gradual Rollout)."""
    error_threshold_percent: PartOfHundred = round(100 * ERROR_RATIO, 9)
    """Percent of failed requests above which it rolls back (guide: Gradual Rollout; alert: HighErrorRate)."""
    minimum_requests: Annotated[Whole, Interval(ge=0, le=1_000_000)] = MINIMUM_REQUESTS
    """Requests in a window that a measurement needs (alert: HighErrorRate)."""
    on_unmeasured: Literal["hold", "abort"] = "hold"
    """What to do when Prometheus cannot answer: hold until a person decides, or roll back (docs: Rollout)."""
    unmeasured_limit: Annotated[Whole, Interval(ge=1, le=1000)] = 4
    """Failed measurements in a row after which `onUnmeasured` applies (Argo Rollouts: consecutiveErrorLimit)."""
    bake_seconds: Seconds = 300
    """Seconds of watching after 100 %, with the previous release ready to take over (docs: Rollout)."""
    interval_seconds: PollSeconds = 10
    """Seconds between two measurements, a third of the scrape interval or less (docs: Rollout)."""
    propagation_seconds: Seconds = 15
    """Seconds for a weight to reach the load balancer's nodes; metrics count after that (docs: Rollout)."""
    ready_seconds: Seconds = 600
    """Seconds for pods to become ready and targets healthy (Kubernetes: progressDeadlineSeconds)."""
    weight_readback_seconds: Seconds = 60
    """Seconds until the load balancer must report a new weight (docs: Rollout)."""
    grace_seconds: Seconds = 30
    """Seconds for which pods may be missing or unhealthy (docs: Rollout)."""
    extend_seconds: Seconds = 300
    """Seconds added to `waitSeconds` when there are too few requests (docs: Rollout)."""
    unreachable_seconds: Seconds = 300
    """Seconds for which cluster and load balancer may be unreachable before the rollout pauses (docs: Rollout)."""
