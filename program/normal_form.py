"""Converts resources to one normal form, so that other code need not handle each way to declare a resource:

- an older API version of a kind, or its ``Patch`` resource,
- another module of the SDK with the same resource,
- a custom resource that contains a pod template, and
- inline settings of a bucket or topic for which separate resource types exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any, cast

from program import types
from program.graph import Path, Resource
from program.protocol import UNKNOWNS
from program.types import (
    BUCKET,
    BUCKET_ACL,
    BUCKET_POLICY,
    CRON_JOB,
    DAEMON_SET,
    DEPLOYMENT,
    ENCRYPTION,
    INGRESS,
    JOB,
    LIFECYCLE,
    OLD_BUCKET,
    POD,
    RELEASE,
    REPLICA_SET,
    STATEFUL_SET,
    TOPIC,
    TOPIC_POLICY,
    VERSIONING,
)


@dataclass(frozen=True, kw_only=True)
class Part(Resource):
    """An inline part of a resource, as a resource. Its inputs come from its owner's inputs, and its URN is the owner's."""


POD_OWNERS = (DEPLOYMENT, STATEFUL_SET, DAEMON_SET, REPLICA_SET, JOB, CRON_JOB, POD)
"""Types of objects whose pods the policy rules find without a conversion."""

PRESENT_GROUPS = {
    **dict.fromkeys(("Deployment", "DaemonSet", "ReplicaSet", "StatefulSet"), "apps"),
    **dict.fromkeys(("Ingress", "NetworkPolicy"), "networking.k8s.io"),
}
"""The present API group of each kind that was in the former group ``extensions``."""

AWS_ALIASES = {"alb": "lb", "elasticloadbalancingv2": "lb", "applicationloadbalancing": "lb"}
"""Modules of the AWS SDK that contain the same resources as another module."""


def canonical(type_: str) -> str:
    """The canonical token of a type, which the rules use."""
    if type_.startswith("kubernetes:") and type_.count(":") == 2:
        _, group, kind = type_.split(":")
        group, kind = group.rpartition("/")[0], kind.removesuffix("Patch")
        group = PRESENT_GROUPS.get(kind, group) if group == "extensions" else group
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
    """Each resource with its canonical type, followed by its inline parts: pods, and the settings of a bucket or topic."""
    found: list[Resource] = []
    for each in resources:
        type_ = canonical(each.type)
        resource = each if type_ == each.type else replace(each, type=type_)
        if type_ == INGRESS:
            resource = _current_ingress(resource)
        found.append(resource)
        if type_.startswith("kubernetes:") and type_ not in (*POD_OWNERS, RELEASE):
            found += _pods(resource)
        elif type_ in (BUCKET, OLD_BUCKET):
            found += (_part(resource, part, {"bucket": each.id, **given}, "bucket") for part, given in _of_bucket(each.inputs))
        elif type_ == TOPIC and each.inputs.get("policy"):
            found.append(_part(resource, TOPIC_POLICY, {"arn": each.id, "policy": each.inputs["policy"]}, "arn"))
    return found


def _current_ingress(ingress: Resource) -> Resource:
    """The Ingress with its default backend under the property's name in ``networking.k8s.io/v1``."""
    found: Any = ingress.inputs.get("spec")
    spec = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    if "backend" not in spec:
        return ingress
    return replace(ingress, inputs={**ingress.inputs, "spec": {**spec, "defaultBackend": spec["backend"]}})


def _of_bucket(inputs: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each inline setting of a bucket: the separate resource type for the setting, and the inputs of that type."""
    if inputs.get("policy"):
        yield BUCKET_POLICY, {"policy": inputs["policy"]}
    if inputs.get("acl") or inputs.get("grants"):
        grants = [{"grantee": each} for each in _objects(inputs.get("grants"))]
        yield BUCKET_ACL, {"acl": inputs.get("acl"), "accessControlPolicy": {"grants": grants}}
    if rules := inputs.get("lifecycleRules"):
        yield LIFECYCLE, {"rules": [_lifecycle_rule(each) for each in _objects(rules)] if isinstance(rules, list) else rules}
    if versioning := _one(inputs, "versioning"):
        yield VERSIONING, {"versioningConfiguration": {"status": _status(versioning, "Suspended")}}
    if encryption := _one(inputs, "serverSideEncryptionConfiguration"):
        default = _one(_one(encryption, "rule"), "applyServerSideEncryptionByDefault")
        yield ENCRYPTION, {"rules": [{"applyServerSideEncryptionByDefault": default}]}


def _lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    old = _one(rule, "noncurrentVersionExpiration")
    return {
        "filter": {"prefix": rule.get("prefix"), "tags": rule.get("tags")},
        "status": _status(rule, "Disabled"),
        "expiration": rule.get("expiration") or _one(rule, "expiration"),
        "noncurrentVersionExpiration": {"noncurrentDays": old.get("days")},
    }


def _status(holder: Mapping[str, Any], otherwise: str) -> Any:
    """The status in the form of the newer types: a string, or the mark of an unknown value."""
    enabled = holder.get("enabled")
    return enabled if enabled in UNKNOWNS else "Enabled" if enabled in (True, "true") else otherwise


def _one(holder: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The object at ``key``. The older bucket type has a list under the plural of ``key`` instead; its first item is used."""
    found = _objects([holder[key]] if holder.get(key) else holder.get(f"{key}s"))
    return found[0] if found else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    items: list[Any] = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", each) for each in items if isinstance(each, dict)]


def _pods(owner: Resource) -> Iterator[Resource]:
    for path, holder in _pod_templates(owner.inputs, ()):
        metadata = {**_metadata(owner.inputs), **_metadata(holder)}
        yield _part(owner, POD, {"metadata": metadata, "spec": holder["spec"], "kind": ".".join(map(str, path))})


def _part(owner: Resource, type_: str, inputs: dict[str, Any], refers: str = "") -> Part:
    """The inline part of ``owner`` with this type and these inputs.

    ``refers`` is the property by which a separate resource of this type refers to its owner.
    """
    depends = {**(owner.property_dependencies or {}), **({refers: (owner.urn,)} if refers else {})}
    given: dict[str, Any] = {each.name: getattr(owner, each.name) for each in fields(owner)}
    given |= {"type": type_, "inputs": inputs, "property_dependencies": depends}
    return Part(**given)


def _metadata(holder: Mapping[str, Any]) -> dict[str, Any]:
    found = holder.get("metadata")
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _pod_templates(value: Any, path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the path and the content of each object, at any depth, whose ``spec`` contains a list of containers."""
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
