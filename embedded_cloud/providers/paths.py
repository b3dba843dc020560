"""Property paths, as the engine writes them: ``spec.ports[0].name``, ``metadata.labels["app.kubernetes.io/name"]``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

Segments = tuple[str | int, ...]

SEGMENT = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+|\*)\]|([^.\[\]]+)')
EVERY = "*"
"""The segment that matches every key or index."""


def segments(path: str) -> Segments:
    """The keys (``str``) and indices (``int``) of ``path``, in order."""
    found: list[str | int] = []
    for quoted, index, key in SEGMENT.findall(path):
        found.append(int(index) if index.isdigit() else re.sub(r"\\(.)", r"\1", quoted) or index or key)
    return tuple(found)


def top(path: str) -> str:
    """The top-level property in ``path``."""
    return str(segments(path)[0])


def value_at(tree: Any, path: Sequence[str | int]) -> Any:
    """The value in ``tree`` at ``path``; None if the path does not exist."""
    for segment in path:
        if isinstance(tree, dict):
            tree = cast("dict[Any, Any]", tree).get(segment)
        elif isinstance(tree, list) and isinstance(segment, int) and segment < len(cast("list[Any]", tree)):
            tree = cast("list[Any]", tree)[segment]
        else:
            return None
    return tree


def covers(pattern: Sequence[str | int], path: Sequence[str | int]) -> bool:
    """Whether ``path`` matches ``pattern``, or is below a path that matches."""
    return len(pattern) <= len(path) and all(left in (EVERY, right) for left, right in zip(pattern, path, strict=False))


def differing(olds: Mapping[str, Any], news: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """The deepest paths at which two property trees differ.

    The two values at such a path are not both objects, and not both lists.
    """
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
