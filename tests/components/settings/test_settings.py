"""Settings: each invalid value is refused with its key, its value and a fix; valid ones are read back unchanged."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, cast

import pulumi
import pulumi_aws as aws
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic.alias_generators import to_camel
from recording import ROOT

from components.errors import ComponentsError
from components.settings import (
    AccountSettings,
    AutoscalingSettings,
    ClusterSettings,
    EnvironmentSettings,
    Group,
    LoadBalancerSettings,
    NetworkSettings,
    Secrets,
    Settings,
    SettingsError,
    load,
    load_account,
)
from components.settings.quantities import mebibytes, parse_quantity
from components.settings.types import VPC_PREFIXES, repository, version_label
from contract import API_KEY_PREFIX
from tools import settings_reference

ADMIN = "arn:aws:iam::111122223333:role/admin"
BOUNDARY = "arn:aws:iam::111122223333:policy/boundary"
CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/12345678-1234-1234-1234-123456789012"
SECRETS = {
    **{"redisPassword": "s3cret-redis", "apiKeys": {"billing": "s3cret-billing"}, "registryToken": "s3cret-token"},
    "grafanaPassword": "s3cret-grafana",
    "alertReceivers": {"slack": "s3cret-slack", "pagerduty": "s3cret-pagerduty", "watchdog": "s3cret-switch"},
}

Load = Callable[..., tuple[Settings, Secrets]]


@pytest.fixture
def load_stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """A function that loads a stack with the given groups, passed as text, as the engine does.

    It adds what every stack needs: secrets, an environment, and for the default stack a role with access to the cluster and
    receivers of alerts.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)

    def run(groups: dict[str, Any], stack: str = "", encrypted: tuple[str, ...] = tuple(SECRETS)) -> tuple[Settings, Secrets]:
        entries: dict[str, Any] = {"environment": {"name": "production"}, "registryUsername": "novacron", **SECRETS, **groups}
        if not stack and isinstance(cluster := entries.get("cluster", {}), dict):
            entries["cluster"] = {"ciRoleArn": ADMIN, "privateAccessCidrs": ["10.0.0.0/16"], **cluster}
        if not stack and isinstance(monitoring := entries.get("monitoring", {}), dict):
            receivers = {} if "mode" in monitoring else {"criticalReceivers": ["slack"], "watchdog": True}
            entries["monitoring"] = {"alarmEmails": ["oncall@example.com"], **receivers, **monitoring}
        if isinstance(environment := entries["environment"], dict):
            entries["environment"] = {"name": "production", "permissionsBoundaryArn": BOUNDARY, **environment}
        name = stack or str(dict(entries["environment"] if isinstance(environment, dict) else {}).get("name"))
        monkeypatch.setattr(pulumi, "get_stack", lambda: name)
        texts = {
            f"dwcp-v3:{key}": value if isinstance(value, str) else json.dumps(value)
            for key, value in entries.items()
            if value is not None
        }
        pulumi.runtime.set_all_config(texts, [f"dwcp-v3:{key}" for key in encrypted])
        return load()

    yield run
    pulumi.runtime.set_all_config({}, [])
    loop.close()
    asyncio.set_event_loop(None)


BAD_VALUES: list[tuple[str, Any, str, str]] = [
    ("environment.deployment", "stage", "must be one of direct, staged", "staged"),
    ("environment.name", "prod", "must be one of local, staging, production", "production"),
    ("environment.region", "us-east1", "must be the name of an AWS region", "us-east-1"),
    ("environment.region", "us-gov-west-1", "is outside AWS' commercial partition", "us-east-1"),
    ("environment.region", "cn-north-1", "is outside AWS' commercial partition", "us-east-1"),
    ("environment.permissionsBoundaryArn", "workloads", "must be the ARN of an IAM policy", "policy/dwcp-v3-production-workloads"),
    ("environment.owner", "a,b", "must be an AWS tag value", "platform"),
    ("environment.costCenter", "", "must be an AWS tag value", "platform"),
    ("network.vpcCidr", "10.0.0.1/16", "the network is 10.0.0.0/16", "10.0.0.0/16"),
    ("network.vpcCidr", "10.0.0.0/8", "must be from /16 to /20", "10.0.0.0/16"),
    ("network.vpcCidr", "10.0.0.0/24", "must be from /16 to /20", "10.0.0.0/16"),
    ("network.vpcCidr", "8.8.0.0/16", "must lie in a private block", "10.0.0.0/16"),
    ("network.vpcCidr", 10, "must be an IPv4 network with a prefix length", "10.0.0.0/16"),
    ("network.vpcCidr", "ten/16", "must be an IPv4 network with a prefix length", "10.0.0.0/16"),
    ("network.zones", ["a"], "needs at least 2", "[a, b, c]"),
    ("network.zones", ["a", "b", "a"], "names a more than once", "[a, b]"),
    ("network.zones", "a", "must be a list", "[a, b, c]"),
    ("network.nat", "per-zone", "must be one of single, per_zone", "per_zone"),
    ("network.interfaceEndpoints", ["sts", "sts"], "names sts more than once", "[sts]"),
    ("network.flowLogIntervalSeconds", 61, "must be one of 60, 600", "60"),
    ("network.ingressCidrs", [], "needs at least 1", "[0.0.0.0/0]"),
    ("loadBalancer.host", "localhost", "must be a DNS name", "dwcp.example.com"),
    ("loadBalancer.hostedZone", "Example.com", "must be a DNS name in lower case", "dwcp.example.com"),
    ("loadBalancer.hostedZone", None, "are both null", "example.com"),
    ("loadBalancer.certificateArn", "arn:aws:iam::1:x", "must be the ARN of an ACM certificate", CERTIFICATE),
    ("loadBalancer.deletionProtection", "maybe", "must be true or false", "true"),
    ("loadBalancer.idleTimeoutSeconds", 0, "must be at least 1", "1"),
    ("loadBalancer.deregistrationDelaySeconds", 3601, "must be at most 3600", "3600"),
    ("loadBalancer.accessLogRetentionDays", 0, "must be at least 1", "1"),
    ("loadBalancer.tlsPolicy", "ELBSecurityPolicy-2016-08", "must be one of ELBSecurityPolicy-TLS13", "ELBSecurityPolicy-TLS13"),
    ("logs.retentionDays", 31, "must be one of 1, 3, 5", "3"),
    ("logs.keyDeletionWindowDays", 6, "must be at least 7", "7"),
    ("artifacts.noncurrentVersionDays", 1.5, "must be a whole number", "90"),
    ("artifacts.infrequentAccessAfterDays", 29, "must be at least 30", "30"),
    ("artifacts.forceDestroy", 1, "must be true or false", "false"),
    ("cluster.version", 1.3, "must be in quotes", "1.35"),
    ("cluster.version", "v1.35", "must be a Kubernetes minor version", "1.35"),
    ("cluster.addonVersions.vpc-cni", {"vpc-cni": "1.21"}, "must be the version of an EKS add-on", "v1.21.1-eksbuild.3"),
    ("cluster.kubeconfig", "eksctl", "must be one of eks, ambient", "eks"),
    ("cluster.publicAccessCidrs[0]", ["0.0.0.0/0"], "opens the cluster's API to the internet", "203.0.113.0/24"),
    ("cluster.privateAccessCidrs[0]", ["0.0.0.0/0"], "opens the cluster's API to the internet", "203.0.113.0/24"),
    ("cluster.previewRoleArn", "preview", "must be the ARN of an IAM role", "role/platform-admin"),
    ("cluster.ciRoleArn", "arn:aws-cn:iam::111122223333:role/ci", "must be the ARN of an IAM role", "role/platform-admin"),
    ("cluster.adminRoleArns[0]", ["arn:aws:iam::111122223333:user/me"], "must be the ARN of an IAM role", "role/platform-admin"),
    ("cluster.ciRoleArn", "ci", "must be the ARN of an IAM role", "role/platform-admin"),
    ("cluster.instanceTypes[0]", ["huge"], "must be an EC2 instance type", "m7i.xlarge"),
    ("cluster.capacityType", "spot", "must be one of ON_DEMAND, SPOT", "SPOT"),
    ("cluster.minNodes", 0, "must be at least 1", "1"),
    ("cluster.addonVersions.corends", {"corends": 1}, "must be one of amazon-cloudwatch-observability", "pulumi config rm"),
    ("cluster.addonVersions.foo", {"foo": "v1.0.0-eksbuild.1"}, "must be one of amazon-cloudwatch-observability", "config rm"),
    ("cluster.maxNodes", 2, "is below minNodes (3)", "3"),
    ("cluster.desiredNodes", 7, "is not between minNodes (3) and maxNodes (6)", "6"),
    ("cluster.resizeNodes", "once", "must be true or false", "false"),
    ("cluster.diskGib", 10, "must be at least 20", "20"),
    ("cluster.controllers", "off", "must be true or false", "true"),
    ("application.image", "ghcr.io/novacron/dwcp-v3", "never `latest`", "ghcr.io/novacron/dwcp-v3:1.2.3"),
    ("application.image", "ghcr.io/novacron/dwcp-v3:latest", "never `latest`", "ghcr.io/novacron/dwcp-v3:1.2.3"),
    ("application.release", "ghcr.io/novacron/dwcp-v3:latest", "never `latest`", "ghcr.io/novacron/dwcp-v3:1.2.3"),
    ("application.image", "two words", "must be an image reference", "ghcr.io/novacron/dwcp-v3:v3.0.0"),
    ("application.logLevel", "warn", "must be one of info, debug, error", "info"),
    ("application.port", 80, "must be at least 1024", "1024"),
    ("application.port", 70000, "must be at most 65535", "65535"),
    ("application.metricsPort", 8080, "is the same as port (8080)", "8081"),
    ("application.cpuRequest", "0.5 cores", "must be CPU cores or millicores", "500m"),
    ("application.cpuRequest", 3, "is above cpuLimit (2000m)", "2000m"),
    ("application.memoryRequest", "3Gi", "is above memoryLimit (2Gi)", "2Gi"),
    ("application.cpuLimit", True, "must be CPU cores or millicores", "500m"),
    ("application.memoryLimit", 512, "must be a whole number of Ki, Mi, Gi or Ti", "512Mi"),
    ("application.replicas", 11, "is not between autoscaling.minReplicas (3) and autoscaling.maxReplicas (10)", "10"),
    ("application.livenessDelaySeconds", -1, "must be at least 0", "0"),
    ("application.startupSeconds", 9, "must be at least 10", "10"),
    ("application.startupSeconds", 541, "must be at most 540", "540"),
    ("application.readinessDelaySeconds", "soon", "must be a whole number", "10"),
    ("application.egress[0].cidr", [{"cidr": "10.0.0.1/24", "ports": [443]}], "the network is 10.0.0.0/24", "10.0.0.0/24"),
    ("application.egress[0].ports[0]", [{"cidr": "10.0.0.0/24", "ports": [0]}], "must be at least 1", "1"),
    ("application.egress[0].ports", [{"cidr": "10.0.0.0/24", "ports": [443, 443]}], "names 443 more than once", "[443]"),
    ("application.sharedVolume", "10G", "must be a whole number of Ki, Mi, Gi or Ti", "10Gi"),
    ("application.sharedVolumeClass", "", "must be a Kubernetes object name", "dwcp-v3"),
    ("dwcp.version", "3", "must be a semantic version", "3.0.0"),
    ("dwcp.maxConnections", 0, "must be at least 1", "1"),
    ("dwcp.bufferSizeBytes", True, "must be a whole number", "65536"),
    ("autoscaling.minReplicas", 0, "must be at least 1", "1"),
    ("autoscaling.maxReplicas", 2, "is below minReplicas (3)", "3"),
    ("autoscaling.cpuPercent", 101, "must be at most 100", "100"),
    ("autoscaling.memoryPercent", 0, "must be at least 1", "1"),
    ("autoscaling.scaleDownWindowSeconds", 3601, "must be at most 3600", "3600"),
    ("redis.image", "redis:latest", "never `latest`", "redis:1.2.3"),
    ("redis.image", "redis:7.4.9-alpine", "remote code execution", "redis:7.4.10-alpine"),
    ("redis.image", f"redis:7.4.2-alpine@sha256:{'0' * 64}", "remote code execution", "redis:7.4.10-alpine"),
    ("redis.image", "docker.io/library/redis:8.2.2", "remote code execution", "docker.io/library/redis:8.2.8"),
    ("redis.image", "redis:6.0.9", "remote code execution", "redis:7.4.10"),
    ("redis.image", "redis:7.0.15", "remote code execution", "redis:7.4.10"),
    ("redis.exporterImage", "redis_exporter@sha256:12", "must be an image reference", "ghcr.io/novacron/dwcp-v3:v3.0.0"),
    ("redis.memory", "half", "must be a whole number of Ki, Mi, Gi or Ti", "512Mi"),
    ("redis.memory", "1Mi", "must be from 64Mi to 32Ti", "64Mi"),
    ("redis.storage", "1Mi", "must be from 1Gi to 64Ti", "1Gi"),
    ("environment.costCenter", "2026-01-01 00:00:00 +0000 UTC", "is text that YAML reads as a date", "costCenter: '2026-01-01'"),
    ("redis.storage", 10, "must be a whole number of Ki, Mi, Gi or Ti", "10Gi"),
    ("redis.storageClass", "GP3", "must be a Kubernetes object name", "dwcp-v3"),
    ("redis.maxmemoryPolicy", "allkeys", "must be one of noeviction", "allkeys-lru"),
    ("ingress.enabled", "sometimes", "must be true or false", "false"),
    ("ingress.className", "Nginx!", "must be a Kubernetes object name", "dwcp-v3"),
    ("ingress.controllerNamespace", "ingress_nginx", "must be a Kubernetes object name", "dwcp-v3"),
    ("ingress.host", "-x.example.com", "must be a DNS name", "dwcp.example.com"),
    ("ingress.tlsSecret", None, "and issuer are both null", "dwcp-v3-tls"),
    ("ingress.issuer", 5, "must be text", "dwcp-v3"),
    ("ingress.awaitAddress", "x", "must be true or false", "true"),
    ("monitoring.mode", "both", "must be one of bundled, operator", "operator"),
    ("monitoring.operatorNamespace", "a..b", "must be a Kubernetes object name", "dwcp-v3"),
    ("monitoring.operatorRelease", "A_B", "must be a Kubernetes object name", "dwcp-v3"),
    ("monitoring.prometheusImage", "prom/prometheus", "never `latest`", "prom/prometheus:1.2.3"),
    ("monitoring.scrapeIntervalSeconds", 1, "must be at least 5", "5"),
    ("monitoring.scrapeIntervalSeconds", 61, "must be at most 60", "60"),
    ("monitoring.retentionDays", 0, "must be at least 1", "1"),
    ("monitoring.storage", "20GB", "must be a whole number of Ki, Mi, Gi or Ti", "10Gi"),
    ("monitoring.alertmanagerStorage", "2", "must be a whole number of Ki, Mi, Gi or Ti", "10Gi"),
    ("monitoring.grafanaStorage", "0Gi", "must be a whole number of Ki, Mi, Gi or Ti", "10Gi"),
    ("monitoring.criticalReceivers[0]", ["pager"], "must be one of slack, pagerduty, webhook", "pagerduty"),
    ("monitoring.warningReceivers", ["slack", "slack"], "names slack more than once", "[slack]"),
    ("monitoring.watchdog", "yes", "must be true or false", "false"),
    ("monitoring.slackChannel", "dwcp alerts", "must be a Slack channel", "#dwcp-alerts"),
    ("monitoring.alarms", "off", "must be one of email, none", "none"),
    ("monitoring.alarmEmails[0]", ["oncall"], "must be an email address", "dwcp-oncall@example.com"),
    ("monitoring.runbooksUrl", "docs/runbooks", "must be an https address", "https://example.com/docs/runbooks"),
    ("monitoring.outsideCluster", "x", "must be true or false", "false"),
    ("monitoring.alertmanagerImage", "prom/alertmanager:latest", "never `latest`", "prom/alertmanager:1.2.3"),
    ("monitoring.grafanaImage", "a b", "must be an image reference", "ghcr.io/novacron/dwcp-v3:v3.0.0"),
    ("monitoring.nodeExporterImage", "prom/node-exporter", "never `latest`", "prom/node-exporter:1.2.3"),
    ("monitoring.kubeStateMetricsImage", "", "must be an image reference", "ghcr.io/novacron/dwcp-v3:v3.0.0"),
    ("rollout.strategy", "canary", "must be one of weighted, flag", "flag"),
    ("rollout.steps", [50, 10], "must ascend", "[10, 50]"),
    ("rollout.steps", [10, 10, 100], "must ascend", "[10, 100]"),
    ("rollout.steps", [], "needs at least 1", "[10, 50, 100]"),
    ("rollout.steps[1]", [10, 110], "must be at most 100", "100"),
    ("rollout.waitSeconds", -5, "must be at least 0", "0"),
    ("rollout.waitSeconds", "soon", "must be a number", "300"),
    ("rollout.errorThresholdPercent", 0, "must be a percentage above 0 and below 100", "5"),
    ("rollout.errorThresholdPercent", 100, "must be a percentage above 0 and below 100", "5"),
    ("rollout.minimumRequests", -1, "must be at least 0", "0"),
    ("rollout.onUnmeasured", "retry", "must be one of hold, abort", "abort"),
    ("rollout.unmeasuredLimit", 0, "must be at least 1", "1"),
    ("rollout.bakeSeconds", True, "must be a number", "300"),
    ("rollout.intervalSeconds", 0, "must be at least 0.05", "0.05"),
    ("rollout.propagationSeconds", [15], "must be a number", "15"),
    ("rollout.readySeconds", float("nan"), "must be a number", "600"),
    ("rollout.weightReadbackSeconds", None, "must be a number", "60"),
    ("rollout.graceSeconds", -1, "must be at least 0", "0"),
    ("rollout.extendSeconds", "5m", "must be a number", "300"),
    ("rollout.unreachableSeconds", float("inf"), "must be a number", "300"),
    ("docker.enabled", "on", "must be true or false", "false"),
    ("docker.host", "docker.example.com", "must be the address of a Docker host", "ssh://deploy@docker.example.com"),
    ("docker.publishAddress", "localhost", "must be an IPv4 address of the host", "127.0.0.1"),
    ("docker.subnet", "8.8.8.0/24", "must be a private network of 16 addresses or more", "172.30.0.0/24"),
    ("docker.subnet", "10.0.0.0/30", "must be a private network of 16 addresses or more", "172.30.0.0/24"),
    ("docker.prometheusPort", 80, "must be at least 1024", "1024"),
    ("docker.grafanaPort", 9091, "is the same as prometheusPort (9091)", "9092"),
    ("docker.alertmanagerPort", "web", "must be a whole number", "9093"),
    ("docker.grafanaUser", "two words", "must be an account's name", "admin"),
    ("docker.buildContext", "my folder", "must be the path of a folder", "tests/fixtures/app"),
    ("docker.buildPlatforms", [], "needs at least 1", "[linux/amd64]"),
    ("docker.buildPush", "maybe", "must be true or false", "true"),
    ("docker.buildCache", "ghcr.io/novacron/cache", "never `latest`", "ghcr.io/novacron/cache:1.2.3"),
    ("docker.buildPlatforms[0]", ["linux/386"], "must be one of linux/amd64, linux/arm64", "linux/arm64"),
]


def error_of(load_stack: Load, groups: dict[str, Any], **how: Any) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load_stack(groups, **how)
    return caught.value


@pytest.mark.parametrize(("path", "value", "problem", "example"), BAD_VALUES)
def test_a_bad_value_is_refused_with_its_key_and_a_fix(load_stack: Load, path: str, value: Any, problem: str, example: str) -> None:
    group, field = re.sub(r"\[.*", "", path).split(".")[:2]
    error = error_of(load_stack, {group: {**({"enabled": True} if path == "ingress.tlsSecret" else {}), field: value}})
    assert [mistake.path for mistake in error.mistakes] == [path], str(error)
    assert problem in error.mistakes[0].problem
    assert example in error.mistakes[0].fix
    for line in str(error.mistakes[0]).splitlines():
        assert line in str(error)


@pytest.mark.parametrize(
    ("image", "name", "release"),
    [
        ("ghcr.io/novacron/dwcp-v3:v3.1.0", "ghcr.io/novacron/dwcp-v3", "v3.1.0"),
        ("localhost:5000/app:1", "localhost:5000/app", "1"),
        ("app@sha256:" + "0" * 64, "app", "0" * 12),
        ("app:v1@sha256:" + "0" * 64, "app", "v1"),
        ("host:1/a/b", "host:1/a/b", ""),
    ],
)
def test_repository_and_release_are_parsed_from_an_image(image: str, name: str, release: str) -> None:
    assert (repository(image), version_label(image)) == (name, release)


def test_an_edited_objective_changes_the_defaults_of_a_rollout() -> None:
    edit = "from components.monitoring import objectives; objectives.ERROR_RATIO, objectives.MINIMUM_REQUESTS = 0.02, 7"
    show = "from components.settings import RolloutSettings as R; print(R().error_threshold_percent, R().minimum_requests)"
    done = subprocess.run([sys.executable, "-c", f"{edit}; {show}"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "2.0 7\n"


RULE = {"cidr": "10.0.0.0/24", "ports": [443]}
WRITTEN_RULE = "{cidr: 10.0.0.0/16, ports: [443]}"
BAD_ENTRIES: list[tuple[dict[str, Any], str, str, str]] = [
    (
        {"application": {"egress": [{"cidr": "10.0.0.0/24"}]}},
        "application.egress[0].ports",
        "is missing",
        "write `ports: [443]` under dwcp-v3:application.egress[0] in the stack file",
    ),
    (
        {"application": {"egress": [RULE, {**RULE, "ports": []}]}},
        "application.egress[1].ports",
        "needs at least 1 in the list",
        "write `ports: [443]` under dwcp-v3:application.egress[1] in the stack file",
    ),
    (
        {"application": {"egress": [RULE, {"ports": [443]}]}},
        "application.egress[1].cidr",
        "is missing",
        "pulumi config set -s production --path 'dwcp-v3:application.egress[1].cidr' 10.0.0.0/16",
    ),
    (
        {"application": {"egress": [{**RULE, "ports": ["https"]}]}},
        "application.egress[0].ports[0]",
        "must be a whole number",
        "pulumi config set -s production --path 'dwcp-v3:application.egress[0].ports[0]' 443",
    ),
    (
        {"application": {"egress": ["x"]}},
        "application.egress[0]",
        "must be an object",
        f"write `{WRITTEN_RULE}` as dwcp-v3:application.egress[0] in the stack file",
    ),
    (
        {"application": {"egress": RULE}},
        "application.egress",
        "must be a list",
        f"write `egress: [{WRITTEN_RULE}]` under dwcp-v3:application in the stack file",
    ),
    (
        {"cluster": {"adminRoleArns": [ADMIN, 5]}},
        "cluster.adminRoleArns[1]",
        "must be text, in quotes if it looks like a number",
        "pulumi config set -s production --path 'dwcp-v3:cluster.adminRoleArns[1]' arn:aws:iam::111122223333:role/platform-admin",
    ),
    (
        {"rollout": {"steps": [10, "half", 100]}},
        "rollout.steps[1]",
        "must be a whole number",
        "pulumi config set -s production --path 'dwcp-v3:rollout.steps[1]' 50",
    ),
    (
        {"cluster": {"addonVersions": "v1.21.1-eksbuild.3"}},
        "cluster.addonVersions",
        "must be an object",
        "write `addonVersions: {}` under dwcp-v3:cluster in the stack file",
    ),
]


@pytest.mark.parametrize(("groups", "path", "problem", "fix"), BAD_ENTRIES)
def test_the_fix_for_a_bad_entry_keeps_the_other_entries(
    load_stack: Load, groups: dict[str, Any], path: str, problem: str, fix: str
) -> None:
    assert [(each.path, each.problem, each.fix) for each in error_of(load_stack, groups).mistakes] == [(path, problem, fix)]


WRONG: list[Any] = [
    *(
        5,
        "x",
        True,
        None,
        [],
        {},
        [5],
        ["x"],
        [None],
        [{}],
        {"coredns": 5},
        {"foo": "x"},
        {"foo": 5},
        {"production": 5},
        {"a.b": []},
    ),
    *([{"cidr": "10.0.0.0/16"}], [{"cidr": 5, "ports": "x"}], [{"cidr": "10.0.0.0/16", "ports": ["x", 0], "foo": 1}]),
]


@pytest.mark.parametrize("wrong", WRONG, ids=json.dumps)
def test_the_printed_fixes_lead_to_a_valid_stack_file(load_stack: Load, wrong: Any) -> None:
    def stack(texts: dict[str, str]) -> None:
        load_stack({**texts, "alertReceivers": {**SECRETS["alertReceivers"], "webhook": "s3cret"}}, stack="production")

    def account(texts: dict[str, str]) -> None:
        pulumi.runtime.set_all_config({f"dwcp-v3:{key}": text for key, text in texts.items()})
        load_account()

    follow_fixes(stack, dict(settings_reference.groups()), wrong)
    follow_fixes(account, {"account": AccountSettings}, wrong)


def follow_fixes(loads: Callable[[dict[str, str]], None], models: dict[str, type[Group]], wrong: Any) -> None:
    """Set every setting to ``wrong``, and follow the printed fixes until the settings are valid. Raises if a fix has no effect."""
    fields = {key: [str(each.alias) for each in model.model_fields.values()] for key, model in models.items()}
    groups: dict[str, Any] = {key: {field: deepcopy(wrong) for field in found} for key, found in fields.items()}
    printed: set[str] = set()
    while True:
        try:
            return loads({key: json.dumps(content) for key, content in groups.items()})
        except SettingsError as error:
            again = {str(each) for each in error.mistakes} & printed
            assert not again, "\n".join(again)
            for each in error.mistakes:
                printed.add(str(each))
                apply(each.fix, groups)


def apply(fix: str, groups: dict[str, Any]) -> None:
    """Do what ``fix`` says, as the Pulumi CLI or an editor of the stack file does it."""
    edit = re.fullmatch(r"write `(?:(\w+): )?(.+)` (?:under|as) dwcp-v3:(\S+) in the stack file", fix)
    command = re.fullmatch(r"pulumi config (set|rm) -s production --path 'dwcp-v3:(\S+)'(?: '?([^']+)'?)?", fix)
    assert edit or command, fix
    path, value = "", ""
    if edit:
        path, value = f"{edit[3]}.{edit[1]}" if edit[1] else edit[3], edit[2]
    elif command:
        path, value = command[2], command[3]
    place: Any = groups
    parts = [quoted or plain for quoted, plain in re.findall(r'"([^"]+)"|([^.\[\]"]+)', path)]
    *parents, last = [int(part) if part.isdecimal() else part for part in parts]
    for part in parents:
        place = place.setdefault(part, []) if isinstance(place, dict) else place[part]
    if command and command[1] == "rm":
        del place[last]
    elif isinstance(place, list) and last == len(place):
        place.append(yaml.safe_load(value))
    else:
        place[last] = yaml.safe_load(value) if edit or re.fullmatch(r"\d+|true|false", value) else value


def test_every_setting_is_tested_with_a_bad_value() -> None:
    tested = {".".join(re.sub(r"\[.*", "", path).split(".")[:2]) for path, *_ in BAD_VALUES}
    settings = {f"{key}.{field.alias}" for key, model in settings_reference.groups() for field in model.model_fields.values()}
    assert not settings - tested, f"add a bad value and its message to BAD_VALUES: {sorted(settings - tested)}"
    assert not tested - settings, f"remove from BAD_VALUES, because there is no such setting: {sorted(tested - settings)}"


CONFLICTS: list[tuple[dict[str, Any], str, str, str]] = [
    ({"loadBalancer": {"certificateArn": CERTIFICATE}}, "loadBalancer.hostedZone", "are both set", "hostedZone: null"),
    (
        {"loadBalancer": {"hostedZone": "example.org"}},
        "loadBalancer.host",
        "is not in the hosted zone example.org",
        "dwcp.example.org",
    ),
    (
        {
            "environment": {"name": "staging", "region": "eu-west-1"},
            "loadBalancer": {"certificateArn": CERTIFICATE, "hostedZone": None},
        },
        "loadBalancer.certificateArn",
        "is in us-east-1, but environment.region is eu-west-1",
        "arn:aws:acm:eu-west-1:",
    ),
    ({"cluster": {"kubeconfig": "ambient"}}, "cluster.kubeconfig", "the cluster that KUBECONFIG names", "eks"),
    ({"cluster": {"ciRoleArn": None}}, "cluster.adminRoleArns[0]", "would have access to the cluster", "role/platform-admin"),
    (
        {"cluster": {"privateAccessCidrs": []}},
        "cluster.publicAccessCidrs[0]",
        "this program could not reach the cluster's API",
        "203.0.113.0/24",
    ),
    (
        {"environment": {"permissionsBoundaryArn": None}},
        "environment.permissionsBoundaryArn",
        "may not create a role",
        "policy/dwcp-v3",
    ),
    ({"cluster": {"previewRoleArn": ADMIN}}, "cluster.previewRoleArn", "need a role that only reads", "null"),
    (
        {"cluster": {"minNodes": 2, "desiredNodes": 2, "maxNodes": 2}},
        "cluster.maxNodes",
        "is below the number of network.zones (3)",
        "3",
    ),
    ({"cluster": {"capacityType": "SPOT"}}, "cluster.capacityType", "must be ON_DEMAND in production", "ON_DEMAND"),
    ({"monitoring": {"watchdog": False}}, "monitoring.watchdog", "would notice a failure of production's monitoring", "true"),
    (
        {"environment": {"name": "staging"}, "monitoring": {"criticalReceivers": []}},
        "monitoring.criticalReceivers",
        "critical alerts of staging would have no receiver; name a receiver, or set monitoring.alarms to none",
        "[pagerduty]",
    ),
    (
        {"environment": {"name": "staging"}, "monitoring": {"alarmEmails": []}},
        "monitoring.alarmEmails[0]",
        "CloudWatch alarms would have no receiver; name an address, or set monitoring.alarms to none",
        "dwcp-oncall@example.com",
    ),
    ({"network": {"nat": "single"}}, "network.nat", "production needs one per zone", "per_zone"),
    ({"network": {"zones": ["b", "a"]}}, "network.zones[2]", "production needs 3 zones", " c"),
    ({"loadBalancer": {"deletionProtection": False}}, "loadBalancer.deletionProtection", "must be true in production", "true"),
    ({"artifacts": {"forceDestroy": "true"}}, "artifacts.forceDestroy", "must be false in production", "false"),
    ({"logs": {"retentionDays": 7}}, "logs.retentionDays", "must be at least 30 in production", "30"),
    (
        {"autoscaling": {"minReplicas": 2}},
        "autoscaling.minReplicas",
        "must be at least 3 in production",
        "3",
    ),
    ({"monitoring": {"outsideCluster": True}}, "monitoring.outsideCluster", "whose Prometheus runs in the cluster", "false"),
    ({"monitoring": {"alarmEmails": []}}, "monitoring.alarmEmails[0]", "set monitoring.alarms to none", "dwcp-oncall@"),
    ({"monitoring": {"alarms": "none"}}, "monitoring.alarms", "CloudWatch alarms of production would have no receiver", "email"),
    ({"monitoring": {"criticalReceivers": []}}, "monitoring.criticalReceivers", "would have no receiver", "[pagerduty]"),
    (
        {"monitoring": {"mode": "operator", "warningReceivers": ["slack"]}},
        "monitoring.warningReceivers",
        "the cluster's own Alertmanager selects",
        "[]",
    ),
    (
        {"monitoring": {"mode": "operator", "watchdog": True}},
        "monitoring.watchdog",
        "is true, but in operator mode the stack has no Alertmanager that sends the heartbeat",
        "false",
    ),
    (
        {"docker": {"buildPlatforms": ["linux/amd64", "linux/arm64"], "buildPush": False}},
        "docker.buildPush",
        "only a registry holds an image of several platforms",
        "true",
    ),
    *(
        (
            {"docker": {"buildContext": "src"}, "application": {"image": f"ghcr.io/novacron/dwcp-v3{tag}@sha256:{'0' * 64}"}},
            "application.image",
            "has a digest, but docker.buildContext is set, and a new image gets its digest from the build",
            f"ghcr.io/novacron/dwcp-v3{tag or ':1.2.3'}",
        )
        for tag in (":v3.1.0", "")
    ),
    *(
        (
            {"docker": {"buildCache": f"ghcr.io/novacron/dwcp-v3-cache{tag}@sha256:{'0' * 64}"}},
            "docker.buildCache",
            "names an image by digest, and a build can store its cache only in a tag",
            f"ghcr.io/novacron/dwcp-v3-cache{tag or ':cache'}",
        )
        for tag in (":main", "")
    ),
    (
        {"docker": {"enabled": True, "alertmanagerPort": 8080}},
        "docker.alertmanagerPort",
        "is the same as application.port (8080)",
        "8081",
    ),
    (
        {"docker": {"enabled": True, "prometheusPort": 9090}},
        "docker.prometheusPort",
        "is the same as application.metricsPort (9090)",
        "9091",
    ),
]


@pytest.mark.parametrize(("groups", "path", "problem", "example"), CONFLICTS)
def test_conflicting_settings_are_refused(load_stack: Load, groups: dict[str, Any], path: str, problem: str, example: str) -> None:
    error = error_of(load_stack, groups)
    assert [mistake.path for mistake in error.mistakes] == [path], str(error)
    assert problem in error.mistakes[0].problem
    assert example in error.mistakes[0].fix


@pytest.mark.parametrize(
    "groups",
    [
        groups
        for groups, path, *_ in CONFLICTS
        if groups.get("monitoring", {}).get("mode") != "operator"
        and "docker" not in groups
        and "name" not in groups.get("environment", {})
        and path.partition(".")[2] not in {"hostedZone", "host", "certificateArn", "previewRoleArn", "maxNodes"}
    ],
)
def test_the_safety_rules_do_not_apply_to_local(load_stack: Load, groups: dict[str, Any]) -> None:
    settings, _ = load_stack({**groups, "environment": {**groups.get("environment", {}), "name": "local"}})
    assert settings.environment.name == "local"


def test_all_mistakes_are_reported_together(load_stack: Load) -> None:
    error = error_of(
        load_stack,
        {
            "network": {"nat": "single", "vpcCidr": "10.0.0.0/16"},
            "cluster": {"minNodes": 9, "desiredNodes": 2, "version": "1.35"},
            "application": {"port": 9090, "cpuRequest": "3", "memoryRequest": "3Gi"},
            "redis": {"memory": 5, "storage": 6},
            "newtork": {},
            "monitoring": {"criticalReceivers": ["slack"], "watchdog": True, "alarmEmails": ["oncall@example.com"]},
            "registryToken": None,
        },
        stack="staging",
    )
    assert [mistake.path for mistake in error.mistakes] == [
        "newtork",
        "cluster.maxNodes",
        "application.metricsPort",
        "application.cpuRequest",
        "application.memoryRequest",
        "redis.memory",
        "redis.storage",
        "network.nat",
        "environment.name",
        "registryToken",
    ]
    assert str(error).startswith("10 mistakes in the configuration of stack staging (Pulumi.staging.yaml):\n  dwcp-v3:newtork\n")


def test_the_engine_prints_the_error_without_a_traceback(load_stack: Load) -> None:
    error = error_of(load_stack, {"environment": {"name": "prod"}})
    assert isinstance(error, pulumi.RunError)
    assert isinstance(error, ComponentsError)
    assert str(error) == (
        "1 mistake in the configuration of stack prod (Pulumi.prod.yaml):\n"
        '  dwcp-v3:environment.name = "prod"\n'
        "      must be one of local, staging, production\n"
        "      fix: pulumi config set -s prod --path 'dwcp-v3:environment.name' production"
    )


@pytest.mark.parametrize(
    ("groups", "path", "problem"),
    [
        ({"network": {"natt": "single"}}, "network.natt", "is not a setting; did you mean nat?"),
        ({"network": {"vpc_cidr": "10.0.0.0/16"}}, "network.vpc_cidr", "did you mean vpcCidr?"),
        (
            {"application": {"egress": [{**RULE, "port": 443}]}},
            "application.egress[0].port",
            "is not a setting; did you mean ports?",
        ),
        ({"cluster": {"addonVersions": {"dns": "v1"}}}, "cluster.addonVersions.dns", "vpc-cni; did you mean coredns?"),
        ({"autoScaling": {}}, "autoScaling", "is not a setting; did you mean autoscaling?"),
        ({"zebra": "x"}, "zebra", "is not a setting"),
        ({"logs": "30"}, "logs", "must be an object of settings"),
        ({"logs": "["}, "logs", "must be an object of settings"),
        ({"environment": None}, "environment.name", "is missing"),
    ],
)
def test_unknown_keys_are_refused(load_stack: Load, groups: dict[str, Any], path: str, problem: str) -> None:
    error = error_of(load_stack, groups)
    assert [mistake.path for mistake in error.mistakes] == [path], str(error)
    assert problem in error.mistakes[0].problem


@pytest.mark.parametrize(
    ("stack", "name", "example"),
    [("staging", None, "staging"), ("staging", "prod", "staging"), ("prod", None, "production"), ("prod", "stagin", "staging")],
)
def test_the_example_of_the_environment_is_the_stack(load_stack: Load, stack: str, name: str | None, example: str) -> None:
    environment = json.dumps({} if name is None else {"name": name})
    [mistake] = error_of(load_stack, {"environment": environment}, stack=stack).mistakes
    assert mistake.fix == f"pulumi config set -s {stack} --path 'dwcp-v3:environment.name' {example}"


@pytest.mark.parametrize(
    ("missing", "command"),
    [
        ("redisPassword", "pulumi config set --secret -s production --path 'dwcp-v3:redisPassword'"),
        ("registryToken", "pulumi config set --secret -s production --path 'dwcp-v3:registryToken'"),
        ("registryUsername", "pulumi config set -s production --path 'dwcp-v3:registryUsername' novacron"),
    ],
)
@pytest.mark.parametrize("value", [None, "", " "])
def test_a_missing_secret_is_refused_with_the_command_that_sets_it(
    load_stack: Load, missing: str, command: str, value: str | None
) -> None:
    error = error_of(load_stack, {missing: value})
    assert [mistake.path for mistake in error.mistakes] == [missing]
    assert error.mistakes[0].fix.startswith(command)


@pytest.mark.parametrize(
    ("monitoring", "receivers", "path", "problem"),
    [
        (
            {"criticalReceivers": ["webhook"]},
            {},
            "alertReceivers.webhook",
            "is missing, but monitoring.criticalReceivers names webhook",
        ),
        (
            {"warningReceivers": ["webhook"]},
            {},
            "alertReceivers.webhook",
            "is missing, but monitoring.warningReceivers names webhook",
        ),
        ({"watchdog": True}, {"watchdog": None}, "alertReceivers.watchdog", "is missing, but monitoring.watchdog is true"),
        ({}, {"slak": "s3cret"}, "alertReceivers.slak", "is not a receiver; did you mean slack?"),
        ({}, ["s3cret"], "alertReceivers", "must be an object with one string per receiver"),
    ],
)
def test_a_receiver_without_its_secret_is_refused(
    load_stack: Load, monitoring: Any, receivers: Any, path: str, problem: str
) -> None:
    given: Any = {**SECRETS["alertReceivers"], **receivers} if isinstance(receivers, dict) else receivers
    if isinstance(given, dict):
        given = {name: value for name, value in given.items() if value is not None}
    error = error_of(load_stack, {"monitoring": monitoring, "alertReceivers": given})
    assert [mistake.path for mistake in error.mistakes] == [path]
    assert error.mistakes[0].problem.startswith(problem)
    assert "s3cret" not in str(error)


def test_a_missing_grafana_password_is_refused_where_grafana_runs(load_stack: Load) -> None:
    error = error_of(load_stack, {"grafanaPassword": None})
    assert [mistake.path for mistake in error.mistakes] == ["grafanaPassword"]
    _, secrets = load_stack({"monitoring": {"mode": "operator"}, "grafanaPassword": None, "alertReceivers": None})
    assert secrets.grafana_password is secrets.alert_receivers is None
    on_docker = {"monitoring": {"mode": "operator"}, "docker": {"enabled": True}, "grafanaPassword": None, "alertReceivers": None}
    assert [mistake.path for mistake in error_of(load_stack, on_docker).mistakes] == ["grafanaPassword"]


def numbers() -> Iterator[tuple[str, Any]]:
    """The path of every setting that is a number or a quantity, with a value that is far too large."""
    for group, field in Settings.model_fields.items():
        model = cast("type[Group]", field.annotation)
        for name, each in model.model_fields.items():
            path = f"{to_camel(group)}.{to_camel(name)}"
            if isinstance(each.default, int | float) and not isinstance(each.default, bool):
                yield path, 10**12
            elif isinstance(each.default, str) and re.fullmatch(r"\d+(Mi|Gi)", each.default):
                yield path, f"{10**12}Gi"
            elif isinstance(each.default, str) and re.fullmatch(r"\d+m", each.default):
                yield path, 10**12


@pytest.mark.parametrize(("path", "value"), list(numbers()))
def test_a_far_too_large_number_is_refused_with_its_key(load_stack: Load, path: str, value: Any) -> None:
    group, field = path.split(".")
    found = next(each for each in error_of(load_stack, {group: {field: value}}).mistakes if each.path == path)
    assert found.fix
    assert re.search("must be (at most|from|one of|a percentage)", found.problem), found


def test_a_pod_may_have_all_of_the_largest_instance(load_stack: Load) -> None:
    """The SDK knows the memory of the largest instances by name. The largest of them has 1920 vCPUs."""
    tebibytes = max(int(size) for each in aws.ec2.InstanceType for size in re.findall(r"-(\d+)tb", each.value))
    memory = f"{tebibytes}Ti"
    settings, _ = load_stack({"application": {"memoryLimit": memory, "cpuLimit": 1920}, "redis": {"memory": memory}})
    assert settings.application.memory_limit == settings.redis.memory == memory


def test_the_fix_for_a_key_with_a_dot_removes_only_that_key(load_stack: Load) -> None:
    """`pulumi config set dwcp-v3:network.nat per_zone`, without --path, creates a key of that name."""
    error = error_of(load_stack, {"network": {"nat": "per_zone"}, "network.nat": "per_zone"})
    [found] = error.mistakes
    assert "the key was set without --path" in found.problem
    assert found.fix == "pulumi config rm -s production 'dwcp-v3:network.nat'"


@pytest.mark.parametrize("key", ["redisPassword", "registryToken", "grafanaPassword"])
@pytest.mark.parametrize("value", [{"a": "s3cret"}, ["s3cret"]])
def test_a_secret_that_is_a_structure_is_refused(load_stack: Load, key: str, value: Any) -> None:
    error = error_of(load_stack, {key: value})
    assert [mistake.path for mistake in error.mistakes] == [key]
    assert "must be a string" in error.mistakes[0].problem
    assert "s3cret" not in str(error)


def test_empty_api_keys_are_refused(load_stack: Load) -> None:
    error = error_of(load_stack, {"apiKeys": {}})
    assert [(each.path, each.fix) for each in error.mistakes] == [("apiKeys", "pulumi config rm -s production 'dwcp-v3:apiKeys'")]


@pytest.mark.parametrize(
    "keys",
    [
        *("s3cret", ["s3cret"], {"billing": 5}, {"billing": ""}, {"bil ling": "s3cret"}),
        *({"caf\u00e9": "s3cret"}, {"": "s3cret"}, {"a" * 246: "s3cret"}),
    ],
)
def test_invalid_api_keys_are_refused(load_stack: Load, keys: Any) -> None:
    error = error_of(load_stack, {"apiKeys": keys})
    assert [mistake.path for mistake in error.mistakes] == ["apiKeys"]
    assert "must be an object with one string per API" in error.mistakes[0].problem
    assert "s3cret" not in str(error)


def test_the_longest_name_of_an_api_key_fits_the_secret(load_stack: Load) -> None:
    _, secrets = load_stack({"apiKeys": {"a" * 245: "s3cret"}})
    [name] = asyncio.get_event_loop().run_until_complete(secrets.api_keys.future()) or {}
    assert len(f"{API_KEY_PREFIX}{name}") == 253


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_a_secret_in_plain_text_is_refused_in_staging_and_production(load_stack: Load, environment: str) -> None:
    error = error_of(load_stack, {"environment": {"name": environment}}, encrypted=("redisPassword",))
    assert {mistake.path for mistake in error.mistakes} == SECRETS.keys() - {"redisPassword"}
    assert all("plain text" in mistake.problem for mistake in error.mistakes)


@pytest.mark.parametrize(
    ("groups", "encrypted"),
    [
        ({"redis": {"password": "s3cret-pasted"}}, ()),
        ({"redis": {"memory": {"password": "s3cret-pasted"}}}, ()),
        ({"redis": {"memory": ["x", {"password": "s3cret-pasted"}]}}, ()),
        ({"redis": {"memory": "s3cret-pasted"}}, ("redis",)),
        ({"redisPasword": "s3cret-pasted"}, ()),
        ({"apiKeys": ["s3cret-pasted"]}, ()),
    ],
)
def test_an_error_contains_no_secret(load_stack: Load, groups: dict[str, Any], encrypted: tuple[str, ...]) -> None:
    error = error_of(load_stack, groups, encrypted=(*SECRETS, *encrypted))
    assert "s3cret" not in str(error)


def test_secrets_are_secret_outputs(load_stack: Load) -> None:
    settings, secrets = load_stack({"application": {"image": "registry.example.com:5000/dwcp@sha256:" + "0" * 64}})
    run = asyncio.get_event_loop().run_until_complete
    for output, value in (
        (secrets.redis_password, "s3cret-redis"),
        (secrets.api_keys, {"billing": "s3cret-billing"}),
        (secrets.registry.token, "s3cret-token"),
        (secrets.grafana_password, "s3cret-grafana"),
        (secrets.alert_receivers, SECRETS["alertReceivers"]),
    ):
        assert output is not None
        assert run(output.is_secret())
        assert run(output.future()) == value
    assert secrets.registry.server == "registry.example.com:5000"
    assert "s3cret" not in f"{settings!r} {secrets!r}"


def test_numbers_and_booleans_are_accepted_as_text(load_stack: Load) -> None:
    settings, _ = load_stack(
        {
            "logs": {"retentionDays": "365"},
            "autoscaling": {"maxReplicas": "12"},
            "ingress": {"enabled": "false"},
            "application": {"cpuRequest": 1, "cpuLimit": 1.5},
        }
    )
    assert settings.logs.retention_days == 365
    assert settings.autoscaling.max_replicas == 12
    assert settings.ingress.enabled is False
    assert (settings.application.cpu_request, settings.application.cpu_limit) == ("1", "1500m")


@pytest.mark.parametrize("stack", ["local", "staging", "production"])
def test_the_committed_stack_files_are_valid(load_stack: Load, stack: str) -> None:
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    assert config.pop("pulumi:disable-default-providers") == ["*"]
    groups = {key.removeprefix("dwcp-v3:"): value for key, value in config.items()}
    assert stack == "local" or not groups.keys() & SECRETS.keys()
    given = groups if stack == "local" else {**groups, "alertReceivers": SECRETS["alertReceivers"]}
    settings, _ = load_stack(given, stack=stack, encrypted=() if stack == "local" else tuple(SECRETS))
    assert settings.environment.name == stack


@pytest.mark.parametrize(
    ("stack", "problem"),
    [
        ("production", "is not the environment of stack production"),
        ("dev", "is the environment of the stack staging, whose resources have the same names"),
    ],
)
def test_a_stack_file_of_another_environment_is_refused(stack: str, problem: str, load_stack: Load) -> None:
    cluster = {"ciRoleArn": ADMIN, "publicAccessCidrs": ["203.0.113.0/24"]}
    groups = {"environment": {"name": "staging"}, "cluster": cluster, "monitoring": {"alarms": "none"}}
    error = error_of(load_stack, groups, stack=stack)
    assert [(mistake.path, mistake.problem) for mistake in error.mistakes] == [("environment.name", problem)]


ordered_pairs = st.tuples(st.integers(1, 450), st.integers(1, 450)).map(sorted)
zones = st.lists(st.sampled_from("abcdef"), min_size=2, unique=True).map(tuple)
networks = st.builds(lambda prefix, block: f"10.{block}.0.0/{prefix}", st.sampled_from(list(VPC_PREFIXES)), st.integers(0, 255))
groups_of_settings: st.SearchStrategy[Group] = st.one_of(
    st.builds(NetworkSettings, vpc_cidr=networks, zones=zones, nat=st.sampled_from(["single", "per_zone"])),
    ordered_pairs.map(lambda pair: AutoscalingSettings(min_replicas=pair[0], max_replicas=pair[1])),
    ordered_pairs.map(lambda pair: ClusterSettings(min_nodes=pair[0], desired_nodes=pair[0], max_nodes=pair[1])),
    st.integers(0, 3600).map(
        lambda seconds: LoadBalancerSettings(deregistration_delay_seconds=seconds, hosted_zone=None, certificate_arn=CERTIFICATE)
    ),
)


@given(groups_of_settings)
def test_a_group_is_unchanged_after_a_yaml_round_trip(group: Group) -> None:
    written = yaml.safe_load(yaml.safe_dump(group.model_dump(mode="json", by_alias=True)))
    assert type(group).model_validate(written, by_alias=True, by_name=False) == group


@given(ordered_pairs)
def test_reversed_bounds_are_refused(pair: list[int]) -> None:
    low, high = pair[0], pair[1] + 1
    with pytest.raises(ValidationError, match=re.escape(f"maxReplicas is below minReplicas ({high})")):
        AutoscalingSettings(min_replicas=high, max_replicas=low)


def test_settings_are_immutable() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        EnvironmentSettings(name="local").name = "production"


@pytest.mark.parametrize(
    ("quantity", "number"),
    [("500m", "0.5"), ("2", "2"), ("1.5", "1.5"), ("512Mi", str(2**29)), ("2Gi", str(2**31)), ("1Ki", "1024")],
)
def test_quantities_are_parsed(quantity: str, number: str) -> None:
    assert str(parse_quantity(quantity).normalize()) == str(type(parse_quantity(quantity))(number).normalize())


@pytest.mark.parametrize("quantity", ["", "m", "1G", "1mm", "-1", "1e3", "1 Gi", "1..5"])
def test_an_invalid_quantity_is_refused(quantity: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity such as 500m or 512Mi"):
        parse_quantity(quantity)


def test_mebibytes_round_down() -> None:
    assert mebibytes("2Gi") == 2048
    assert mebibytes("1535Ki") == 1


SOURCES = "guide|AWS|Kubernetes|Prometheus|Alertmanager|Grafana|Redis|cert-manager|Docker|Argo Rollouts|alert|docs"


def test_every_setting_names_its_source() -> None:
    for key, model in settings_reference.groups():
        for name, field in model.model_fields.items():
            found = re.search(rf"\(({SOURCES})[^()]*\)\.$", field.description or "")
            assert found, f"{key}.{name}: end the docstring with its source, for example `(AWS: EKS add-ons).`; known: {SOURCES}"
