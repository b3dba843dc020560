"""Views on resources for the rules.

A view raises an error if a rule reads an unknown value, so a rule never passes because of an unknown value.
Resources from the engine, from the program with mocks and from an exported state are all :class:`~program.graph.Resource`, so that
one rule can check all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cached_property
from typing import Any, cast

from components.settings.quantities import parse_quantity
from policies import credentials
from policies.errors import WrongTypeError
from program import catalogue
from program.graph import Path, Resource
from program.normal_form import Part
from program.paths import text
from program.protocol import UNKNOWNS
from program.types import USER


class UnknownValueError(Exception):
    """A rule read a value that is not known yet, so the rule cannot be evaluated."""

    def __init__(self, path: Path) -> None:
        super().__init__(text(path))
        self.path = path


class View:
    """The properties of a resource, or an object inside them. The methods read a property by its dotted path and expected type.

    For an absent property, they return ``None``, an empty value or the default. They raise :class:`UnknownValueError` for an
    unknown value, and :class:`~policies.errors.WrongTypeError` for a value of another type.
    """

    def __init__(self, resource: Resource, data: object, path: Path = ()) -> None:
        self.resource = resource
        self.path = path
        self._data = data

    def get(self, path: str = "") -> Any:
        """The value of the property, of any type; values inside it can be unknown."""
        return self._find(path)[0]

    def has(self, path: str) -> bool:
        """Whether the property has a value, which may be false or empty."""
        return self.get(path) is not None

    def has_or_depends(self, path: str) -> bool:
        """Whether the property has a value, or depends on a resource that provides it."""
        key = path.split(".")[0]
        return bool((self.resource.property_dependencies or {}).get(key)) or self.has(path)

    def given(self, key: str) -> bool:
        """Whether a property has a value other than ``""``. Unlike :meth:`has`, it does not raise for an unknown value."""
        return cast("Mapping[str, Any]", self._data).get(key) not in (None, "")

    def text(self, path: str, default: str = "") -> str:
        """A string."""
        value, where = self._find(path)
        return cast(str, self._checked(value, where, str, "text", default))

    def flag(self, path: str, *, default: bool = False) -> bool:
        """A boolean; some properties of the AWS provider have a string instead."""
        value, where = self._find(path)
        if value in ("true", "false"):
            return value == "true"
        return cast(bool, self._checked(value, where, bool, "true or false", default))

    def number(self, path: str) -> int | float | None:
        """A number, or ``None``."""
        value, where = self._find(path)
        if isinstance(value, str) and value.isdecimal():
            return int(value)
        if isinstance(value, bool):
            raise self._wrong(value, where, "a number")
        return cast("int | float | None", self._checked(value, where, (int, float), "a number", None))

    def quantity(self, path: str) -> Decimal | None:
        """A Kubernetes quantity as a number: cores or bytes."""
        value, where = self._find(path)
        if value is None:
            return None
        try:
            return parse_quantity(str(value))
        except ValueError as error:
            raise self._wrong(value, where, "a quantity such as 500m or 512Mi") from error

    def view(self, path: str) -> View:
        """An object; empty if it is absent."""
        value, where = self._find(path)
        return View(self.resource, self._checked(value, where, dict, "an object", {}), where)

    def views(self, path: str = "") -> list[View]:
        """A list of objects."""
        return [View(self.resource, self._checked(item, at, dict, "an object", {}), at) for item, at in self._items(path)]

    def texts(self, path: str) -> list[str]:
        """A list of strings."""
        return [cast(str, self._checked(item, at, str, "text", "")) for item, at in self._items(path)]

    def values(self, path: str) -> list[Any]:
        """A list of values of any type."""
        return [item for item, _ in self._items(path)]

    def map(self, path: str) -> dict[str, str]:
        """An object whose values are strings, such as labels."""
        view = self.view(path)
        return {key: str(self._known(value, (*view.path, key))) for key, value in view.items()}

    def items(self) -> Iterator[tuple[str, Any]]:
        """Keys and values of this object; the values can be unknown."""
        yield from cast("Mapping[str, Any]", self._data).items()

    def document(self, path: str) -> View:
        """The object in a property that contains JSON, such as an IAM policy."""
        value, where = self._find(path)
        if isinstance(value, dict) or value is None:
            return self.view(path)
        try:
            content: Any = json.loads(value)
        except (TypeError, ValueError) as error:
            raise self._wrong(value, where, "JSON") from error
        return View(self.resource, self._checked(content, where, dict, "a JSON object", {}), where)

    def known(self, value: Any, key: str) -> Any:
        """``value``, which is the value of ``key`` in this object. Raises an error if it is unknown. The key may contain dots."""
        return self._known(value, (*self.path, key))

    @property
    def physical_name(self) -> str:
        """The name of an AWS resource, or an example of the name that the engine or AWS generates for it."""
        prefix = "" if self.resource.type == USER else self.text("namePrefix")  # users have no prefix
        return self.text("name") or (f"{prefix}{'0' * 26}" if prefix else f"{self.resource.name}-0000000")

    @cached_property
    def credentials(self) -> tuple[credentials.CredentialPlace, ...]:
        """The places with a credential, except in inputs that are intended for credentials."""
        intended = catalogue.secrets(self.resource.type)
        return tuple(
            replace(each, path=(key, *each.path))
            for key, value in self.items()
            if key not in intended
            for each in credentials.places(value, key)
        )

    def where(self, path: str = "") -> str:
        """The full dotted path of a property of this object."""
        return text((*self.path, *path.split("."))) if path else text(self.path)

    def _find(self, path: str) -> tuple[Any, Path]:
        value: Any = self._data
        keys = path.split(".") if path else []
        for depth, key in enumerate(keys):
            if value is None:
                break
            if not isinstance(value, dict):
                raise self._wrong(value, (*self.path, *keys[:depth]), "an object")
            value = cast("dict[str, Any]", value).get(key)
            if isinstance(value, str) and value in UNKNOWNS:
                raise UnknownValueError((*self.path, *keys[: depth + 1]))
        return value, (*self.path, *keys)

    def _items(self, path: str) -> list[tuple[Any, Path]]:
        value, where = self._find(path)
        items = self._checked(value, where, list, "a list", [])
        return [(self._known(item, (*where, index)), (*where, index)) for index, item in enumerate(cast("list[Any]", items))]

    def _checked(self, value: Any, where: Path, kind: type | tuple[type, ...], what: str, default: object) -> Any:
        if value is None:
            return default
        if not isinstance(value, kind):
            raise self._wrong(value, where, what)
        return value

    def _known(self, value: Any, where: Path) -> Any:
        if isinstance(value, str) and value in UNKNOWNS:
            raise UnknownValueError(where)
        return value

    def _wrong(self, value: object, where: Path, what: str) -> WrongTypeError:
        # The value is not printed: it can be a secret in the wrong place.
        return WrongTypeError(f"{text(where)} is of type {type(value).__name__}, not {what}", f"make it {what}")


class ResourceIndex:
    """All resources of a stack, and their references to each other."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self.views = tuple(View(each, each.inputs) for each in resources)

    def of(self, *types: str) -> list[View]:
        """The resources of these types: type by type, and for each type in the order of registration."""
        return [each for type_ in types for each in self._by_type.get(type_, ())]

    def checked_by(self, types: Iterable[str]) -> list[View]:
        """The resources that a rule on these types checks. A rule on all types does not check a :class:`Part`, only its owner."""
        if "*" in types:
            return [each for each in self.views if not isinstance(each.resource, Part)]
        return self.of(*types)

    def sources(self, view: View, path: str, *types: str) -> list[View]:
        """The resources of these types that provide the value of a property.

        The sources come from the dependencies of the property, which are known before its value. The engine records dependencies
        only of top-level properties. Without dependencies, the value at ``path`` is compared with the resources' ids and names.
        """
        key = path.split(".")[0]
        urns = (view.resource.property_dependencies or {}).get(key, ())
        known = [self._by_urn[urn] for urn in urns if urn in self._by_urn and self._by_urn[urn].resource.type in types]
        if not known and not urns:
            wanted = set(view.texts(path) if isinstance(view.get(path), list) else [view.text(path)])
            known = [each for each in self.of(*types) if _names(each.resource) & wanted]
        return known

    def users(self, view: View, path: str, *types: str) -> list[View]:
        """The resources of these types whose property ``path`` refers to ``view``. This is the reverse of :meth:`sources`."""
        key = (view.resource.urn, path, types)
        if key not in self._users:
            for user in self.of(*types):
                for source in self.sources(user, path, view.resource.type):
                    self._users.setdefault((source.resource.urn, path, types), []).append(user)
            self._users.setdefault(key, [])
        return self._users[key]

    def provider(self, view: View) -> View | None:
        """The explicit provider of a resource, if it has one."""
        return self._by_urn.get(view.resource.provider.rpartition("::")[0]) or self._by_urn.get(view.resource.provider)

    @cached_property
    def _by_urn(self) -> dict[str, View]:
        # An inline part comes after its owner and has the same URN. In reverse order, the owner replaces the part in the mapping.
        return {each.resource.urn: each for each in reversed(self.views)}

    @cached_property
    def _by_type(self) -> dict[str, list[View]]:
        found: dict[str, list[View]] = {}
        for each in self.views:
            found.setdefault(each.resource.type, []).append(each)
        return found

    @cached_property
    def _users(self) -> dict[tuple[str, str, tuple[str, ...]], list[View]]:
        return {}


def _names(resource: Resource) -> set[str]:
    """The values by which a property can refer to a resource: its id, or its name."""
    given = {value for key, value in resource.inputs.items() if key in ("bucket", "name") and isinstance(value, str)}
    return (given | {resource.id}) - UNKNOWNS - {""}
