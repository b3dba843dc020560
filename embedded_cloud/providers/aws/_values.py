"""Conversion of values between the AWS API and the Pulumi SDK, and the comparison of requested with described values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from embedded_cloud.errors import EmbeddedCloudError

Properties = dict[str, Any]


class AbsentError(Exception):
    """Raised if a service lists nothing for an id."""


def first(found: list[Any]) -> Any:
    """The first item that a service lists for an id. Raises ``AbsentError`` if there is none."""
    if not found:
        raise AbsentError
    return found[0]


def camel(value: Any) -> Any:
    """Convert the API's names (``CidrBlock``) to the SDK's (``cidrBlock``), at every depth."""
    return _rename(value, lambda key: key[:1].lower() + key[1:])


def pascal(value: Any) -> Any:
    """Convert the SDK's names (``cidrBlock``) to the API's (``CidrBlock``), at every depth."""
    return _rename(value, lambda key: key[:1].upper() + key[1:])


def _rename(value: Any, rename: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {rename(str(key)): _rename(item, rename) for key, item in value.items()}
    if isinstance(value, list):
        return [_rename(item, rename) for item in value]
    return value


def pick(source: Mapping[str, Any], *names: str) -> Properties:
    """Return the properties ``names`` of ``source``, without missing values. ``names`` are SDK names; ``source`` has API names."""
    renamed: Properties = camel(dict(source))
    return {name: renamed[name] for name in names if renamed.get(name) is not None}


def given(inputs: Mapping[str, Any], *names: str) -> Properties:
    """Return the inputs in ``names`` that have a value, as parameters of an API call."""
    return pascal({name: inputs[name] for name in names if inputs.get(name) is not None})


def flatten(block: Mapping[str, Any] | None, names: Mapping[str, str]) -> Properties:
    """Return the values of a nested ``block`` as a flat mapping. ``names`` maps each property to its name in the API.

    Raises ``EmbeddedCloudError`` for a property that is not in ``names``.
    """
    block = {key: value for key, value in (block or {}).items() if value is not None}
    for key in block.keys() - names.keys():
        raise EmbeddedCloudError(
            f"the embedded cloud does not support the nested property '{key}'",
            "model it in embedded_cloud/providers/aws/types or leave it out of the stack",
        )
    return {names[key]: value for key, value in block.items()}


def unflatten(source: Mapping[str, Any], names: Mapping[str, str]) -> Properties:
    """The reverse of :func:`flatten`."""
    return {key: source[name] for key, name in names.items() if source.get(name) is not None}


def tag_list(tags: Mapping[str, str] | None) -> list[dict[str, str]]:
    """Tags in the form that most services use: a list of keys and values."""
    return [{"Key": key, "Value": value} for key, value in (tags or {}).items()]


def tag_dict(tags: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    """The reverse of :func:`tag_list`."""
    return {tag["Key"]: tag["Value"] for tag in tags or ()}


def attribute_text(value: Any) -> str:
    """A value as text, for services whose attributes are strings: ``true`` for True."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def attribute_value(text: str, like: Any) -> Any:
    """The reverse of :func:`attribute_text`. The value gets the type of ``like``, the property's default."""
    if isinstance(like, bool):
        return text == "true"
    return int(text) if isinstance(like, int) else text


def json_text(document: Any) -> str:
    """A policy document as JSON text without blanks between its elements."""
    return json.dumps(document, separators=(",", ":"))


def added_and_removed(old: Iterable[str] | None, new: Iterable[str] | None) -> tuple[list[str], list[str]]:
    """The items of ``new`` that are not in ``old``, and the items of ``old`` that are not in ``new``, both sorted."""
    before, after = set(old or ()), set(new or ())
    return sorted(after - before), sorted(before - after)


def unmet(requested: Any, described: Any, path: str = "") -> Iterator[str]:
    """The paths at which a service's description differs from the request.

    The comparison ignores additional properties in the description, the order of lists, the formatting of JSON texts, and the
    difference between a missing value and an empty, zero or false one.
    """
    if isinstance(requested, dict) and isinstance(described, dict):
        for key, value in requested.items():
            yield from unmet(value, described.get(key), f"{path}.{key}" if path else key)
    elif isinstance(requested, list) and isinstance(described, list) and len(requested) == len(described):
        for index, value in enumerate(requested):
            if not any(_met(value, other) for other in described):
                yield from unmet(value, described[index], f"{path}[{index}]")
    elif not _equal(requested, described):
        yield path


def _met(requested: Any, described: Any) -> bool:
    return next(unmet(requested, described), None) is None


def _equal(requested: Any, described: Any) -> bool:
    if requested == described or (not requested and not described):
        return True
    return isinstance(requested, str) and isinstance(described, str) and _parsed(requested) == _parsed(described) is not None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text) if text[:1] in "{[" else None
    except ValueError:
        return None
