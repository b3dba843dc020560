"""The objectives of the service: the one source of rules, dashboard, routes, rollout gates, alarms, tests and runbook index.

A threshold that changes here changes in all of them. The module imports no SDK, because the ``dwcp`` command imports it too.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from components.monitoring import promql
from contract import CONNECTIONS_METRIC, ERRORS_METRIC, LATENCY_METRIC, REQUESTS_METRIC, TRANSFERRED_METRIC

Severity = Literal["critical", "warning"]
Unit = Literal[
    "ratio",
    "seconds",
    "bytes per second",
    "cores",
    "replicas",
    "restarts",
    "requests",
    "burn rate",
    "state",
    "notifications",
]
Source = Literal["service", "redis", "kube-state-metrics", "kubelet", "node", "monitoring"]

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

WINDOW_SECONDS = 5 * MINUTE
"""Window of a rate (guide, Grafana Dashboards: rates over five minutes)."""
MINIMUM_REQUESTS = 100
"""Minimum number of requests in a window for a meaningful ratio: one failure in 20 requests is 5 %."""

ERROR_RATIO = 0.05
"""Guide, Alert Rules: high error rate (> 5 %)."""
LATENCY_SECONDS = 1
"""Guide, Alert Rules: high latency (> 1 s P95); also a bucket bound of the service's histogram."""
THROUGHPUT_BYTES_PER_SECOND = 1_000_000
"""Guide, Alert Rules: low throughput (< 1 MB/s)."""
RESTARTS = 1
"""More restarts of a container within ``RESTART_WINDOW_SECONDS`` are a loop; a single one may be due to a lost node."""
RESTART_WINDOW_SECONDS = 15 * MINUTE
MISSING_REPLICAS = 0
"""Guide, Alert Rules: deployment replica mismatch."""
REDIS_UP = 1
"""Value of ``redis_up`` while Redis answers its exporter."""
MEMORY_RATIO = 0.9
"""Guide, Alert Rules: high memory usage (> 90 % of the limit)."""
CPU_CORES = 1.8
"""Guide, Alert Rules: high CPU usage (> 1.8 cores, of the limit's 2)."""
FREE_DISK_RATIO = 0.1
"""Guide, Alert Rules: low disk space (< 10 % free)."""
ABSOLUTE_ERRORS = 10
"""Failed requests in an hour that fire an alert at any traffic."""

TARGET_UP = 1
"""Value of ``up`` while a target answers its scrape."""
FAILED_NOTIFICATIONS = 0
NODE_READY = 1
"""Value of ``kube_node_status_condition`` while a condition is true."""
FREE_REPLICAS = 1
"""Replicas that an autoscaler can still add; below this it has reached its maximum."""
THROTTLED_RATIO = 0.25
"""Throttled share of the CPU periods in which a container ran, as in kube-prometheus (CPUThrottlingHigh)."""
KILLED = 0
"""Restarts of a container that ran out of memory."""
REDIS_MEMORY_RATIO = 0.9
"""Share of ``maxmemory`` above which Redis soon evicts keys or rejects writes."""
REDIS_REPLICAS = 1

NAT_PORT_ERRORS = 0
"""Connections for which a NAT gateway had no free port; each is an outgoing request that failed."""
NAT_DROPPED_PERCENT = 0.01
"""Percentage of a NAT gateway's packets (AWS: "Best practice alarm recommendations", NAT gateway)."""

MEMORY_LIMIT_SERIES = "dwcp:memory_limit_bytes"
"""Series recorded from the setting ``application.memoryLimit``, so that the limit does not depend on an exporter."""

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
            MEMORY_LIMIT_SERIES,
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
"""The metrics of each source that the objectives use (guide, Prometheus Metrics, and the exporters' documentation)."""


class ObjectiveError(ValueError):
    """An invalid definition, named in the message. It is not a ``ComponentsError``, which would import the Pulumi SDK."""


@dataclass(frozen=True, kw_only=True)
class Objective:
    """One condition that the service must meet, and the alert that fires when it does not.

    Raises ``ObjectiveError`` for an invalid name, threshold, metric or runbook.
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
    """The side of the threshold on which the value is bad."""
    threshold: float
    unit: Unit
    window_seconds: int = WINDOW_SECONDS
    for_seconds: int = 0
    """How long the value must be bad before the alert fires."""
    minimum_requests: int = 0
    """Minimum number of requests in the window for the alert to fire; 0 if it fires at any traffic."""
    minimum_by: promql.By = "track"
    """Whether the requests of the alert's track count, or all."""
    runbook: str
    """Name of the alert's page in ``docs/runbooks``, without ``.md``."""

    def __post_init__(self) -> None:
        """Refuses what cannot work."""
        for wrong, problem in (
            (not re.fullmatch(r"([A-Z][a-z0-9]+)+", self.name), "has no name in CamelCase"),
            (not self.description.strip(), "has no description"),
            (not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.runbook), f"has no runbook: {self.runbook!r} is not a page name"),
            (not math.isfinite(self.threshold) or self.threshold < 0, f"has a threshold of {self.threshold}, not 0 or more"),
            (self.unit == "ratio" and not 0 < self.threshold < 1, f"has a threshold of {self.threshold}, not between 0 and 1"),
            (self.window_seconds <= 0 or self.for_seconds < 0, "has a window or a duration below zero"),
            (self.minimum_requests < 0, f"has a minimum of {self.minimum_requests} requests, not 0 or more"),
        ):
            if wrong:
                raise ObjectiveError(f"objective {self.name!r} {problem}")
        if unknown := self.metrics - EXPORTED[self.source]:
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
        """The alert's condition: the measure is beyond its threshold, at enough traffic."""
        condition = f"{self.measure(self.window_seconds)} {self.breach} {self.threshold:.15g}"
        if not self.minimum_requests:
            return condition
        requests = promql.request_count(self.window_seconds, self.minimum_by)
        return f"({condition}) and {requests} >= {self.minimum_requests}"


@dataclass(frozen=True, kw_only=True)
class Slo:
    """A service level objective over ``SLO_DAYS``; what it leaves is the error budget."""

    name: str
    """The prefix of its alerts' names, in CamelCase."""
    target: float
    """The share of all requests that must be good."""
    description: str
    bad_ratio: Callable[[int], str]
    """PromQL of the service's share of bad requests, over a window in seconds."""
    runbook: str

    def __post_init__(self) -> None:
        """Refuses what cannot work."""
        if not 0 < self.target < 1:
            raise ObjectiveError(f"SLO {self.name!r} has a target of {self.target}, not a ratio between 0 and 1")

    @property
    def budget(self) -> float:
        """The share of all requests that may be bad."""
        return round(1 - self.target, 10)


SLO_DAYS = 30
AVAILABILITY = Slo(
    name="Availability",
    target=0.999,
    description="requests that succeed",
    bad_ratio=lambda window_seconds: promql.error_ratio(window_seconds, ""),
    runbook="high-error-rate",
)
LATENCY = Slo(
    name="Latency",
    target=0.99,
    description=f"requests answered within {LATENCY_SECONDS} s",
    bad_ratio=lambda window_seconds: promql.slow_ratio(window_seconds, LATENCY_SECONDS, ""),
    runbook="performance-issues",
)
SLOS = (AVAILABILITY, LATENCY)


@dataclass(frozen=True, kw_only=True)
class BurnRate:
    """A burn rate of ``budget_part`` of the budget within ``long_seconds``; the short window ends the alert soon afterwards."""

    budget_part: float
    long_seconds: int
    short_seconds: int
    severity: Severity

    @property
    def factor(self) -> float:
        """The burn rate as a multiple of the one that uses up the budget in exactly ``SLO_DAYS``."""
        return round(self.budget_part * SLO_DAYS * DAY / self.long_seconds, 10)


BURN_RATES = (
    BurnRate(budget_part=0.02, long_seconds=HOUR, short_seconds=5 * MINUTE, severity="critical"),
    BurnRate(budget_part=0.05, long_seconds=6 * HOUR, short_seconds=30 * MINUTE, severity="critical"),
    BurnRate(budget_part=0.10, long_seconds=DAY, short_seconds=2 * HOUR, severity="warning"),
    BurnRate(budget_part=0.10, long_seconds=3 * DAY, short_seconds=6 * HOUR, severity="warning"),
)
"""The burn rates for a budget of 30 days (Google, "The Site Reliability Workbook", chapter 5)."""


def unique(objectives: Iterable[Objective]) -> tuple[Objective, ...]:
    """The objectives. Raises ``ObjectiveError`` if two have the same name."""
    found = tuple(objectives)
    twice = [name for name, count in Counter(each.name for each in found).items() if count > 1]
    if twice:
        raise ObjectiveError(f"objective {twice[0]!r} is defined twice")
    return found
