"""The thresholds and types of the service's objectives, from which alerts, dashboard, rollout gates and alarms are derived.

The module imports no SDK, so that the ``dwcp`` command starts fast. "Guide" is the original guide, ``docs/guide.md``.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from components.monitoring import promql
from contract import (
    APP_LABEL,
    APPLICATION,
    CONNECTIONS_METRIC,
    ERRORS_METRIC,
    LATENCY_METRIC,
    NAMESPACE,
    REQUESTS_METRIC,
    TRANSFERRED_METRIC,
)

Severity = Literal["critical", "warning"]
Unit = Literal[
    "ratio",
    "seconds",
    "bytes per second",
    "replicas",
    "restarts",
    "requests",
    "state",
    "notifications",
    "count",
]
"""``count`` is for numbers of other things, such as connections."""
Source = Literal["service", "redis", "kube-state-metrics", "kubelet", "node", "monitoring"]

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

WINDOW_SECONDS = 5 * MINUTE
"""Default window of a rate (guide, Grafana Dashboards: rates over five minutes)."""
MINIMUM_REQUESTS = 100
"""Minimum number of requests in a window for a meaningful ratio. Among 20 requests, one failure would be 5 %."""

ERROR_RATIO = 0.05
"""Guide, Alert Rules: high error rate (> 5 %)."""
LATENCY_SECONDS = 1
"""Guide, Alert Rules: high latency (> 1 s P95). The service's histogram must have a bucket with this upper bound."""
THROUGHPUT_BYTES_PER_SECOND = 1_000_000
"""Guide, Alert Rules: low throughput (< 1 MB/s)."""
LARGE_REQUEST_BYTES = 65_536
"""The size that counts as a large request: one frame of the maximum size, the default of ``dwcp.bufferSizeBytes``."""
THROUGHPUT_MINIMUM_REQUESTS = THROUGHPUT_BYTES_PER_SECOND * WINDOW_SECONDS // LARGE_REQUEST_BYTES
"""Number of large requests that transfer ``THROUGHPUT_BYTES_PER_SECOND`` during one window.

With fewer requests, the throughput would be below its threshold even if every request were large.
"""
RESTARTS = 1
"""Accepted number of restarts of a container within ``RESTART_WINDOW_SECONDS``; more restarts are a crash loop."""
RESTART_WINDOW_SECONDS = 15 * MINUTE
REPLICA_DIFFERENCE = 0
"""Guide, Alert Rules: deployment replica mismatch."""
REDIS_UP = 1
"""Value of ``redis_up`` while Redis answers its exporter."""
MEMORY_RATIO = 0.9
"""Guide, Alert Rules: high memory usage (> 90 % of the limit)."""
CPU_RATIO = 0.9
"""Guide, Alert Rules: high CPU usage (> 1.8 of the 2 cores of the limit)."""
FREE_DISK_RATIO = 0.1
"""Guide, Alert Rules: low disk space (< 10 % free)."""
ABSOLUTE_ERRORS = 10
"""Accepted number of failed requests in an hour with too little traffic for an error rate."""

TARGET_UP = 1
"""Value of ``up`` while a target answers its scrape."""
FAILED_NOTIFICATIONS = 0
NODE_READY = 1
"""Value of ``kube_node_status_condition`` while a condition is true."""
NODE_PRESSURE = 0
"""Value of ``kube_node_status_condition`` while a node reports no pressure."""
FREE_REPLICAS = 1
"""Minimum number of replicas that an autoscaler can still add. Below 1, the autoscaler has reached its maximum."""
THROTTLED_RATIO = 0.25
"""Accepted share of CPU periods in which a container is throttled, as in kube-prometheus (CPUThrottlingHigh)."""
KILLED = 0
"""Accepted number of restarts of a container that ran out of memory."""
REDIS_MEMORY_RATIO = 0.9
"""Accepted share of ``maxmemory`` in use. At ``maxmemory``, Redis evicts keys or rejects writes."""
REDIS_REPLICAS = 1

NAT_PORT_ERRORS = 0
"""Accepted number of connections for which a NAT gateway had no free port; each of these connections failed."""
NAT_DROPPED_PERCENT = 0.01
"""Accepted percentage of dropped packets of a NAT gateway (AWS: "Best practice alarm recommendations", NAT gateway)."""

MEMORY_LIMIT_SERIES = "dwcp:memory_limit_bytes"
"""Series with the value of ``application.memoryLimit``. A recording rule writes it, so the limit does not depend on an exporter."""
CPU_LIMIT_SERIES = "dwcp:cpu_limit_cores"
"""Series with the value of ``application.cpuLimit``, which a recording rule writes too."""
LIMIT_SERIES = frozenset({MEMORY_LIMIT_SERIES, CPU_LIMIT_SERIES})

EXPORTED: dict[Source, frozenset[str]] = {
    "service": frozenset(
        {
            REQUESTS_METRIC,
            ERRORS_METRIC,
            f"{LATENCY_METRIC}_bucket",
            f"{LATENCY_METRIC}_count",
            f"{LATENCY_METRIC}_sum",
            CONNECTIONS_METRIC,
            TRANSFERRED_METRIC,
            "process_resident_memory_bytes",
        }
    ),
    "redis": frozenset({"redis_up", "redis_memory_used_bytes", "redis_memory_max_bytes", "redis_connected_clients"}),
    "kube-state-metrics": frozenset(
        {
            "kube_pod_container_status_restarts_total",
            "kube_deployment_spec_replicas",
            "kube_deployment_status_replicas_available",
            "kube_horizontalpodautoscaler_spec_max_replicas",
            "kube_horizontalpodautoscaler_status_current_replicas",
            "kube_node_status_condition",
            "kube_pod_container_status_last_terminated_reason",
        }
    ),
    "kubelet": frozenset(
        {
            "container_cpu_cfs_periods_total",
            "container_cpu_cfs_throttled_periods_total",
            "container_cpu_usage_seconds_total",
            "kubelet_volume_stats_available_bytes",
            "kubelet_volume_stats_capacity_bytes",
        }
    ),
    "node": frozenset({"node_filesystem_avail_bytes", "node_filesystem_size_bytes"}),
    "monitoring": frozenset({"up", "alertmanager_notifications_failed_total"}),
}
"""The metrics of each source that an objective may use (guide, Prometheus Metrics, and the exporters' documentation)."""


class ObjectiveError(ValueError):
    """A definition is not valid. The base class is not ``ComponentsError``, because `components.errors` imports the Pulumi SDK."""


SERVICE_LOGS = f"kubectl logs -n {NAMESPACE} -l {APP_LABEL}={APPLICATION} --tail=100 --prefix --ignore-errors"


@dataclass(frozen=True)
class Advice:
    """The likely cause of an alert and the next command. ``dwcp doctor`` prints both."""

    cause: str
    command: str


@dataclass(frozen=True, kw_only=True)
class Objective:
    """One condition that the service must meet, and the alert that fires when the service does not meet it.

    Raises ``ObjectiveError`` if a field is not valid, or if the measure contains a metric that the source does not export.
    """

    name: str
    """The alert's name, in CamelCase."""
    severity: Severity
    description: str
    """The alert's message, with ``{{ $labels.x }}`` and ``{{ $value }}`` as in Prometheus."""
    source: Source
    """The source that exports the metrics."""
    measure: Callable[[int], str]
    """PromQL of the measured value, in ``unit``, over a window in seconds."""
    breach: Literal[">", "<"]
    """Whether a value above (``>``) or below (``<``) the threshold is bad."""
    threshold: float
    unit: Unit
    window_seconds: int = WINDOW_SECONDS
    for_seconds: int = 0
    """Duration for which the value must be beyond the threshold before the alert fires."""
    minimum_requests: int = 0
    """Minimum number of requests in the window for the alert to fire; with 0, the alert does not depend on the traffic."""
    minimum_by: promql.By = "track"
    """The requests that count for :attr:`minimum_requests`: the requests on the alert's track, or with ``""`` all requests."""
    runbook: str
    """Name of the alert's page in ``docs/runbooks``, without ``.md``. The doctor's check for this alert has the same name."""
    advice: Advice

    def __post_init__(self) -> None:
        """Raise ``ObjectiveError`` for an invalid field."""
        for wrong, problem in (
            (not re.fullmatch(r"([A-Z][a-z0-9]+)+", self.name), "has no name in CamelCase"),
            (not self.description.strip(), "has no description"),
            (not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.runbook), f"has no runbook: {self.runbook!r} is not a page name"),
            (not math.isfinite(self.threshold) or self.threshold < 0, f"has a threshold of {self.threshold}, not 0 or more"),
            (self.unit == "ratio" and not 0 < self.threshold < 1, f"has a threshold of {self.threshold}, not between 0 and 1"),
            (self.window_seconds <= 0 or self.for_seconds < 0, "has a window that is not above 0, or a duration below 0"),
            (self.minimum_requests < 0, f"has a minimum of {self.minimum_requests} requests, not 0 or more"),
        ):
            if wrong:
                raise ObjectiveError(f"objective {self.name!r} {problem}")
        if unknown := self.metrics - EXPORTED[self.source] - LIMIT_SERIES:
            raise ObjectiveError(
                f"objective {self.name!r} measures {', '.join(sorted(unknown))}, which {self.source} does not export; "
                f"it exports {', '.join(sorted(EXPORTED[self.source]))}"
            )

    @property
    def metrics(self) -> frozenset[str]:
        """The names of the metrics in the measure."""
        return frozenset(re.findall(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\{", self.measure(self.window_seconds)))

    @property
    def expression(self) -> str:
        """PromQL of the alert's condition: the measure is beyond its threshold, and there are enough requests."""
        condition = f"{self.measure(self.window_seconds)} {self.breach} {self.threshold:.15g}"
        if not self.minimum_requests:
            return condition
        requests = promql.request_count(self.window_seconds, self.minimum_by)
        return f"({condition}) and {requests} >= {self.minimum_requests}"


@dataclass(frozen=True, kw_only=True)
class Slo:
    """A service level objective over ``SLO_DAYS`` days."""

    name: str
    """The prefix of the names of the SLO's alerts, in CamelCase."""
    target: float
    """The share of all requests that must be good."""
    description: str
    bad_ratio: Callable[[int], str]
    """PromQL of the service's share of bad requests, over a window in seconds."""
    runbook: str
    advice: Advice

    def __post_init__(self) -> None:
        """Raise ``ObjectiveError`` for an invalid field."""
        if not 0 < self.target < 1:
            raise ObjectiveError(f"SLO {self.name!r} has a target of {self.target}, not a ratio between 0 and 1")

    @property
    def budget(self) -> float:
        """The error budget: the share of all requests that may be bad."""
        return round(1 - self.target, 10)


SLO_DAYS = 30
AVAILABILITY = Slo(
    name="Availability",
    target=0.999,
    description="requests that succeed",
    bad_ratio=lambda window_seconds: promql.error_ratio(window_seconds, ""),
    runbook="high-error-rate",
    advice=Advice(
        "Requests have been failing for some time. If few fail at once, the alert HighErrorRate does not fire.",
        SERVICE_LOGS,
    ),
)
LATENCY = Slo(
    name="Latency",
    target=0.99,
    description=f"requests answered within {LATENCY_SECONDS} s",
    bad_ratio=lambda window_seconds: promql.slow_ratio(window_seconds, LATENCY_SECONDS),
    runbook="performance-issues",
    advice=Advice(
        "Requests have been slow for some time. If few are slow at once, the alert HighLatency does not fire.",
        f"kubectl top pods -n {NAMESPACE}",
    ),
)
SLOS = (AVAILABILITY, LATENCY)


@dataclass(frozen=True, kw_only=True)
class BurnRate:
    """A burn rate that uses ``budget_part`` of the error budget within ``long_seconds``.

    The alert on a burn rate also checks the short window, so that the alert ends soon after the errors end.
    """

    budget_part: float
    long_seconds: int
    short_seconds: int
    severity: Severity

    @property
    def factor(self) -> float:
        """The burn rate as a multiple of the rate that uses the whole budget in exactly ``SLO_DAYS``."""
        return round(self.budget_part * SLO_DAYS * DAY / self.long_seconds, 10)


BURN_RATES = (
    BurnRate(budget_part=0.02, long_seconds=HOUR, short_seconds=5 * MINUTE, severity="critical"),
    BurnRate(budget_part=0.05, long_seconds=6 * HOUR, short_seconds=30 * MINUTE, severity="critical"),
    BurnRate(budget_part=0.10, long_seconds=DAY, short_seconds=2 * HOUR, severity="warning"),
    BurnRate(budget_part=0.10, long_seconds=3 * DAY, short_seconds=6 * HOUR, severity="warning"),
)
"""The burn rates that fire alerts, for a budget of 30 days (Google, "The Site Reliability Workbook", chapter 5)."""


def unique(objectives: Iterable[Objective]) -> tuple[Objective, ...]:
    """``objectives`` as a tuple. Raises ``ObjectiveError`` if two objectives have the same name."""
    found = tuple(objectives)
    twice = [name for name, count in Counter(each.name for each in found).items() if count > 1]
    if twice:
        raise ObjectiveError(f"objective {twice[0]!r} is defined twice")
    return found
