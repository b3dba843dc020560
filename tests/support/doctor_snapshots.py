"""Snapshots of a small platform for the doctor's checks: healthy, except for the problems that a test sets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from components.monitoring import rule_files
from delivery.doctor.facts import Alert, Egress, Manifest, Observed, Sample, TrackTraffic
from delivery.doctor.findings import Finding
from delivery.doctor.observations import PARTS, Snapshot

RULES = rule_files.rule_file(memory_limit_bytes=2**31, cpu_limit_cores=2, runbooks="https://example.com/runbooks")
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def at(seconds: float) -> str:
    """The time ``seconds`` ago, in Kubernetes' format."""
    return (NOW - timedelta(seconds=seconds)).isoformat()


def pod(name: str = "dwcp-v3-abc", *, age: float = 3600, phase: str = "Running", startup: int = 120, **status: Any) -> Manifest:
    """A pod of the service, whose startup probe fails after ``startup`` seconds."""
    probe = {"httpGet": {"path": "/health", "port": 8080}, "periodSeconds": 1, "failureThreshold": startup}
    container = {"name": "dwcp-v3", "image": "ghcr.io/novacron/dwcp-v3:v3.0.0", "startupProbe": probe}
    conditions = [{"type": "Ready", "status": "True"}, {"type": "PodScheduled", "status": "True"}]
    return {
        "metadata": {"name": name, "creationTimestamp": at(age), "labels": {"app": "dwcp-v3", "track": "stable"}},
        "spec": {"nodeName": "node-a", "containers": [container]},
        "status": {"phase": phase, "conditions": conditions, **status},
    }


def container(*, reason: str = "", message: str = "", restarts: int = 0, last: dict[str, Any] | None = None) -> Manifest:
    state = {"waiting": {"reason": reason, "message": message}} if reason else {"running": {}}
    return {"name": "dwcp-v3", "state": state, "restartCount": restarts, "lastState": {"terminated": last} if last else {}}


def pod_with_init_container(image: str, *, reason: str, message: str) -> Manifest:
    """A pending pod whose init container waits."""
    pending = pod(phase="Pending", initContainerStatuses=[{**container(reason=reason, message=message), "name": "init"}])
    pending["spec"]["initContainers"] = [{"name": "init", "image": image}]
    return pending


def event(name: str, reason: str, message: str) -> Manifest:
    return {
        "type": "Warning",
        "reason": reason,
        "message": message,
        "involvedObject": {"kind": "Pod", "name": name},
        "lastTimestamp": at(10),
    }


def redis(*, ready: int = 1, claim: bool = True, replicas: int = 1) -> Manifest:
    volumes = (
        [{"name": "data", "persistentVolumeClaim": {"claimName": "dwcp-v3-redis"}}] if claim else [{"name": "data", "emptyDir": {}}]
    )
    return {
        "metadata": {"name": "dwcp-v3-redis", "labels": {"app": "dwcp-v3-redis"}},
        "spec": {"replicas": replicas, "template": {"spec": {"volumes": volumes}}},
        "status": {"readyReplicas": ready},
    }


def target(state: str = "healthy", **health: str) -> Manifest:
    return {"Target": {"Id": "10.0.1.7", "Port": 8080}, "TargetHealth": {"State": state, **health}}


def table(subnet: str, **route: str) -> Manifest:
    return {"RouteTableId": "rtb-1", "Associations": [{"SubnetId": subnet}], "Routes": [route] if route else []}


WAY_OUT = {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "active"}
EGRESS = Egress(
    nat_gateways=({"NatGatewayId": "nat-1", "State": "available"},),
    route_tables=(table("subnet-1", **WAY_OUT),),
    private_subnets=("subnet-1",),
)
NODE = {
    "metadata": {"name": "node-a", "creationTimestamp": at(86400)},
    "spec": {},
    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
}
CERTIFICATE = {
    "CertificateArn": "arn:aws:acm:us-east-1:1:certificate/1",
    "DomainName": "dwcp.example.com",
    "Status": "ISSUED",
    "NotAfter": NOW + timedelta(days=200),
}
DNS = {"metadata": {"name": "coredns"}, "spec": {"replicas": 2}, "status": {"readyReplicas": 2}}
DNS_ENDPOINTS = {"metadata": {"name": "kube-dns"}, "endpoints": [{"addresses": ["10.0.0.10"]}]}
BUDGET = {
    "metadata": {"name": "dwcp-v3"},
    "status": {"expectedPods": 3, "currentHealthy": 3, "desiredHealthy": 2, "disruptionsAllowed": 1},
}
RESTING = {
    "metadata": {"name": "dwcp-v3-canary"},
    "spec": {"maxReplicas": 10},
    "status": {"conditions": [{"type": "ScalingActive", "status": "False", "reason": "ScalingDisabled"}]},
}
REDIS_METRICS = {"redis_memory_used_bytes": 100.0, "redis_memory_max_bytes": 400.0, "redis_aof_enabled": 1.0}


def sample(value: float, **labels: str) -> Sample:
    return Sample(labels=labels, value=value)


def alert(objective: str, *, firing: bool = True, **labels: str) -> Alert:
    """An alert as the alert rules declare it."""
    [rule] = [each for each in rule_files.alerts(RULES) if each["alert"] == objective]
    return Alert(
        name=objective,
        severity=rule["labels"]["severity"],
        runbook=rule["annotations"]["runbook_url"].rpartition("/")[2].removesuffix(".md"),
        firing=firing,
        description=rule["annotations"]["description"],
        labels=labels,
    )


def healthy(**changes: Any) -> Snapshot:
    """A healthy platform with ``changes``: a part's content, or an :class:`Observed`."""
    parts: dict[str, Any] = {
        "pods": [pod()],
        "events": [],
        "deployments": [redis()],
        "autoscalers": [RESTING],
        "disruption_budgets": [BUDGET],
        "claims": [{"metadata": {"name": "dwcp-v3-redis"}, "spec": {}, "status": {"phase": "Bound"}}],
        "secret_names": frozenset({"regcred", "dwcp-v3"}),
        "nodes": [NODE],
        "cluster_dns": [DNS],
        "alerts": [],
        "scrapes_failing": [],
        "redis_metrics": REDIS_METRICS,
        "tracks": [
            TrackTraffic(track="stable", weight=100, targets=(target(),)),
            TrackTraffic(track="canary", weight=0, targets=()),
        ],
        "certificates": [CERTIFICATE],
        "egress": EGRESS,
        "lease": None,
        "stale_locks": [],
        "drift": [],
    }
    observed = {name: each if isinstance(each, Observed) else Observed(each) for name, each in (parts | changes).items()}
    assert observed.keys() == PARTS.keys()
    return Snapshot(environment="production", at=NOW, parts=observed)


def unseen(reason: str) -> Observed[Any]:
    return Observed(None, reason)


def text_of(finding: Finding) -> str:
    """A finding as one text."""
    return "\n".join([finding.subject, *finding.evidence, finding.cause, finding.command])
