"""Property paths: their text form, as the engine writes them, and whether one path covers another."""

from __future__ import annotations

import re
from collections.abc import Sequence

from program.graph import Path


class Item(str):
    """The name of a list item, for lists whose items are identified by name instead of index."""

    __slots__ = ()


def text(path: Sequence[str | int]) -> str:
    """A path as text: ``spec.containers[app].image`` or ``spec.containers[0].image``; a key with one of ``.[]"`` is quoted."""
    parts: list[str] = []
    for each in path:
        if isinstance(each, int | Item):
            parts.append(f"[{each}]")
        elif re.search(r'[.\[\]"]', each):
            parts.append('["' + each.replace('"', '\\"') + '"]')
        else:
            parts.append(f".{each}" if parts else each)
    return "".join(parts)


def parse(path: str) -> Path:
    """The path that :func:`text` writes as ``path``, except that a name in brackets becomes a plain key, not an :class:`Item`.

    ``*`` becomes a key too, which :func:`covers` matches with every key or index.
    """
    found = re.findall(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|\[(\*)\]|([^.\[\]]+)', path)
    return tuple(int(index) if index else quoted.replace('\\"', '"') or star or key for quoted, index, star, key in found)


def covers(pattern: Path, path: Path) -> bool:
    """Whether ``path`` equals ``pattern`` or is below it. ``pattern`` may omit the indices and names of list items."""
    rest = list(path)
    for each in pattern:
        while rest and isinstance(rest[0], int | Item) and not isinstance(each, int) and each != "*":
            rest.pop(0)
        if not rest:
            return False
        found = rest.pop(0)
        placed = isinstance(each, int) and isinstance(found, Item)  # a named item can be at any index
        if each not in ("*", found) and not placed:
            return False
    return True
