"""Records the properties that a rule reads, by resources that record every access to a key."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, cast

from policies.config import Config
from policies.rule import Rule
from policies.views import ResourceIndex
from policies.violations import Violation, check_rule
from program.graph import Path, Resource


@dataclass(frozen=True)
class Read:
    """One property of one resource that a rule read."""

    urn: str
    type: str
    path: Path

    @property
    def shape(self) -> tuple[str, Path]:
        """The type and the path without list indices. They are equal for all resources of a type and all items of a list."""
        return self.type, tuple("*" if isinstance(part, int) else part for part in self.path)


class _Traced(dict[str, Any]):
    def __init__(self, content: dict[str, Any], note: Any, path: Path) -> None:
        super().__init__({key: _traced(value, note, (*path, key)) for key, value in content.items()})
        self._note, self._path = note, path

    def get(self, key: str, default: Any = None) -> Any:
        self._note((*self._path, key))
        return super().get(key, default)


def _traced(value: Any, note: Any, path: Path) -> Any:
    if isinstance(value, dict):
        return _Traced(value, note, path)
    if isinstance(value, list):
        return [_traced(item, note, (*path, index)) for index, item in enumerate(value)]
    return value


def plain(resource: Resource) -> Resource:
    """A copy of a resource that can be changed."""
    return Resource(
        urn=resource.urn,
        type=resource.type,
        name=resource.name,
        inputs=copy.deepcopy(resource.inputs),
        id=getattr(resource, "id", ""),
        parent=resource.parent,
        provider=resource.provider,
        property_dependencies=resource.property_dependencies,
        ignore_changes=resource.ignore_changes,
    )


def reads(rule: Rule, resources: Iterable[Resource], config: Config) -> list[Read]:
    """The properties of these resources that a rule reads."""
    found: dict[Read, None] = {}

    def trace(resource: Resource) -> Resource:
        def note(path: Path) -> None:
            found[Read(resource.urn, resource.type, path)] = None

        copied = plain(resource)
        return replace(copied, inputs=_Traced(copied.inputs, note, ()))

    run(rule, [trace(each) for each in resources if rule.whole or each.type in rule.on or "*" in rule.on], config)
    return list(found)


def run(rule: Rule, resources: Iterable[Resource], config: Config) -> list[Violation]:
    """The violations of a rule by all resources that it checks."""
    graph = ResourceIndex(resources)
    return [violation for each in graph.checked_by(rule.on) for violation in check_rule(rule, each, graph, config)]


def _holder(resource: Resource, path: Path) -> dict[Any, Any] | None:
    """The object that contains the last part of ``path``, or ``None`` if the path does not exist."""
    holder: Any = resource.inputs
    for part in path[:-1]:
        try:
            holder = holder[part]
        except (KeyError, IndexError, TypeError):
            return None
    return cast("dict[Any, Any]", holder) if isinstance(holder, dict) else None


def without(resource: Resource, path: Path) -> Resource | None:
    """A copy without the value at ``path`` and without the value's dependencies, or ``None`` if ``path`` has no value."""
    changed = plain(resource)
    holder = _holder(changed, path)
    if holder is None or holder.pop(path[-1], None) is None:
        return None
    kept = {key: urns for key, urns in (changed.property_dependencies or {}).items() if path != (key,)}
    return replace(changed, property_dependencies=kept)


def with_value(resource: Resource, path: Path, value: Any) -> Resource | None:
    """A copy with another value at ``path``, or ``None`` if there is no object that could contain it."""
    changed = plain(resource)
    holder = _holder(changed, path)
    if holder is None:
        return None
    holder[path[-1]] = value
    return changed
