"""The settings after a rollback: pure functions on the `config` section of stack files.

A release is an image and the settings that its deployment changed. A rollback reverts the settings that later releases changed. It
changes settings that were changed outside releases only with ``--with-settings``, and never changes credentials. It does not reduce
a setting whose reduction would delete data: the size of a volume, Redis' memory, or a retention.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from components.settings import CREDENTIALS, Group, Settings, data_holders
from components.settings.quantities import parse_quantity
from contract import PROJECT

Leaves = dict[str, Any]
"""Settings by dotted path, for example ``{"application.port": 8080}``. Credentials and ``application.release`` are omitted."""
RELEASE = "application.release"
ABSENT = object()
NOT_SET = "not set"


class SettingsChange(BaseModel):
    """The values of the settings that one release changed, by path. A setting that the stack file did not contain has no value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    before: Leaves = Field(default_factory=dict[str, Any])
    after: Leaves = Field(default_factory=dict[str, Any])

    @classmethod
    def between(cls, before: Mapping[str, Any], after: Mapping[str, Any]) -> SettingsChange:
        """The differences between two configurations."""
        paths = differing(before, after)
        return cls(
            before={path: before[path] for path in paths if path in before},
            after={path: after[path] for path in paths if path in after},
        )


def leaves_of(config: Mapping[str, Any]) -> Leaves:
    """The settings in the ``config`` section of a stack file."""
    found: Leaves = {}
    for key, value in config.items():
        namespace, _, name = key.rpartition(":")
        if (
            namespace in ("", PROJECT) and name not in CREDENTIALS and value != {}
        ):  # `pulumi config rm --path` leaves an empty group
            found.update(_flat(name, value))
    found.pop(RELEASE, None)
    return found


def _flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value and "secure" not in value:
        for key, item in cast("dict[str, Any]", value).items():
            yield from _flat(f"{path}.{key}", item)
    elif not (isinstance(value, dict) and value):
        yield path, json.loads(json.dumps(value))


def with_leaves(config: Mapping[str, Any], leaves: Mapping[str, Any]) -> dict[str, Any]:
    """``config`` with its settings replaced by ``leaves``. Its credentials and the keys of other programs are kept."""
    found: dict[str, Any] = copy.deepcopy(dict(config))
    for key in list(found):
        namespace, _, name = key.rpartition(":")
        if namespace in ("", PROJECT) and name not in CREDENTIALS:
            del found[key]
    for path, value in leaves.items():
        group, *within = path.split(".")
        place, key = found, f"{PROJECT}:{group}"
        for part in within:
            place = place.setdefault(key, {})
            key = part
        place[key] = copy.deepcopy(value)
    return found


def reverted(present: Mapping[str, Any], newest_first: Iterable[SettingsChange]) -> Leaves:
    """``present`` without the changes of these releases. A setting that was changed again outside releases is kept."""
    found = dict(present)
    for change in newest_first:
        for path in change.before.keys() | change.after.keys():
            if _of(found, path) == _of(change.after, path):
                found.pop(path, None)
                if path in change.before:
                    found[path] = change.before[path]
    return found


def never_smaller(wanted: Mapping[str, Any], present: Mapping[str, Any]) -> Leaves:
    """``wanted``, but a setting whose reduction would delete data keeps its present value if the wanted value is smaller."""
    found = dict(wanted)
    for path in data_holders():
        now = _of(present, path)
        if now and _amount(_of(found, path)) < _amount(now):
            found[path] = now
    return found


def digest(leaves: Mapping[str, Any]) -> str:
    """A digest that is the same for equal configurations."""
    return hashlib.sha256(json.dumps(leaves, sort_keys=True).encode()).hexdigest()[:16]


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The paths whose values are not equal."""
    return sorted(path for path in one.keys() | other.keys() if _of(one, path) != _of(other, path))


def shown(path: str, here: Mapping[str, Any], there: Mapping[str, Any], where: str) -> str:
    """The text of a difference in ``path``, for example ``application.port = 8081 (8080 in v3.0.0)``."""
    return f"{path} = {_value(here, path)} ({_value(there, path)} {where})"


def _value(leaves: Mapping[str, Any], path: str) -> str:
    value = _of(leaves, path)
    return NOT_SET if value is ABSENT else json.dumps(value)


def _of(leaves: Mapping[str, Any], path: str) -> Any:
    """The effective value of a setting: the value in the stack file, or the default; ``ABSENT`` if there is neither."""
    return leaves.get(path, _defaults().get(path, ABSENT))


@cache
def _defaults() -> Leaves:
    groups = {to_camel(name): cast("type[Group]", field.annotation) for name, field in Settings.model_fields.items()}
    return {
        path: value
        for name, group in groups.items()
        for path, value in _flat(name, group.model_construct().model_dump(mode="json", by_alias=True))
    }


def _amount(size: object) -> float:
    try:
        return float(parse_quantity(str(size)))
    except ValueError:
        return 0.0
