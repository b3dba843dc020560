"""The service: the names that the guide fixes, its two tracks, and each setting in its place."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest
from manifests import ALTERNATIVES, CHANGED, STACKS, Manifest, Manifests, dependencies, evaluate, platform
from recording import run, stack_config

from components.field_owners import DEPLOYMENT
from components.settings.types import version_label

TRACKED_KINDS = ("Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Service", "TargetGroupBinding")


@pytest.fixture(params=STACKS)
def objects(request: pytest.FixtureRequest) -> Manifests:
    return evaluate(request.param)


def environment(objects: Manifests) -> dict[str, str]:
    return objects.one("ConfigMap", "dwcp-v3")["data"]


def annotations(objects: Manifests, deployment: str = "dwcp-v3") -> dict[str, str]:
    return dict(objects.pod(deployment).metadata["annotations"])


def startup_seconds(objects: Manifests) -> int:
    """Seconds of failed startup checks after which the kubelet restarts the service."""
    probe = objects.container("dwcp-v3", "dwcp-v3")["startupProbe"]
    assert probe.get("initialDelaySeconds", 0) == 0
    return probe["periodSeconds"] * probe["failureThreshold"]


def as_stable(manifest: Any, replacements: dict[str, str]) -> Any:
    """The manifest with the canary's names replaced by those of the stable track."""
    text = json.dumps(manifest, sort_keys=True)
    for canary, stable in replacements.items():
        text = text.replace(canary, stable)
    return json.loads(text)


def test_names_and_ports_are_those_of_the_guide(objects: Manifests) -> None:
    service = objects.one("Service", "dwcp-v3")
    container = objects.container("dwcp-v3", "dwcp-v3")
    assert objects.one("Deployment", "dwcp-v3")["metadata"]["labels"]["app"] == "dwcp-v3"
    assert service["spec"]["type"] == "ClusterIP"
    assert {(port["port"], port["targetPort"]) for port in service["spec"]["ports"]} == {(80, "http"), (9090, "metrics")}
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == {"http": 8080, "metrics": 9090}
    assert container["image"] == "ghcr.io/novacron/dwcp-v3:v3.0.0"
    assert objects.pod("dwcp-v3").spec["imagePullSecrets"] == [{"name": "regcred"}]


def test_resources_and_probes_are_those_of_the_guide(objects: Manifests) -> None:
    container = objects.container("dwcp-v3", "dwcp-v3")
    assert container["resources"] == {
        "requests": {"cpu": "500m", "memory": "512Mi", "ephemeral-storage": "64Mi"},
        "limits": {"cpu": "2000m", "memory": "2Gi", "ephemeral-storage": "1Gi"},
    }
    liveness, readiness = container["livenessProbe"], container["readinessProbe"]
    assert (liveness["httpGet"]["path"], liveness["initialDelaySeconds"]) == ("/health", 30)
    assert (readiness["httpGet"]["path"], readiness["initialDelaySeconds"]) == ("/ready", 10)
    assert container["startupProbe"]["httpGet"]["path"] == "/health"
    assert startup_seconds(objects) == 120


def test_a_start_that_takes_the_longest_allowed_time_ends_before_the_progress_deadline() -> None:
    objects = evaluate("production", application={"startupSeconds": 540})
    assert startup_seconds(objects) == 540
    assert startup_seconds(objects) < objects.one("Deployment", "dwcp-v3")["spec"]["progressDeadlineSeconds"]


def test_the_environment_variables_are_those_of_the_guide(objects: Manifests) -> None:
    variables = environment(objects)
    assert {
        "NODE_ENV",
        "PORT",
        "LOG_LEVEL",
        "REDIS_URL",
        "PROMETHEUS_PORT",
        "DWCP_VERSION",
        "MAX_CONNECTIONS",
        "BUFFER_SIZE",
    } <= variables.keys()
    assert variables["REDIS_URL"] == "redis://dwcp-v3-redis:6379/0"


def test_the_password_and_the_api_keys_are_mounted_as_files() -> None:
    objects = evaluate("production")
    secret = objects.one("Secret", "dwcp-v3")
    container = objects.container("dwcp-v3", "dwcp-v3")
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    password_file = environment(objects)["REDIS_PASSWORD_FILE"]
    folder, _, key = password_file.rpartition("/")
    assert {name: base64.b64decode(value).decode() for name, value in secret["data"].items()} == {
        "redis-password": "redis-secret",
        "api-key-partner": "key-secret",
    }
    assert mounts["secrets"]["mountPath"] == folder
    assert mounts["secrets"]["readOnly"]
    assert key in secret["data"]
    assert "env" not in container


@pytest.mark.parametrize("stack", STACKS)
def test_node_env_is_the_name_of_the_environment(stack: str) -> None:
    assert environment(evaluate(stack))["NODE_ENV"] == stack


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("kind", TRACKED_KINDS)
def test_the_tracks_differ_only_in_the_track(stack: str, kind: str) -> None:
    objects = evaluate(stack)
    stable, canary = objects.one(kind, "dwcp-v3"), copy.deepcopy(objects.one(kind, "dwcp-v3-canary"))
    replacements = {"dwcp-v3-canary": "dwcp-v3", '"canary"': '"stable"'}
    if kind == "Deployment":
        canary["spec"]["replicas"] = stable["spec"]["replicas"]
    if kind == "TargetGroupBinding":
        canary["spec"]["targetGroupARN"] = stable["spec"]["targetGroupARN"]
    assert as_stable(canary, replacements) == stable
    assert canary != stable


def test_the_canary_has_no_pods(objects: Manifests) -> None:
    assert objects.one("Deployment", "dwcp-v3-canary")["spec"]["replicas"] == 0


def test_selectors_contain_the_track_and_not_the_version(objects: Manifests) -> None:
    selectors = [
        *(each["spec"]["selector"]["matchLabels"] for each in objects.all("Deployment") if app_of(each) == "dwcp-v3"),
        *(each["spec"]["selector"] for each in objects.all("Service") if app_of(each) == "dwcp-v3"),
        *(each["spec"]["selector"]["matchLabels"] for each in objects.all("PodDisruptionBudget")),
    ]
    assert len(selectors) == 6
    assert all(selector.keys() == {"app", "track"} for selector in selectors)


def app_of(manifest: Manifest) -> str:
    return manifest["metadata"]["labels"]["app"]


@pytest.mark.parametrize(("track", "name"), [("stable", "dwcp-v3"), ("canary", "dwcp-v3-canary")])
def test_each_track_is_bound_to_its_own_target_group(objects: Manifests, track: str, name: str) -> None:
    binding = objects.one("TargetGroupBinding", name)
    assert binding["apiVersion"] == "elbv2.k8s.aws/v1beta1"
    assert binding["spec"]["targetType"] == "ip"
    assert binding["spec"]["targetGroupARN"].endswith(f"dwcp-v3-{track}")
    assert binding["spec"]["serviceRef"] == {"name": name, "port": 80}


def test_a_stopping_pod_serves_until_its_target_is_deregistered() -> None:
    objects = evaluate("staging", **CHANGED)
    container = objects.container("dwcp-v3", "dwcp-v3")
    drain = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert drain > 120
    assert objects.pod("dwcp-v3").spec["terminationGracePeriodSeconds"] > drain


@pytest.mark.parametrize("kind", ["Service", "PersistentVolumeClaim"])
def test_pulumi_does_not_wait_for_objects_that_become_ready_after_a_later_resource(objects: Manifests, kind: str) -> None:
    found = objects.all(kind)
    assert found
    assert all(each["metadata"]["annotations"]["pulumi.com/skipAwait"] == "true" for each in found)


@pytest.mark.parametrize("track", ["dwcp-v3", "dwcp-v3-canary"])
def test_pods_are_created_after_their_binding_and_the_weighted_rule(track: str) -> None:
    """A pod gets its readiness gate at creation, and passes it only if the load balancer reports it healthy."""
    binding = ("kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding", f"{track}-binding")
    assert binding in dependencies("production", DEPLOYMENT, f"{track}-deployment")
    assert {
        ("kubernetes:core/v1:Service", f"{track}-service"),
        ("aws:lb/listenerRule:ListenerRule", "dwcp-v3-tracks"),
    } <= dependencies("production", *binding)


def test_an_update_removes_no_pod_before_its_successor_is_ready(objects: Manifests) -> None:
    strategy = objects.one("Deployment", "dwcp-v3")["spec"]["strategy"]
    assert strategy["type"] == "RollingUpdate"
    assert strategy["rollingUpdate"]["maxUnavailable"] == 0


def test_pods_spread_over_zones_and_nodes(objects: Manifests) -> None:
    constraints = objects.pod("dwcp-v3").spec["topologySpreadConstraints"]
    assert {each["topologyKey"] for each in constraints} == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}


def test_ingress_is_permitted_only_from_the_public_subnets_to_the_http_port(objects: Manifests) -> None:
    subnets = {each.inputs["cidrBlock"] for each in objects.graph.of("ec2/subnet:Subnet") if "-public-" in each.name}
    rules = objects.one("NetworkPolicy", "dwcp-v3")["spec"]["ingress"]
    assert {peer["ipBlock"]["cidr"] for rule in rules for peer in rule["from"]} == subnets
    assert {port["port"] for rule in rules for port in rule["ports"]} == {"http"}


def test_the_service_may_call_only_redis(objects: Manifests) -> None:
    [rule] = objects.one("NetworkPolicy", "dwcp-v3")["spec"]["egress"]
    assert rule["to"] == [{"podSelector": {"matchLabels": {"app": "dwcp-v3-redis"}}}]
    assert [port["port"] for port in rule["ports"]] == [6379]


def test_the_service_account_may_read_only_the_rollout_flag(objects: Manifests) -> None:
    [rule] = objects.one("Role", "dwcp-v3")["rules"]
    assert rule == {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["dwcp-v3-rollout"], "verbs": ["get", "watch"]}


def test_the_rollout_flag_is_0_at_first_and_is_mounted_as_a_file(objects: Manifests) -> None:
    volumes = {volume["name"]: volume for volume in objects.pod("dwcp-v3").spec["volumes"]}
    assert objects.one("ConfigMap", "dwcp-v3-rollout")["data"] == {"percentage": "0"}
    assert volumes["rollout"]["configMap"]["name"] == "dwcp-v3-rollout"


def test_the_autoscaler_scales_up_at_once_and_down_after_a_window(objects: Manifests) -> None:
    behavior = objects.one("HorizontalPodAutoscaler", "dwcp-v3")["spec"]["behavior"]
    assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 0
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] == 300


def test_productions_autoscaler_is_that_of_the_guide() -> None:
    spec = evaluate("production").one("HorizontalPodAutoscaler", "dwcp-v3")["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 10)
    assert {each["resource"]["name"]: each["resource"]["target"]["averageUtilization"] for each in spec["metrics"]} == {
        "cpu": 70,
        "memory": 80,
    }


def test_there_is_no_shared_volume_by_default(objects: Manifests) -> None:
    assert "dwcp-v3-shared" not in objects.names("PersistentVolumeClaim")


def test_both_tracks_mount_the_shared_volume() -> None:
    objects = evaluate("staging", **ALTERNATIVES)
    claim = objects.one("PersistentVolumeClaim", "dwcp-v3-shared")["spec"]
    assert claim["accessModes"] == ["ReadWriteMany"]
    assert (claim["resources"]["requests"]["storage"], claim["storageClassName"]) == ("5Gi", "efs")
    for deployment in ("dwcp-v3", "dwcp-v3-canary"):
        claims = {
            each["persistentVolumeClaim"]["claimName"]
            for each in objects.pod(deployment).spec["volumes"]
            if "persistentVolumeClaim" in each
        }
        assert claims == {"dwcp-v3-shared"}


def test_settings_reach_the_pods() -> None:
    objects = evaluate("staging", **CHANGED)
    container, variables = objects.container("dwcp-v3", "dwcp-v3"), environment(objects)
    autoscaler = objects.one("HorizontalPodAutoscaler", "dwcp-v3")["spec"]
    assert container["image"] == "ghcr.io/novacron/dwcp-v3:v3.1.0"
    assert objects.pod("dwcp-v3").labels["version"] == "v3.1.0"
    assert container["resources"]["requests"]["cpu"] == "250m"
    assert container["resources"]["limits"]["memory"] == "1Gi"
    assert container["livenessProbe"]["httpGet"]["port"] == container["readinessProbe"]["httpGet"]["port"] == 8081
    assert startup_seconds(objects) == 302  # 301 seconds, rounded up to whole periods of 2 seconds
    assert container["livenessProbe"]["initialDelaySeconds"] == 45
    assert container["readinessProbe"]["initialDelaySeconds"] == 15
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == {"http": 8081, "metrics": 9095}
    assert objects.one("Deployment", "dwcp-v3")["spec"]["replicas"] == 3
    assert (
        variables
        | {
            "NODE_ENV": "staging",
            "LOG_LEVEL": "debug",
            "PORT": "8081",
            "PROMETHEUS_PORT": "9095",
            "DWCP_VERSION": "3.1.0",
            "MAX_CONNECTIONS": "7",
            "BUFFER_SIZE": "1024",
        }
        == variables
    )
    assert (autoscaler["maxReplicas"], autoscaler["behavior"]["scaleDown"]["stabilizationWindowSeconds"]) == (5, 90)
    assert [each["resource"]["target"]["averageUtilization"] for each in autoscaler["metrics"]] == [50, 60]


def test_a_changed_configuration_restarts_the_service_but_not_redis() -> None:
    before, after = evaluate("staging"), evaluate("staging", application={"logLevel": "debug"})
    for deployment in ("dwcp-v3", "dwcp-v3-canary"):
        assert annotations(before, deployment)["dwcp/config-digest"] != annotations(after, deployment)["dwcp/config-digest"]
        assert annotations(before, deployment)["dwcp/secret-digest"] == annotations(after, deployment)["dwcp/secret-digest"]
    assert annotations(before, "dwcp-v3-redis") == annotations(after, "dwcp-v3-redis")


def test_a_changed_password_restarts_the_service_and_redis() -> None:
    config = {**stack_config("staging"), "dwcp-v3:redisPassword": "another-secret"}
    before = evaluate("staging")
    after = Manifests(run(platform, config, stack_name="staging"))
    for deployment in ("dwcp-v3", "dwcp-v3-redis"):
        assert annotations(before, deployment)["dwcp/secret-digest"] != annotations(after, deployment)["dwcp/secret-digest"]
        assert annotations(before, deployment)["dwcp/config-digest"] == annotations(after, deployment)["dwcp/config-digest"]


@pytest.mark.parametrize(
    ("image", "release"),
    [
        (f"localhost:5000/dwcp-v3@sha256:{'ab' * 32}", "abababababab"),
        (f"dwcp-v3:_{'x' * 100}", "x" * 62),
        (f"dwcp-v3:{'x' * 62}-y", "x" * 62),
    ],
)
def test_the_version_label_is_a_valid_label(image: str, release: str) -> None:
    assert version_label(image) == release


def test_the_service_may_call_only_the_configured_external_addresses() -> None:
    def external(objects: Manifests) -> list[Any]:
        rules = objects.one("NetworkPolicy", "dwcp-v3")["spec"]["egress"]
        return [(peer["ipBlock"]["cidr"], [port["port"] for port in rule["ports"]])
                for rule in rules for peer in rule["to"] if "ipBlock" in peer]  # fmt: skip

    assert external(evaluate("production")) == []
    egress = [{"cidr": "198.51.100.7/32", "ports": [443, 8443]}]
    assert external(evaluate("production", application={"egress": egress})) == [("198.51.100.7/32", [443, 8443])]


def test_api_keys_are_optional() -> None:
    config = {key: value for key, value in stack_config("production").items() if key != "dwcp-v3:apiKeys"}
    graph = run(platform, config, stack_name="production")
    assert set(graph.one("kubernetes:core/v1:Secret", "dwcp-v3-secret")["data"]) == {"redis-password"}
