"""Converts resources to the one form that rules read, whatever version, alias or wrapper declares them.

This covers an older version of an API, a ``Patch`` of a kind, another module of the SDK with the same resource, and a custom
resource with a pod template in it, so that a rule need not list these spellings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any, cast

from program import types
from program.graph import Path, Resource
from program.types import CRON_JOB, DAEMON_SET, DEPLOYMENT, JOB, POD, RELEASE, REPLICA_SET, STATEFUL_SET


@dataclass(frozen=True, kw_only=True)
class Part(Resource):
    """A resource that another one declares in its inputs, under the URN of that one."""


POD_OWNERS = (DEPLOYMENT, STATEFUL_SET, DAEMON_SET, REPLICA_SET, JOB, CRON_JOB, POD)
"""Kinds in which the rules find the pods themselves."""

FORMER_GROUPS = {
    **dict.fromkeys(("Deployment", "DaemonSet", "ReplicaSet", "StatefulSet"), "apps"),
    **dict.fromkeys(("Ingress", "NetworkPolicy"), "networking.k8s.io"),
}
"""The current groups of the kinds of the former group ``extensions``."""

AWS_ALIASES = {"alb": "lb", "elasticloadbalancingv2": "lb", "applicationloadbalancing": "lb"}
"""Modules of the SDK with the same resources."""


def canonical(type_: str) -> str:
    """The token of a type in the rules."""
    if type_.startswith("kubernetes:") and type_.count(":") == 2:
        _, group, kind = type_.split(":")
        group, kind = group.rpartition("/")[0], kind.removesuffix("Patch")
        group = FORMER_GROUPS.get(kind, group) if group == "extensions" else group
        return _kubernetes_tokens().get(f"{group}/{kind}", type_)
    if type_.startswith("aws:"):
        _, module, kind = type_.split(":")
        folder, _, name = module.partition("/")
        folder = AWS_ALIASES.get(folder, folder)
        if folder == "s3" and kind not in ("BucketV2",):
            name, kind = name.removesuffix("V2"), kind.removesuffix("V2")
        return f"aws:{folder}/{name}:{kind}"
    return type_


@cache
def _kubernetes_tokens() -> Mapping[str, str]:
    tokens = [each for each in vars(types).values() if isinstance(each, str) and each.startswith("kubernetes:")]
    return {f"{token.split(':')[1].rpartition('/')[0]}/{token.rpartition(':')[2]}": token for token in tokens}


def normal(resources: Iterable[Resource]) -> list[Resource]:
    """Each resource with its canonical type, followed by its pods if the rules do not know its kind."""
    found: list[Resource] = []
    for each in resources:
        type_ = canonical(each.type)
        resource = each if type_ == each.type else replace(each, type=type_)
        found.append(resource)
        if type_.startswith("kubernetes:") and type_ not in (*POD_OWNERS, RELEASE):
            found += _pods(resource)
    return found


def _pods(owner: Resource) -> Iterator[Resource]:
    for path, holder in _pod_templates(owner.inputs, ()):
        metadata = {**_metadata(owner.inputs), **_metadata(holder)}
        yield _part(owner, POD, {"metadata": metadata, "spec": holder["spec"], "kind": ".".join(map(str, path))})


def _part(owner: Resource, type_: str, inputs: dict[str, Any]) -> Part:
    return Part(**{each.name: getattr(owner, each.name) for each in fields(owner)} | {"type": type_, "inputs": inputs})


def _metadata(holder: Mapping[str, Any]) -> dict[str, Any]:
    found = holder.get("metadata")
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _pod_templates(value: Any, path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Objects with a ``spec`` that has containers, at any depth."""
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value)
        spec = items.get("spec")
        containers = cast("dict[str, Any]", spec).get("containers") if isinstance(spec, dict) else None
        if isinstance(containers, list) and all(isinstance(each, dict) for each in cast("list[Any]", containers)):
            yield path, items
            return
        for key, item in items.items():
            yield from _pod_templates(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[Any]", value)):
            yield from _pod_templates(item, (*path, index))
