"""What others did to an object that we apply.

Three versions of it are compared: ``inputs``, what the program asks for; ``live``, what the API server holds; and
``desired``, what the API server would hold after applying ``inputs`` once more (a dry run). Where ``live`` and ``desired``
agree, nothing has drifted, whatever defaults, other spellings of a quantity or other managers' fields they contain.
Where they differ, the next ``up`` would change something, and the live value belongs into the refreshed inputs.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from copy import deepcopy
from typing import Any, cast

from embedded_cloud.providers.kubernetes.connection import Manifest
from embedded_cloud.providers.kubernetes.objects import MANAGER

BOOKKEEPING = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")
"""Metadata that the API server writes about the object, never anybody's intent."""

CONTROLLERS = "kube-"
"""How the managers of the control plane's own controllers are called: ``kube-controller-manager``, ``kube-scheduler``."""


def intent(live: Manifest) -> Manifest:
    """The object without its status and the API server's bookkeeping."""
    metadata = {key: value for key, value in live["metadata"].items() if key not in BOOKKEEPING}
    return {key: value for key, value in live.items() if key != "status"} | {"metadata": metadata}


def observed_inputs(inputs: Manifest, desired: Manifest, live: Manifest) -> Manifest:
    """``inputs`` with the live value at every place where ``live`` differs from ``desired``."""
    readable = [_with_string_data(intent(version), inputs) for version in (desired, live)]
    return _observed(inputs, *readable)


def _observed(inputs: Any, desired: Any, live: Any) -> Any:
    if desired == live:
        return inputs
    if isinstance(desired, dict) and isinstance(live, dict):
        return _observed_map(inputs if isinstance(inputs, dict) else {}, desired, live)
    if isinstance(desired, list) and isinstance(live, list) and isinstance(inputs, list):
        return _observed_list(inputs, desired, live)
    return live


def _observed_map(inputs: dict[str, Any], desired: dict[str, Any], live: dict[str, Any]) -> dict[str, Any]:
    found = dict(inputs)
    for key in desired.keys() | live.keys():
        if key not in live:
            found.pop(key, None)
        elif desired.get(key) != live[key]:
            found[key] = _observed(inputs.get(key), desired.get(key), live[key])
    return found


def _observed_list(inputs: list[Any], desired: list[Any], live: list[Any]) -> list[Any]:
    """Item by item where items can be told apart: by their name, or by their place in lists of one length."""
    versions = [_by_name(items) for items in (inputs, desired, live)]
    if all(versions):
        asked, wanted, found = versions
        ours = [_observed(item, wanted.get(name), found[name]) for name, item in asked.items() if name in found]
        return ours + [item for name, item in found.items() if name not in asked and name not in wanted]
    if len(inputs) == len(desired) == len(live):
        return [_observed(*items) for items in zip(inputs, desired, live, strict=True)]
    return live


def _by_name(items: list[Any]) -> dict[str, Any]:
    """The items by their ``name``; empty unless each has one of its own."""
    named = {item["name"]: item for item in items if isinstance(item, dict) and "name" in item}
    return named if len(named) == len(items) else {}


def overlaid(base: Any, top: Any) -> Any:
    """``base`` with the values of ``top`` on it: a guess at ``desired`` where the API server refuses the dry run."""
    if isinstance(base, dict) and isinstance(top, dict):
        below, above = cast("dict[str, Any]", base), cast("dict[str, Any]", top)
        return below | {key: overlaid(below.get(key), value) for key, value in above.items()}
    if isinstance(base, list) and isinstance(top, list) and len(cast("list[Any]", base)) == len(cast("list[Any]", top)):
        return [overlaid(below, above) for below, above in zip(cast("list[Any]", base), cast("list[Any]", top), strict=True)]
    return top


def yielding_to_controllers(desired: Manifest, live: Manifest) -> Manifest:
    """``desired`` with the live value of every field that a controller has taken over, such as an autoscaler's replicas."""
    result = deepcopy(desired)
    for fields in _fields(live, lambda manager: manager.startswith(CONTROLLERS)):
        _copy_fields(fields, live, result)
    return result


def _copy_fields(fields: dict[str, Any], source: dict[str, Any], target: dict[str, Any]) -> None:
    for mark, below in fields.items():
        key = mark.removeprefix("f:")
        if key == mark or key not in source:
            continue
        if isinstance(source[key], dict) and isinstance(target.get(key), dict) and below:
            _copy_fields(below, source[key], target[key])
        elif not below:
            target[key] = source[key]


def without_foreign(inputs: Manifest, live: Manifest, ignored: Iterable[Sequence[str | int]]) -> Manifest:
    """``inputs`` to apply when the program leaves the paths ``ignored`` to others.

    As the official provider does: a path that others manage and we do not is left out, so that it stays theirs without
    a conflict; any other has its live value, so that it stays as it is. A path into a list is not looked up.
    Source: handleSSAIgnoreFields in pulumi-kubernetes, provider/pkg/await/await.go.
    """
    ours = list(_fields(live, lambda manager: manager == MANAGER))
    theirs = list(_fields(live, lambda manager: manager != MANAGER))
    result = deepcopy(inputs)
    for path in ignored:
        *parents, key = path
        source, target = _inside(live, parents), _inside(result, parents)
        if target is None or source is None or key not in source:
            continue
        if _manages(theirs, path) and not _manages(ours, path):
            target.pop(key, None)
        else:
            target[key] = source[key]
    return result


def is_ours(live: Manifest) -> bool:
    """Whether this provider has applied the object before."""
    return any(True for _ in _fields(live, lambda manager: manager == MANAGER))


def _fields(live: Manifest, chosen: Any) -> Iterable[dict[str, Any]]:
    """The field trees (``f:spec: {f:replicas: {}}``) of the managers that ``chosen`` accepts."""
    for entry in live["metadata"].get("managedFields") or []:
        if chosen(entry["manager"]) and entry.get("fieldsV1"):
            yield entry["fieldsV1"]


def _manages(trees: Iterable[dict[str, Any]], path: Sequence[str | int]) -> bool:
    """Whether one of the field trees goes through ``path``."""
    for tree in trees:
        here: dict[str, Any] | None = tree
        for key in path:
            here = None if here is None else here.get(f"f:{key}")
        if here is not None:
            return True
    return False


def _inside(tree: Any, path: Sequence[str | int]) -> dict[Any, Any] | None:
    """The map in ``tree`` at ``path``, or None."""
    for key in path:
        tree = cast("dict[Any, Any]", tree).get(key) if isinstance(tree, dict) else None
    return cast("dict[Any, Any]", tree) if isinstance(tree, dict) else None


def _with_string_data(version: Manifest, inputs: Manifest) -> Manifest:
    """Show the keys of a Secret's ``stringData`` there again: the API server keeps them, encoded, under ``data``."""
    keys = (inputs.get("stringData") or {}).keys() if inputs["kind"] == "Secret" else ()
    if not keys:
        return version
    data: dict[str, str] = version.get("data") or {}
    decoded = {key: base64.b64decode(data[key]).decode(errors="replace") for key in keys if key in data}
    return version | {"data": {key: value for key, value in data.items() if key not in keys}, "stringData": decoded}
