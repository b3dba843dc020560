"""Unit tests of every alert for promtool, generated from the same objectives as the alerts.

For an alert with a threshold, the tests show that the alert fires just beyond the threshold, ends with the condition, and does not
fire just within the threshold, without data, or with less traffic than its minimum. Source:
https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from components.monitoring import rule_files
from components.monitoring.alertmanager_config import WATCHDOG_ALERT
from components.monitoring.alerts import (
    AUTOSCALER_AT_MAXIMUM,
    CPU_THROTTLED,
    ERRORS_UNDER_LOW_TRAFFIC,
    HIGH_CPU_USAGE,
    HIGH_ERROR_RATE,
    HIGH_LATENCY,
    HIGH_MEMORY_USAGE,
    KILLED_FOR_MEMORY,
    LOW_DISK_SPACE,
    LOW_THROUGHPUT,
    LOW_VOLUME_SPACE,
    NODE_NOT_READY,
    NODE_UNDER_PRESSURE,
    NOTIFICATIONS_FAILED,
    OBJECTIVES,
    POD_RESTARTS,
    REDIS_DOWN,
    REDIS_MEMORY,
    REDIS_UNAVAILABLE,
    REPLICA_MISMATCH,
    TARGET_DOWN,
)
from components.monitoring.objectives import (
    BURN_RATES,
    HOUR,
    LATENCY,
    LATENCY_SECONDS,
    MINUTE,
    SLOS,
    BurnRate,
    Objective,
    Slo,
    Source,
)
from components.monitoring.promql import JOB, QUANTILE, REDIS_JOB, series
from contract import ERRORS_METRIC, LATENCY_METRIC, NAMESPACE, NODE_EXPORTER, REDIS, REQUESTS_METRIC, TRANSFERRED_METRIC

CPU_LIMIT_CORES = 2
"""The default of the setting ``application.cpuLimit``."""

Series = dict[str, str]

POD = f"{JOB}-1"
BEYOND = 0.02
"""Distance of the tested values from the threshold, as a share of the threshold."""

WHOLE = ("restarts", "replicas", "state", "notifications", "count")
"""Units whose values are whole numbers."""

BUSY_PER_MINUTE = 60_000
QUIET_PER_MINUTE = 6
"""Requests per minute. BUSY reaches the minimum number of requests of every alert within a few minutes, QUIET reaches no
minimum."""

BURN_MINUTES = 10
LONGEST_WAIT_MINUTES = 35
"""In a burn rate case, the minutes with bad values, and the maximum number of minutes after these. No data precedes a case, so that
even alerts with long windows react within minutes."""


@dataclass(frozen=True, kw_only=True)
class LoadPhase:
    """Some minutes with a constant measured value and constant traffic; ``None`` means no data."""

    minutes: int
    value: float | None
    requests_per_minute: int = BUSY_PER_MINUTE


Phases = Sequence[LoadPhase]


def unit_tests(rule_file: str, *, memory_limit_bytes: int, sources: Sequence[Source] = rule_files.ALL_SOURCES) -> str:
    """The tests of the alerts in ``rule_file``, which is a path relative to the file with the tests."""
    tests = [
        *(test for objective in OBJECTIVES if objective.source in sources for test in _objective(objective, memory_limit_bytes)),
        *(test for slo in SLOS for rate in BURN_RATES for test in _burn(slo, rate)),
        *(test for source in sources for test in _absence(source)),
        *([_case(WATCHDOG_ALERT, "always fires", [], 1, fires=True)] if "monitoring" in sources else []),
    ]
    content = {"rule_files": [rule_file], "evaluation_interval": "1m", "tests": tests}
    return yaml.safe_dump(content, sort_keys=False, width=1000)


def _too_few_per_minute(objective: Objective) -> int:
    """Requests per minute, just below the objective's minimum."""
    return math.ceil(objective.minimum_requests * MINUTE / objective.window_seconds) - 2


def _objective(objective: Objective, memory_limit_bytes: int) -> Iterator[dict[str, Any]]:
    bad, good = _beyond(objective), _below(objective)
    shaped = SHAPES.get(objective.name)
    assert shaped, f"{objective.name}: add to SHAPES in {__file__} the function that returns the series of its measure"

    def shape(phases: Phases) -> list[Series]:
        return shaped(phases, memory_limit_bytes)

    usual = QUIET_PER_MINUTE if objective is ERRORS_UNDER_LOW_TRAFFIC else BUSY_PER_MINUTE
    minutes = (objective.window_seconds + objective.for_seconds) // MINUTE + 5
    after = objective.window_seconds // MINUTE + 5
    name = objective.name
    yield _case(name, "fires", shape([LoadPhase(minutes=minutes, value=bad, requests_per_minute=usual)]), minutes, fires=True)
    yield _case(
        name, "quiet just below", shape([LoadPhase(minutes=minutes, value=good, requests_per_minute=usual)]), minutes, fires=False
    )
    yield _case(name, "no data", [], minutes, fires=False)
    if objective.minimum_requests:
        yield _case(
            name,
            "low traffic",
            shape([LoadPhase(minutes=minutes, value=bad, requests_per_minute=_too_few_per_minute(objective))]),
            minutes,
            fires=False,
        )
    if objective is ERRORS_UNDER_LOW_TRAFFIC:
        yield _case(name, "traffic enough for a rate", shape([LoadPhase(minutes=minutes, value=bad)]), minutes, fires=False)
    if objective is NOTIFICATIONS_FAILED:
        yield _case(name, "quiet after a restart", _restarted_alertmanager(minutes), minutes, fires=False)
    healed = 0 if objective is POD_RESTARTS else good
    recovery = [LoadPhase(minutes=n, value=v, requests_per_minute=usual) for n, v in ((minutes, bad), (after, healed))]
    yield _case(name, "recovers", shape(recovery), minutes + after, fires=False)


def _beyond(objective: Objective) -> float:
    """A value just beyond the threshold; a whole number for units without fractions."""
    if objective.unit in WHOLE:
        return objective.threshold + (1 if objective.breach == ">" else -1)
    return objective.threshold * (1 + BEYOND if objective.breach == ">" else 1 - BEYOND)


def _below(objective: Objective) -> float:
    """A value that just meets the objective: the threshold itself for units without fractions."""
    if objective.unit in WHOLE:
        return objective.threshold
    return objective.threshold * (1 - BEYOND if objective.breach == ">" else 1 + BEYOND)


def _burn(slo: Slo, rate: BurnRate) -> Iterator[dict[str, Any]]:
    """The cases of a burn rate alert. The data begins with the case, so that the long and the short window have the same ratio."""
    name, limit = rule_files.burn_alert_name(slo, rate), rate.factor * slo.budget
    shape = _slow if slo is LATENCY else _errors
    minutes = BURN_MINUTES
    after = min(rate.short_seconds // MINUTE + 5, LONGEST_WAIT_MINUTES)
    bad, good = limit * (1 + BEYOND), limit * (1 - BEYOND)
    yield _case(name, "fires", shape([LoadPhase(minutes=minutes, value=bad)], 0), minutes, fires=True)
    yield _case(name, "quiet just below", shape([LoadPhase(minutes=minutes, value=good)], 0), minutes, fires=False)
    yield _case(name, "no data", [], minutes, fires=False)
    low = shape([LoadPhase(minutes=minutes, value=bad, requests_per_minute=QUIET_PER_MINUTE)], 0)
    yield _case(name, "low traffic", low, minutes, fires=False)
    yield _case(
        name,
        "recovers",
        shape([LoadPhase(minutes=minutes, value=bad), LoadPhase(minutes=after, value=0)], 0),
        minutes + after,
        fires=False,
    )


def _absence(source: Source) -> Iterator[dict[str, Any]]:
    name, present = f"{rule_files.PRESENCE[source][0]}MetricsAbsent", rule_files.PRESENCE[source][1]
    minutes = rule_files.ABSENT_SECONDS // MINUTE + 5
    there = [LoadPhase(minutes=minutes, value=1)]
    gone = [LoadPhase(minutes=minutes, value=None)]
    yield _case(name, "fires", [], minutes, fires=True)
    yield _case(name, "quiet while there is data", [_gauge(present, there)], minutes, fires=False)
    short = [*there, LoadPhase(minutes=rule_files.ABSENT_SECONDS // MINUTE - 5, value=None)]
    yield _case(name, "quiet for a short gap", [_gauge(present, short)], minutes + short[1].minutes, fires=False)
    yield _case(name, "recovers", [_gauge(present, [*gone, *there])], 2 * minutes, fires=False)


def _case(alert: str, what: str, input_series: list[Series], minutes: int, *, fires: bool) -> dict[str, Any]:
    """A case that queries the metric ``ALERTS``, because promtool's own tests of alerts must repeat the alerts' annotations."""
    firing = series("ALERTS", alertname=alert, alertstate="firing")
    return {
        "name": f"{alert}: {what}",
        "interval": "1m",
        "input_series": input_series,
        "promql_expr_test": [
            {
                "expr": f"count({firing}) or vector(0)",
                "eval_time": f"{minutes}m",
                "exp_samples": [{"labels": "{}", "value": int(fires)}],
            }
        ],
    }


def _counter(name: str, phases: Phases, per_minute: Callable[[LoadPhase], float]) -> Series:
    """A counter that increases by ``per_minute`` of each phase."""
    parts: list[str] = []
    total = 0.0
    for phase in phases:
        step = per_minute(phase)
        parts.append(f"{total:.10g}+{step:.10g}x{phase.minutes - 1}")
        total += step * phase.minutes
    # The last sample is at the end of the last phase.
    return {"series": name, "values": f"{' '.join(parts)} {total:.10g}"}


def _gauge(name: str, phases: Phases, scale: float = 1, offset: float = 0) -> Series:
    parts = [
        f"_x{phase.minutes}" if phase.value is None else f"{phase.value * scale + offset:.10g}x{phase.minutes - 1}"
        for phase in phases
    ]
    last = phases[-1].value
    return {"series": name, "values": " ".join([*parts, "_" if last is None else f"{last * scale + offset:.10g}"])}


def _requests(phases: Phases) -> Series:
    return _counter(_of_pod(REQUESTS_METRIC), phases, lambda phase: phase.requests_per_minute)


def _of_pod(metric: str, **labels: str) -> str:
    return series(metric, job=JOB, namespace=NAMESPACE, pod=POD, track="stable", version="v3.0.0", **labels)


def _errors(phases: Phases, _: int) -> list[Series]:
    errors = _counter(_of_pod(ERRORS_METRIC), phases, lambda phase: phase.requests_per_minute * (phase.value or 0))
    return [_requests(phases), errors]


def _counted_errors(phases: Phases, _: int) -> list[Series]:
    """The counters of requests and errors; the phases' values are errors per hour."""
    errors = _counter(_of_pod(ERRORS_METRIC), phases, lambda phase: (phase.value or 0) * MINUTE / HOUR)
    return [_requests(phases), errors]


def _histogram(phases: Phases, bound: float, part: Callable[[LoadPhase], float]) -> list[Series]:
    """The counter and the histogram of requests. The share ``part`` of the requests is answered within ``bound`` seconds."""
    every = (_of_pod(f"{LATENCY_METRIC}_bucket", le="+Inf"), _of_pod(f"{LATENCY_METRIC}_count"))
    return [
        _requests(phases),
        _counter(
            _of_pod(f"{LATENCY_METRIC}_bucket", le=f"{float(bound)!r}"),
            phases,
            lambda phase: phase.requests_per_minute * part(phase),
        ),
        *(_counter(name, phases, lambda phase: phase.requests_per_minute) for name in every),
    ]


def _p95(phases: Phases, _: int) -> list[Series]:
    """A histogram whose latencies are distributed evenly up to one bound per phase, so that P95 is 95 % of that bound."""
    found: dict[str, list[Series]] = {}
    for index, phase in enumerate(phases):
        bound = (phase.value or 0) / QUANTILE
        pauses = [
            LoadPhase(minutes=other.minutes, value=other.value, requests_per_minute=other.requests_per_minute if at == index else 0)
            for at, other in enumerate(phases)
        ]
        found[f"{bound:.10g}"] = _histogram(pauses, round(bound, 10), lambda _: 1)
    # Each phase has its own pod, without requests in the other phases.
    return [
        {**each, "series": each["series"].replace(POD, f"{JOB}-{number}")}
        for number, every in enumerate(found.values())
        for each in every
    ]


def _slow(phases: Phases, _: int) -> list[Series]:
    return _histogram(phases, LATENCY_SECONDS, lambda phase: 1 - (phase.value or 0))


def _throughput(phases: Phases, _: int) -> list[Series]:
    transferred = _counter(_of_pod(TRANSFERRED_METRIC), phases, lambda phase: (phase.value or 0) * MINUTE)
    return [_requests(phases), transferred]


def _memory(phases: Phases, memory_limit_bytes: int) -> list[Series]:
    return [_gauge(_of_pod("process_resident_memory_bytes"), phases, memory_limit_bytes)]


def _cpu(phases: Phases, _: int) -> list[Series]:
    name = series("container_cpu_usage_seconds_total", namespace=NAMESPACE, pod=POD, container=JOB)
    return [_counter(name, phases, lambda phase: (phase.value or 0) * CPU_LIMIT_CORES * MINUTE)]


def _restarts(phases: Phases, _: int) -> list[Series]:
    return [_stepped(series("kube_pod_container_status_restarts_total", namespace=NAMESPACE, pod=POD, container=JOB), phases)]


def _stepped(name: str, phases: Phases) -> Series:
    """A counter that increases in the middle of each phase."""
    parts: list[str] = []
    total = 0.0
    for phase in phases:
        half = phase.minutes // 2
        parts.append(f"{total:g}x{half - 1}")
        total += phase.value or 0
        parts.append(f"{total:g}x{phase.minutes - half - 1}")
    return {"series": name, "values": f"{' '.join(parts)} {total:g}"}


def _replicas(phases: Phases, _: int) -> list[Series]:
    of = {"namespace": NAMESPACE, "deployment": JOB}
    wanted = [LoadPhase(minutes=phase.minutes, value=3) for phase in phases]
    return [
        _gauge(series("kube_deployment_spec_replicas", **of), wanted),
        _gauge(series("kube_deployment_status_replicas_available", **of), phases, -1, 3),
    ]


def _redis(phases: Phases, _: int) -> list[Series]:
    return [_gauge(series("redis_up", job=REDIS_JOB, pod=f"{REDIS_JOB}-1"), phases)]


def _up(phases: Phases, _: int) -> list[Series]:
    return [_gauge(series("up", job=JOB, instance="10.0.0.1:9090", pod=POD), phases)]


def _notifications(phases: Phases, _: int) -> list[Series]:
    return [_stepped(series("alertmanager_notifications_failed_total", integration="slack"), phases)]


def _restarted_alertmanager(minutes: int) -> list[Series]:
    """A counter of failed notifications that is reset to zero in the middle."""
    name = series("alertmanager_notifications_failed_total", integration="slack")
    return [_gauge(name, [LoadPhase(minutes=minutes - minutes // 2, value=7), LoadPhase(minutes=minutes // 2, value=0)])]


def _node_condition(condition: str) -> Callable[[Phases, int], list[Series]]:
    def shape(phases: Phases, _: int) -> list[Series]:
        return [_gauge(series("kube_node_status_condition", node="node-a", condition=condition, status="true"), phases)]

    return shape


def _autoscaler(phases: Phases, _: int) -> list[Series]:
    of = {"namespace": NAMESPACE, "horizontalpodautoscaler": JOB}
    return [
        _gauge(series("kube_horizontalpodautoscaler_spec_max_replicas", **of), phases, 0, 10),
        _gauge(series("kube_horizontalpodautoscaler_status_current_replicas", **of), phases, -1, 10),
    ]


def _throttled(phases: Phases, _: int) -> list[Series]:
    periods = 600

    def of(container: str, throttled: Callable[[LoadPhase], float]) -> list[Series]:
        labels = {"namespace": NAMESPACE, "pod": POD, "container": container}
        return [
            _counter(series("container_cpu_cfs_periods_total", **labels), phases, lambda _: periods),
            _counter(series("container_cpu_cfs_throttled_periods_total", **labels), phases, throttled),
        ]

    # The pod as a whole and an exporter are always throttled. They must not cause an alert.
    others = [each for container in ("", "exporter") for each in of(container, lambda _: periods)]
    return [*of(JOB, lambda phase: periods * (phase.value or 0)), *others]


def _killed(phases: Phases, _: int) -> list[Series]:
    of = {"namespace": NAMESPACE, "pod": POD, "container": JOB, "reason": "OOMKilled"}
    killed = [LoadPhase(minutes=phase.minutes, value=1) for phase in phases]
    return [*_restarts(phases, _), _gauge(series("kube_pod_container_status_last_terminated_reason", **of), killed)]


def _redis_memory(phases: Phases, _: int) -> list[Series]:
    return [
        _gauge(series("redis_memory_used_bytes", job=REDIS_JOB), phases, 1e9),
        _gauge(series("redis_memory_max_bytes", job=REDIS_JOB), phases, 0, 1e9),
    ]


def _redis_replicas(phases: Phases, _: int) -> list[Series]:
    return [_gauge(series("kube_deployment_status_replicas_available", namespace=NAMESPACE, deployment=REDIS), phases)]


def _disk(phases: Phases, _: int) -> list[Series]:
    of = {"job": NODE_EXPORTER, "instance": "10.0.0.1:9100", "fstype": "xfs", "mountpoint": "/"}
    return [
        _gauge(series("node_filesystem_avail_bytes", **of), phases, 1e9),
        _gauge(series("node_filesystem_size_bytes", **of), phases, 0, 1e9),
    ]


def _volume(phases: Phases, _: int) -> list[Series]:
    of = {"namespace": NAMESPACE, "persistentvolumeclaim": REDIS}
    return [
        _gauge(series("kubelet_volume_stats_available_bytes", **of), phases, 1e9),
        _gauge(series("kubelet_volume_stats_capacity_bytes", **of), phases, 0, 1e9),
    ]


SHAPES: dict[str, Callable[[Phases, int], list[Series]]] = {
    POD_RESTARTS.name: _restarts,
    REPLICA_MISMATCH.name: _replicas,
    REDIS_DOWN.name: _redis,
    HIGH_ERROR_RATE.name: _errors,
    HIGH_LATENCY.name: _p95,
    LOW_THROUGHPUT.name: _throughput,
    HIGH_MEMORY_USAGE.name: _memory,
    HIGH_CPU_USAGE.name: _cpu,
    LOW_DISK_SPACE.name: _disk,
    LOW_VOLUME_SPACE.name: _volume,
    ERRORS_UNDER_LOW_TRAFFIC.name: _counted_errors,
    TARGET_DOWN.name: _up,
    NOTIFICATIONS_FAILED.name: _notifications,
    NODE_NOT_READY.name: _node_condition("Ready"),
    NODE_UNDER_PRESSURE.name: _node_condition("DiskPressure"),
    AUTOSCALER_AT_MAXIMUM.name: _autoscaler,
    CPU_THROTTLED.name: _throttled,
    KILLED_FOR_MEMORY.name: _killed,
    REDIS_MEMORY.name: _redis_memory,
    REDIS_UNAVAILABLE.name: _redis_replicas,
}
"""Objective -> function that returns the series with the measured values of the given phases."""
