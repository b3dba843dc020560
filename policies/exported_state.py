"""Reads an exported state (``pulumi stack export``) as resources, so that the same rules check the deployed resources.

Source: https://github.com/pulumi/pulumi/blob/master/sdk/go/common/apitype/core.go (``ResourceV3``)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from policies.errors import PolicyError
from program.graph import Resource
from program.protocol import UNKNOWN, is_secret, masked

VERSION = 3


def resources_of(text: str | bytes, source: str = "the state") -> list[Resource]:
    """The resources of an exported state, except those that the engine has replaced and not yet deleted.

    Every secret, encrypted or not, becomes an unknown value.
    Raises :class:`~policies.errors.PolicyError` if ``text`` is not an exported state.
    """
    fix = "give a file that `pulumi stack export` wrote"
    try:
        content: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"{source} is not valid JSON: {error}", fix) from error
    if not isinstance(content, dict) or not isinstance(cast("dict[str, Any]", content).get("deployment"), dict):
        raise PolicyError(f"{source} is not an exported state: it has no `deployment`", fix)
    export = cast("dict[str, Any]", content)
    if export.get("version") != VERSION:
        raise PolicyError(
            f"{source} has version {export.get('version')}, not {VERSION}", "export the state with a current Pulumi CLI"
        )
    listed: Any = export["deployment"].get("resources", [])
    if not isinstance(listed, list):
        raise PolicyError(f"{source} is not an exported state: its `resources` are not a list", fix)
    try:
        return [_resource(each) for each in cast("list[dict[str, Any]]", listed) if not each.get("delete")]
    except (KeyError, TypeError, AttributeError) as error:
        raise PolicyError(f"{source} has a resource that is not valid: {type(error).__name__}: {error}", fix) from error


def stack_of(resources: list[Resource]) -> str:
    """The name of the stack in the URNs; empty if there is no resource."""
    return resources[0].urn.split("::")[0].rpartition(":")[2] if resources else ""


def _resource(entry: Mapping[str, Any]) -> Resource:
    for key, kind in (("urn", str), ("type", str), ("inputs", dict)):
        if not isinstance(entry.get(key, kind()), kind):
            raise TypeError(f"`{key}` is {entry[key]!r}")
    depends: dict[str, list[str] | None] = entry.get("propertyDependencies") or {}
    return Resource(
        urn=entry["urn"],
        type=entry["type"],
        name=str(entry["urn"]).rpartition("::")[2],
        inputs=masked(entry.get("inputs") or {}, UNKNOWN, is_secret),
        custom=bool(entry.get("custom")),
        id=entry.get("id", ""),
        parent=entry.get("parent", ""),
        provider=entry.get("provider", ""),
        property_dependencies={key: tuple(urns) for key, urns in depends.items() if urns},
        ignore_changes=tuple(entry.get("ignoreChanges") or ()),
    )
