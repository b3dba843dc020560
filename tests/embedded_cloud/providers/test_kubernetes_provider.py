"""What the kubernetes provider promises beyond single kinds, held against a real API server."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from kubernetes_driver import Cluster, Manifest, create, preview, resource_of

from embedded_cloud.control_plane import ControlPlane
from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.processes import free_ports
from embedded_cloud.providers.kubernetes import provider as provider_module
from embedded_cloud.providers.kubernetes.provider import KubernetesPlugin
from embedded_cloud.providers.paths import differing
from embedded_cloud.providers.plugin import UNKNOWN, Change, NotReadyError

NAMESPACE = "behaviour"
MAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"


def connected(kubeconfig: Path, **options: Any) -> KubernetesPlugin:
    plugin = KubernetesPlugin()
    plugin.configure({"kubeconfig": str(kubeconfig), "enableConfigMapMutable": "true", **options})
    return plugin


@pytest.fixture(scope="module")
def cluster(control_plane: ControlPlane) -> Cluster:
    return Cluster(control_plane.kubeconfig)


@pytest.fixture(scope="module")
def provider(control_plane: ControlPlane) -> Iterator[KubernetesPlugin]:
    plugin = connected(control_plane.kubeconfig)
    space = create(plugin, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    yield plugin
    space.delete()


def config_map(name: str | None = None, **data: str) -> Manifest:
    metadata = {"namespace": NAMESPACE} | ({"name": name} if name else {})
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def deployment(name: str, replicas: int = 1, annotations: dict[str, str] | None = None, **pod: Any) -> Manifest:
    labels = {"app": name}
    containers = [{"name": "main", "image": "web:1", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE, "annotations": annotations or {}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers, **pod}},
        },
    }


def with_image(manifest: Manifest, image: str) -> Manifest:
    result = deepcopy(manifest)
    result["spec"]["template"]["spec"]["containers"][0]["image"] = image
    return result


# -- names ---------------------------------------------------------------------------------------------------------------


def test_an_object_without_a_name_gets_one_and_keeps_it(provider: KubernetesPlugin) -> None:
    managed = create(provider, config_map(a="1"), "settings")
    name = managed.inputs["metadata"]["name"]
    assert name.startswith("settings-")
    assert managed.diff(config_map(a="1")).changes == {}
    assert managed.update(config_map(a="2")).state["metadata"]["name"] == name
    assert not managed.diff(config_map(a="2")).delete_before_replace
    managed.delete()


def test_a_namespaced_object_goes_to_the_providers_namespace(control_plane: ControlPlane, provider: KubernetesPlugin) -> None:
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
    check = connected(control_plane.kubeconfig, namespace="elsewhere").check
    assert check(resource_of(manifest, "x"), {}, manifest)["metadata"]["namespace"] == "elsewhere"
    assert provider.check(resource_of(manifest, "x"), {}, manifest)["metadata"]["namespace"] == "default"


# -- what cannot be ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("api_version", "kind", "message"),
    [
        ("apps/v1beta9", "Deployment", "the API server knows no kind Deployment in apps/v1beta9"),
        ("networking.k8s.io/v1", "Ingres", "the API server knows no kind Ingres in networking.k8s.io/v1"),
        ("v1", "ConfigMapList", "the API server knows no kind ConfigMapList in v1"),
    ],
)
def test_a_kind_of_the_api_servers_own_groups_must_exist(
    provider: KubernetesPlugin, api_version: str, kind: str, message: str
) -> None:
    manifest = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}}
    with pytest.raises(EmbeddedCloudError, match=message):
        provider.check(resource_of(manifest, "x"), {}, manifest)


def test_charts_patches_and_functions_are_refused_by_name(provider: KubernetesPlugin) -> None:
    chart = resource_of({"apiVersion": "helm.sh/v3", "kind": "Release"}, "x")
    with pytest.raises(EmbeddedCloudError, match=r"does not model kubernetes:helm.sh/v3:Release"):
        provider.check(chart, {}, {"chart": "nginx"})
    patch = resource_of({"apiVersion": "apps/v1", "kind": "DeploymentPatch"}, "x")
    with pytest.raises(EmbeddedCloudError, match="does not model kubernetes:apps/v1:DeploymentPatch"):
        provider.check(patch, {}, deployment("web"))
    with pytest.raises(EmbeddedCloudError, match="no function kubernetes:yaml:decode"):
        provider.invoke("kubernetes:yaml:decode", {})


def test_an_annotation_for_the_provider_without_a_model_is_refused_by_name(provider: KubernetesPlugin) -> None:
    waiting = deployment("web", annotations={"pulumi.com/waitFor": "condition=Available"})
    with pytest.raises(EmbeddedCloudError, match=r"does not model the annotation pulumi.com/waitFor of web"):
        provider.check(resource_of(waiting, "web"), {}, waiting)


@pytest.mark.parametrize("option", ["renderYamlToDirectory", "cluster", "deleteUnreachable"])
def test_a_provider_input_without_a_model_is_refused_by_name(option: str) -> None:
    with pytest.raises(EmbeddedCloudError, match=f"does not model the provider input {option}"):
        KubernetesPlugin().configure({option: "true"})


def test_client_side_apply_is_refused() -> None:
    with pytest.raises(EmbeddedCloudError, match="enableServerSideApply: false"):
        KubernetesPlugin().configure({"enableServerSideApply": "false"})


def test_an_api_server_that_does_not_answer_is_named_with_the_way_out(control_plane: ControlPlane, tmp_path: Path) -> None:
    config = json.loads(control_plane.kubeconfig.read_text())
    (port,) = free_ports(1)
    config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{port}"
    plugin = KubernetesPlugin()
    plugin.configure({"kubeconfig": json.dumps(config)})
    with pytest.raises(EmbeddedCloudError, match=rf"the Kubernetes API at https://127.0.0.1:{port} does not answer.*") as failure:
        plugin.check(resource_of(config_map("x"), "x"), {}, config_map("x"))
    assert failure.value.fix == "look at the logs in its folder, then start the embedded cloud"


@pytest.mark.parametrize(
    ("kubeconfig", "message"),
    [
        ("/nowhere/kubeconfig", "cannot read the kubeconfig '/nowhere/kubeconfig'"),
        ("clusters: [", "cannot read the kubeconfig given to the provider"),
        ("clusters: []\ncurrent-context: prod", "context 'prod' lacks"),
    ],
)
def test_a_wrong_kubeconfig_is_named(kubeconfig: str, message: str) -> None:
    plugin = KubernetesPlugin()
    plugin.configure({"kubeconfig": kubeconfig})
    with pytest.raises(EmbeddedCloudError, match=message):
        plugin.check(resource_of(config_map("x"), "x"), {}, config_map("x"))


def test_a_refusal_names_the_object_and_the_field(provider: KubernetesPlugin) -> None:
    wrong = with_image(deployment("wrong"), "")
    for attempt in (preview, create):
        with pytest.raises(
            EmbeddedCloudError, match=r"Deployment behaviour/wrong: .*spec.template.spec.containers\[0\].image: Required"
        ):
            attempt(provider, wrong)


def test_a_field_that_the_kind_does_not_have_is_refused(provider: KubernetesPlugin) -> None:
    wrong = deployment("wrong")
    wrong["spec"]["replica"] = 3
    with pytest.raises(EmbeddedCloudError, match=r"Deployment behaviour/wrong: .*\.spec\.replica: field not declared in schema"):
        preview(provider, wrong)


def test_the_api_servers_warnings_are_passed_on(provider: KubernetesPlugin, capsys: pytest.CaptureFixture[str]) -> None:
    labels = {"pod-security.kubernetes.io/warn": "restricted"}
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "behaviour-strict", "labels": labels}}
    strict = create(provider, space)
    loose = deployment("loose")
    loose["metadata"]["namespace"] = "behaviour-strict"
    preview(provider, loose)
    assert 'Deployment behaviour-strict/loose: warning: would violate PodSecurity "restricted:latest"' in capsys.readouterr().err
    strict.delete()


# -- preview -------------------------------------------------------------------------------------------------------------


def test_a_preview_changes_nothing_and_knows_what_it_does_not_know(provider: KubernetesPlugin, cluster: Cluster) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "planned", "namespace": NAMESPACE},
        "spec": {"selector": {"app": "x"}, "ports": [{"port": 80}]},
    }
    outputs = preview(provider, service)
    assert outputs["spec"]["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    assert outputs["spec"]["clusterIP"] == outputs["metadata"]["uid"] == outputs["status"] == UNKNOWN
    assert cluster.get(f"/api/v1/namespaces/{NAMESPACE}/services/planned") is None


def test_a_preview_stands_unknown_values_and_what_this_update_brings_first(provider: KubernetesPlugin) -> None:
    unknown = config_map("x", arn=UNKNOWN)
    assert preview(provider, unknown) == unknown
    custom = {"apiVersion": "not.yet/v1", "kind": "Gizmo", "metadata": {"name": "x", "namespace": NAMESPACE}}
    assert preview(provider, custom) == custom


def test_an_object_is_judged_before_its_namespace_exists(provider: KubernetesPlugin) -> None:
    early = deployment("early")
    early["metadata"]["namespace"] = "not-yet"
    outputs = preview(provider, early)
    assert (outputs["metadata"]["name"], outputs["metadata"]["namespace"]) == ("early", "not-yet")
    with pytest.raises(EmbeddedCloudError, match=r"containers\[0\].image: Required"):
        preview(provider, with_image(early, ""))


def test_an_update_is_previewed_without_changing_anything(provider: KubernetesPlugin, cluster: Cluster) -> None:
    managed = create(provider, config_map("previewed", a="1"))
    assert managed.preview_update(config_map("previewed", a="2"))["data"] == {"a": "2"}
    assert managed.preview_update(config_map("previewed", a=UNKNOWN))["metadata"]["uid"] == managed.state["metadata"]["uid"]
    live = cluster.get(f"{MAPS}/previewed")
    assert live is not None
    assert live["data"] == {"a": "1"}
    managed.delete()


def test_a_custom_resource_waits_for_its_definition(provider: KubernetesPlugin) -> None:
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "gizmos.behaviour.test"},
        "spec": {
            "group": "behaviour.test",
            "scope": "Namespaced",
            "names": {"plural": "gizmos", "kind": "Gizmo"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}],
        },
    }
    gizmo = {"apiVersion": "behaviour.test/v1", "kind": "Gizmo", "metadata": {"name": "x"}}
    made: list[Any] = []
    late = threading.Timer(0.5, lambda: made.append(create(provider, definition)))
    late.start()
    managed = create(provider, gizmo)
    late.join()
    assert managed.resource.id == "default/x"
    assert managed.diff(gizmo).changes == {}
    made[0].delete()
    assert managed.refresh() is None
    managed.delete()


def test_a_definition_that_never_comes_is_named(provider: KubernetesPlugin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_module, "DEFINITION_SECONDS", 0.2)
    with pytest.raises(EmbeddedCloudError, match=r"Gizmo x: the API server knows no kind Gizmo in never.test/v1"):
        create(provider, {"apiVersion": "never.test/v1", "kind": "Gizmo", "metadata": {"name": "x"}})


# -- replacement ---------------------------------------------------------------------------------------------------------


def test_another_name_replaces_and_may_stand_beside_the_old_one(provider: KubernetesPlugin) -> None:
    managed = create(provider, config_map("one", a="1"))
    diff = managed.diff(config_map("two", a="1"))
    assert diff.changes == {"metadata.name": Change.REPLACE}
    assert not diff.delete_before_replace
    managed.delete()


def test_data_replaces_unless_the_provider_says_that_it_may_change(control_plane: ControlPlane, provider: KubernetesPlugin) -> None:
    official_default = connected(control_plane.kubeconfig, enableConfigMapMutable="false")
    managed = create(official_default, config_map("fixed", a="1"))
    assert managed.diff(config_map("fixed", a="2")).changes == {"data.a": Change.REPLACE}
    managed.delete()
    frozen = config_map("frozen", a="1") | {"immutable": True}
    managed = create(provider, frozen)
    assert managed.diff(frozen | {"data": {"a": "2"}}).changes == {"data.a": Change.REPLACE}
    managed.delete()


def test_what_the_api_server_refuses_to_change_replaces(provider: KubernetesPlugin) -> None:
    policy = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": "set", "namespace": NAMESPACE},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "set"}},
            "template": {"metadata": {"labels": {"app": "set"}}, "spec": {"containers": [{"name": "main", "image": "web:1"}]}},
        },
    }
    managed = create(provider, policy)
    other = deepcopy(policy)
    other["spec"]["selector"]["matchLabels"]["tier"] = other["spec"]["template"]["metadata"]["labels"]["tier"] = "x"
    assert managed.diff(other).changes == {
        "spec.selector.matchLabels.tier": Change.REPLACE,
        "spec.template.metadata.labels.tier": Change.UPDATE,
    }
    managed.delete()


def test_the_preview_of_a_replacement_looks_past_the_object_that_goes_first(provider: KubernetesPlugin, cluster: Cluster) -> None:
    managed = create(provider, deployment("replaced"))
    cluster.patch(f"{DEPLOYMENTS}/replaced", {"spec": {"replicas": 2}}, manager="kube-controller-manager")
    other = deployment("replaced")
    other["spec"]["selector"]["matchLabels"] = other["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    outputs = preview(provider, other)
    assert (outputs["metadata"]["name"], outputs["spec"]["replicas"]) == ("replaced", 1)
    with pytest.raises(EmbeddedCloudError, match=r"containers\[0\].image: Required"):
        preview(provider, with_image(other, ""))
    managed.delete()
    cluster.post(MAPS, config_map("foreign", a="1"))
    with pytest.raises(EmbeddedCloudError, match="conflict with"):
        preview(provider, config_map("foreign", a="2"))
    cluster.delete(f"{MAPS}/foreign")


# -- drift and other managers --------------------------------------------------------------------------------------------


def test_drift_in_a_named_list_is_shown_item_by_item_and_repaired(provider: KubernetesPlugin, cluster: Cluster) -> None:
    manifest = deployment("drifted")
    managed = create(provider, manifest)
    theirs = [{"name": "B", "value": "theirs"}, {"name": "C", "value": "added"}]
    containers = [{"name": "main", "image": "web:1", "env": theirs}]
    cluster.patch(f"{DEPLOYMENTS}/drifted", {"spec": {"template": {"spec": {"containers": containers}}}})
    refreshed = managed.refresh()
    assert refreshed is not None
    assert refreshed.inputs["spec"]["template"]["spec"]["containers"][0]["env"] == [{"name": "B", "value": "theirs"}]
    repaired = refreshed.update(manifest)
    live = {each["name"]: each["value"] for each in repaired.state["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert live == {"A": "1", "B": "2", "C": "added"}
    repaired.delete()


def test_a_removed_label_and_an_added_rule_are_drift(provider: KubernetesPlugin, cluster: Cluster) -> None:
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "reader", "namespace": NAMESPACE, "labels": {"a": "1", "b": "2"}},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
    }
    managed = create(provider, role)
    more = [*role["rules"], {"apiGroups": [""], "resources": ["secrets"], "verbs": ["*"]}]
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}/roles/reader"
    cluster.patch(path, {"metadata": {"labels": {"b": None, "c": "3"}}, "rules": more})
    refreshed = managed.refresh()
    assert refreshed is not None
    assert sorted(differing(managed.inputs, refreshed.inputs)) == ["metadata.labels.b", "rules[1]"]
    assert refreshed.inputs["rules"] == more
    managed.delete()


def test_drift_of_string_data_is_shown_where_the_program_wrote_it(provider: KubernetesPlugin, cluster: Cluster) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "keys", "namespace": NAMESPACE},
        "stringData": {"password": "ours"},
    }
    managed = create(provider, secret)
    assert managed.refresh() == managed
    stolen = base64.b64encode(b"theirs").decode()
    cluster.patch(f"/api/v1/namespaces/{NAMESPACE}/secrets/keys", {"data": {"password": stolen}})
    refreshed = managed.refresh()
    assert refreshed is not None
    assert list(differing(managed.inputs, refreshed.inputs)) == ["stringData.password"]
    assert refreshed.inputs["stringData"] == {"password": "theirs"}
    managed.delete()


def test_a_conflict_nobody_has_seen_names_manager_and_field(provider: KubernetesPlugin, cluster: Cluster) -> None:
    managed = create(provider, config_map("contested", a="1"))
    cluster.patch(f"{MAPS}/contested", {"data": {"a": "2"}}, manager="helm")
    with pytest.raises(EmbeddedCloudError, match=r'ConfigMap behaviour/contested: .*conflict with "helm" using v1: .data.a'):
        managed.update(config_map("contested", a="3"))
    forced = config_map("contested", a="4")
    forced["metadata"]["annotations"] = {"pulumi.com/patchForce": "true"}
    assert managed.update(forced).state["data"] == {"a": "4"}
    managed.delete()


def test_creating_what_exists_adopts_it_unless_somebody_else_holds_a_field(provider: KubernetesPlugin, cluster: Cluster) -> None:
    cluster.post(MAPS, config_map("there", a="1"))
    with pytest.raises(EmbeddedCloudError, match="conflict with"):
        create(provider, config_map("there", a="2"))
    adopted = create(provider, config_map("there", a="1"))
    adopted.delete()
    assert cluster.get(f"{MAPS}/there") is None


def test_replicas_that_a_controller_has_taken_over_are_no_drift_and_stay(provider: KubernetesPlugin, cluster: Cluster) -> None:
    manifest = deployment("scaled", replicas=1)
    managed = create(provider, manifest)
    cluster.patch(f"{DEPLOYMENTS}/scaled", {"spec": {"replicas": 2}}, manager="kube-controller-manager")
    time.sleep(0.5)
    refreshed = managed.refresh()
    assert refreshed is not None
    assert refreshed.inputs == managed.inputs
    updated = refreshed.update(with_image(manifest, "web:2"), "spec.replicas")
    assert updated.state["spec"]["replicas"] == 2
    assert updated.state["spec"]["template"]["spec"]["containers"][0]["image"] == "web:2"
    updated.delete()


def test_an_ignored_path_that_nobody_took_over_stays_ours(provider: KubernetesPlugin, cluster: Cluster) -> None:
    managed = create(provider, config_map("flags", percentage="0", other="x"))
    managed = managed.update(config_map("flags", percentage="0", other="y"), "data.percentage")
    assert managed.state["data"] == {"percentage": "0", "other": "y"}
    cluster.patch(f"{MAPS}/flags", {"data": {"percentage": "50"}}, manager="dwcp")
    managed = managed.update(config_map("flags", percentage="0", other="z"), "data.percentage")
    assert managed.state["data"] == {"percentage": "50", "other": "z"}
    managed.delete()


def test_what_was_deleted_behind_our_back_is_gone_from_the_state(provider: KubernetesPlugin, cluster: Cluster) -> None:
    managed = create(provider, config_map("lost", a="1"))
    cluster.delete(f"{MAPS}/lost")
    assert managed.refresh() is None
    assert managed.update(config_map("lost", a="2")).state["data"] == {"a": "2"}
    managed.delete()
    managed.delete()


def test_an_object_is_imported_by_its_id(provider: KubernetesPlugin, cluster: Cluster) -> None:
    cluster.post(MAPS, config_map("imported", a="1"))
    found = provider.read(resource_of(config_map(), "x", id=f"{NAMESPACE}/imported"), {}, {})
    assert found is not None
    inputs, state = found
    assert inputs == config_map("imported", a="1")
    assert state["metadata"]["uid"]
    cluster.delete(f"{MAPS}/imported")


# -- waiting -------------------------------------------------------------------------------------------------------------


def test_a_deployment_is_ready_when_its_new_replicas_are(provider: KubernetesPlugin) -> None:
    managed = create(provider, deployment("waited", replicas=2))
    assert managed.state["status"]["availableReplicas"] == 2
    updated = managed.update(with_image(deployment("waited", replicas=2), "web:2"))
    assert updated.state["status"]["updatedReplicas"] == updated.state["status"]["replicas"] == 2
    updated.delete()


UNSCHEDULABLE = {"nodeSelector": {"planet": "mars"}}


def test_what_does_not_become_ready_stays_in_the_state_with_the_reason(provider: KubernetesPlugin) -> None:
    stuck = deployment("stuck", annotations={"pulumi.com/timeoutSeconds": "1"}, **UNSCHEDULABLE)
    with pytest.raises(NotReadyError) as failure:
        create(provider, stuck)
    assert failure.value.id == f"{NAMESPACE}/stuck"
    assert failure.value.state["metadata"]["uid"]
    first, *others = failure.value.reasons
    assert first == f"Deployment {NAMESPACE}/stuck: after 1 s 0 of 1 replicas are available"
    assert any("Unschedulable" in reason and "node" in reason for reason in others)
    # A refresh keeps saying so, and the next `up` goes on from there.
    resource = resource_of(stuck, "logical", id=failure.value.id)
    with pytest.raises(NotReadyError, match="0 of 1 replicas are available"):
        provider.read(resource, failure.value.inputs, failure.value.state)
    state = provider.update(resource, failure.value.inputs, failure.value.state, deployment("stuck"), False)
    assert state["status"]["availableReplicas"] == 1
    provider.delete(resource, stuck, state)


def test_a_pod_that_admission_refuses_is_named(provider: KubernetesPlugin, cluster: Cluster) -> None:
    refused = deployment("refused", annotations={"pulumi.com/timeoutSeconds": "1"}, serviceAccountName="nobody")
    with pytest.raises(NotReadyError, match=r'FailedCreate: .*serviceaccount "nobody" not found'):
        create(provider, refused)
    cluster.delete(f"{DEPLOYMENTS}/refused")


def test_what_was_made_before_the_api_server_died_stays_in_the_state(
    control_plane: ControlPlane, cluster: Cluster, provider: KubernetesPlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = connected(control_plane.kubeconfig)

    def dead(*_: object, **__: object) -> None:
        raise EmbeddedCloudError("the Kubernetes API does not answer", "make up")

    monkeypatch.setattr(plugin.objects, "get", dead)
    monkeypatch.setattr(plugin.objects, "listed", dead)
    with pytest.raises(NotReadyError, match="Deployment behaviour/orphan: the Kubernetes API does not answer") as failure:
        create(plugin, deployment("orphan"))
    assert (failure.value.id, failure.value.inputs) == (f"{NAMESPACE}/orphan", deployment("orphan"))
    cluster.delete(f"{DEPLOYMENTS}/orphan")


def test_nobody_waits_where_the_annotation_says_so(provider: KubernetesPlugin) -> None:
    managed = create(provider, deployment("skipped", annotations={"pulumi.com/skipAwait": "true"}, **UNSCHEDULABLE))
    assert managed.refresh() is not None
    managed.delete()


def test_a_job_that_failed_is_not_waited_for(provider: KubernetesPlugin, cluster: Cluster) -> None:
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "doomed", "namespace": NAMESPACE},
        "spec": {
            "activeDeadlineSeconds": 1,
            "template": {"spec": {"containers": [{"name": "m", "image": "x:1"}], "restartPolicy": "Never", **UNSCHEDULABLE}},
        },
    }
    with pytest.raises(NotReadyError, match="it failed: Job was active longer than specified deadline"):
        create(provider, job)
    cluster.delete(f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs/doomed?propagationPolicy=Background")


def service(**spec: Any) -> Manifest:
    metadata = {"name": "front", "namespace": NAMESPACE, "annotations": {"pulumi.com/timeoutSeconds": "1"}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": 80}], **spec}}


def test_a_service_waits_for_a_pod_as_the_official_provider_does(provider: KubernetesPlugin) -> None:
    with pytest.raises(NotReadyError, match="no pod matches its selector") as failure:
        create(provider, service(selector={"app": "fronted"}))
    resource = resource_of(service(), "x", id=failure.value.id)
    target = create(provider, deployment("fronted"))
    state = provider.update(resource, failure.value.inputs, failure.value.state, service(selector={"app": "fronted"}), False)
    assert state["spec"]["clusterIP"].startswith("10.")
    target.delete()
    provider.delete(resource, {}, state)


def test_a_load_balancer_waits_for_its_address(provider: KubernetesPlugin, cluster: Cluster) -> None:
    target = create(provider, deployment("balanced"))
    path = f"/api/v1/namespaces/{NAMESPACE}/services/front"
    balancer = service(selector={"app": "balanced"}, type="LoadBalancer")
    with pytest.raises(NotReadyError, match="no controller has given it an address"):
        create(provider, balancer)
    cluster.patch(f"{path}/status", {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}})
    managed = create(provider, balancer)
    assert managed.state["status"]["loadBalancer"]["ingress"][0]["ip"] == "192.0.2.1"
    managed.delete()
    target.delete()


def test_a_claim_waits_for_its_volume_unless_its_class_waits_for_a_pod(provider: KubernetesPlugin) -> None:
    storage_class = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "behaviour-late"},
        "provisioner": "example.com/none",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    late = create(provider, storage_class)
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": NAMESPACE, "annotations": {"pulumi.com/timeoutSeconds": "0.5"}},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "nowhere", "resources": {"requests": {"storage": "1Gi"}}},
    }
    with pytest.raises(NotReadyError, match="there is no storage class 'nowhere'") as failure:
        create(provider, claim)
    provider.delete(resource_of(claim, "x", id=failure.value.id), claim, {})
    claim["spec"]["storageClassName"] = "behaviour-late"
    create(provider, claim).delete()
    late.delete()


def test_cancelling_ends_the_waiting_at_once(control_plane: ControlPlane, cluster: Cluster, provider: KubernetesPlugin) -> None:
    plugin = connected(control_plane.kubeconfig)
    threading.Timer(0.5, plugin.cancel).start()
    started = time.monotonic()
    with pytest.raises(NotReadyError, match="cancelled while waiting: Deployment behaviour/endless"):
        create(plugin, deployment("endless", **UNSCHEDULABLE))
    assert time.monotonic() - started < 5
    cluster.delete(f"{DEPLOYMENTS}/endless")


def test_a_deletion_that_a_finalizer_holds_is_named(provider: KubernetesPlugin, cluster: Cluster) -> None:
    held = config_map("held")
    held["metadata"] |= {"finalizers": ["example.com/hold"], "annotations": {"pulumi.com/timeoutSeconds": "0.5"}}
    managed = create(provider, held)
    with pytest.raises(EmbeddedCloudError, match=r"it is still there, held by example.com/hold"):
        managed.delete()
    cluster.patch(f"{MAPS}/held", {"metadata": {"finalizers": None}})
    managed.delete()
    assert cluster.get(f"{MAPS}/held") is None


def test_a_timeout_that_is_no_number_is_named(provider: KubernetesPlugin, cluster: Cluster) -> None:
    wrong = deployment("untimed", annotations={"pulumi.com/timeoutSeconds": "soon"}, **UNSCHEDULABLE)
    with pytest.raises(NotReadyError, match=r"pulumi.com/timeoutSeconds is 'soon'"):
        create(provider, wrong)
    cluster.delete(f"{DEPLOYMENTS}/untimed")
