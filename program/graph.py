"""Resources as plain data. They come from a program that runs with mocks, from the engine, or from an exported state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from pydantic import TypeAdapter

from program.protocol import UNKNOWN

Path = tuple[str | int, ...]
"""The path of a value in a resource's inputs: keys and indices."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource. The keys of ``inputs`` are camelCase, and a value can be one of :data:`~program.protocol.UNKNOWNS`."""

    urn: str
    type: str
    """Type token, such as ``aws:ec2/vpc:Vpc``."""
    name: str
    """Logical name, the last part of the URN."""
    inputs: dict[str, Any]
    custom: bool = True
    """Whether a provider manages the resource; false for a component."""
    id: str = ""
    """The id that the provider assigned; empty if unknown."""
    parent: str = ""
    provider: str = ""
    """``URN::ID`` of the explicit provider; empty for a component and for a resource of a default provider."""
    dependencies: tuple[str, ...] = ()
    """URNs of the resources that this resource depends on, through inputs or ``depends_on``."""
    property_dependencies: dict[str, tuple[str, ...]] | None = None
    """For each input that comes from other resources: the URNs of these resources."""
    secret_paths: tuple[Path, ...] = ()
    """Paths of the secrets in the inputs."""
    literals: tuple[Path, ...] = ()
    """Paths of the secret inputs that are literals in the program: their values do not change with the secrets of the stack."""
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    protect: bool = False
    retain_on_delete: bool = False
    delete_before_replace: bool = False
    import_id: str = ""
    """The id of the existing resource that the engine imports. If it changes, the engine deletes the resource with the old id."""
    replacement_trigger: Any = None
    """A value whose change replaces the resource."""
    deleted_with: str = ""
    """URN of the resource whose deletion also deletes this resource."""
    plugin: str = ""
    """The version and the download address of the provider's plugin, if the program sets them."""
    timeouts: str = ""
    """The custom timeouts of the engine's operations."""
    aliases: tuple[str, ...] = ()
    """Former URNs, except those that follow from an alias of a parent."""

    @property
    def secrets(self) -> frozenset[str]:
        """The names of the inputs that contain a secret, at any depth."""
        return frozenset(str(path[0]) for path in self.secret_paths)


@dataclass(frozen=True, kw_only=True)
class Invoke:
    """One call of a data source."""

    token: str
    args: dict[str, Any]
    provider: str
    known: bool = True
    """Whether the catalogue has a result for the data source; otherwise the result is unknown."""


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Everything that a program declared in one evaluation, in the order of registration."""

    stack: str
    resources: tuple[Resource, ...]
    invokes: tuple[Invoke, ...]
    exports: dict[str, Any]

    def of(self, type_: str) -> list[Resource]:
        """The resources whose type token is ``type_`` or ends in it: ``of("Subnet")``."""
        return [each for each in self.resources if each.type == type_ or each.type.endswith(f":{type_}")]

    def by_urn(self) -> dict[str, Resource]:
        """The resources by URN."""
        return {each.urn: each for each in self.resources}

    def to_json(self) -> bytes:
        """The graph as JSON, for another process."""
        return _ADAPTER.dump_json(self)

    @classmethod
    def from_json(cls, text: bytes) -> Graph:
        """The graph that :meth:`to_json` wrote."""
        return _ADAPTER.validate_json(text)


_ADAPTER = TypeAdapter(Graph)


def unknown_paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of the unknown values in ``value``. An evaluation represents every unknown value by ``UNKNOWN``."""
    if value == UNKNOWN:
        yield path
    elif isinstance(value, dict):
        for key, item in cast("dict[str, Any]", value).items():
            yield from unknown_paths(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[Any]", value)):
            yield from unknown_paths(item, (*path, index))
