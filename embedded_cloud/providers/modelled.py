"""What the resource types of the embedded providers have in common: the facts that say which inputs they model and how.

A provider has a base class with a registry of its own, and a package ``types`` whose modules are all imported; a class with
a ``token`` registers itself. So a new type is one class in one place.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar, cast

from embedded_cloud.errors import EmbeddedCloudError

Properties = dict[str, Any]
Names = frozenset[str]
T = TypeVar("T", bound="ModelledType")

PACKAGES = Path(__file__).parents[2]


def names(text: str) -> Names:
    """The property names in ``text``, separated by blanks."""
    return frozenset(text.split())


def properties(**values: Any) -> Mapping[str, Any]:
    """A constant set of properties."""
    return MappingProxyType(values)


class ModelledType:
    """One resource type. A subclass states its facts as class attributes; property names are those of the SDK."""

    types: ClassVar[dict[str, Any]]
    """The provider's types by token; each provider's base class has its own."""

    token: ClassVar[str]

    replace_on: ClassVar[Names] = frozenset()
    """Inputs that only a new resource can change."""

    updatable: ClassVar[Names] = frozenset()
    """Inputs that change in place."""

    kept: ClassVar[Names] = frozenset()
    """Inputs that instruct the provider and that no service describes."""

    recorded: ClassVar[Mapping[str, str]] = properties()
    """Inputs that the service does not keep, each with the reason; they are kept in the state only."""

    defaults: ClassVar[Mapping[str, Any]] = properties()
    """What the official provider asks for when an input is not given."""

    def __init_subclass__(cls) -> None:
        """Register a class that has a token of its own."""
        super().__init_subclass__()
        if "token" not in vars(cls):
            return
        other = cls.types.setdefault(cls.token, cls)
        if other is not cls:
            raise TypeError(f"{cls.token} is modelled twice: by {other.__module__} and {cls.__module__}")

    @classmethod
    def of(cls: type[T], token: str) -> type[T]:
        """The type with this token; one that is not modelled is refused by name."""
        if token not in cls.types:
            package = _place(cls).parent
            raise EmbeddedCloudError(
                f"the embedded cloud has no resource type {token} here",
                f"model it in {package}/types or leave it out of the stack",
            )
        return cast("type[T]", cls.types[token])

    @classmethod
    def modelled(cls) -> Names:
        """Every input this type knows."""
        return cls.replace_on | cls.updatable | cls.kept | frozenset(cls.recorded)

    @classmethod
    def described(cls) -> Names:
        """The inputs that a service describes."""
        return cls.modelled() - cls.kept - cls.recorded.keys()

    @classmethod
    def completed(cls, news: Properties) -> Properties:
        """``news`` with defaults; an input that is not modelled is refused by name, since silence would be a false green."""
        inputs = {key: value for key, value in news.items() if value is not None}
        for key in sorted(inputs.keys() - cls.modelled()):
            raise EmbeddedCloudError(
                f"the embedded cloud: {cls.token} has no input '{key}' here",
                f"model it in {_place(cls)} or leave it out of the stack",
            )
        return {**cls.defaults, **inputs}

    @classmethod
    def observed(cls, inputs: Properties, state: Properties, live: Properties) -> Properties:
        """The inputs as they would have to be for what is live: changed where the service's description changed since ``state``."""
        then, now = ({key: value for key, value in each.items() if key in cls.described()} for each in (state, live))
        return refreshed(inputs, then, now)


def refreshed(asked: Any, recorded: Any, live: Any) -> Any:
    """What was asked for, changed exactly where the service's description changed since it was ``recorded``."""
    if live == recorded:
        return asked
    if not (isinstance(recorded, dict) and isinstance(live, dict)):
        return live
    asked = asked if isinstance(asked, dict) else {}
    result: Properties = {}
    for key in asked.keys() | recorded.keys() | live.keys():
        value = refreshed(asked.get(key), recorded.get(key), live.get(key))
        if value is not None:
            result[key] = value
    return result


def import_modules(package: str, path: Iterable[str]) -> None:
    """Import every module of a package, so that the types in them are registered."""
    for module in pkgutil.iter_modules(path):
        import_module(f"{package}.{module.name}")


def _place(kind: type) -> Path:
    """The file of a class as messages name it: ``embedded_cloud/providers/aws/types/ec2.py``."""
    return Path(inspect.getfile(kind)).relative_to(PACKAGES)
