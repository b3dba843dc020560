"""Every kind that the program uses goes through the provider's whole life against a real API server.

What is created, changed and deleted is looked up by a client that shares no code with the provider.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest
from kubernetes_driver import Cluster, Manifest, create, path_of
from recording import run_platform

from embedded_cloud.control_plane import ControlPlane
from embedded_cloud.controllers import target_group_bindings
from embedded_cloud.providers.kubernetes.provider import KubernetesPlugin
from embedded_cloud.providers.paths import differing, segments, value_at
from embedded_cloud.providers.plugin import Change

NAMESPACE = "kinds"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@dataclass(frozen=True)
class Case:
    """One kind: an object, a change of it in place, and a change that somebody else makes.

    ``updated`` is (path, value); ``drifted`` is (merge patch, path, value that the refreshed inputs have there);
    ``replaced`` is (path, value) of a change that the API server does not allow in place.
    """

    plural: str
    manifest: Manifest
    updated: tuple[str, Any]
    drifted: tuple[Manifest, str, Any]
    replaced: tuple[str, Any] | None = None

    def __str__(self) -> str:
        return self.manifest["kind"]


def named(api_version: str, kind: str, name: str, *, namespaced: bool = True, **rest: Any) -> Manifest:
    metadata = {"name": name, "labels": {"app": name}} | ({"namespace": NAMESPACE} if namespaced else {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest}


def relabelled(value: str) -> tuple[Manifest, str, Any]:
    return {"metadata": {"labels": {"app": value}}}, "metadata.labels.app", value


POD = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {
        "containers": [
            {
                "name": "web",
                "image": "web:1",
                "env": [{"name": "PORT", "value": "8080"}, {"name": "LOG_LEVEL", "value": "info"}],
                "ports": [{"name": "http", "containerPort": 8080}],
                "resources": {"limits": {"cpu": "2000m", "memory": "2Gi"}},
                "args": ["--quiet"],
            },
            {"name": "exporter", "image": "exporter:1"},
        ],
    },
}
WORKLOAD = {"selector": {"matchLabels": {"app": "web"}}, "template": POD}
OTHER_SELECTOR = ("spec.selector.matchLabels", {"app": "web", "tier": "x"})

CASES = [
    Case(
        "namespaces",
        named("v1", "Namespace", "kinds-other", namespaced=False),
        updated=("metadata.labels.app", "changed"),
        drifted=relabelled("theirs"),
    ),
    Case(
        "configmaps",
        named("v1", "ConfigMap", "settings", data={"percentage": "0", "keep": "x"}),
        updated=("data.keep", "y"),
        drifted=({"data": {"percentage": "50", "theirs": "1"}}, "data.percentage", "50"),
    ),
    Case(
        "secrets",
        named("v1", "Secret", "credentials", type="Opaque", data={"password": encoded("old")}),
        updated=("data.password", encoded("new")),
        drifted=({"data": {"password": encoded("theirs")}}, "data.password", encoded("theirs")),
        replaced=("type", "kubernetes.io/basic-auth"),
    ),
    Case(
        "serviceaccounts",
        named("v1", "ServiceAccount", "web", automountServiceAccountToken=False),
        updated=("metadata.labels.app", "changed"),
        drifted=({"automountServiceAccountToken": True}, "automountServiceAccountToken", True),
    ),
    Case(
        "services",
        named(
            "v1",
            "Service",
            "web",
            spec={"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}], "clusterIP": "None"},
        ),
        updated=("spec.ports[0].port", 81),
        drifted=({"spec": {"selector": {"app": "theirs"}}}, "spec.selector.app", "theirs"),
        replaced=("spec.clusterIP", "10.100.7.7"),
    ),
    Case(
        "persistentvolumeclaims",
        named(
            "v1",
            "PersistentVolumeClaim",
            "data",
            spec={"accessModes": ["ReadWriteOnce"], "storageClassName": "late", "resources": {"requests": {"storage": "10Gi"}}},
        ),
        updated=("metadata.labels.app", "changed"),
        drifted=relabelled("theirs"),
        replaced=("spec.accessModes", ["ReadWriteMany"]),
    ),
    Case(
        "deployments",
        named("apps/v1", "Deployment", "web", spec={"replicas": 2, **WORKLOAD}),
        updated=("spec.template.spec.containers[0].image", "web:2"),
        drifted=({"spec": {"replicas": 1}}, "spec.replicas", 1),
        replaced=OTHER_SELECTOR,
    ),
    Case(
        "statefulsets",
        named("apps/v1", "StatefulSet", "web", spec={"replicas": 1, "serviceName": "web", **WORKLOAD}),
        updated=("spec.template.spec.containers[0].env[1].value", "debug"),
        drifted=({"spec": {"replicas": 2}}, "spec.replicas", 2),
        replaced=("spec.serviceName", "other"),
    ),
    Case(
        "daemonsets",
        named("apps/v1", "DaemonSet", "web", spec=WORKLOAD),
        updated=("spec.template.spec.containers[0].image", "web:2"),
        drifted=({"spec": {"template": {"metadata": {"labels": {"app": "web", "by": "them"}}}}}, "", None),
        replaced=OTHER_SELECTOR,
    ),
    Case(
        "jobs",
        named("batch/v1", "Job", "once", spec={"template": {"spec": {**POD["spec"], "restartPolicy": "Never"}}}),
        updated=("metadata.labels.app", "changed"),
        drifted=relabelled("theirs"),
        replaced=("spec.template.spec.containers[0].image", "web:2"),
    ),
    Case(
        "horizontalpodautoscalers",
        named(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            "web",
            spec={
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "minReplicas": 3,
                "maxReplicas": 10,
                "metrics": [
                    {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}
                ],
                "behavior": {"scaleDown": {"stabilizationWindowSeconds": 300}},
            },
        ),
        updated=("spec.maxReplicas", 12),
        drifted=({"spec": {"minReplicas": 5}}, "spec.minReplicas", 5),
    ),
    Case(
        "poddisruptionbudgets",
        named("policy/v1", "PodDisruptionBudget", "web", spec={"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}}),
        updated=("spec.minAvailable", 1),
        drifted=({"spec": {"minAvailable": 0}}, "spec.minAvailable", 0),
    ),
    Case(
        "networkpolicies",
        named(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            "web",
            spec={
                "podSelector": {"matchLabels": {"app": "web"}},
                "policyTypes": ["Ingress"],
                "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/24"}}], "ports": [{"port": 8080}]}],
            },
        ),
        updated=("spec.ingress[0].ports[0].port", 9090),
        drifted=(
            {"spec": {"ingress": [{"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": 8080, "protocol": "TCP"}]}]}},
            "spec.ingress[0].from[0].ipBlock.cidr",
            "0.0.0.0/0",
        ),
    ),
    Case(
        "ingresses",
        named(
            "networking.k8s.io/v1",
            "Ingress",
            "web",
            spec={
                "ingressClassName": "nginx",
                "rules": [
                    {
                        "host": "a.example",
                        "http": {
                            "paths": [
                                {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}}
                            ]
                        },
                    }
                ],
            },
        ),
        updated=("spec.rules[0].host", "b.example"),
        drifted=({"spec": {"ingressClassName": "theirs"}}, "spec.ingressClassName", "theirs"),
    ),
    Case(
        "roles",
        named("rbac.authorization.k8s.io/v1", "Role", "web", rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]),
        updated=("rules[0].verbs", ["get", "list"]),
        drifted=({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]}]}, "rules[0].verbs[0]", "*"),
    ),
    Case(
        "rolebindings",
        named(
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            "web",
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "web"},
            subjects=[{"kind": "ServiceAccount", "name": "web", "namespace": NAMESPACE}],
        ),
        updated=("subjects[0].name", "other"),
        drifted=(
            {"subjects": [{"kind": "ServiceAccount", "name": "theirs", "namespace": NAMESPACE}]},
            "subjects[0].name",
            "theirs",
        ),
        replaced=("roleRef.name", "other"),
    ),
    Case(
        "clusterroles",
        named(
            "rbac.authorization.k8s.io/v1",
            "ClusterRole",
            "kinds-web",
            namespaced=False,
            rules=[{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]}],
        ),
        updated=("rules[0].resources", ["nodes", "nodes/metrics"]),
        drifted=relabelled("theirs"),
    ),
    Case(
        "clusterrolebindings",
        named(
            "rbac.authorization.k8s.io/v1",
            "ClusterRoleBinding",
            "kinds-web",
            namespaced=False,
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
            subjects=[{"kind": "ServiceAccount", "name": "web", "namespace": NAMESPACE}],
        ),
        updated=("subjects[0].name", "other"),
        drifted=relabelled("theirs"),
        replaced=("roleRef.name", "edit"),
    ),
    Case(
        "priorityclasses",
        named("scheduling.k8s.io/v1", "PriorityClass", "kinds-web", namespaced=False, value=1000, description="the application"),
        updated=("description", "the platform"),
        drifted=({"description": "theirs"}, "description", "theirs"),
        replaced=("value", 2000),
    ),
    Case(
        "storageclasses",
        named(
            "storage.k8s.io/v1",
            "StorageClass",
            "kinds-gp3",
            namespaced=False,
            provisioner="ebs.csi.aws.com",
            parameters={"type": "gp3"},
            allowVolumeExpansion=True,
        ),
        updated=("allowVolumeExpansion", False),
        drifted=({"allowVolumeExpansion": False}, "allowVolumeExpansion", False),
        replaced=("parameters.type", "io2"),
    ),
    Case(
        "customresourcedefinitions",
        named(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            "gadgets.kinds.example",
            namespaced=False,
            spec={
                "group": "kinds.example",
                "scope": "Namespaced",
                "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"},
                "versions": [
                    {
                        "name": "v1",
                        "served": True,
                        "storage": True,
                        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object"}}}},
                    }
                ],
            },
        ),
        updated=("metadata.labels.app", "changed"),
        drifted=({"spec": {"names": {"shortNames": ["gg"]}}}, "", None),
    ),
    Case(
        "widgets",
        named("kinds.test/v1beta1", "Widget", "web", spec={"targetType": "ip", "ports": [1, 2]}),
        updated=("spec.targetType", "instance"),
        drifted=({"spec": {"targetType": "theirs"}}, "spec.targetType", "theirs"),
        replaced=("spec.fixed", "b"),
    ),
    Case(
        "targetgroupbindings",
        named(
            "elbv2.kinds.test/v1beta1",
            "TargetGroupBinding",
            "web",
            spec={"targetGroupARN": "arn:a", "targetType": "ip", "serviceRef": {"name": "web", "port": 80}},
        ),
        updated=("spec.serviceRef.port", 82),
        drifted=({"spec": {"serviceRef": {"port": 81}}}, "spec.serviceRef.port", 81),
    ),
]

WIDGETS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.kinds.test"},
    "spec": {
        "group": "kinds.test",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
        "versions": [
            {
                "name": "v1beta1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "properties": {
                                    "targetType": {"type": "string"},
                                    "ports": {"type": "array", "items": {"type": "integer"}},
                                    "fixed": {
                                        "type": "string",
                                        "default": "a",
                                        "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "fixed is immutable"}],
                                    },
                                },
                            }
                        },
                    }
                },
            }
        ],
    },
}
"""A custom resource whose own schema forbids a change, as TargetGroupBinding's and others' do."""


def bindings() -> Manifest:
    """The sandbox's own definition in a group that its controllers do not watch: they would look for the target group."""
    definition = target_group_bindings.definition()
    definition["metadata"]["name"] = "targetgroupbindings.elbv2.kinds.test"
    definition["spec"]["group"] = "elbv2.kinds.test"
    return definition


@pytest.fixture(scope="module")
def provider(control_plane: ControlPlane) -> Iterator[KubernetesPlugin]:
    plugin = KubernetesPlugin()
    switches = {"enableConfigMapMutable": "true", "enableSecretMutable": "true"}
    plugin.configure({"kubeconfig": str(control_plane.kubeconfig), **switches})
    late = {"volumeBindingMode": "WaitForFirstConsumer", "provisioner": "example.com/none"}
    surroundings = [
        create(plugin, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}),
        create(plugin, {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "late"}, **late}),
        create(plugin, WIDGETS),
        create(plugin, bindings()),
    ]
    yield plugin
    for each in surroundings:
        each.delete()


@pytest.fixture(scope="module")
def cluster(control_plane: ControlPlane) -> Cluster:
    return Cluster(control_plane.kubeconfig)


def changed(manifest: Manifest, path: str, value: Any) -> Manifest:
    result = deepcopy(manifest)
    *parents, last = segments(path)
    value_at(result, parents)[last] = value
    return result


def test_every_kind_that_the_program_uses_is_in_the_table() -> None:
    tokens = {each.type for each in run_platform("local").resources if each.type.startswith("kubernetes:")}
    assert {token.rpartition(":")[2] for token in tokens} <= {str(case) for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_life_of(case: Case, provider: KubernetesPlugin, cluster: Cluster) -> None:
    manifest = deepcopy(case.manifest)
    if case.plural == "ingresses":
        manifest["metadata"]["annotations"] = {"pulumi.com/skipAwait": "true"}
    path = path_of(manifest, case.plural)

    managed = create(provider, manifest)
    live = cluster.get(path)
    assert live is not None
    assert managed.resource.id == "/".join(filter(None, [manifest["metadata"].get("namespace"), manifest["metadata"]["name"]]))
    assert managed.state["metadata"]["uid"] == live["metadata"]["uid"]
    assert list(unlike(manifest, live)) == []

    refreshed = managed.refresh()
    assert refreshed is not None
    assert refreshed.inputs == managed.inputs

    assert managed.diff(manifest).changes == {}
    if case.replaced:
        replacement = managed.diff(changed(manifest, *case.replaced))
        assert Change.REPLACE in replacement.changes.values()
        assert replacement.delete_before_replace

    patch, drifted_path, drifted_value = case.drifted
    cluster.patch(path, patch)
    refreshed = managed.refresh()
    assert refreshed is not None
    assert list(differing(managed.inputs, refreshed.inputs)) == ([drifted_path] if drifted_path else [])
    if drifted_path:
        assert value_at(refreshed.inputs, segments(drifted_path)) == drifted_value

    wanted = changed(manifest, *case.updated)
    assert Change.REPLACE not in managed.diff(wanted).changes.values()
    updated = refreshed.update(wanted)
    live = cluster.get(path)
    assert live is not None
    assert list(unlike(wanted, live)) == []

    updated.delete()
    assert cluster.get(path) is None
    assert updated.refresh() is None


QUANTITIES = {"2000m": "2"}


def unlike(wanted: Any, live: Any, path: str = "") -> Iterator[str]:
    """The places at which ``live`` has not what was ``wanted``; what it has besides does not matter."""
    if isinstance(wanted, dict):
        for key, value in wanted.items():
            yield from unlike(value, live.get(key) if isinstance(live, dict) else None, f"{path}.{key}")
    elif isinstance(wanted, list) and isinstance(live, list) and len(wanted) == len(live):
        for index, (left, right) in enumerate(zip(wanted, live, strict=True)):
            yield from unlike(left, right, f"{path}[{index}]")
    elif QUANTITIES.get(wanted, wanted) != live if isinstance(wanted, str) else wanted != live:
        yield f"{path}: {live!r} instead of {wanted!r}"
