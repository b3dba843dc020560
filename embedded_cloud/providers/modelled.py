"""The common base of the resource types of the embedded providers: class attributes that list the modelled inputs.

Each embedded provider has a base class with its own dictionary of types, and a package ``types`` that imports all of its modules.
A class with a ``token`` registers itself in the dictionary. So a new type needs only a new class.
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
    """A mapping that cannot be changed, with the keyword arguments as its content."""
    return MappingProxyType(values)


class ModelledType:
    """The base class of a resource type. The class attributes of a subclass describe the type, with the SDK's property names."""

    types: ClassVar[dict[str, Any]]
    """The provider's types by token. The base class of each provider has its own dictionary."""

    token: ClassVar[str]

    replace_on: ClassVar[Names] = frozenset()
    """Inputs whose change replaces the resource."""

    updatable: ClassVar[Names] = frozenset()
    """Inputs that change in place."""

    provider_only: ClassVar[Names] = frozenset()
    """Inputs that are instructions to the provider. No service returns these inputs."""

    not_stored: ClassVar[Mapping[str, str]] = properties()
    """Inputs that moto does not store, each with the reason. Only the state contains these inputs."""

    defaults: ClassVar[Mapping[str, Any]] = properties()
    """The defaults of optional inputs, as in the official provider."""

    def __init_subclass__(cls) -> None:
        """Register the class if it defines a token."""
        super().__init_subclass__()
        if "token" not in vars(cls):
            return
        other = cls.types.setdefault(cls.token, cls)
        if other is not cls:
            raise TypeError(f"{cls.token} is modelled twice: by {other.__module__} and {cls.__module__}")

    @classmethod
    def of(cls: type[T], token: str) -> type[T]:
        """The class for this token. Raises ``EmbeddedCloudError`` for a type that is not modelled."""
        if token not in cls.types:
            package = _place(cls).parent
            raise EmbeddedCloudError(
                f"the embedded cloud does not support the resource type {token}",
                f"model it in {package}/types or leave it out of the stack",
            )
        return cast("type[T]", cls.types[token])

    @classmethod
    def modelled(cls) -> Names:
        """All modelled inputs of this type."""
        return cls.replace_on | cls.updatable | cls.provider_only | frozenset(cls.not_stored)

    @classmethod
    def described(cls) -> Names:
        """The inputs that the service returns."""
        return cls.modelled() - cls.provider_only - cls.not_stored.keys()

    @classmethod
    def completed(cls, news: Properties) -> Properties:
        """``news`` with defaults.

        Raises ``EmbeddedCloudError`` for an input that is not modelled, because it would have no effect.
        """
        inputs = {key: value for key, value in news.items() if value is not None}
        for key in sorted(inputs.keys() - cls.modelled()):
            raise EmbeddedCloudError(
                f"the embedded cloud does not support the input '{key}' of {cls.token}",
                f"model it in {_place(cls)} or leave it out of the stack",
            )
        return {**cls.defaults, **inputs}

    @classmethod
    def observed(cls, inputs: Properties, state: Properties, live: Properties) -> Properties:
        """The inputs that correspond to the live resource: ``inputs``, changed where ``live`` differs from ``state``."""
        before, now = ({key: value for key, value in each.items() if key in cls.described()} for each in (state, live))
        return refreshed(inputs, before, now)


def refreshed(inputs: Any, before: Any, now: Any) -> Any:
    """Return ``inputs``, with the live value at each place where the live description differs from the description in the state.

    ``before`` is the description in the state, and ``now`` is the live description.
    """
    if now == before:
        return inputs
    if not (isinstance(before, dict) and isinstance(now, dict)):
        return now
    inputs = inputs if isinstance(inputs, dict) else {}
    result: Properties = {}
    for key in inputs.keys() | before.keys() | now.keys():
        value = refreshed(inputs.get(key), before.get(key), now.get(key))
        if value is not None:
            result[key] = value
    return result


def import_modules(package: str, path: Iterable[str]) -> None:
    """Import every module of a package, so that its types are registered."""
    for module in pkgutil.iter_modules(path):
        import_module(f"{package}.{module.name}")


def _place(kind: type) -> Path:
    """The path of a class's file as a message shows it, such as ``embedded_cloud/providers/aws/types/ec2.py``."""
    return Path(inspect.getfile(kind)).relative_to(PACKAGES)
