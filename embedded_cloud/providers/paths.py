"""Property paths, as the engine writes them: ``spec.ports[0].name``, ``metadata.labels["app.kubernetes.io/name"]``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

Segments = tuple[str | int, ...]

SEGMENT = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+|\*)\]|([^.\[\]]+)')
EVERY = "*"
"""A segment that stands for every key or index."""


def segments(path: str) -> Segments:
    """The keys (``str``) and indices (``int``) that ``path`` goes through."""
    found: list[str | int] = []
    for quoted, index, key in SEGMENT.findall(path):
        found.append(int(index) if index.isdigit() else re.sub(r"\\(.)", r"\1", quoted) or index or key)
    return tuple(found)


def top(path: str) -> str:
    """The property of the resource that ``path`` begins with."""
    return str(segments(path)[0])


def value_at(tree: Any, path: Sequence[str | int]) -> Any:
    """What lies in ``tree`` at ``path``; None where nothing does."""
    for segment in path:
        if isinstance(tree, dict):
            tree = cast("dict[Any, Any]", tree).get(segment)
        elif isinstance(tree, list) and isinstance(segment, int) and segment < len(cast("list[Any]", tree)):
            tree = cast("list[Any]", tree)[segment]
        else:
            return None
    return tree


def covers(pattern: Sequence[str | int], path: Sequence[str | int]) -> bool:
    """Whether ``path`` is the place that ``pattern`` names, or lies below it."""
    return len(pattern) <= len(path) and all(left in (EVERY, right) for left, right in zip(pattern, path, strict=False))


def differing(olds: Mapping[str, Any], news: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """The paths at which two property trees differ: as deep as both have the same kind of value."""
    for key in sorted(olds.keys() | news.keys()):
        quoted = re.search(r'[.\[\]"/]', key)
        path = f'{prefix}["{key}"]' if quoted else f"{prefix}.{key}" if prefix else key
        yield from _differing_values(olds.get(key), news.get(key), path)


def _differing_values(old: Any, new: Any, path: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from differing(cast("dict[str, Any]", old), cast("dict[str, Any]", new), path)
    elif isinstance(old, list) and isinstance(new, list):
        lefts, rights = cast("list[Any]", old), cast("list[Any]", new)
        for index in range(max(len(lefts), len(rights))):
            yield from _differing_values(value_at(lefts, [index]), value_at(rights, [index]), f"{path}[{index}]")
    elif old != new:
        yield path
