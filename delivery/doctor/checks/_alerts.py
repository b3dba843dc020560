"""Converts Prometheus' alerts into findings. An alert belongs to the check that has the same name as the alert's runbook."""

from __future__ import annotations

from collections.abc import Iterator

from components.monitoring.alerts import OBJECTIVES, REDIS_DOWN
from components.monitoring.objectives import SLOS, Advice
from components.monitoring.rule_files import ABSENT_ADVICE, ABSENT_RUNBOOK
from contract import NAMESPACE
from delivery.doctor.facts import Alert
from delivery.doctor.findings import Finding, FindingSeverity
from delivery.doctor.observations import Snapshot

BY_ALERT = {each.name: each.advice for each in OBJECTIVES}
BY_RUNBOOK = {each.runbook: each.advice for each in SLOS} | {ABSENT_RUNBOOK: ABSENT_ADVICE}
"""The advice for alerts of burn rates and of absent metrics."""
RUNBOOKS = frozenset({*(each.runbook for each in OBJECTIVES), *BY_RUNBOOK})


def of(check: str, observed: Snapshot) -> Iterator[Finding]:
    """The findings for the alerts of ``check``. A pending alert is always a warning."""
    for alert in observed.alerts.value:
        if alert.runbook == check and alert.severity != "none":  # only the watchdog, which always fires, has the severity `none`
            advice = _advice(alert, observed)
            state = "firing" if alert.firing else "pending: it fires if its condition lasts"
            yield Finding(
                severity=FindingSeverity.CRITICAL
                if alert.firing and alert.severity == FindingSeverity.CRITICAL
                else FindingSeverity.WARNING,
                subject=subject_of(alert),
                check=check,
                evidence=(f"{alert.name}, {state}: {alert.description}",),
                cause=advice.cause,
                command=advice.command,
            )


def _advice(alert: Alert, observed: Snapshot) -> Advice:
    errors = alert.runbook == "high-error-rate"
    if errors and alert.labels.get("track") == "canary":
        return Advice("The release under rollout fails.", f"./dwcp rollout --abort --environment {observed.environment}")
    if errors and any(each.name == "RedisDown" for each in observed.alerts.value):
        return Advice("Redis is down, and without Redis the service answers with errors.", REDIS_DOWN.advice.command)
    fallback = Advice("The alert's runbook lists the likely causes.", f"kubectl get pods -n {NAMESPACE} -o wide")
    return BY_ALERT.get(alert.name) or BY_RUNBOOK.get(alert.runbook, fallback)


def subject_of(alert: Alert) -> str:
    """The affected object of an alert, derived from the alert's labels."""
    labels = alert.labels
    for label, kind in (
        ("persistentvolumeclaim", "PersistentVolumeClaim"),
        ("pod", "Pod"),
        ("deployment", "Deployment"),
        ("track", "Track"),
        ("integration", "Alert receiver"),
    ):
        if label in labels:
            return f"{kind} {labels[label]}"
    if "mountpoint" in labels:
        return f"Disk {labels['mountpoint']} on {labels.get('node') or labels.get('instance', '?')}"
    return next((each for each in ("Redis", "Alertmanager") if alert.name.startswith(each)), "Service")
