"""`dwcp doctor` on the embedded cloud: each test causes a real problem, and the command reports it.

The platform is healthy before and after each test: a test reverts its changes.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standing import PODS, SCALER, Standing, standing

from delivery.clients.state_backend import LEASE_KEY, LEASE_TABLE
from delivery.state.owner import Owner, user_of_this_process
from sandbox.failing_pods import ANNOTATION

pytestmark = pytest.mark.cloud

DEPLOYMENTS = "/apis/apps/v1/namespaces/dwcp-v3/deployments"


@pytest.fixture(scope="module")
def platform() -> Standing:
    return standing()


@pytest.fixture(autouse=True)
def healthy_again(platform: Standing) -> Iterator[None]:
    yield
    platform.wait("the platform is healthy again", platform.settled, seconds=120)


def findings_of(report: dict[str, Any], check: str) -> str:
    """The report's findings of one check, as text."""
    return json.dumps([each for each in report["findings"] if each["check"] == check])


def test_a_healthy_platform_has_no_findings(platform: Standing) -> None:
    report = platform.doctor()
    assert (report["findings"], report["unchecked"], report["exitCode"]) == ([], [], 0)


@contextmanager
def failing(platform: Standing, app: str, failure: str, *, count: int = 1) -> Iterator[list[str]]:
    """Let ``count`` pods of ``app`` fail as ``sandbox.failing_pods`` describes; yield their names."""
    names = [each["metadata"]["name"] for each in platform.pods(app)][:count]
    for name in names:
        platform.patch(f"{PODS}/{name}", {"metadata": {"annotations": {ANNOTATION: failure}}})
    yield names
    for name in names:
        platform.patch(f"{PODS}/{name}", {"metadata": {"annotations": {ANNOTATION: None}}})


def is_waiting(platform: Standing, name: str, reason: str) -> bool:
    statuses = platform.get(f"{PODS}/{name}")["status"].get("containerStatuses", [])
    return any(each["state"].get("waiting", {}).get("reason") == reason for each in statuses)


def test_crashing_pods_and_the_drain_that_they_block_are_reported(platform: Standing) -> None:
    with failing(platform, "dwcp-v3", "crash") as [name]:
        platform.wait("the pod crashes", lambda: is_waiting(platform, name, "CrashLoopBackOff"))
        budget = "/apis/policy/v1/namespaces/dwcp-v3/poddisruptionbudgets/dwcp-v3"
        platform.wait("the disruption budget is used up", lambda: platform.get(budget)["status"]["disruptionsAllowed"] == 0)
        report = platform.doctor("--quick")
        assert name in findings_of(report, "health-check-failures")
        assert "CrashLoopBackOff" in findings_of(report, "health-check-failures")
        assert "already use up the budget" in findings_of(report, "drain-blocked")
        assert report["exitCode"] == 1


@contextmanager
def extra_pod(platform: Standing, name: str, **spec: Any) -> Iterator[None]:
    """A pod in the platform's namespace that its Pod Security level admits."""
    secure = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {"name": "app", "image": "app:v1", "securityContext": secure, **spec.pop("container", {})}
    security = {"runAsNonRoot": True, "runAsUser": 1001, "seccompProfile": {"type": "RuntimeDefault"}}
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "annotations": spec.pop("annotations", {})},
        "spec": {"containers": [container], "securityContext": security, **spec},
    }
    platform.cloud.control_plane.api.request("POST", PODS, manifest)
    yield
    platform.cloud.control_plane.api.request("DELETE", f"{PODS}/{name}?gracePeriodSeconds=0")
    platform.wait(
        f"pod {name} is gone",
        lambda: all(each["metadata"]["name"] != name for each in platform.cloud.control_plane.api.items(PODS)),
    )


def test_an_image_that_was_never_pushed_is_reported(platform: Standing) -> None:
    with extra_pod(platform, "unpushed", container={"image": "ghcr.io/novacron/dwcp-v3:v9.9.9-missing"}):
        platform.wait("the pull fails", lambda: is_waiting(platform, "unpushed", "ImagePullBackOff"))
        findings = findings_of(platform.doctor("--quick"), "image-pull-errors")
        assert "Pod unpushed" in findings
        assert "v9.9.9-missing: the tag or digest was never pushed" in findings


def test_a_pod_that_fits_on_no_node_is_reported(platform: Standing) -> None:
    large = {"resources": {"requests": {"cpu": "64"}, "limits": {"cpu": "64"}}}
    with extra_pod(platform, "large", container=large):
        stuck = lambda: "Insufficient cpu" in findings_of(platform.doctor("--quick"), "deployment-stuck-in-pending")  # noqa: E731
        platform.wait("the doctor finds a pod that has been pending for some time", stuck, seconds=90)


def test_errors_and_high_latency_are_reported(platform: Standing) -> None:
    platform.monitoring.control("versions/v3.0.0", "PUT", errorRate=0.3, latencySeconds=3)
    try:
        platform.wait("the alerts fire", lambda: {"HighErrorRate", "HighLatency"} <= platform.monitoring.firing())
        report = platform.doctor("--quick")
        assert "Track stable" in findings_of(report, "high-error-rate")
        assert "HighErrorRate, firing: 30" in findings_of(report, "high-error-rate")
        assert "HighLatency, firing" in findings_of(report, "performance-issues")
        assert report["exitCode"] == 1  # the alert on the error budget is critical
    finally:
        platform.monitoring.control("versions/v3.0.0", "DELETE")
        platform.forget_metrics()


def test_a_redis_outage_is_reported(platform: Standing) -> None:
    platform.monitoring.control("redis", "PUT", up=False)
    try:
        platform.wait("the alert fires", lambda: "RedisDown" in platform.monitoring.firing())
        findings = findings_of(platform.doctor("--quick"), "redis-down")
        assert "RedisDown, firing" in findings
    finally:
        platform.monitoring.control("redis", "PUT", up=True)


def test_a_full_volume_is_reported(platform: Standing) -> None:
    platform.monitoring.control("volumes/dwcp-v3-redis", "PUT", freeRatio=0.03)
    try:
        platform.wait("the alert fires", lambda: "LowVolumeSpace" in platform.monitoring.firing())
        findings = findings_of(platform.doctor("--quick"), "low-disk-space")
        assert "PersistentVolumeClaim dwcp-v3-redis" in findings
        assert "3% of the volume" in findings
    finally:
        platform.monitoring.control("volumes/dwcp-v3-redis", "PUT")


def test_full_memory_and_failed_writes_of_redis_are_reported(platform: Standing) -> None:
    platform.monitoring.control("redis", "PUT", usedRatio=0.97, writes=False)
    try:
        unwritten = "redis_aof_last_write_status == 0"
        platform.wait("Prometheus has the metric", lambda: platform.monitoring.query(unwritten))
        report = platform.doctor("--quick")
        assert "97%" in findings_of(report, "redis-memory")
        assert "the last write to the append-only file failed" in findings_of(report, "redis-persistence")
        assert report["exitCode"] == 1
    finally:
        platform.monitoring.control("redis", "PUT")


def test_a_stopped_prometheus_is_reported(platform: Standing) -> None:
    platform.cloud.processes.running()["prometheus"].kill()
    platform.wait("Prometheus is gone", lambda: "prometheus" not in platform.cloud.processes.running())
    try:
        report = platform.doctor("--quick")
        assert "Prometheus is down, has no targets, or cannot be reached" in findings_of(report, "no-metrics")
        unchecked = {each["check"] for each in report["unchecked"]}
        assert {"high-error-rate", "performance-issues", "redis-memory", "redis-down"} <= unchecked
        assert "unhealthy-targets" in report["passed"]
    finally:
        platform.monitoring.start()


def test_an_autoscaler_at_its_maximum_is_reported(platform: Standing) -> None:
    maximum = platform.get(SCALER)["spec"]["maxReplicas"]
    platform.patch(SCALER, {"spec": {"maxReplicas": 3}})
    try:
        for pod in platform.pods("dwcp-v3"):
            platform.patch(f"{PODS}/{pod['metadata']['name']}", {"metadata": {"annotations": {"sandbox.dwcp/cpu": "1900m"}}})
        limited = lambda: "maximum of 3 pods" in findings_of(platform.doctor("--quick"), "performance-issues")  # noqa: E731
        platform.wait("the autoscaler needs more than its maximum", limited)
    finally:
        for pod in platform.pods("dwcp-v3"):
            platform.patch(f"{PODS}/{pod['metadata']['name']}", {"metadata": {"annotations": {"sandbox.dwcp/cpu": None}}})
        platform.patch(SCALER, {"spec": {"maxReplicas": maximum}})


def test_traffic_to_a_track_without_targets_is_reported(platform: Standing) -> None:
    elbv2 = platform.client("elbv2")
    [rule] = [
        rule
        for listener in elbv2.describe_listeners(
            LoadBalancerArn=elbv2.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
        )["Listeners"]
        for rule in elbv2.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
        if rule["Actions"][0]["Type"] == "forward"
    ]
    groups = rule["Actions"][0]["ForwardConfig"]["TargetGroups"]

    def split(stable: int) -> None:
        weights = [{**each, "Weight": stable if "stable" in each["TargetGroupArn"] else 100 - stable} for each in groups]
        elbv2.modify_rule(RuleArn=rule["RuleArn"], Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": weights}}])

    split(80)
    try:
        findings = findings_of(platform.doctor("--quick"), "unhealthy-targets")
        assert "Target group canary" in findings
        assert "weight 20, 0 targets, none healthy" in findings
    finally:
        split(100)


def test_a_private_subnet_without_egress_is_reported(platform: Standing) -> None:
    ec2 = platform.client("ec2")
    [table] = ec2.describe_route_tables(Filters=[{"Name": "tag:Name", "Values": ["dwcp-v3-private-a"]}])["RouteTables"]
    [out] = [each for each in table["Routes"] if each.get("NatGatewayId")]
    ec2.delete_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0")
    try:
        assert f"route table {table['RouteTableId']}: no default route" in findings_of(
            platform.doctor("--quick"), "no-internet-route"
        )
    finally:
        ec2.create_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", NatGatewayId=out["NatGatewayId"])


def test_a_node_with_a_full_disk_is_reported_and_a_cordoned_one_is_not(platform: Standing) -> None:
    def report_disk(status: str) -> None:
        condition = {"type": "DiskPressure", "status": status, "reason": "InATest", "message": "kubelet has disk pressure"}
        change = {"status": {"conditions": [condition]}}
        path = "/api/v1/nodes/node-a/status"
        platform.cloud.control_plane.api.request("PATCH", path, change, "application/strategic-merge-patch+json")

    report_disk("True")
    platform.patch("/api/v1/nodes/node-b", {"spec": {"unschedulable": True}})
    try:
        report = platform.doctor("--quick")
        assert "Node node-a" in findings_of(report, "low-disk-space")
        assert "kubelet has disk pressure" in findings_of(report, "low-disk-space")
        assert "node-b" not in json.dumps(report["findings"])
    finally:
        platform.patch("/api/v1/nodes/node-b", {"spec": {"unschedulable": False}})
        report_disk("False")


@contextmanager
def created(platform: Standing, collection: str, manifest: dict[str, Any]) -> Iterator[None]:
    """Create an object that the platform does not have, and delete it at the end."""
    platform.cloud.control_plane.api.create(collection, manifest)
    yield
    platform.cloud.control_plane.api.request("DELETE", f"{collection}/{manifest['metadata']['name']}")


def test_a_name_server_that_does_not_become_ready_is_reported(platform: Standing) -> None:
    labels = {"k8s-app": "kube-dns"}
    server = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "coredns-next", "labels": labels},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "coredns", "image": "coredns:v1.12.0-unready"}]},
            },
        },
    }
    with created(platform, "/apis/apps/v1/namespaces/kube-system/deployments", server):
        report = findings_of(platform.doctor("--quick"), "dns-trouble")
        assert "0 of 2 pods ready" in report
        assert "deployment/coredns-next" in report


def test_an_autoscaler_without_metrics_is_reported(platform: Standing) -> None:
    metric = {"metric": {"name": "requests_per_second"}, "target": {"type": "AverageValue", "averageValue": "1"}}
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "without-metrics"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "dwcp-v3-redis"},
            "minReplicas": 1,
            "maxReplicas": 2,
            "metrics": [{"type": "Pods", "pods": metric}],
        },
    }
    scalers = SCALER.rpartition("/")[0]

    def without_metrics_for_a_minute() -> bool:
        conditions = platform.get(f"{scalers}/without-metrics").get("status", {}).get("conditions", [])
        since = [each["lastTransitionTime"] for each in conditions if (each["type"], each["status"]) == ("ScalingActive", "False")]
        return bool(since) and datetime.now(UTC) - datetime.fromisoformat(since[0]) > timedelta(minutes=1)

    with created(platform, scalers, scaler):
        platform.wait("the autoscaler has had no metrics for a minute", without_metrics_for_a_minute, seconds=120)
        assert "FailedGetPodsMetric" in findings_of(platform.doctor("--quick"), "autoscaler-without-metrics")


def test_a_stale_lease_and_a_stale_lock_are_reported(platform: Standing) -> None:
    owner = Owner.this()
    ended = json.loads(owner.to_json()) | {"pid": 2**22 + 1}
    item = {
        LEASE_KEY: {"S": "local"},
        "held": {"BOOL": True},
        "owner": {"S": json.dumps(ended)},
        "command": {"S": "dwcp deploy"},
        "token": {"S": "t"},
        "fencing": {"N": "1"},
        "beat": {"N": "3"},
        "seconds": {"N": "60"},
        "since": {"S": datetime.now(UTC).isoformat()},
    }
    dynamodb, s3 = platform.client("dynamodb"), platform.client("s3")
    lock = "dwcp-v3/.pulumi/locks/organization/dwcp-v3/local/stale.json"
    dynamodb.put_item(TableName=LEASE_TABLE, Item=item)
    body = json.dumps({"pid": 2**22 + 1, "username": user_of_this_process(), "hostname": socket.gethostname()})
    s3.put_object(Bucket="novacron-terraform-state", Key=lock, Body=body)
    try:
        report = platform.doctor("--quick")
        findings = findings_of(report, "stale-lease")
        assert "which no longer runs" in findings
        assert f"stale.json: {user_of_this_process()}@" in findings
        platform.follow(report, "stale-lease")
        assert "stale-lease" in platform.doctor("--quick")["passed"]
    finally:
        s3.delete_object(Bucket="novacron-terraform-state", Key=lock)
        dynamodb.delete_item(TableName=LEASE_TABLE, Key={LEASE_KEY: {"S": "local"}})


def test_a_deployment_that_was_scaled_to_zero_is_reported(platform: Standing) -> None:
    platform.shell("kubectl scale deployment/dwcp-v3-redis deployment/dwcp-v3 -n dwcp-v3 --replicas 0")
    report = platform.doctor("--quick")
    assert {each["subject"] for each in report["findings"] if each["check"] == "scaled-to-zero"} == {
        "Deployment dwcp-v3",
        "Deployment dwcp-v3-redis",
    }
    platform.follow(report, "scaled-to-zero")
    platform.wait("the platform is healthy again", platform.settled, seconds=120)
    assert "scaled-to-zero" in platform.doctor("--quick")["passed"]


def test_drift_is_reported(platform: Standing) -> None:
    logs = platform.client("logs")
    logs.put_retention_policy(logGroupName="/aws/vpc/dwcp-v3-local", retentionInDays=7)
    try:
        assert "retentionInDays: 30 -> 7" in findings_of(platform.doctor(), "drift")
    finally:
        logs.put_retention_policy(logGroupName="/aws/vpc/dwcp-v3-local", retentionInDays=30)


def test_a_certificate_that_expires_soon_is_reported(platform: Standing) -> None:
    """moto's certificates are valid for years, so the same snapshot is checked with a later date."""
    import dataclasses

    from delivery.clients.environment import Environment
    from delivery.doctor.diagnosis import diagnose
    from delivery.doctor.reading import observe
    from delivery.doctor.sources import Sources

    with pytest.MonkeyPatch.context() as patch:
        for name, value in platform.variables.items():
            patch.setenv(name, value)
        patch.setattr("boto3.DEFAULT_SESSION", None)
        # The client reads the variable once, when it is imported.
        patch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", platform.variables["KUBECONFIG"])
        *_, observed = observe(Sources(Environment.open("local"), lambda: []), seconds=30)
    [certificate] = observed.certificates.value
    later = dataclasses.replace(observed, at=certificate["NotAfter"] - timedelta(days=3))
    assert "certificate-expiry" in {each.check for each in diagnose(later).findings}
