"""The kubernetes provider's rules on plain data: when an object is ready, what replaces it, who changed what."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_cloud.providers.kubernetes import drift, readiness, replacement
from embedded_cloud.providers.kubernetes.connection import ApiError, Manifest
from embedded_cloud.providers.kubernetes.objects import Objects
from embedded_cloud.providers.kubernetes.options import Options


class Lookups:
    """A cluster that has one storage class, and one endpoint for the service ``web``."""

    def get(self, manifest: Manifest) -> Manifest | None:
        return {"volumeBindingMode": "Immediate"} if manifest["metadata"]["name"] == "fast" else None

    def listed(self, path: str, **selectors: str) -> list[Manifest]:
        return (
            [{"endpoints": [{"addresses": ["10.0.0.1"]}]}]
            if selectors == {"labelSelector": "kubernetes.io/service-name=web"}
            else []
        )


def lacking(api_version: str, kind: str, spec: Manifest, status: Manifest, name: str = "web") -> str | None:
    metadata = {"name": name, "namespace": "n", "generation": 2, "uid": "u"}
    live = {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec, "status": status}
    return readiness.missing(cast(Objects, Lookups()), live)


SEEN = {"observedGeneration": 2}
THREE = {"replicas": 3}


@pytest.mark.parametrize(
    ("api_version", "kind", "spec", "status", "expected"),
    [
        ("apps/v1", "Deployment", THREE, {"observedGeneration": 1}, "the deployment controller has not seen it yet"),
        ("apps/v1", "Deployment", THREE, SEEN | {"updatedReplicas": 2}, "2 of 3 replicas are updated"),
        ("apps/v1", "Deployment", THREE, SEEN | {"updatedReplicas": 3, "replicas": 4}, "1 old replicas are still there"),
        ("apps/v1", "Deployment", THREE, SEEN | {"updatedReplicas": 3, "replicas": 3}, "0 of 3 replicas are available"),
        ("apps/v1", "Deployment", THREE, SEEN | {"updatedReplicas": 3, "replicas": 3, "availableReplicas": 3}, None),
        ("apps/v1", "Deployment", {"replicas": 0}, SEEN, None),
        ("apps/v1", "StatefulSet", THREE, {"observedGeneration": 1}, "the stateful set controller has not seen it yet"),
        ("apps/v1", "StatefulSet", THREE, SEEN | {"readyReplicas": 2}, "2 of 3 replicas are ready"),
        ("apps/v1", "StatefulSet", THREE, SEEN | {"readyReplicas": 3, "updatedReplicas": 1}, "1 of 3 replicas are updated"),
        ("apps/v1", "StatefulSet", THREE | {"updateStrategy": {"type": "OnDelete"}}, SEEN | {"readyReplicas": 3}, None),
        (
            "apps/v1",
            "StatefulSet",
            THREE | {"updateStrategy": {"rollingUpdate": {"partition": 2}}},
            SEEN | {"readyReplicas": 3, "updatedReplicas": 1},
            None,
        ),
        ("apps/v1", "DaemonSet", {}, {"observedGeneration": 1}, "the daemon set controller has not seen it yet"),
        (
            "apps/v1",
            "DaemonSet",
            {},
            SEEN | {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 2},
            "2 of 3 pods are updated and available",
        ),
        ("batch/v1", "Job", {}, {}, "it has not completed"),
        ("batch/v1", "Job", {}, {"conditions": [{"type": "Complete", "status": "True"}]}, None),
        ("v1", "Pod", {}, {}, "it is Pending, not ready"),
        ("v1", "Pod", {}, {"phase": "Succeeded"}, None),
        ("v1", "Pod", {}, {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}, None),
        ("v1", "Service", {"clusterIP": "10.0.0.9"}, {}, None),
        ("v1", "Service", {"type": "ExternalName"}, {}, None),
        ("v1", "PersistentVolumeClaim", {"storageClassName": "fast"}, {"phase": "Pending"}, "no volume is bound to it"),
        ("v1", "PersistentVolumeClaim", {"storageClassName": "none"}, {}, "there is no storage class 'none'"),
        ("v1", "PersistentVolumeClaim", {}, {}, "no volume is bound to it, and it names no storage class"),
        ("v1", "PersistentVolumeClaim", {}, {"phase": "Bound"}, None),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", {}, {}, "it is not established"),
        ("serving.knative.dev/v1", "Service", {}, {}, None),
        ("v1", "ConfigMap", {}, {}, None),
    ],
)
def test_readiness(api_version: str, kind: str, spec: Manifest, status: Manifest, expected: str | None) -> None:
    assert lacking(api_version, kind, spec, status) == expected


@pytest.mark.parametrize(
    ("api_version", "kind", "status", "message"),
    [
        (
            "apps/v1",
            "Deployment",
            SEEN | {"conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]},
            "its progress deadline is exceeded",
        ),
        (
            "batch/v1",
            "Job",
            {"conditions": [{"type": "Failed", "status": "True", "message": "backoff limit"}]},
            "it failed: backoff limit",
        ),
        ("v1", "Pod", {"phase": "Failed", "reason": "Evicted"}, "it failed: Evicted"),
        ("v1", "PersistentVolumeClaim", {"phase": "Lost"}, "its volume is lost"),
        (
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            {"conditions": [{"type": "NamesAccepted", "status": "False", "message": "plural is taken"}]},
            "plural is taken",
        ),
    ],
)
def test_what_can_never_become_ready_is_not_waited_for(api_version: str, kind: str, status: Manifest, message: str) -> None:
    with pytest.raises(readiness.NeverReadyError, match=message):
        lacking(api_version, kind, {}, status)


def replaced(api_version: str, kind: str, *changed: str, mutable: tuple[str, ...] = (), **fields: Any) -> set[str]:
    return replacement.replacing({"apiVersion": api_version, "kind": kind, **fields}, changed, mutable)


def test_a_volume_claim_may_grow_but_not_move() -> None:
    claim = ("spec.resources.requests.storage", "spec.storageClassName", "spec.accessModes[0]")
    assert replaced("v1", "PersistentVolumeClaim", *claim) == {"spec.storageClassName", "spec.accessModes[0]"}


def test_name_and_namespace_replace_every_kind() -> None:
    assert replaced("any.example/v9", "Thing", "metadata.name", "metadata.namespace", "spec.name") == {
        "metadata.name",
        "metadata.namespace",
    }


def test_data_of_a_mutable_kind_changes_in_place_unless_the_object_says_immutable() -> None:
    assert replaced("v1", "Secret", "data.a") == {"data.a"}
    assert replaced("v1", "Secret", "data.a", mutable=("core/Secret",)) == set()
    assert replaced("v1", "Secret", "data.a", mutable=("core/Secret",), immutable=True) == {"data.a"}


def refusal(*causes: tuple[str, str]) -> ApiError:
    return ApiError({"code": 422, "details": {"causes": [{"field": field, "message": message} for field, message in causes]}})


@pytest.mark.parametrize(
    ("causes", "expected"),
    [
        ([("spec.selector", "Invalid value: {}: field is immutable")], {"spec.selector.matchLabels.app"}),
        ([("spec", "Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden")], "all"),
        ([("spec.clusterIPs[0]", "Invalid value: []: may not change once set")], "all"),
        ([("provisioner", "Forbidden: updates to provisioner are forbidden.")], "all"),
        ([("roleRef", "Invalid value: x: cannot change roleRef")], "all"),
        ([("spec.replicas", "Invalid value: -1: must be greater than or equal to 0")], set()),
        ([], set()),
    ],
)
def test_the_api_servers_refusals_are_understood(causes: list[tuple[str, str]], expected: Any) -> None:
    changed = {"spec.selector.matchLabels.app", "spec.replicas"}
    assert replacement.refused(refusal(*causes), changed) == (changed if expected == "all" else expected)


def test_options_are_read_as_the_sdk_writes_them() -> None:
    switches = {"enableConfigMapMutable": "true", "enableSecretMutable": False, "enablePatchForce": "true"}
    options = Options.parse(
        {"kubeconfig": "/k", "context": "c", "namespace": "n", "suppressDeprecationWarnings": "true", **switches}
    )
    expected = Options(kubeconfig="/k", context="c", namespace="n", mutable=frozenset({"core/ConfigMap"}), force=True)
    assert options == expected


def object_with(spec: Any, *managers: tuple[str, Any]) -> Manifest:
    fields = [{"manager": manager, "fieldsV1": {"f:spec": tree}} for manager, tree in managers]
    return {"kind": "Deployment", "metadata": {"name": "web", "managedFields": fields}, "spec": spec}


OURS, THEIRS = "pulumi-kubernetes", "dwcp"


@pytest.mark.parametrize(
    ("managers", "applied"),
    [
        ([(THEIRS, {"f:replicas": {}})], {"image": "new"}),
        ([(OURS, {"f:replicas": {}}), (THEIRS, {"f:replicas": {}})], {"image": "new", "replicas": 5}),
        ([(OURS, {"f:replicas": {}})], {"image": "new", "replicas": 5}),
        ([], {"image": "new", "replicas": 5}),
    ],
)
def test_an_ignored_path_is_left_to_its_sole_owner(managers: list[Any], applied: Manifest) -> None:
    live = object_with({"replicas": 5, "image": "old"}, *managers)
    inputs = object_with({"replicas": 3, "image": "new"})
    assert drift.without_foreign(inputs, live, [("spec", "replicas")])["spec"] == applied
    assert inputs["spec"]["replicas"] == 3


def test_an_ignored_path_that_is_not_there_yet_is_applied_as_given() -> None:
    inputs = object_with({"replicas": 3})
    assert drift.without_foreign(inputs, object_with({}), [("spec", "replicas"), ("spec", "list", 0)]) == inputs


def test_only_controllers_are_yielded_to() -> None:
    desired = object_with({"replicas": 3, "paused": False})
    live = object_with(
        {"replicas": 5, "paused": True}, ("kube-controller-manager", {"f:replicas": {}}), ("kubectl-edit", {"f:paused": {}})
    )
    assert drift.yielding_to_controllers(desired, live)["spec"] == {"replicas": 5, "paused": False}


values = st.recursive(
    st.integers(0, 2), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
)
specs = st.dictionaries(st.sampled_from("abc"), values, max_size=3)


@given(specs, specs)
def test_what_the_server_made_of_the_inputs_is_never_drift(asked: Any, held: Any) -> None:
    inputs, live = object_with(asked), object_with(held)
    assert drift.observed_inputs(inputs, live, live) == inputs


@given(specs, specs)
def test_the_inputs_show_every_change_of_what_was_asked_for(asked: Any, held: Any) -> None:
    found = drift.observed_inputs(object_with(asked), object_with(asked), object_with(held))
    assert found["spec"] == held
