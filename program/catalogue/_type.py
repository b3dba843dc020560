"""The facts about one type of resource."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, cast

from program.graph import Path
from program.paths import parse

EVERYTHING = "*"


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """One entry of the catalogue. Lists of inputs are paths, separated by spaces; a path includes all paths below it."""

    identity: str = ""
    """The inputs that identify the object in its account, region or cluster. Two resources with equal values are the same object.
    If the first input is not set, the object is not known. Empty for a type of which any number of equal objects can exist."""
    replaces: str = ""
    """The inputs whose change replaces the resource."""
    replaces_immutable: str = ""
    """The inputs whose change replaces the resource if its input ``immutable`` is true."""
    in_place: str = ""
    """The inputs that change in place. For an input that is in none of these three lists, the effect of a change is not known."""
    loses: str = ""
    """Description of the loss when a resource of this type is deleted; empty for a type that can be created again without loss."""
    holds_data: bool = False
    """Whether production protects the resource, because its data, or the data of resources in it, cannot be restored."""
    billed: Literal["", "free", "by use"] = ""
    """How AWS bills a resource of this type. The estimate reports a type that has neither this value nor a price."""
    reviewed: str = ""
    """The reason why no policy rule needs to name this type."""
    import_id: str = ""
    """The form of the id by which a resource is imported, as Markdown."""
    import_source: str = ""
    """Where to find the import id, as Markdown; by default, the resource of this type in Terraform's state."""
    secrets: str = ""
    """Inputs that are secret even if the program does not mark them as secret."""
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Example values of the outputs that AWS or Kubernetes sets and another resource uses. In a string, ``{name}`` stands for the
    resource's logical name, and ``{digest}`` for the SHA-256 digest of that name."""

    @cached_property
    def replacing_paths(self) -> tuple[Path, ...]:
        """The paths of :attr:`replaces`."""
        return tuple(map(parse, self.replaces.split()))

    @cached_property
    def immutable_paths(self) -> tuple[Path, ...]:
        """The paths of :attr:`replaces_immutable`."""
        return tuple(map(parse, self.replaces_immutable.split()))

    @cached_property
    def in_place_paths(self) -> tuple[Path, ...]:
        """The paths of :attr:`in_place`."""
        return tuple(map(parse, self.in_place.split()))

    def example_outputs(self, name: str) -> dict[str, Any]:
        """The example :attr:`outputs` of the resource of this name."""
        fields = {"name": name, "digest": hashlib.sha256(name.encode()).hexdigest()}
        return cast("dict[str, Any]", filled(self.outputs, fields))


def filled(value: Any, fields: Mapping[str, str]) -> Any:
    """``value`` with every ``{field}`` in its strings replaced by the value in ``fields``."""
    if isinstance(value, str):
        return value.format_map(fields)
    if isinstance(value, Mapping):
        return {key: filled(item, fields) for key, item in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list):
        return [filled(item, fields) for item in cast("list[Any]", value)]
    return value


def group_kind(type_: str) -> str:
    """The API group and kind of a type token: ``apps/Deployment`` for ``kubernetes:apps/v1:Deployment``."""
    _, version, kind = type_.split(":")
    return f"{version.rsplit('/', 1)[0]}/{kind}"
