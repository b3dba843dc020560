"""Masks the credentials in all parts of a preview or a drift report before it is printed."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar, cast

from delivery.preview.change import PropertyChange
from policies import credentials
from program import paths

T = TypeVar("T")

NOT_MASKED = ("type", "policy")
"""Fields that are not masked, because they contain only names of types and rules."""


def without_credentials(value: T) -> T:
    """``value`` with a mask in place of each text that is recognised as a credential."""
    return cast("T", _masked(value))


def _masked(value: Any) -> Any:
    if isinstance(value, PropertyChange):
        under = credentials.name_at(paths.parse(value.path))
        return replace(value, before=credentials.masked(value.before, under), after=credentials.masked(value.after, under))
    if is_dataclass(value) and not isinstance(value, type):
        changed = {each.name: _masked(getattr(value, each.name)) for each in fields(value) if each.name not in NOT_MASKED}
        return replace(value, **changed)
    if isinstance(value, tuple):
        return tuple(_masked(each) for each in cast("tuple[Any, ...]", value))
    if isinstance(value, StrEnum):
        return value
    return credentials.masked(value)
