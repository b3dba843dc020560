"""Compares the alerting and recording rules that two graphs declare."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any, cast

import yaml

from delivery.preview._values import differences
from delivery.preview.change import AlertChange, Kind, PropertyChange
from program import paths
from program.catalogue import Replaces
from program.graph import Graph, Resource
from program.types import CONFIG_MAP, PROMETHEUS_RULE


def compare(base: Graph, head: Graph) -> tuple[AlertChange, ...]:
    """The changes of the alerting and recording rules.

    A rule is identified by its name. If an earlier rule has the same name, the identifier also contains the labels or a number.
    """
    before, after = dict(rules(base)), dict(rules(head))
    found: list[AlertChange] = []
    for name in [*before, *(each for each in after if each not in before)]:
        if name not in after:
            found.append(AlertChange(name=name, kind=Kind.DELETE))
        elif name not in before:
            found.append(AlertChange(name=name, kind=Kind.CREATE))
        elif details := tuple(_details(before[name], after[name])):
            found.append(AlertChange(name=name, kind=Kind.UPDATE, details=details))
    return tuple(found)


def _details(before: dict[str, Any], after: dict[str, Any]) -> Iterator[PropertyChange]:
    for path, left, right in differences(before, after):
        yield PropertyChange(path=paths.text(path), before=left, after=right, replaces=Replaces.NO)


def rules(graph: Graph) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every rule of a graph with its identifier, from Prometheus' rule files in ConfigMaps and from ``PrometheusRule`` objects."""
    taken: set[str] = set()
    for resource in graph.resources:
        for group in _groups(resource):
            for rule in cast("list[dict[str, Any]]", group.get("rules") or []):
                identifier = next(each for each in _identifiers(rule) if each not in taken)
                taken.add(identifier)
                yield identifier, rule


def _identifiers(rule: dict[str, Any]) -> Iterator[str]:
    """The possible identifiers of a rule: the name, the name with the labels, and the name with a number from 2 on."""
    name = str(rule.get("alert") or rule.get("record"))
    yield name
    if labels := cast("dict[str, str]", rule.get("labels") or {}):
        yield f"{name} ({', '.join(f'{key}={value}' for key, value in sorted(labels.items()))})"
    yield from (f"{name} ({number})" for number in count(2))


def _groups(resource: Resource) -> list[dict[str, Any]]:
    if resource.type == PROMETHEUS_RULE:
        return cast("dict[str, Any]", resource.inputs.get("spec") or {}).get("groups") or []
    if resource.type != CONFIG_MAP:
        return []
    found: list[dict[str, Any]] = []
    for text in cast("dict[str, Any]", resource.inputs.get("data") or {}).values():
        if isinstance(text, str) and "groups:" in text and ("alert:" in text or "record:" in text):
            found += _parsed(text)
    return found


def _parsed(text: str) -> list[dict[str, Any]]:
    try:
        content: Any = yaml.load(text, yaml.CSafeLoader)
    except yaml.YAMLError:
        return []
    groups = cast("dict[str, Any]", content).get("groups") if isinstance(content, dict) else None
    return cast("list[dict[str, Any]]", groups) if isinstance(groups, list) else []
