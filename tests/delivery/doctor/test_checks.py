"""Each check on snapshots of a platform: the problems that it reports, and those that it ignores."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from doctor_snapshots import (
    BUDGET,
    CERTIFICATE,
    DNS,
    DNS_ENDPOINTS,
    EGRESS,
    NODE,
    NOW,
    REDIS_METRICS,
    RULES,
    WAY_OUT,
    alert,
    at,
    container,
    event,
    healthy,
    pod,
    pod_with_init_container,
    redis,
    sample,
    table,
    target,
    text_of,
    unseen,
)

from components.monitoring import rule_files
from components.monitoring.alertmanager_config import WATCHDOG_ALERT
from components.monitoring.alerts import OBJECTIVES
from delivery.doctor.checks import CHECKS
from delivery.doctor.diagnosis import diagnose
from delivery.doctor.facts import Changed, LeaseView, TrackTraffic
from delivery.doctor.findings import Finding, FindingSeverity

UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes: 3 Insufficient cpu."}
NOT_READY = {"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "containers with unready status"}


KILLED = {"reason": "OOMKilled", "exitCode": 137}


def pending(*, age: float = 60, message: str = UNSCHEDULABLE["message"]) -> dict[str, Any]:
    return pod(age=age, phase="Pending", conditions=[{**UNSCHEDULABLE, "message": message}])


def canary(weight: int, *targets: dict[str, Any]) -> list[TrackTraffic]:
    return [
        TrackTraffic(track="stable", weight=100 - weight, targets=(target(),)),
        TrackTraffic(track="canary", weight=weight, targets=targets),
    ]


def with_track(pod: dict[str, Any], track: str) -> dict[str, Any]:
    pod["metadata"]["labels"]["track"] = track
    return pod


def scaler(type_: str, reason: str, *, status: str = "False") -> dict[str, Any]:
    condition = {"type": type_, "status": status, "reason": reason, "message": "the message"}
    return {"metadata": {"name": "dwcp-v3"}, "spec": {"maxReplicas": 10}, "status": {"conditions": [condition]}}


CASES: list[tuple[str, FindingSeverity, dict[str, Any], str]] = [
    ("deployment-stuck-in-pending", FindingSeverity.WARNING, {"pods": [pending()]}, "enough free resources"),
    ("deployment-stuck-in-pending", FindingSeverity.CRITICAL, {"pods": [pending(age=400)]}, "No node has enough free"),
    (
        "deployment-stuck-in-pending",
        FindingSeverity.CRITICAL,
        {
            "pods": [pending(message="pod has unbound immediate PersistentVolumeClaims")],
            "claims": [{"metadata": {"name": "data"}, "spec": {}, "status": {"phase": "Pending"}}],
        },
        "claim is not bound: data",
    ),
    (
        "deployment-stuck-in-pending",
        FindingSeverity.CRITICAL,
        {"pods": [pending(message="0/3 nodes: 3 node(s) had untolerated taint")]},
        "tolerations",
    ),
    (
        "deployment-stuck-in-pending",
        FindingSeverity.CRITICAL,
        {
            "pods": [pod(age=200, phase="Pending", conditions=[{"type": "PodScheduled", "status": "True"}])],
            "events": [event("dwcp-v3-abc", "FailedMount", "timed out waiting for the volume")],
        },
        "FailedMount",
    ),
    (
        "deployment-stuck-in-pending",
        FindingSeverity.CRITICAL,
        {
            "deployments": [
                redis(),
                {
                    "metadata": {"name": "dwcp-v3"},
                    "spec": {},
                    "status": {
                        "conditions": [
                            {
                                "type": "ReplicaFailure",
                                "status": "True",
                                "reason": "FailedCreate",
                                "message": "violates PodSecurity",
                            }
                        ]
                    },
                },
            ]
        },
        "violates PodSecurity",
    ),
    ("high-error-rate", FindingSeverity.WARNING, {"alerts": [alert("HighErrorRate", track="stable")]}, "HighErrorRate, firing"),
    ("high-error-rate", FindingSeverity.WARNING, {"alerts": [alert("HighErrorRate", track="canary")]}, "./dwcp rollout --abort"),
    ("high-error-rate", FindingSeverity.WARNING, {"alerts": [alert("ErrorsUnderLowTraffic")]}, "too little traffic"),
    (
        "image-pull-errors",
        FindingSeverity.CRITICAL,
        {"pods": [pod(phase="Pending", containerStatuses=[container(reason="ErrImagePull", message="manifest unknown")])]},
        "never pushed",
    ),
    (
        "image-pull-errors",
        FindingSeverity.CRITICAL,
        {"pods": [pod_with_init_container("busybox:absent", reason="ErrImagePull", message="manifest unknown")]},
        "There is no image busybox:absent",
    ),
    (
        "image-pull-errors",
        FindingSeverity.CRITICAL,
        {"pods": [pod(phase="Pending", containerStatuses=[container(reason="ImagePullBackOff", message="401 Unauthorized")])]},
        "refuses the token",
    ),
    (
        "image-pull-errors",
        FindingSeverity.CRITICAL,
        {"pods": [pod(phase="Pending", containerStatuses=[container(reason="ErrImagePull", message="dial tcp: i/o timeout")])]},
        "NAT gateways",
    ),
    (
        "image-pull-errors",
        FindingSeverity.CRITICAL,
        {
            "pods": [pod(phase="Pending", containerStatuses=[container(reason="ErrImagePull", message="401 Unauthorized")])],
            "secret_names": frozenset[str](),
        },
        "regcred is missing",
    ),
    (
        "image-pull-errors",
        FindingSeverity.CRITICAL,
        {
            "pods": [pod(phase="Pending", containerStatuses=[container(reason="ErrImagePull", message="401 Unauthorized")])],
            "secret_names": unseen("secrets: 403"),
        },
        "refuses the token",
    ),
    (
        "health-check-failures",
        FindingSeverity.CRITICAL,
        {
            "pods": [
                pod(containerStatuses=[container(reason="CrashLoopBackOff", restarts=7, last={"reason": "Error", "exitCode": 1})])
            ]
        },
        "exit code 1",
    ),
    (
        "health-check-failures",
        FindingSeverity.CRITICAL,
        {"pods": [pod(containerStatuses=[container(restarts=4, last={**KILLED, "finishedAt": at(600)})])]},
        "more memory than its limit",
    ),
    (
        "unhealthy-targets",
        FindingSeverity.CRITICAL,
        {"pods": [pod(conditions=[{**NOT_READY, "reason": "ReadinessGatesNotReady"}])]},
        "Load Balancer Controller",
    ),
    (
        "health-check-failures",
        FindingSeverity.CRITICAL,
        {
            "pods": [
                pod(conditions=[NOT_READY], containerStatuses=[container(restarts=4, last={**KILLED, "finishedAt": at(90_000)})])
            ]
        },
        "does not answer /ready, usually",
    ),
    (
        "health-check-failures",
        FindingSeverity.CRITICAL,
        {"pods": [pod(containerStatuses=[container(reason="CreateContainerConfigError", message='secret "dwcp-v3" not found')])]},
        "does not exist",
    ),
    ("health-check-failures", FindingSeverity.CRITICAL, {"pods": [pod(conditions=[NOT_READY])]}, "readiness probe fails"),
    ("high-error-rate", FindingSeverity.CRITICAL, {"alerts": [alert("AvailabilityBudgetBurn1h")]}, "for some time"),
    (
        "high-error-rate",
        FindingSeverity.WARNING,
        {"alerts": [alert("AvailabilityBudgetBurn1h", firing=False)]},
        "pending: it fires if its condition lasts",
    ),
    ("health-check-failures", FindingSeverity.CRITICAL, {"alerts": [alert("PodRestarts", pod="dwcp-v3-abc")]}, "Pod dwcp-v3-abc"),
    (
        "deployment-stuck-in-pending",
        FindingSeverity.CRITICAL,
        {"alerts": [alert("DeploymentReplicaMismatch", deployment="dwcp-v3")]},
        "not scheduled",
    ),
    ("performance-issues", FindingSeverity.WARNING, {"alerts": [alert("LatencyBudgetBurn3d")]}, "for some time"),
    ("no-metrics", FindingSeverity.CRITICAL, {"alerts": [alert("ServiceMetricsAbsent")]}, "gets no metrics"),
    ("no-metrics", FindingSeverity.CRITICAL, {"alerts": [alert("NotificationsFailed", integration="slack")]}, "receiver slack"),
    ("no-metrics", FindingSeverity.CRITICAL, {"alerts": [alert("AlertmanagerMetricsAbsent")]}, "Alertmanager"),
    ("performance-issues", FindingSeverity.WARNING, {"alerts": [alert("HighLatency", track="stable")]}, "Track stable"),
    ("performance-issues", FindingSeverity.WARNING, {"alerts": [alert("LowThroughput")]}, "transfers few bytes"),
    ("performance-issues", FindingSeverity.WARNING, {"alerts": [alert("HighMemoryUsage", pod="dwcp-v3-abc")]}, "Pod dwcp-v3-abc"),
    ("performance-issues", FindingSeverity.WARNING, {"alerts": [alert("HighCpuUsage", pod="dwcp-v3-abc")]}, "CPU limit"),
    (
        "performance-issues",
        FindingSeverity.WARNING,
        {"autoscalers": [scaler("ScalingLimited", "TooManyReplicas", status="True")]},
        "maximum of 10",
    ),
    (
        "autoscaler-without-metrics",
        FindingSeverity.WARNING,
        {"autoscalers": [scaler("ScalingActive", "FailedGetResourceMetric")]},
        "metrics API",
    ),
    (
        "autoscaler-without-metrics",
        FindingSeverity.WARNING,
        {"autoscalers": [scaler("AbleToScale", "FailedGetScale")]},
        "cannot scale its target",
    ),
    (
        "drain-blocked",
        FindingSeverity.WARNING,
        {"disruption_budgets": [{**BUDGET, "status": {**BUDGET["status"], "desiredHealthy": 3, "disruptionsAllowed": 0}}]},
        "requires every pod",
    ),
    (
        "drain-blocked",
        FindingSeverity.WARNING,
        {
            "disruption_budgets": [{**BUDGET, "status": {**BUDGET["status"], "currentHealthy": 2, "disruptionsAllowed": 0}}],
            "nodes": [{**NODE, "spec": {"unschedulable": True}}],
        },
        "cordoned nodes: node-a",
    ),
    (
        "nodes-not-ready",
        FindingSeverity.CRITICAL,
        {"nodes": [{**NODE, "status": {"conditions": [NOT_READY]}}]},
        "ContainersNotReady",
    ),
    ("nodes-not-ready", FindingSeverity.CRITICAL, {"nodes": [{**NODE, "status": {}}]}, "reports nothing"),
    *(
        (
            "nodes-not-ready",
            FindingSeverity.WARNING,
            {"nodes": [{**NODE, "status": {"conditions": [*NODE["status"]["conditions"], {"type": type_, "status": "True"}]}}]},
            text,
        )
        for type_, text in (
            ("NetworkUnavailable", "has not set up the node's network"),
            ("MemoryPressure", "evicts pods"),
            ("PIDPressure", "evicts pods"),
        )
    ),
    (
        "low-disk-space",
        FindingSeverity.WARNING,
        {
            "claims": [
                {
                    "metadata": {"name": "dwcp-v3-redis"},
                    "spec": {"volumeName": "pvc-1"},
                    "status": {"phase": "Bound", "conditions": [{"type": "FileSystemResizePending", "status": "True"}]},
                }
            ]
        },
        "its file system was not",
    ),
    (
        "low-disk-space",
        FindingSeverity.WARNING,
        {"alerts": [alert("LowVolumeSpace", persistentvolumeclaim="dwcp-v3-redis")]},
        "PersistentVolumeClaim dwcp-v3-redis",
    ),
    ("low-disk-space", FindingSeverity.WARNING, {"alerts": [alert("LowDiskSpace", mountpoint="/", node="node-a")]}, "/ on node-a"),
    (
        "low-disk-space",
        FindingSeverity.WARNING,
        {
            "nodes": [
                {**NODE, "status": {"conditions": [*NODE["status"]["conditions"], {"type": "DiskPressure", "status": "True"}]}},
            ]
        },
        "DiskPressure",
    ),
    (
        "low-disk-space",
        FindingSeverity.CRITICAL,
        {"claims": [{"metadata": {"name": "dwcp-v3-redis"}, "spec": {"volumeName": "pvc-1"}, "status": {"phase": "Lost"}}]},
        "restore the last snapshot",
    ),
    ("dns-trouble", FindingSeverity.CRITICAL, {"cluster_dns": []}, "coredns is not installed"),
    ("dns-trouble", FindingSeverity.CRITICAL, {"cluster_dns": [{**DNS, "status": {}}]}, "0 of 2 pods ready"),
    ("dns-trouble", FindingSeverity.WARNING, {"cluster_dns": [{**DNS, "status": {"readyReplicas": 1}}]}, "1 of 2 pods ready"),
    (
        "dns-trouble",
        FindingSeverity.CRITICAL,
        {"cluster_dns": [{**DNS, "spec": {"replicas": 0}, "status": {}}]},
        "0 of 0 pods ready",
    ),
    ("dns-trouble", FindingSeverity.CRITICAL, {"cluster_dns": [{**DNS_ENDPOINTS, "endpoints": None}]}, "0 of 0 pods ready"),
    ("unhealthy-targets", FindingSeverity.CRITICAL, {"tracks": canary(10)}, "No pod is registered"),
    (
        "unhealthy-targets",
        FindingSeverity.CRITICAL,
        {"tracks": canary(10, target("unhealthy", Reason="Target.Timeout"))},
        "Target.Timeout",
    ),
    ("unhealthy-targets", FindingSeverity.WARNING, {"tracks": canary(10, target(), target("unhealthy"))}, "1 of 2 targets healthy"),
    (
        "certificate-expiry",
        FindingSeverity.CRITICAL,
        {"certificates": [{**CERTIFICATE, "NotAfter": NOW - timedelta(days=1)}]},
        "2026-11-23",
    ),
    (
        "certificate-expiry",
        FindingSeverity.WARNING,
        {"certificates": [{**CERTIFICATE, "NotAfter": NOW + timedelta(days=20)}]},
        "2026-12-14",
    ),
    (
        "certificate-expiry",
        FindingSeverity.CRITICAL,
        {"certificates": [{**CERTIFICATE, "Status": "PENDING_VALIDATION", "NotAfter": None}]},
        "PENDING_VALIDATION",
    ),
    (
        "no-internet-route",
        FindingSeverity.CRITICAL,
        {"egress": replace(EGRESS, nat_gateways=({"NatGatewayId": "nat-1", "State": "deleted"},))},
        "state deleted",
    ),
    (
        "no-internet-route",
        FindingSeverity.CRITICAL,
        {"egress": replace(EGRESS, route_tables=(table("subnet-1"),))},
        "no default route",
    ),
    (
        "no-internet-route",
        FindingSeverity.CRITICAL,
        {"egress": replace(EGRESS, route_tables=(table("subnet-1", **(WAY_OUT | {"State": "blackhole"})),))},
        "blackhole",
    ),
    (
        "no-internet-route",
        FindingSeverity.CRITICAL,
        {"egress": replace(EGRESS, route_tables=(table("subnet-2", **WAY_OUT),))},
        "route table none",
    ),
    ("redis-down", FindingSeverity.CRITICAL, {"deployments": [redis(ready=0)]}, "0 of 1 pods ready"),
    ("redis-down", FindingSeverity.CRITICAL, {"alerts": [alert("RedisDown")]}, "does not answer its exporter"),
    (
        "scaled-to-zero",
        FindingSeverity.CRITICAL,
        {"deployments": [redis(replicas=0, ready=0)]},
        "Kubernetes reports no missing pod",
    ),
    ("redis-memory", FindingSeverity.WARNING, {"redis_metrics": {**REDIS_METRICS, "redis_memory_used_bytes": 390.0}}, "98%"),
    (
        "redis-persistence",
        FindingSeverity.CRITICAL,
        {"redis_metrics": {**REDIS_METRICS, "redis_aof_enabled": 0.0}},
        "append-only file is disabled",
    ),
    ("redis-persistence", FindingSeverity.CRITICAL, {"deployments": [redis(claim=False)]}, "no volume claim"),
    ("no-metrics", FindingSeverity.CRITICAL, {"scrapes_failing": unseen("metrics: connection refused")}, "connection refused"),
    (
        "no-metrics",
        FindingSeverity.WARNING,
        {"scrapes_failing": [sample(0, job="dwcp-v3", pod="dwcp-v3-abc")]},
        "Scrape of dwcp-v3-abc",
    ),
    (
        "stale-lease",
        FindingSeverity.WARNING,
        {"lease": LeaseView(owner="ci@runner, process 7", command="rollout", alive=False)},
        "./dwcp state unlock --environment production",
    ),
    (
        "stale-lease",
        FindingSeverity.WARNING,
        {"lease": LeaseView(owner="ci@runner, process 7", command="rollout", alive=False, unfinished=True)},
        "./dwcp rollout --environment production",
    ),
    (
        "stale-lease",
        FindingSeverity.WARNING,
        {"lease": LeaseView(owner="ci@runner, process 7", command="rollback", alive=False)},
        "ci@runner, process 7",
    ),
    ("stale-lease", FindingSeverity.WARNING, {"stale_locks": ["abc.json: ci@runner, process 7, 90 minutes old"]}, "90 minutes old"),
    (
        "drift",
        FindingSeverity.CRITICAL,
        {"drift": [Changed(what="SecurityGroupIngressRule dwcp-v3", how="is gone", cause="Deleted by hand.", critical=True)]},
        "is gone",
    ),
]


@pytest.mark.parametrize(("check", "severity", "changes", "message"), CASES, ids=[f"{each[0]}-{each[3][:24]}" for each in CASES])
def test_a_problem_is_reported_with_its_evidence(
    check: str, severity: FindingSeverity, changes: dict[str, Any], message: str
) -> None:
    findings = [each for each in diagnose(healthy(**changes)).findings if each.check == check]
    assert [each.severity for each in findings] == [severity]
    assert message in text_of(findings[0])


def test_every_check_has_a_case() -> None:
    assert {each[0] for each in CASES} == set(CHECKS)


IGNORED: dict[str, dict[str, Any]] = {
    "a pod that was just created": {"pods": [pending(age=5)]},
    "a pod that is still starting": {"pods": [pod(age=60, conditions=[NOT_READY])]},
    "a pod whose startup probe permits a long start": {"pods": [pod(age=350, startup=300, conditions=[NOT_READY])]},
    "a pod that is being deleted": {
        "pods": [
            {
                **pod(conditions=[NOT_READY]),
                "metadata": {"name": "dwcp-v3-abc", "creationTimestamp": at(900), "deletionTimestamp": at(1)},
            }
        ]
    },
    "a node that has just joined": {
        "nodes": [{**NODE, "metadata": {"name": "node-d", "creationTimestamp": at(60)}, "status": {"conditions": [NOT_READY]}}]
    },
    "a canary whose pods have just started": {
        "pods": [pod(), with_track(pod("dwcp-v3-canary-abc", age=20), "canary")],
        "autoscalers": [{**scaler("ScalingActive", "FailedGetResourceMetric"), "metadata": {"name": "dwcp-v3-canary"}}],
    },
    "restarts of an earlier day": {
        "pods": [pod(containerStatuses=[container(restarts=4, last={**KILLED, "finishedAt": at(90_000)})])]
    },
    "a single restart": {"pods": [pod(containerStatuses=[container(restarts=1)])]},
    "a budget without pods": {"disruption_budgets": [{**BUDGET, "status": {"expectedPods": 0, "disruptionsAllowed": 0}}]},
    "targets that are registered or deregistered": {"tracks": canary(10, target(), target("draining"), target("initial"))},
    "unhealthy targets of a track that neither serves nor runs": {"tracks": canary(0, target("unhealthy"))},
    "a lease whose owner runs": {"lease": LeaseView(owner="me", command="dwcp deploy", alive=True), "stale_locks": ["old"]},
    "a deleted NAT gateway that no route uses": {
        "egress": replace(EGRESS, nat_gateways=(*EGRESS.nat_gateways, {"NatGatewayId": "nat-0", "State": "deleted"}))
    },
    "Redis without a memory limit": {"redis_metrics": {"redis_memory_used_bytes": 5.0, "redis_memory_max_bytes": 0.0}},
}


@pytest.mark.parametrize("changes", IGNORED.values(), ids=IGNORED.keys())
def test_a_normal_or_temporary_state_is_not_a_finding(changes: dict[str, Any]) -> None:
    assert diagnose(healthy(**changes)).findings == ()


def test_a_healthy_platform_passes_every_check() -> None:
    report = diagnose(healthy())
    assert (report.findings, report.unchecked, set(report.passed)) == ((), (), set(CHECKS))


@pytest.mark.parametrize("age", [185, 365])
def test_a_pod_is_reported_when_its_own_startup_probe_and_an_image_pull_are_over(age: int) -> None:
    [found] = findings_of(pods=[pod(age=age, startup=age - 65, conditions=[NOT_READY])])
    assert found.check == "health-check-failures"


def findings_of(**changes: Any) -> list[Finding]:
    return list(diagnose(healthy(**changes)).findings)


def test_an_image_that_cannot_be_pulled_is_not_also_reported_as_pending() -> None:
    found = findings_of(pods=[pod(phase="Pending", containerStatuses=[container(reason="ErrImagePull")])])
    assert [each.check for each in found] == ["image-pull-errors"]


def test_a_redis_outage_explains_a_high_error_rate() -> None:
    found = findings_of(alerts=[alert("HighErrorRate", track="stable"), alert("RedisDown")])
    assert {each.check for each in found} == {"high-error-rate", "redis-down"}
    assert any("Redis is down" in each.cause for each in found if each.check == "high-error-rate")


def test_a_redis_outage_is_found_from_pods_or_metrics_alone() -> None:
    by_pods = findings_of(deployments=[redis(ready=0)], alerts=unseen("metrics: down"))
    by_metrics = findings_of(deployments=unseen("deployments: 403"), alerts=[alert("RedisDown")])
    assert "redis-down" in {each.check for each in by_pods}
    assert "redis-down" in {each.check for each in by_metrics}


def test_every_alert_belongs_to_a_check_and_every_objective_has_advice() -> None:
    declared = {each["alert"] for each in rule_files.alerts(RULES)}
    reported = {name: [each.check for each in findings_of(alerts=[alert(name)])] for name in declared}
    assert reported.pop(WATCHDOG_ALERT) == []  # it always fires
    assert all(len(checks) == 1 for checks in reported.values()), reported
    causes = {name: findings_of(alerts=[alert(name)])[0].cause for name in reported}
    assert {each.name: each.advice.cause for each in OBJECTIVES}.items() <= causes.items()


def test_name_servers_that_are_not_pods_are_seen_by_the_endpoints_of_their_service() -> None:
    assert diagnose(healthy(cluster_dns=[DNS_ENDPOINTS])).findings == ()


@pytest.mark.parametrize(
    ("state", "command"),
    [
        ({"reason": "CrashLoopBackOff", "restarts": 7, "last": {"reason": "Error", "exitCode": 1}}, "kubectl logs dwcp-v3-abc"),
        ({"restarts": 4, "last": {**KILLED, "finishedAt": at(600)}}, "kubectl logs dwcp-v3-abc"),
        ({"reason": "CreateContainerConfigError"}, "kubectl describe pod dwcp-v3-abc"),
        ({"reason": "CreateContainerError"}, "kubectl describe pod dwcp-v3-abc"),
        ({"reason": "RunContainerError", "last": {"reason": "StartError", "exitCode": 128}}, "kubectl describe pod dwcp-v3-abc"),
        ({"reason": "CrashLoopBackOff", "restarts": 1}, "kubectl describe pod dwcp-v3-abc"),
    ],
)
def test_the_log_of_a_previous_run_is_recommended_only_if_there_was_one(state: dict[str, Any], command: str) -> None:
    [finding] = findings_of(pods=[pod(containerStatuses=[container(**state)])])
    assert finding.command.startswith(command)
    assert ("--previous" in finding.command) == ("logs" in command)
