"""The Kubernetes objects that the program registers, in the form in which the API server would get them."""

from __future__ import annotations

import runpy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from recording import ROOT, Graph, run_platform

Manifest = dict[str, Any]

STACKS = ("local", "staging", "production")

CHANGED: dict[str, dict[str, Any]] = {
    "application": {
        "image": "ghcr.io/novacron/dwcp-v3:v3.1.0",
        "logLevel": "debug",
        "port": 8081,
        "metricsPort": 9095,
        "cpuRequest": "250m",
        "memoryLimit": "1Gi",
        "replicas": 3,
        "startupSeconds": 301,
        "livenessDelaySeconds": 45,
        "readinessDelaySeconds": 15,
        "egress": [{"cidr": "198.51.100.7/32", "ports": [443]}],
    },
    "autoscaling": {"minReplicas": 2, "maxReplicas": 5, "cpuPercent": 50, "memoryPercent": 60, "scaleDownWindowSeconds": 90},
    "dwcp": {"version": "3.1.0", "maxConnections": 7, "bufferSizeBytes": 1024},
    "ingress": {
        "enabled": True,
        "className": "traefik",
        "host": "dwcp.corp.example.com",
        "tlsSecret": None,
        "issuer": "corp-ca",
        "controllerNamespace": "edge",
    },
    "loadBalancer": {"deregistrationDelaySeconds": 120},
    "monitoring": {
        "scrapeIntervalSeconds": 15,
        "retentionDays": 3,
        "storage": "10Gi",
        "alertmanagerStorage": "3Gi",
        "grafanaStorage": "4Gi",
        "prometheusImage": "prom/prometheus:v9.9.9",
        "alertmanagerImage": "alertmanager:9.9.9",
        "grafanaImage": "grafana:9.9.9",
        "nodeExporterImage": "node-exporter:9.9.9",
        "kubeStateMetricsImage": "kube-state-metrics:9.9.9",
    },
    "redis": {
        "image": "redis:8.2.8",
        "exporterImage": "exporter:1.0.0",
        "memory": "2Gi",
        "storage": "20Gi",
        "storageClass": None,
        "maxmemoryPolicy": "noeviction",
    },
}
"""All settings that the Kubernetes components read, with values that are not the defaults."""

ALTERNATIVES: dict[str, dict[str, Any]] = {
    "application": {"sharedVolume": "5Gi", "sharedVolumeClass": "efs"},
    "ingress": {"enabled": False},
    "monitoring": {
        **{"mode": "operator", "operatorNamespace": "observability"},
        **{"criticalReceivers": [], "warningReceivers": []},
    },
}
"""Settings with values that no committed stack file has."""


@dataclass(frozen=True)
class Pod:
    """A pod template. ``owner`` is the name of the Deployment or DaemonSet that contains the template."""

    owner: str
    metadata: Manifest
    spec: Manifest

    @property
    def labels(self) -> Mapping[str, str]:
        return self.metadata["labels"]

    @property
    def ports(self) -> set[int | str]:
        """The numbers and names of the containers' ports, because a Service or a NetworkPolicy can use a number or a name."""
        declared = [port for container in self.spec["containers"] for port in container["ports"]]
        return {port[key] for port in declared for key in ("containerPort", "name") if key in port}


@dataclass(frozen=True)
class Manifests:
    """All objects of one evaluation, with searches by kind and physical name."""

    graph: Graph

    @property
    def everything(self) -> list[Manifest]:
        """All objects, without Helm releases, because a Helm release is only a resource of the provider."""
        found = [each for each in self.graph.resources if each.type.startswith("kubernetes:")]
        return [each.inputs for each in found if not each.type.startswith("kubernetes:helm.sh/")]

    def all(self, kind: str) -> list[Manifest]:
        return [each for each in self.everything if each["kind"] == kind]

    def one(self, kind: str, name: str) -> Manifest:
        found = [each for each in self.all(kind) if each["metadata"]["name"] == name]
        assert len(found) == 1, f"{len(found)} objects {kind}/{name}"
        return found[0]

    def names(self, kind: str) -> set[str]:
        return {each["metadata"]["name"] for each in self.all(kind)}

    def pods(self, kind: str = "Deployment") -> list[Pod]:
        """The pod templates of all objects of ``kind``. The DaemonSets are in another namespace, which has other rules."""
        return [
            Pod(each["metadata"]["name"], each["spec"]["template"]["metadata"], each["spec"]["template"]["spec"])
            for each in self.all(kind)
        ]

    def pod(self, owner: str) -> Pod:
        return next(pod for pod in self.pods() if pod.owner == owner)

    def container(self, owner: str, name: str) -> Manifest:
        return next(each for each in self.pod(owner).spec["containers"] if each["name"] == name)

    def selected(self, selector: Manifest) -> list[Pod]:
        """The pods that a label selector matches."""
        return [pod for pod in self.pods() if matches(selector, pod.labels)]


def matches(selector: Manifest, labels: Mapping[str, str]) -> bool:
    """Whether a selector matches, as in Kubernetes: all labels and expressions must match; an empty selector matches everything."""
    expressions = selector.get("matchExpressions", [])
    assert all(each["operator"] == "In" for each in expressions)
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()) and all(
        labels.get(each["key"]) in each["values"] for each in expressions
    )


def evaluate(stack: str, *, preview: bool = False, **changes: Any) -> Manifests:
    """The objects of a stack, with ``changes`` to its settings by group."""
    return Manifests(run_platform(stack, preview=preview, **changes))


def dependencies(stack: str, type_: str, name: str) -> set[tuple[str, str]]:
    """The type and the logical name of each resource on which a resource depends directly."""
    resources = run_platform(stack).by_urn()
    [resource] = [each for each in resources.values() if (each.type, each.name) == (type_, name)]
    found = (
        resources[urn] for urn in resource.dependencies if urn in resources
    )  # a stack reference is not a resource of the graph
    return {(each.type, each.name) for each in found}


def platform() -> None:
    """Run the program."""
    runpy.run_path(str(ROOT / "__main__.py"))


def values_of(data: Any) -> Iterator[str]:
    """All texts in nested data."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        for value in data.values():
            yield from values_of(value)
    elif isinstance(data, list):
        for value in data:
            yield from values_of(value)
