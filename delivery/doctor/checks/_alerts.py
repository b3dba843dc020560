"""Converts Prometheus' alerts into findings. An alert belongs to the check that has the same name as the alert's runbook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from contract import APP_LABEL, APPLICATION, NAMESPACE, REDIS
from delivery.doctor.facts import Alert
from delivery.doctor.findings import Finding, FindingSeverity
from delivery.doctor.observations import Observations

LOGS = f"kubectl logs -n {NAMESPACE} -l {APP_LABEL}={APPLICATION} --tail=100 --prefix"


@dataclass(frozen=True)
class Advice:
    """The likely cause of an alert, and the next command."""

    cause: str
    command: str


ADVICE: Mapping[str, Advice] = {
    "PodRestarts": Advice(
        "The service ends by itself, is killed for its memory, or fails its liveness probe.",
        f"kubectl describe pods -n {NAMESPACE} -l {APP_LABEL}={APPLICATION}",
    ),
    "DeploymentReplicaMismatch": Advice(
        "Pods are not scheduled or do not become ready; their events have the reason.",
        f"kubectl get events -n {NAMESPACE} --field-selector type=Warning",
    ),
    "RedisDown": Advice(
        "Redis hangs, loads its data, or refuses the exporter's password.",
        f"kubectl describe pods -n {NAMESPACE} -l {APP_LABEL}={REDIS}",
    ),
    "HighErrorRate": Advice("The service itself fails. Its log has the error; a release in the last hour is a likely cause.", LOGS),
    "ErrorsUnderLowTraffic": Advice("The service itself fails, and gets few requests.", LOGS),
    "HighLatency": Advice(
        "Too few pods, a slow Redis, or a release that does more work per request.", f"kubectl top pods -n {NAMESPACE}"
    ),
    "LowThroughput": Advice(
        "The service transfers few bytes while it receives requests: clients are slow, or pods wait for Redis.",
        f"kubectl top pods -n {NAMESPACE}",
    ),
    "HighMemoryUsage": Advice(
        "The load or a leak brings the pod near its memory limit; above the limit, the pod is killed.",
        f"kubectl top pods -n {NAMESPACE} --containers",
    ),
    "HighCpuUsage": Advice("The pod is near its CPU limit, at which it is throttled.", f"kubectl get hpa -n {NAMESPACE}"),
    "LowDiskSpace": Advice("Images, logs and emptyDir volumes fill the node's disk.", "kubectl describe nodes"),
    "RedisUnavailable": Advice(
        "The Redis pod is not scheduled or does not become ready; its events have the reason.",
        f"kubectl describe pods -n {NAMESPACE} -l {APP_LABEL}={REDIS}",
    ),
    "RedisMemoryHigh": Advice(
        "The data is near maxmemory, a share of redis.memory. At maxmemory, redis.maxmemoryPolicy applies.",
        f"kubectl top pods -n {NAMESPACE} -l {APP_LABEL}={REDIS} --containers",
    ),
    "KilledForMemory": Advice(
        "A container used more than its memory limit: a leak, or a limit that is too low.",
        f"kubectl describe pods -n {NAMESPACE} -l {APP_LABEL}={APPLICATION}",
    ),
    "CpuThrottled": Advice("The pod reaches its CPU limit and is throttled.", f"kubectl top pods -n {NAMESPACE} --containers"),
    "AutoscalerAtMaximum": Advice(
        "The load needs more pods than autoscaling.maxReplicas allows.", f"kubectl describe hpa -n {NAMESPACE}"
    ),
    "NodeNotReady": Advice("The machine or its kubelet is down, or its network add-on does not start.", "kubectl describe nodes"),
    "NodeUnderPressure": Advice("The node runs out of memory, disk or process ids and evicts pods.", "kubectl describe nodes"),
    "TargetDown": Advice(
        "The pod does not exist, or does not answer on its metrics port.", f"kubectl get pods,networkpolicies -n {NAMESPACE}"
    ),
    "NotificationsFailed": Advice(
        "Alertmanager cannot reach a receiver: the address or the credential is wrong.",
        f"kubectl logs deployment/{APPLICATION}-alertmanager -n {NAMESPACE} --tail=100",
    ),
    "LowVolumeSpace": Advice(
        "The data nearly fills the volume; a full volume stops Redis' append-only file or Prometheus.",
        f"kubectl get pvc -n {NAMESPACE}",
    ),
}
"""The advice by name of the alert. Alerts for burn rates and absent metrics use ``BY_RUNBOOK``."""

BY_RUNBOOK: Mapping[str, Advice] = {
    "high-error-rate": Advice("Requests have been failing for some time, but too few at once for the alert HighErrorRate.", LOGS),
    "performance-issues": Advice(
        "Requests have been slow for some time, but too few at once for the alert HighLatency.",
        f"kubectl top pods -n {NAMESPACE}",
    ),
    "no-metrics": Advice(
        "Prometheus gets no metrics from this source: the source's pods do not exist, or do not answer on their metrics port.",
        f"kubectl get pods,networkpolicies -n {NAMESPACE}",
    ),
}


def of(check: str, observed: Observations) -> Iterator[Finding]:
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
                evidence=(f"{alert.name}, {state}: {alert.description}",),
                cause=advice.cause,
                command=advice.command,
            )


def _advice(alert: Alert, observed: Observations) -> Advice:
    errors = alert.runbook == "high-error-rate"
    if errors and alert.labels.get("track") == "canary":
        return Advice("The release under rollout fails.", f"./dwcp rollback --environment {observed.environment}")
    if errors and any(each.name == "RedisDown" for each in observed.alerts.value):
        return Advice(
            "Redis is down, and without Redis the service answers with errors.",
            f"kubectl describe pods -n {NAMESPACE} -l {APP_LABEL}={REDIS}",
        )
    fallback = Advice("The alert's runbook lists the likely causes.", f"kubectl get pods -n {NAMESPACE} -o wide")
    return ADVICE.get(alert.name) or BY_RUNBOOK.get(alert.runbook, fallback)


def subject_of(alert: Alert) -> str:
    """The affected object of an alert, derived from the alert's labels."""
    labels = alert.labels
    for label, kind in (
        ("persistentvolumeclaim", "PersistentVolumeClaim"),
        ("pod", "Pod"),
        ("deployment", "Deployment"),
        ("track", "Track"),
    ):
        if label in labels:
            return f"{kind} {labels[label]}"
    if "mountpoint" in labels:
        return f"Disk {labels['mountpoint']} on {labels.get('node') or labels.get('instance', '?')}"
    return "Redis" if alert.name == "RedisDown" else "Service"
