"""The settings group ``rollout`` of a stack file. The only gate threshold that is a setting is ``errorThresholdPercent``."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Interval, Len
from pydantic import AfterValidator

from components.monitoring.objectives import ERROR_RATIO, MINIMUM_REQUESTS
from components.settings.groups._group import Group
from components.settings.types import Percent, PollSeconds, Seconds, ThresholdPercent, Whole, ascending


class RolloutSettings(Group):
    """Steps, gates and timeouts of `dwcp rollout`. The parentheses name the source of each setting."""

    strategy: Literal["weighted", "flag"] = "weighted"
    """`weighted`: the load balancer splits the traffic; `flag`: only the feature flag changes (guide: Gradual Rollout)."""
    steps: Annotated[tuple[Percent, ...], Len(1), AfterValidator(ascending)] = (10, 50, 100)
    """Ascending percentages of the traffic; if the last step is below 100, the rollout then holds (guide: Gradual Rollout)."""
    wait_seconds: Seconds = 300
    """Seconds of analysis at each step (guide: Gradual Rollout)."""
    error_threshold_percent: ThresholdPercent = round(100 * ERROR_RATIO, 9)
    """Percentage of failed requests above which the rollout aborts (guide: Gradual Rollout; alert: HighErrorRate)."""
    minimum_requests: Annotated[Whole, Interval(ge=0, le=1_000_000)] = MINIMUM_REQUESTS
    """Minimum number of requests for a measurement; with fewer requests, the step is extended (alert: HighErrorRate)."""
    on_unmeasured: Literal["hold", "abort"] = "hold"
    """Reaction when `unmeasuredLimit` is reached: `hold` until a person decides, or `abort` (docs: Rollout)."""
    unmeasured_limit: Annotated[Whole, Interval(ge=1, le=1000)] = 4
    """Number of consecutive measurements without a result that triggers `onUnmeasured` (Argo Rollouts: consecutiveErrorLimit)."""
    bake_seconds: Seconds = 300
    """Seconds of analysis of stable with the new release; the idle canary still runs the previous one (docs: Rollout)."""
    interval_seconds: PollSeconds = 10
    """Seconds between two measurements (docs: Rollout)."""
    propagation_seconds: Seconds = 15
    """Seconds until a weight applies on all nodes of the load balancer; analysis starts afterwards (docs: Rollout)."""
    ready_seconds: Seconds = 600
    """Seconds in which pods must become ready and targets healthy (Kubernetes: progressDeadlineSeconds)."""
    weight_readback_seconds: Seconds = 60
    """Seconds in which the load balancer must report a new weight (docs: Rollout)."""
    grace_seconds: Seconds = 30
    """Seconds for which pods may be missing or unhealthy; at least 180 if only one of several is missing (docs: Rollout)."""
    extend_seconds: Seconds = 300
    """Maximum seconds by which a step is extended if there are too few requests; then the rollout goes on hold (docs: Rollout)."""
    unreachable_seconds: Seconds = 300
    """Seconds without a connection to the API server or AWS after which `dwcp rollout` fails; repeat it then (docs: Rollout)."""
