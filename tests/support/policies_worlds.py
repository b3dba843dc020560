"""Resources for the rules to check, both as plain data for tests and as a program for the real engine.

A value ``Ref(name)`` is the id of another resource. In plain data, it becomes an invented id and a dependency. In a program, it
becomes an output.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from program.graph import Resource

PROJECT = "dwcp-v3"
STACK = "production"


@dataclass(frozen=True)
class Ref:
    """The id of another resource."""

    name: str


@dataclass(frozen=True)
class Declared:
    """The declaration of a resource."""

    type: str
    name: str
    inputs: Mapping[str, Any]
    ignore: tuple[str, ...] = ()
    provider: str = ""
    literals: tuple[tuple[str, ...], ...] = ()


@dataclass
class World:
    """Resources, in the order of declaration."""

    declared: list[Declared] = field(default_factory=list[Declared])

    def add(self, type_: str, name: str, /, _ignore: tuple[str, ...] = (), _provider: str = "", **inputs: Any) -> None:
        """Declare a resource."""
        self.declared.append(Declared(type_, name, inputs, _ignore, _provider))

    def literal_secret(self, name: str, **data: str) -> None:
        """Declare a Secret whose values are literals in the program."""
        self.kubernetes("core/v1:Secret", name, stringData=data)
        self.declared[-1] = replace(self.declared[-1], literals=tuple(("stringData", key) for key in data))

    def kubernetes(
        self, kind: str, name: str, /, namespace: str | None = "shop", _ignore: tuple[str, ...] = (), **inputs: Any
    ) -> None:
        """Declare a Kubernetes object of ``kind`` (``core/v1:Service``).

        ``labels`` and ``annotations`` become part of its metadata.
        """
        metadata = {key: inputs.pop(key) for key in ("labels", "annotations") if key in inputs}
        metadata |= {"name": name} | ({"namespace": namespace} if namespace else {})
        self.add(f"kubernetes:{kind}", name, _ignore, metadata=metadata, **inputs)

    def resources(self) -> list[Resource]:
        """The resources as plain data, as from a program under mocks."""
        urns = {each.name: urn(each.type, each.name) for each in self.declared}
        return [
            Resource(
                urn=urn(each.type, each.name),
                type=each.type,
                name=each.name,
                inputs={key: _with_ids(value) for key, value in each.inputs.items()},
                id=f"{each.name}-id",
                provider=f"{urns[each.provider]}::{each.provider}-id" if each.provider else "",
                property_dependencies={
                    key: found for key, value in each.inputs.items() if (found := tuple(urns[ref] for ref in _refs(value)))
                },
                ignore_changes=each.ignore,
                literals=each.literals,
            )
            for each in self.declared
        ]

    def to_json(self) -> str:
        """The resources as JSON, for :data:`PROGRAM`."""
        return json.dumps([vars(each) for each in self.declared], default=lambda ref: {"$ref": ref.name})


def urn(type_: str, name: str) -> str:
    return f"urn:pulumi:{STACK}::{PROJECT}::{type_}::{name}"


def _with_ids(value: Any) -> Any:
    if isinstance(value, Ref):
        return f"{value.name}-id"
    if isinstance(value, dict):
        return {key: _with_ids(item) for key, item in cast("dict[str, Any]", value).items()}
    return [_with_ids(item) for item in value] if isinstance(value, list) else value


def _refs(value: Any) -> Iterable[str]:
    if isinstance(value, Ref):
        yield value.name
    elif isinstance(value, dict):
        for item in value.values():
            yield from _refs(item)
    elif isinstance(value, list):
        for item in value:
            yield from _refs(item)


PROGRAM = """
import json
from pathlib import Path

import pulumi
from pulumi import CustomResource, ProviderResource, ResourceOptions

made = {}


def with_outputs(value):
    if isinstance(value, dict):
        return made[value["$ref"]].id if "$ref" in value else {key: with_outputs(item) for key, item in value.items()}
    return [with_outputs(item) for item in value] if isinstance(value, list) else value


for each in json.loads(Path("world.json").read_text()):
    type_, name, inputs = each["type"], each["name"], with_outputs(each["inputs"])
    if type_.startswith("pulumi:providers:"):
        made[name] = ProviderResource(type_.rpartition(":")[2], name, inputs)
    else:
        provider = made.get(each["provider"])
        made[name] = CustomResource(type_, name, inputs, ResourceOptions(ignore_changes=each["ignore"], provider=provider))
"""
"""The source of a program that declares the resources in ``world.json``."""

SAFE_POD = {
    "automountServiceAccountToken": False,
    "serviceAccountName": "shop",
    "securityContext": {"runAsNonRoot": True, "runAsUser": 1001, "seccompProfile": {"type": "RuntimeDefault"}},
}


def safe_container(name: str = "web", **more: Any) -> dict[str, Any]:
    """A container that passes every rule."""
    probe = {"httpGet": {"path": "/", "port": 8080}}
    return {
        "name": name,
        "image": "ghcr.io/novacron/shop:1.2.3",
        "ports": [{"name": "http", "containerPort": 8080}],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "200m", "memory": "256Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "startupProbe": probe,
        "livenessProbe": probe,
        "readinessProbe": probe,
        **more,
    }


def workload(
    labels: Mapping[str, str], *, replicas: int | None = 1, containers: list[dict[str, Any]], **pod: Any
) -> dict[str, Any]:
    """The ``spec`` of a Deployment."""
    return {
        **({} if replicas is None else {"replicas": replicas}),
        "selector": {"matchLabels": dict(labels)},
        "template": {"metadata": {"labels": dict(labels)}, "spec": {**SAFE_POD, "containers": containers, **pod}},
    }


def policy(*statements: Mapping[str, Any]) -> str:
    """An IAM document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
