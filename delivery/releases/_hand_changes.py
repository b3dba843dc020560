"""Finds fields of the program's objects that kubectl or another tool manages, and resets them.

``kubectl set image``, ``scale``, ``rollout undo`` and ``apply -f`` make kubectl the manager of the changed fields. The engine
compares only the program's inputs, finds no difference, and does not reset such a field. A plain `pulumi up` resets it only if the
program changes this object too (``enable_patch_force`` in ``components/providers.py``).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from delivery.clients.checkpoint import Checkpoint, declared_objects
from delivery.clients.kubernetes import (
    FIELD_MANAGER,
    PROGRAM_MANAGER,
    ClusterError,
    KubernetesClient,
    Manifest,
    manager_of,
    with_owned,
)

CONTROLLERS = "kube-"
"""Prefix of the field managers of Kubernetes' own controllers, whose changes are intended."""
LEFT_OUT = ("Secret", "Namespace", "CustomResourceDefinition")
"""Kinds that are not compared: Secrets, which are encrypted in the state, and kinds that are slow to apply and rarely changed."""
IDENTITY = ("apiVersion", "kind", "metadata")
"""Top-level fields that the search for fields without a manager omits.

``apiVersion`` and ``kind`` have no manager, and ``metadata`` has labels and annotations that only the engine uses.
"""
UNKNOWN = "an unknown manager"
SHOWN_FIELDS = 4
JSON_PATCH = "application/json-patch+json"


@dataclass(frozen=True, kw_only=True)
class HandChange:
    """One object as the program declares it, and the fields that other managers own or have changed."""

    manifest: Manifest
    managers: tuple[str, ...]
    fields: tuple[str, ...]

    def __str__(self) -> str:
        """The change, for example ``Deployment dwcp-v3 (spec.template.spec.containers[dwcp-v3].image, by kubectl-set)``."""
        more = f" and {len(self.fields) - SHOWN_FIELDS} more" if len(self.fields) > SHOWN_FIELDS else ""
        fields = ", ".join(self.fields[:SHOWN_FIELDS]) + more
        return f"{self.manifest['kind']} {self.manifest['metadata']['name']} ({fields}, by {', '.join(self.managers)})"


def find(cluster: KubernetesClient, state: Checkpoint) -> list[HandChange]:
    """The program's objects that other field managers have changed.

    An object is listed if a field that the program sets has another manager, or has no manager and a different value.
    """
    declared = {_key(each): each for each in declared_objects(state) if each["kind"] not in LEFT_OUT}
    collections = {(each["apiVersion"], each["kind"], each["metadata"].get("namespace")) for each in declared.values()}
    changes: list[HandChange] = []
    for api_version, kind, namespace in sorted(collections, key=str):
        for live in _listed(cluster, api_version, kind, namespace):
            manifest = declared.get((api_version, kind, namespace, live["metadata"]["name"]))
            if manifest is not None and (taken := dict(_foreign_fields(live, manifest))):
                fields = tuple(dict.fromkeys(itertools.chain.from_iterable(taken.values())))
                changes.append(HandChange(manifest=manifest, managers=tuple(taken), fields=fields))
    return changes


def reset(cluster: KubernetesClient, state: Checkpoint, changes: list[HandChange]) -> list[str]:
    """Apply the changed objects with the program's field manager and the values in the state. Remove the managers in ``changes``.

    Returns one line for each object that was reset. An object that the engine has just applied has these values already, so
    only its managers change.
    """
    declared = {_key(each): each for each in declared_objects(state)}
    done: list[str] = []
    for change in changes:
        manifest = declared.get(_key(change.manifest))
        live = None if manifest is None else cluster.live(manifest)
        if manifest is None or live is None:
            continue
        live = cluster.apply(with_owned(manifest, live), manager=manager_of(live))
        kept = [each for each in live["metadata"]["managedFields"] if each["manager"] not in change.managers]
        _set_managers(cluster, manifest, live["metadata"]["resourceVersion"], kept)
        done.append(f"reset {change}")
    return done


def _set_managers(cluster: KubernetesClient, manifest: Manifest, version: str, kept: list[Any]) -> None:
    patch = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": version},
        {"op": "replace", "path": "/metadata/managedFields", "value": kept},
    ]
    try:
        cluster.raw("PATCH", cluster.path(manifest), patch, content=JSON_PATCH)
    except ClusterError as error:
        # A controller changed the object after the apply. The fields have the right values; the next update removes the managers.
        if error.status not in (HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY):
            raise


def _listed(cluster: KubernetesClient, api_version: str, kind: str, namespace: str | None) -> list[Manifest]:
    try:
        return cluster.collection(api_version, kind, namespace)
    except ClusterError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return []
        raise


def _key(manifest: Manifest) -> tuple[str, str, str | None, str]:
    metadata = manifest["metadata"]
    return (manifest["apiVersion"], manifest["kind"], metadata.get("namespace"), metadata["name"])


def _foreign_fields(live: Manifest, manifest: Manifest) -> Iterator[tuple[str, list[str]]]:
    """Yield every manager except the program, ``dwcp`` and Kubernetes, and those of its fields that the program sets too.

    Of each manager, fields with a value that differs from the program's value come first. Finally, yield ``UNKNOWN`` and the
    fields that the program sets but no longer manages, and whose value differs.
    """
    managed: dict[str, Any] = {}
    for entry in cast("list[dict[str, Any]]", live["metadata"].get("managedFields") or []):
        manager, tree = str(entry["manager"]), cast("dict[str, Any]", entry.get("fieldsV1") or {})
        if manager.startswith(PROGRAM_MANAGER):
            managed = tree if entry["operation"] == "Apply" else managed
        elif manager == FIELD_MANAGER or manager.startswith(CONTROLLERS) or entry.get("subresource") == "status":
            continue
        elif fields := sorted(_common(manifest, live, tree, "")):
            yield manager, [path for _, path in fields]
    # The loop does not find a field without a manager. `kubectl scale --replicas 0` leaves such a field.
    declared = {key: manifest[key] for key in manifest if key not in IDENTITY}
    if managed and (unmanaged := list(_unmanaged_fields(declared, live, managed, ""))):
        yield UNKNOWN, unmanaged


def _unmanaged_fields(declared: dict[str, Any], live: dict[str, Any], managed: dict[str, Any], path: str) -> Iterator[str]:
    """The paths that the program sets but no longer manages, and whose live value differs from the program's."""
    for name, value in declared.items():
        tree, now, where = managed.get(f"f:{name}"), live.get(name), f"{path}.{name}".lstrip(".")
        if tree is None:
            if value not in (None, {}, []) and value != now:
                yield where
        elif tree and isinstance(value, dict) and isinstance(now, dict):
            yield from _unmanaged_fields(cast("dict[str, Any]", value), cast("dict[str, Any]", now), tree, where)


def _common(declared: Any, live: Any, tree: dict[str, Any], path: str) -> Iterator[tuple[bool, str]]:
    """Yield a pair for each path of the field tree that ``declared`` sets: whether ``live`` has an equal value, and the path.

    A field tree has the form ``f:spec: {f:replicas: {}}``. The key of an item of a list begins with ``k:``.
    Source: https://github.com/kubernetes-sigs/structured-merge-diff/blob/master/fieldpath/serialize-pe.go
    """
    below = {key: value for key, value in tree.items() if key != "."}
    if not below:
        yield declared == live, path
    for key, value in below.items():
        kind, _, name = key.partition(":")
        if kind == "f" and isinstance(declared, dict) and name in declared:
            now = cast("dict[str, Any]", live).get(name) if isinstance(live, dict) else None
            yield from _common(cast("dict[str, Any]", declared)[name], now, value, f"{path}.{name}".lstrip("."))
        elif kind == "k" and isinstance(declared, list):
            wanted: dict[str, Any] = json.loads(name)
            now = next((each for each in cast("list[dict[str, Any]]", live or []) if _is(each, wanted)), None)
            for item in cast("list[dict[str, Any]]", declared):
                if _is(item, wanted):
                    yield from _common(item, now, value, f"{path}[{item.get('name') or next(iter(wanted.values()))}]")


def _is(item: dict[str, Any], key: dict[str, Any]) -> bool:
    """Whether an item of a list has this key. A key field with a default, such as a port's protocol, can be missing in the item."""
    return all(item.get(field, given) == given for field, given in key.items())
