"""The catalogue of resource types.

An entry (:class:`ResourceType`) has the facts about one type, for example which changes replace a resource, and which data is lost
when the resource is deleted. To add a type, add one entry to the module of its provider, and run ``make generate``. A test compares
the AWS entries with the tables of the embedded AWS provider, which are tested against moto. The test contains a list of the
accepted differences with their reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, cast

from program.catalogue import _aws, _consequences, _docker, _kubernetes, _providers
from program.catalogue._policy_document import policy_document
from program.catalogue._type import EVERYTHING, ResourceType, filled, group_kind
from program.graph import Path
from program.normal_form import canonical
from program.paths import covers
from program.protocol import UNKNOWNS
from program.types import LIFECYCLE

__all__ = [
    "ACCOUNT",
    "AWS",
    "DATA_SOURCES",
    "DOCKER",
    "EVERYTHING",
    "EXAMPLE_ARN",
    "KUBERNETES",
    "Replaces",
    "ResourceType",
    "answer",
    "billed",
    "every_type",
    "group_kind",
    "identity",
    "loses",
    "lost",
    "lost_by_creation",
    "lost_in_place",
    "outputs",
    "refusals",
    "replaces",
    "reviewed",
    "secrets",
    "to_watch",
]

ACCOUNT = _aws.ACCOUNT
EXAMPLE_ARN = _aws.EXAMPLE_ARN
AWS = _aws.TYPES
DOCKER = _docker.TYPES
KUBERNETES = _kubernetes.TYPES
DATA_SOURCES: Mapping[str, Mapping[str, Any] | Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
    **_aws.DATA_SOURCES,
    "aws:iam/getPolicyDocument:getPolicyDocument": policy_document,
}
"""The result of each data source by token, or a function that computes it from the arguments. ``_sdk`` adds the arguments to it."""


class Replaces(StrEnum):
    """Whether a changed property replaces the resource."""

    YES = "yes"
    NO = "no"
    NOT_KNOWN = "not known"


def replaces(type_: str, path: Path, *, immutable: bool = False) -> Replaces:
    """Whether a change at ``path`` replaces a resource of this type. ``immutable``: whether its input ``immutable`` is true."""
    known = _entries(type_)
    if immutable and any(covers(pattern, path) for entry in known for pattern in entry.immutable_paths):
        return Replaces.YES
    if any(covers(pattern, path) for entry in known for pattern in entry.replacing_paths):
        return Replaces.YES
    if any(covers(pattern, path) for entry in known for pattern in entry.in_place_paths):
        return Replaces.NO
    return Replaces.NOT_KNOWN


def identity(type_: str, inputs: Mapping[str, Any]) -> tuple[str, ...]:
    """The type and the values that identify a resource's object; empty if they are not known, or if equal objects can exist."""
    known = next((entry.identity for entry in reversed(_entries(type_)) if entry.identity), "")
    values = [_at(inputs, path) for path in known.split()]
    if not values or not values[0] or any(isinstance(each, (dict, list)) or each in UNKNOWNS for each in values):
        return ()
    return (canonical(type_), *("" if each is None else str(each) for each in values))


def loses(type_: str, inputs: Mapping[str, Any]) -> str:
    """Description of the loss when a resource of this type is deleted; empty for a type that can be created again without loss."""
    lost = next((entry.loses for entry in _entries(type_) if entry.loses), "")
    if lost and inputs.get("forceDestroy"):
        return f"{lost} (forceDestroy is true, so the deletion succeeds)"
    return lost


def refusals(type_: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The reasons why the service refuses an in-place change of the inputs. For a new resource, ``before`` equals ``after``."""
    return _consequences.follows(_consequences.REFUSED, type_, before, after)


def lost_in_place(type_: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The data that an in-place change of the inputs deletes or makes unreachable."""
    return _consequences.follows(_consequences.LOST_IN_PLACE, type_, before, after)


def lost_by_creation(type_: str, inputs: Mapping[str, Any]) -> list[str]:
    """The data that a new lifecycle configuration deletes in an existing bucket; empty for other types.

    If the bucket is created too, the name of the bucket is unknown in a preview, and no data is deleted.
    """
    return lost_in_place(type_, {}, inputs) if canonical(type_) == LIFECYCLE and inputs.get("bucket") not in UNKNOWNS else []


def lost(op: str, type_: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The data that an operation of the engine (``update``, ``delete``, ``create-replacement``...) deletes."""
    if "replace" in op or op.startswith("delete"):
        return list(filter(None, [loses(type_, before)]))
    return lost_in_place(type_, before, after) if op == "update" else lost_by_creation(type_, after) if op == "create" else []


def to_watch(type_: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The failures that an in-place change of the inputs can cause later, although the service accepts the change."""
    return _consequences.follows(_consequences.TO_WATCH, type_, before, after)


def secrets(type_: str) -> tuple[str, ...]:
    """The inputs of this type that are secret even if the program does not mark them as secret."""
    return tuple(name for entry in _entries(type_) for name in entry.secrets.split())


def every_type() -> dict[str, ResourceType]:
    """The entry of each type by its token. The token of a Kubernetes type has no version: ``kubernetes:apps/Deployment``."""
    return {**AWS, **DOCKER, **_providers.TYPES, **{f"kubernetes:{kind}": entry for kind, entry in KUBERNETES.items()}}


def billed(type_: str) -> str:
    """How AWS bills a type: ``free``, ``by use``, or empty for a type that needs a price."""
    return next((entry.billed for entry in _entries(type_) if entry.billed), "")


def reviewed(type_: str) -> str:
    """The reason why no policy rule needs to name this type; empty for a type that needs a rule."""
    return next((entry.reviewed for entry in _entries(type_) if entry.reviewed), "")


def outputs(type_: str, name: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs, completed at any depth with example values of the computed outputs that other resources use."""
    computed = {key: value for entry in _entries(type_) for key, value in entry.example_outputs(name).items()}
    return _completed(inputs, computed)


def answer(token: str, args: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a data source without its arguments; ``{name}`` in the catalogue stands for the argument ``name``."""
    found = DATA_SOURCES[token]
    if callable(found):
        return dict(found(args))
    return filled(found, {"region": _aws.REGION, **{key: str(value) for key, value in args.items()}})


def _completed(inputs: Mapping[str, Any], computed: Mapping[str, Any]) -> dict[str, Any]:
    nested = {
        key: _completed(inputs[key], cast("dict[str, Any]", value))
        for key, value in computed.items()
        if isinstance(value, dict) and key in inputs
    }
    return {**computed, **inputs, **nested}


def _at(inputs: Mapping[str, Any], path: str) -> Any:
    found: Any = dict(inputs)
    for key in path.split("."):
        found = cast("dict[str, Any]", found).get(key) if isinstance(found, dict) else None
    return found


def _entries(type_: str) -> list[ResourceType]:
    """The entries that apply to a type: for all types of the provider, for all types of the service, and for this type."""
    if type_.startswith("aws:"):
        found = [_aws.COMMON, _aws.SERVICES.get(type_.partition("/")[0]), _aws.TYPES.get(type_)]
    elif type_.startswith("kubernetes:"):
        found = [_kubernetes.COMMON, _kubernetes.TYPES.get(group_kind(type_))]
    elif type_.startswith(("docker:", "docker-build:")):
        found = [_docker.COMMON, _docker.TYPES.get(type_)]
    else:
        found = [_providers.TYPES.get(type_)]
    return [entry for entry in found if entry is not None]
