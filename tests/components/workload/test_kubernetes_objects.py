"""Properties of every Kubernetes object of the program."""

from __future__ import annotations

import base64
from functools import cache

import pytest
from manifests import ALTERNATIVES, CHANGED, STACKS, Manifest, Manifests, evaluate, values_of
from recording import stack_config

CONFIGURATIONS = [*STACKS, "preview", "changed", "alternatives"]


@cache
def objects_of(configuration: str) -> Manifests:
    match configuration:
        case "preview":
            return evaluate("production", preview=True)
        case "changed":
            return evaluate("staging", **CHANGED)
        case "alternatives":
            return evaluate("staging", **ALTERNATIVES)
        case _:
            return evaluate(configuration)


@pytest.fixture(params=CONFIGURATIONS)
def objects(request: pytest.FixtureRequest) -> Manifests:
    return objects_of(request.param)


def restricted_violations(spec: Manifest) -> list[str]:
    """The violations of the Pod Security Standard ``restricted``.

    Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
    """
    violations = [field for field in ("hostNetwork", "hostPID", "hostIPC", "hostUsers") if spec.get(field)]
    pod = spec["securityContext"]
    allowed = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
    violations += [f"volume {volume['name']}" for volume in spec["volumes"] if not volume.keys() - {"name"} <= allowed]
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        context = {**pod, **container["securityContext"]}
        capabilities = context.get("capabilities", {})
        checks = {
            "allowPrivilegeEscalation": context.get("allowPrivilegeEscalation") is False,
            "privileged": not context.get("privileged"),
            "runAsNonRoot": context.get("runAsNonRoot") is True,
            "runAsUser": context.get("runAsUser") != 0,
            "seccompProfile": context.get("seccompProfile", {}).get("type") in ("RuntimeDefault", "Localhost"),
            "capabilities.drop": capabilities.get("drop") == ["ALL"],
            "capabilities.add": set(capabilities.get("add", [])) <= {"NET_BIND_SERVICE"},
            "hostPort": not any(port.get("hostPort") for port in container["ports"]),
        }
        violations += [f"{container['name']}: {check}" for check, holds in checks.items() if not holds]
    return violations


def test_every_pod_meets_the_restricted_standard(objects: Manifests) -> None:
    assert {pod.owner: restricted_violations(pod.spec) for pod in objects.pods()} == {pod.owner: [] for pod in objects.pods()}


def test_the_restricted_check_finds_violations() -> None:
    spec = objects_of("local").pods()[0].spec
    container = {**spec["containers"][0], "securityContext": {"privileged": True}}
    assert set(restricted_violations({**spec, "hostNetwork": True, "containers": [container]})) == {
        "hostNetwork",
        *(f"{container['name']}: {check}" for check in ("allowPrivilegeEscalation", "privileged", "capabilities.drop")),
    }


def test_containers_have_a_read_only_root_filesystem_and_run_as_1001(objects: Manifests) -> None:
    for pod in objects.pods():
        assert pod.spec["securityContext"]["runAsUser"] == 1001
        assert all(each["securityContext"]["readOnlyRootFilesystem"] for each in pod.spec["containers"])


def test_every_container_has_all_probes_and_resource_limits(objects: Manifests) -> None:
    for pod in objects.pods():
        for container in pod.spec["containers"]:
            assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys(), container["name"]
            wanted = {"cpu", "memory", "ephemeral-storage"}
            assert wanted == container["resources"]["requests"].keys() == container["resources"]["limits"].keys()


def test_only_monitoring_pods_have_a_token_for_the_api(objects: Manifests) -> None:
    with_token = {pod.owner for pod in objects.pods() if pod.spec["automountServiceAccountToken"]}
    assert with_token <= {"dwcp-v3-prometheus", "dwcp-v3-kube-state-metrics"}
    assert not any(account["automountServiceAccountToken"] for account in objects.all("ServiceAccount"))


def test_no_image_has_the_tag_latest(objects: Manifests) -> None:
    for pod in objects.pods():
        for container in pod.spec["containers"]:
            name = container["image"].rpartition("/")[2]
            assert ":" in name, container["image"]
            assert not name.endswith(":latest"), container["image"]


def test_every_namespaced_object_is_in_the_namespace(objects: Manifests) -> None:
    cluster_wide = {"Namespace", "PriorityClass", "StorageClass", "ClusterRole", "ClusterRoleBinding"}
    elsewhere = set()
    for each in objects.everything:
        if each["kind"] not in cluster_wide and each["metadata"]["namespace"] != "dwcp-v3":
            elsewhere.add((each["metadata"]["namespace"], each["kind"]))
    kinds = ("DaemonSet", "NetworkPolicy", "Role", "RoleBinding", "ServiceAccount")
    assert elsewhere <= {("dwcp-v3-node-exporter", kind) for kind in kinds}


def test_no_two_objects_of_a_kind_share_a_name(objects: Manifests) -> None:
    names = [(each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in objects.everything]
    assert len(names) == len(set(names))


def test_objects_that_pods_refer_to_exist(objects: Manifests) -> None:
    for pod in objects.pods():
        spec = pod.spec
        assert spec["serviceAccountName"] in objects.names("ServiceAccount")
        assert spec["priorityClassName"] in objects.names("PriorityClass")
        assert {each["name"] for each in spec.get("imagePullSecrets", [])} <= objects.names("Secret")
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        for volume in volumes.values():
            if config_map := volume.get("configMap"):
                assert config_map["name"] in objects.names("ConfigMap")
            if secret := volume.get("secret"):
                assert secret["secretName"] in objects.names("Secret")
            if claim := volume.get("persistentVolumeClaim"):
                assert claim["claimName"] in objects.names("PersistentVolumeClaim")
        mounted = {mount["name"] for container in spec["containers"] for mount in container.get("volumeMounts", [])}
        assert mounted == volumes.keys(), pod.owner
        for container in spec["containers"]:
            assert {each["configMapRef"]["name"] for each in container.get("envFrom", [])} <= objects.names("ConfigMap")
        for constraint in spec.get("topologySpreadConstraints", []):
            assert constraint["labelSelector"]["matchLabels"].items() <= dict(pod.labels).items()


def test_claims_name_a_storage_class_of_the_program_or_of_the_settings(objects: Manifests) -> None:
    for claim in objects.all("PersistentVolumeClaim"):
        by_setting = {"dwcp-v3-shared": {"efs"}, "dwcp-v3-redis": {None, "gp3"}}.get(claim["metadata"]["name"], set())
        assert claim["spec"].get("storageClassName") in objects.names("StorageClass") | by_setting


def test_deployments_select_only_their_own_pods(objects: Manifests) -> None:
    for deployment in objects.all("Deployment"):
        name = deployment["metadata"]["name"]
        assert [pod.owner for pod in objects.selected(deployment["spec"]["selector"])] == [name]


def test_services_select_one_deployment_and_its_ports(objects: Manifests) -> None:
    for service in objects.all("Service"):
        [pod] = objects.selected({"matchLabels": service["spec"]["selector"]})
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= pod.ports, service["metadata"]["name"]


def test_disruption_budgets_and_autoscalers_select_one_deployment(objects: Manifests) -> None:
    for budget in objects.all("PodDisruptionBudget"):
        assert len(objects.selected(budget["spec"]["selector"])) == 1
        assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    for autoscaler in objects.all("HorizontalPodAutoscaler"):
        target = autoscaler["spec"]["scaleTargetRef"]
        assert (target["apiVersion"], target["kind"]) == ("apps/v1", "Deployment")
        assert target["name"] in objects.names("Deployment")


def test_target_group_bindings_and_ingresses_refer_to_service_ports(objects: Manifests) -> None:
    backends = [
        (each["spec"]["serviceRef"]["name"], each["spec"]["serviceRef"]["port"]) for each in objects.all("TargetGroupBinding")
    ]
    for ingress in objects.all("Ingress"):
        paths = [path for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]
        backends += [(path["backend"]["service"]["name"], path["backend"]["service"]["port"]["number"]) for path in paths]
    for name, port in backends:
        assert port in {each["port"] for each in objects.one("Service", name)["spec"]["ports"]}


def test_role_bindings_refer_to_an_existing_role_and_service_account(objects: Manifests) -> None:
    for binding in objects.all("RoleBinding"):
        assert binding["roleRef"]["name"] in objects.names("Role")
        assert {(each["kind"], each["namespace"]) for each in binding["subjects"]} == {("ServiceAccount", "dwcp-v3")}
        assert {each["name"] for each in binding["subjects"]} <= objects.names("ServiceAccount")


def test_network_policies_open_only_ports_that_their_pods_have(objects: Manifests) -> None:
    for policy in objects.all("NetworkPolicy"):
        spec = policy["spec"]
        selected = objects.selected(spec["podSelector"])
        assert selected, policy["metadata"]["name"]
        for rule in spec.get("ingress", []):
            assert all(port["port"] in pod.ports for port in rule["ports"] for pod in selected), policy["metadata"]["name"]


def test_each_network_policy_rule_has_its_counterpart_at_the_other_end(objects: Manifests) -> None:
    """A connection inside the namespace needs two rules: egress at its source and ingress at its target."""

    def connections(direction: str, peers: str) -> set[tuple[str, str, int]]:
        return {
            (pod.labels["app"], peer.labels["app"], port["port"])
            for policy in objects.all("NetworkPolicy")
            for rule in policy["spec"].get(direction, [])
            for source in rule.get(peers, [])
            if "podSelector" in source and "namespaceSelector" not in source
            for pod in objects.selected(policy["spec"]["podSelector"])
            for peer in objects.selected(source["podSelector"])
            for port in rule["ports"]
        }

    arrivals = {(caller, callee, port) for callee, caller, port in connections("ingress", "from")}
    assert arrivals == connections("egress", "to")
    assert ("dwcp-v3", "dwcp-v3-redis", 6379) in arrivals


def test_secret_values_are_only_in_secrets(objects: Manifests) -> None:
    config = stack_config("local" if objects is objects_of("local") else "production")
    secrets = [config[f"dwcp-v3:{key}"] for key in ("redisPassword", "registryToken", "grafanaPassword")]
    secrets += [*config["dwcp-v3:apiKeys"].values(), *config["dwcp-v3:alertReceivers"].values()]
    forms = [form for secret in secrets for form in (secret, base64.b64encode(secret.encode()).decode())]
    assert all(secrets)
    leaks = [
        (each.type, each.name)
        for each in objects.graph.resources
        if not each.type.endswith(":Secret") and any(form in text for text in values_of(each.inputs) for form in forms)
    ]
    assert leaks == []
