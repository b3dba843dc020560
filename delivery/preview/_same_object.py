"""Finds new resources whose object also belongs to another resource, for example after a rename without an alias.

The engine creates resources before it deletes others. So AWS or Kubernetes refuses the new resource, or the deletion of the old
resource removes the object of both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from delivery.preview.change import Kind, ResourceChange
from program.catalogue import identity


def object_of(type_: str, provider: str, inputs: Mapping[str, Any]) -> tuple[str, ...]:
    """The provider's URN, the type and the values that identify a resource's object; empty if they are not known."""
    found = identity(type_, inputs)
    return (provider, *found) if found else ()


def refuse_conflicts(
    changes: Iterable[ResourceChange], base: Mapping[str, tuple[str, ...]], head: Mapping[str, tuple[str, ...]]
) -> Iterator[ResourceChange]:
    """The changes. A creation whose object also belongs to another resource gets the reason in ``refused``.

    ``base`` and ``head`` have the result of :func:`object_of` for each resource, by URN, before and after the changes.
    """
    changes = list(changes)
    owners: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for urn, key in head.items():
        owners[key].append(urn)
    deleted = {base.get(each.urn, ()): each.urn for each in changes if each.kind is Kind.DELETE}
    for change in changes:
        key = head.get(change.urn, ()) if change.kind is Kind.CREATE else ()
        if key:
            reasons = _reasons(
                ", ".join(filter(None, key[2:])), deleted.get(key, ""), [each for each in owners[key] if each != change.urn]
            )
            yield replace(change, refused=(*change.refused, *reasons))
        else:
            yield change


def _reasons(what: str, deleted: str, others: Iterable[str]) -> Iterator[str]:
    if deleted:
        yield (
            f"its object ({what}) belongs to {_name(deleted)}, which is deleted after the creation: the creation fails, or the "
            f'deletion removes the object. If the resource is only renamed or moved, give it the option aliases=["{deleted}"]'
        )
    yield from (f"its object ({what}) also belongs to {_name(each)}: remove one of the two resources" for each in others)


def _name(urn: str) -> str:
    return urn.rpartition("::")[2]
