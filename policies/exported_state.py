"""An exported state (``pulumi stack export``) as resources, so that what is deployed is judged by the same rules.

Source: https://github.com/pulumi/pulumi/blob/master/sdk/go/common/apitype/core.go (``ResourceV3``)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from policies.errors import PolicyError
from policies.views import UNKNOWN, Resource

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
"""The key, and its value, by which an exported state tells a secret from an object.

Source: https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/sig/sig.go
"""

VERSION = 3


def resources_of(text: str | bytes, source: str = "the state") -> list[Resource]:
    """The resources of an exported state. A secret's value is unknown to rules, encrypted or not.

    Raises :class:`~policies.errors.PolicyError` for what is no exported state.
    """
    fix = "give a file that `pulumi stack export` wrote"
    try:
        content: Any = json.loads(text)
    except ValueError as error:
        raise PolicyError(f"{source} is no JSON: {error}", fix) from error
    if not isinstance(content, dict) or not isinstance(cast("dict[str, Any]", content).get("deployment"), dict):
        raise PolicyError(f"{source} is no exported state: it has no `deployment`", fix)
    export = cast("dict[str, Any]", content)
    if export.get("version") != VERSION:
        raise PolicyError(f"{source} has version {export.get('version')}, not {VERSION}", "export it with a current Pulumi CLI")
    listed: Any = export["deployment"].get("resources") or []
    try:
        return [_resource(each) for each in cast("list[dict[str, Any]]", listed) if not each.get("delete")]
    except (KeyError, TypeError, AttributeError) as error:
        raise PolicyError(f"{source} has a resource that is none: {type(error).__name__}: {error}", fix) from error


def stack_of(resources: list[Resource]) -> str:
    """The name of the stack, as every URN has it; nothing where there is no resource."""
    return resources[0].urn.split("::")[0].rpartition(":")[2] if resources else ""


def _resource(entry: Mapping[str, Any]) -> Resource:
    depends: dict[str, list[str] | None] = entry.get("propertyDependencies") or {}
    return Resource(
        urn=entry["urn"],
        type=entry["type"],
        name=str(entry["urn"]).rpartition("::")[2],
        inputs=_plain(entry.get("inputs") or {}),
        id=entry.get("id", ""),
        parent=entry.get("parent", ""),
        provider=entry.get("provider", ""),
        property_dependencies={key: tuple(urns) for key, urns in depends.items() if urns},
        ignore_changes=tuple(entry.get("ignoreChanges") or ()),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value)
        if items.get(SIGNATURE) == SECRET:
            return UNKNOWN
        return {key: _plain(item) for key, item in items.items()}
    if isinstance(value, list):
        return [_plain(item) for item in cast("list[Any]", value)]
    return value
