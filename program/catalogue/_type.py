"""What is known of one type of resource."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

from program.graph import Path
from program.paths import parse

EVERYTHING = "*"


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """One entry of the catalogue. Properties are given as paths, separated by spaces; a path covers what is below it."""

    replaces: str = ""
    """The inputs whose change makes a new resource."""
    in_place: str = ""
    """The inputs that change in place. What neither list covers is not known, and is reported as such."""
    loses: str = ""
    """What is lost with a resource of this type; empty for one that can simply be made again."""
    secrets: str = ""
    """Inputs that are secret whether or not the program says so."""
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the service sets and another resource uses, as the mocks make it up. ``{name}`` in a text is the resource's logical
    name, ``{digest}`` the SHA-256 of it."""

    @cached_property
    def replacing_paths(self) -> tuple[Path, ...]:
        """The paths of :attr:`replaces`."""
        return tuple(map(parse, self.replaces.split()))

    @cached_property
    def in_place_paths(self) -> tuple[Path, ...]:
        """The paths of :attr:`in_place`."""
        return tuple(map(parse, self.in_place.split()))

    def made_up(self, name: str) -> dict[str, Any]:
        """The :attr:`outputs` of the resource of this name."""
        words = {"name": name, "digest": hashlib.sha256(name.encode()).hexdigest()}
        return cast("dict[str, Any]", _filled(dict(self.outputs), words))


def _filled(value: Any, words: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return value.format_map(words)
    if isinstance(value, dict):
        return {key: _filled(item, words) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_filled(item, words) for item in cast("list[Any]", value)]
    return value
