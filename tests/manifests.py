"""The Kubernetes objects that the program registers, as the API server would get them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from recording import Graph, run_platform

Manifest = dict[str, Any]

STACKS = ("local", "staging", "production")


@dataclass(frozen=True)
class Pod:
    """A pod template and the Deployment that makes it."""

    owner: str
    metadata: Manifest
    spec: Manifest

    @property
    def labels(self) -> Mapping[str, str]:
        return self.metadata["labels"]

    @property
    def ports(self) -> set[int]:
        return {port["containerPort"] for container in self.spec["containers"] for port in container["ports"]}


@dataclass(frozen=True)
class Manifests:
    """All objects of one evaluation, found by kind and physical name."""

    graph: Graph

    def all(self, kind: str) -> list[Manifest]:
        return [each.inputs for each in self.graph.resources if each.type.startswith("kubernetes:") and each.inputs["kind"] == kind]

    def one(self, kind: str, name: str) -> Manifest:
        found = [each for each in self.all(kind) if each["metadata"]["name"] == name]
        assert len(found) == 1, f"{len(found)} objects {kind}/{name}"
        return found[0]

    def names(self, kind: str) -> set[str]:
        return {each["metadata"]["name"] for each in self.all(kind)}

    def pods(self) -> list[Pod]:
        return [
            Pod(each["metadata"]["name"], each["spec"]["template"]["metadata"], each["spec"]["template"]["spec"])
            for each in self.all("Deployment")
        ]

    def pod(self, owner: str) -> Pod:
        return next(pod for pod in self.pods() if pod.owner == owner)

    def container(self, owner: str, name: str) -> Manifest:
        return next(each for each in self.pod(owner).spec["containers"] if each["name"] == name)

    def selected(self, selector: Manifest) -> list[Pod]:
        """The pods that a label selector matches."""
        return [pod for pod in self.pods() if matches(selector, pod.labels)]


def matches(selector: Manifest, labels: Mapping[str, str]) -> bool:
    """Kubernetes' rule: all labels and all expressions; an empty selector matches everything."""
    expressions = selector.get("matchExpressions", [])
    assert all(each["operator"] == "In" for each in expressions)
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()) and all(
        labels.get(each["key"]) in each["values"] for each in expressions
    )


def evaluate(stack: str, *, preview: bool = False, **changes: Any) -> Manifests:
    """The objects of a stack, with ``changes`` to its settings by group."""
    return Manifests(run_platform(stack, preview=preview, **changes))


def values_of(data: Any) -> Iterator[str]:
    """Every text in nested data."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        for value in data.values():
            yield from values_of(value)
    elif isinstance(data, list):
        for value in data:
            yield from values_of(value)
