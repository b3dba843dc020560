"""The rule files of Prometheus, generated from the objectives, for the bundled Prometheus, the operator and the Docker stack.

Source: https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, get_args

import yaml

from components.monitoring import promql
from components.monitoring.alertmanager_config import WATCHDOG_ALERT
from components.monitoring.alerts import OBJECTIVES
from components.monitoring.objectives import (
    BURN_RATES,
    CPU_LIMIT_SERIES,
    MEMORY_LIMIT_SERIES,
    MINIMUM_REQUESTS,
    SLO_DAYS,
    SLOS,
    WINDOW_SECONDS,
    Advice,
    BurnRate,
    Objective,
    Severity,
    Slo,
    Source,
)
from components.monitoring.prometheus_config import ALERTMANAGER_JOB
from components.monitoring.promql import duration, series
from contract import APPLICATION, NAMESPACE, REQUESTS_METRIC

Rule = dict[str, Any]

SLO_SERIES = "dwcp:slo_bad_requests:ratio_rate"
"""Prefix of the names of the recorded series of the SLOs; the suffix of a name is the window."""

ABSENT_RUNBOOK = "no-metrics"
ABSENT_ADVICE = Advice(
    "Prometheus gets no metrics from this source: the exporter does not run or does not answer, or the network blocks the scrape.",
    f"kubectl get pods,networkpolicies -n {NAMESPACE}",
)
ABSENT_SECONDS = 10 * 60
"""How long metrics must be missing before an absence alert fires. An exporter's move to another node takes less time."""

ALL_SOURCES: tuple[Source, ...] = get_args(Source)

PRESENCE: dict[Source, tuple[str, str, Severity]] = {
    "service": ("Service", series(REQUESTS_METRIC, job=promql.JOB), "critical"),
    "redis": ("Redis", series("redis_up", job=promql.REDIS_JOB), "critical"),
    "kube-state-metrics": ("KubeState", series("kube_deployment_spec_replicas", namespace=NAMESPACE), "warning"),
    "kubelet": (
        "Container",
        series("container_cpu_usage_seconds_total", namespace=NAMESPACE, container=promql.JOB),
        "warning",
    ),
    "node": ("Node", series("node_filesystem_avail_bytes"), "warning"),
    "monitoring": ("Alertmanager", series("alertmanager_build_info", job=ALERTMANAGER_JOB), "critical"),
}
"""For each source: the prefix of its absence alert's name, a series that the source always exports, and the alert's severity.

The series is not ``up``. Prometheus itself writes ``up``, so for a target with a fixed address, ``up`` exists even if the target is
down.
"""


def rule_file(
    *, memory_limit_bytes: int, cpu_limit_cores: float, runbooks: str, sources: Sequence[Source] = ALL_SOURCES
) -> dict[str, Any]:
    """The rules as data: the alerts for ``sources``, and in every case the alerts on the SLOs, which use the service's metrics.

    ``runbooks`` is the URL of the folder that contains the runbooks.
    """
    objectives = [objective for objective in OBJECTIVES if objective.source in sources]
    groups = [
        {"name": f"{APPLICATION}-recorded", "rules": list(_recorded(memory_limit_bytes, cpu_limit_cores))},
        {"name": f"{APPLICATION}-objectives", "rules": [objective_alert(objective, runbooks) for objective in objectives]},
        {"name": f"{APPLICATION}-slos", "rules": [burn_alert(slo, rate, runbooks) for slo in SLOS for rate in BURN_RATES]},
        {"name": f"{APPLICATION}-absent", "rules": [absence_alert(source, runbooks) for source in sources]},
        *([{"name": f"{APPLICATION}-watchdog", "rules": [_watchdog(runbooks)]}] if "monitoring" in sources else []),
    ]
    return {"groups": groups}


def to_yaml(rules: dict[str, Any]) -> str:
    """``rules`` as the text of a YAML file."""
    return yaml.safe_dump(rules, sort_keys=False, width=1000)


def _recorded(memory_limit_bytes: int, cpu_limit_cores: float) -> Iterator[Rule]:
    yield {"record": MEMORY_LIMIT_SERIES, "expr": f"vector({memory_limit_bytes})"}
    yield {"record": CPU_LIMIT_SERIES, "expr": f"vector({cpu_limit_cores:g})"}
    windows = sorted({seconds for rate in BURN_RATES for seconds in (rate.short_seconds, rate.long_seconds)})
    for slo in SLOS:
        for seconds in windows:
            yield {
                "record": f"{SLO_SERIES}{duration(seconds)}",
                "expr": slo.bad_ratio(seconds),
                "labels": {"slo": slo.name},
            }


def bad_ratio(slo: Slo, window_seconds: int) -> str:
    """A selector of the series with an SLO's ratio of bad requests, over one of the windows of ``BURN_RATES``."""
    return series(f"{SLO_SERIES}{duration(window_seconds)}", slo=slo.name)


def budget_left(slo: Slo) -> str:
    """PromQL of the remaining share of the error budget of the last 30 days; it is negative if the budget is exceeded."""
    window = duration(WINDOW_SECONDS)
    return f"1 - avg_over_time({series(f'{SLO_SERIES}{window}', slo=slo.name)}[{SLO_DAYS}d]) / {slo.budget:g}"


def objective_alert(objective: Objective, runbooks: str) -> Rule:
    """The alert of one objective."""
    return _alert(
        objective.name,
        objective.expression,
        for_seconds=objective.for_seconds,
        severity=objective.severity,
        component=component(objective.source),
        description=objective.description,
        runbook=f"{runbooks}/{objective.runbook}.md",
    )


def burn_alert_name(slo: Slo, rate: BurnRate) -> str:
    """The name of a burn rate alert, such as ``AvailabilityBudgetBurn1h``."""
    return f"{slo.name}BudgetBurn{duration(rate.long_seconds)}"


def burn_alert(slo: Slo, rate: BurnRate, runbooks: str) -> Rule:
    """The alert that fires if both windows exceed the burn rate, and the long window has enough requests."""
    limit = f"{rate.factor * slo.budget:.10g}"
    long, short = bad_ratio(slo, rate.long_seconds), bad_ratio(slo, rate.short_seconds)
    enough = f"{promql.request_count(rate.long_seconds, '')} >= {minimum_requests(rate.long_seconds)}"
    return _alert(
        burn_alert_name(slo, rate),
        f"({long} > {limit} and on () {short} > {limit}) and on () {enough}",
        for_seconds=0,
        severity=rate.severity,
        component=component("service"),
        description=(
            f"More than {rate.budget_part:.0%} of the {SLO_DAYS}-day error budget of the SLO {slo.name} was used within "
            f"{duration(rate.long_seconds)}: {{{{ $value | humanizePercentage }}}} of the requests are bad."
        ),
        runbook=f"{runbooks}/{slo.runbook}.md",
    )


def minimum_requests(window_seconds: int) -> int:
    """The minimum number of requests for a window, at the rate of ``MINIMUM_REQUESTS`` per ``WINDOW_SECONDS``."""
    return MINIMUM_REQUESTS * window_seconds // WINDOW_SECONDS


def absence_alert(source: Source, runbooks: str) -> Rule:
    """The alert that fires if a source has no metrics, because without metrics, its other alerts cannot fire.

    Alertmanager is an exception: of the alerts of ``monitoring``, only ``NotificationsFailed`` needs its metrics.
    """
    start, present, severity = PRESENCE[source]
    missing = f"There are no metrics of {source}, so its other alerts cannot fire."
    if source == "monitoring":
        missing = "There are no metrics of Alertmanager, so failed notifications are not noticed."
    return _alert(
        f"{start}MetricsAbsent",
        f"absent({present})",
        for_seconds=ABSENT_SECONDS,
        severity=severity,
        component=component(source),
        description=missing,
        runbook=f"{runbooks}/{ABSENT_RUNBOOK}.md",
    )


def component(source: Source) -> str:
    """The label ``component`` of the alerts on the metrics of ``source``. Alerts of other systems have other values."""
    return f"{APPLICATION}-{source}"


def _watchdog(runbooks: str) -> Rule:
    return _alert(
        WATCHDOG_ALERT,
        "vector(1)",
        for_seconds=0,
        severity="none",
        component=component("monitoring"),
        description="This alert always fires. If it stops, Prometheus or Alertmanager does not work.",
        runbook=f"{runbooks}/{ABSENT_RUNBOOK}.md",
    )


def alerts(rules: dict[str, Any]) -> Iterable[Rule]:
    """The alerting rules in the data of a rule file."""
    return (rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule)


def _alert(name: str, expression: str, *, for_seconds: int, severity: str, component: str, description: str, runbook: str) -> Rule:
    return {
        "alert": name,
        "expr": expression,
        **({"for": duration(for_seconds)} if for_seconds else {}),
        "labels": {"severity": severity, "component": component},
        "annotations": {"description": description, "runbook_url": runbook},
    }
