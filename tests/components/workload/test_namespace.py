"""The namespace: admission, default deny, pull secret, priority, storage."""

from __future__ import annotations

import base64
import json

import pytest
from manifests import STACKS, Manifests, evaluate

from components.settings import ClusterSettings


@pytest.fixture(params=STACKS)
def objects(request: pytest.FixtureRequest) -> Manifests:
    return evaluate(request.param)


def test_the_namespace_enforces_the_restricted_standard_at_a_pinned_version(objects: Manifests) -> None:
    labels = objects.one("Namespace", "dwcp-v3")["metadata"]["labels"]
    for mode in ("enforce", "audit", "warn"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
        assert labels[f"pod-security.kubernetes.io/{mode}-version"] == f"v{ClusterSettings().version}"


@pytest.mark.parametrize("name", ["dwcp-v3", "dwcp-v3-node-exporter"])
def test_the_pod_security_version_follows_the_clusters_version(name: str) -> None:
    labels = evaluate("production", cluster={"version": "1.36"}).one("Namespace", name)["metadata"]["labels"]
    assert {labels[f"pod-security.kubernetes.io/{mode}-version"] for mode in ("enforce", "audit", "warn")} == {"v1.36"}


def test_the_load_balancers_readiness_gates_are_injected_into_pods(objects: Manifests) -> None:
    assert objects.one("Namespace", "dwcp-v3")["metadata"]["labels"]["elbv2.k8s.aws/pod-readiness-gate-inject"] == "enabled"


def test_traffic_is_denied_by_default_in_both_directions(objects: Manifests) -> None:
    spec = objects.one("NetworkPolicy", "default-deny")["spec"]
    assert spec == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_every_pod_may_query_only_the_cluster_dns(objects: Manifests) -> None:
    spec = objects.one("NetworkPolicy", "allow-dns")["spec"]
    [rule] = spec["egress"]
    [peer] = rule["to"]
    assert spec["podSelector"] == {}
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "kube-system"}
    assert peer["podSelector"]["matchLabels"] == {"k8s-app": "kube-dns"}
    assert {(port["protocol"], port["port"]) for port in rule["ports"]} == {("UDP", 53), ("TCP", 53)}


def test_the_pull_secret_logs_in_to_the_registry_of_the_image() -> None:
    secret = evaluate("production").one("Secret", "regcred")
    config = json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))
    assert secret["type"] == "kubernetes.io/dockerconfigjson"
    assert {host: base64.b64decode(login["auth"]) for host, login in config["auths"].items()} == {
        "ghcr.io": b"novacron:token-secret"
    }


def test_volumes_are_encrypted_gp3_volumes_in_the_zone_of_their_pod(objects: Manifests) -> None:
    storage = objects.one("StorageClass", "gp3")
    assert storage["provisioner"] == "ebs.csi.aws.com"
    assert storage["parameters"] == {"type": "gp3", "encrypted": "true"}
    assert storage["volumeBindingMode"] == "WaitForFirstConsumer"


@pytest.mark.parametrize(("stack", "policy"), [("production", "Retain"), ("staging", "Delete"), ("local", "Delete")])
def test_only_productions_volumes_are_retained(stack: str, policy: str) -> None:
    assert evaluate(stack).one("StorageClass", "gp3")["reclaimPolicy"] == policy


def test_the_priority_is_not_the_default_and_below_system_priorities(objects: Manifests) -> None:
    priority = objects.one("PriorityClass", "dwcp-v3")
    assert not priority["globalDefault"]
    assert 0 < priority["value"] < 1_000_000_000
