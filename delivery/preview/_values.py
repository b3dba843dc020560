"""Compares the inputs of resources: replaces secrets by digests, parses JSON texts, and matches the items of lists by name."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from program import catalogue
from program.graph import Path, Resource
from program.paths import Item
from program.protocol import MASK, mapped

SALT = secrets.token_bytes(16)
"""Salt of the digests of secrets. It is new in each run, so that digests can be compared only within one run."""

KEYS = ("name", "id", "key", "sid", "Sid", "containerPort", "port", "topologyKey", "host")
"""The keys that can identify the items of a list, in the order in which they are tried.

With such a key, an item that moved in the list is not reported as a new item.
"""


@dataclass(frozen=True)
class Secret:
    """A secret value, of which only a digest for comparisons is kept."""

    digest: str

    @classmethod
    def of(cls, value: Any) -> Secret:
        """The secret for ``value``."""
        return cls(hashlib.sha256(SALT + json.dumps(value, sort_keys=True).encode()).hexdigest())


def without_secrets(resource: Resource) -> dict[str, Any]:
    """A resource's inputs, with a :class:`Secret` in place of every secret, and with the JSON objects in texts parsed."""
    hidden = {*resource.secret_paths, *((key,) for key in catalogue.secrets(resource.type))}

    def walk(value: Any, path: Path) -> Any:
        if path in hidden:
            return _hidden(value)
        if isinstance(value, dict):
            return {key: walk(item, (*path, key)) for key, item in cast("dict[str, Any]", value).items()}
        if isinstance(value, list):
            return [walk(item, (*path, index)) for index, item in enumerate(cast("list[Any]", value))]
        return _opened(value)

    return walk(resource.inputs, ())


def _hidden(value: Any) -> Any:
    """``value`` with a :class:`Secret` in place of each value in it. Keys of objects are in the program, so they are not secret."""
    return mapped(value, Secret.of, lambda each: isinstance(each, list))


def _opened(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("{"):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value


def shown(value: Any) -> Any:
    """``value`` with a mask in place of each :class:`Secret`, so that it can be printed."""
    return mapped(value, lambda each: MASK if isinstance(each, Secret) else each)


def differences(before: Any, after: Any, path: Path = ()) -> Iterator[tuple[Path, Any, Any]]:
    """The path and both values of every leaf that differs. A missing value is ``None``."""
    if before == after:
        return
    if _is_object(before) and _is_object(after) and (before or after):
        left, right = cast("dict[str, Any]", before or {}), cast("dict[str, Any]", after or {})
        for key in [*left, *(each for each in right if each not in left)]:
            yield from differences(left.get(key), right.get(key), (*path, key))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _list_differences(cast("list[Any]", before), cast("list[Any]", after), path)
    else:
        yield path, before, after


def _is_object(value: Any) -> bool:
    return value is None or isinstance(value, dict)


def _list_differences(before: list[Any], after: list[Any], path: Path) -> Iterator[tuple[Path, Any, Any]]:
    key = next((each for each in KEYS if _tells_apart(each, before) and _tells_apart(each, after)), None)
    if key is not None:
        left, right = ({str(item[key]): item for item in items} for items in (before, after))
        for name in [*left, *(each for each in right if each not in left)]:
            yield from differences(left.get(name), right.get(name), (*path, Item(name)))
        if left == right:  # the same items in another order
            yield path, list(left), list(right)
    elif len(before) == len(after) and all(isinstance(item, dict) for item in (*before, *after)):
        for index, (left, right) in enumerate(zip(before, after, strict=True)):
            yield from differences(left, right, (*path, index))
    else:
        yield path, before, after


def _tells_apart(key: str, items: Iterable[Any]) -> bool:
    found = [cast("dict[str, Any]", item).get(key) for item in items if isinstance(item, dict)]
    return len(found) == len(list(items)) and None not in found and len(set(map(str, found))) == len(found)
