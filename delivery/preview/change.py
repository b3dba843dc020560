"""The data model of changes, for three sources: the comparison of two programs, the engine's preview, and drift."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from delivery.errors import ExitCode
from policies import Violation
from program.catalogue import Replaces


class Kind(StrEnum):
    """The kind of a resource's change."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    OPTIONS = "options"
    """Only resource options change, such as protection or dependencies. Options exist only in the engine's state."""


@dataclass(frozen=True, kw_only=True)
class PropertyChange:
    """One value that differs, for example an input of a resource. ``None`` stands for a missing value."""

    path: str
    before: Any
    after: Any
    replaces: Replaces
    follows: str = ""
    """URN of the replaced resource or changed provider that causes the change; otherwise empty. If it is a replaced
    resource, the new value is not known before ``pulumi up``."""


@dataclass(frozen=True, kw_only=True)
class OptionChange:
    """One resource option that differs, for example ``protect``.

    For ``dependencies``, ``before`` has only the removed dependencies, and ``after`` only the added ones.
    """

    name: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class Ignored:
    """A difference that ``pulumi up`` will not apply, because another system owns the property (``components/field_owners.py``)."""

    path: str
    owner: str


@dataclass(frozen=True, kw_only=True)
class ResourceChange:
    """The change of one resource, and its consequences."""

    kind: Kind
    urn: str
    type: str
    name: str
    parent: str = ""
    properties: tuple[PropertyChange, ...] = ()
    options: tuple[OptionChange, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    loses: str = ""
    """The data that the change deletes; empty if it deletes no data. A change that keeps the resource can delete data too."""
    refused: tuple[str, ...] = ()
    """The reasons why AWS or Kubernetes will refuse the change when it is applied."""
    watch: tuple[str, ...] = ()
    """The failures that the change can cause later."""
    protected: bool = False
    """Whether the engine will refuse to delete or replace the resource, because of the option ``protect``."""
    kept: bool = False
    """Whether the resource is removed from the state and kept in the cloud (``retain_on_delete``)."""
    formerly: str = ""
    """The URN in the base, if it differs from ``urn`` because of an alias; otherwise empty."""

    @property
    def risky(self) -> bool:
        """Whether the change deletes data, and not only the resource's entry in the state."""
        return bool(self.loses) and not self.kept

    @property
    def may_replace(self) -> bool:
        """Whether the change is an update that possibly replaces the resource."""
        return self.kind is Kind.UPDATE and any(each.replaces is Replaces.NOT_KNOWN for each in self.properties)


@dataclass(frozen=True, kw_only=True)
class PolicyViolation:
    """One violation of a policy at head."""

    policy: str
    level: str
    """``mandatory`` or ``advisory``, depending on the stack's environment."""
    name: str
    """Logical name of the resource."""
    message: str
    new: bool
    """Whether the base does not have the violation. Always true if the base is not checked: in the engine's preview, and if the
    base's program cannot be evaluated."""
    type: str = ""
    """Type token of the resource."""
    only_by_base: bool = False
    """Whether only the base's rules find the violation at this level, because the change alters the rules."""

    @classmethod
    def of(cls, violation: Violation, *, new: bool, only_by_base: bool = False) -> PolicyViolation:
        """The preview's entry for a violation. The level of a waived violation is advisory."""
        return cls(
            policy=violation.rule,
            level=violation.level if violation.status != "waived" else "advisory",
            name=violation.urn.rpartition("::")[2],
            type=violation.type,
            message=f"{violation.path}: {violation.message}; {violation.fix}".removeprefix(": "),
            new=new,
            only_by_base=only_by_base,
        )


@dataclass(frozen=True, kw_only=True)
class RuleChange:
    """A change of a rule, a limit, a price, a waiver, or a file of the policies."""

    what: str
    before: Any
    after: Any


@dataclass(frozen=True, kw_only=True)
class PackageChange:
    """A package that is added or removed, or whose version, source or hashes change."""

    file: str
    name: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class AlertChange:
    """One alert or recording rule that the change adds, removes or alters."""

    name: str
    kind: Kind
    details: tuple[PropertyChange, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The estimated monthly cost in US dollars before and after the change, with the prices of the date ``as_of``."""

    before: float
    after: float
    as_of: str
    changes: tuple[tuple[str, float], ...] = ()
    """The items whose cost changes, with the difference in dollars."""
    unpriced: tuple[str, ...] = ()
    """The types without a price and the resources of unknown size at head. Neither sum includes them."""


@dataclass(frozen=True, kw_only=True)
class GraphNode:
    """One resource for the diagram: from the head's graph, or from the base's graph if the resource is deleted."""

    urn: str
    type: str
    name: str
    parent: str
    dependencies: tuple[str, ...]
    kind: Kind | None
    custom: bool


@dataclass(frozen=True, kw_only=True)
class StackPreview:
    """The effect of the change on one stack. If ``problem`` is set, there is no preview, and only ``notes`` can have content."""

    stack: str
    changes: tuple[ResourceChange, ...] = ()
    unchanged: int = 0
    violations: tuple[PolicyViolation, ...] = ()
    alerts: tuple[AlertChange, ...] = ()
    outputs: tuple[PropertyChange, ...] = ()
    """The stack's outputs that change."""
    warnings: tuple[str, ...] = ()
    """Warnings about problems that the change can cause later."""
    cost: Cost | None = None
    nodes: tuple[GraphNode, ...] = field(default=(), repr=False)
    problem: str = ""
    base_problem: str = ""
    """Why the base cannot be evaluated; otherwise empty. If it is set, there is no comparison, and ``changes`` is empty."""
    notes: tuple[str, ...] = ()

    def of(self, kind: Kind) -> list[ResourceChange]:
        """The changes of one kind."""
        return [each for each in self.changes if each.kind is kind]

    @property
    def failed(self) -> bool:
        """Whether head must not be applied: it has no preview, violates a mandatory policy, or contains a refused change."""
        mandatory = any(each.level == "mandatory" for each in self.violations)
        return bool(self.problem) or mandatory or any(each.refused for each in self.changes)

    @property
    def silent(self) -> bool:
        """Whether there is nothing to report."""
        news = [each for each in self.violations if each.new or each.level == "mandatory"]
        reportable = (
            self.changes,
            self.alerts,
            self.outputs,
            self.warnings,
            self.cost,
            news,
            self.problem,
            self.base_problem,
            self.notes,
        )
        return not any(reportable)


@dataclass(frozen=True, kw_only=True)
class Preview:
    """The effect of a change on every stack."""

    base: str
    """The base of the comparison for display, for example ``main (1a2b3c4)``."""
    head: str
    source: str
    """``program``: both versions are evaluated without credentials. ``engine``: ``pulumi preview`` runs against the state."""
    stacks: tuple[StackPreview, ...]
    rules: tuple[RuleChange, ...] = ()
    """The changes of the policies themselves."""
    packages: tuple[PackageChange, ...] = ()

    @property
    def silent(self) -> bool:
        """Whether there is nothing to report about the stacks, the policies and the packages."""
        return all(each.silent for each in self.stacks) and not self.rules and not self.packages

    @property
    def failed(self) -> bool:
        """Whether head must not be applied to one of the stacks."""
        return any(each.failed for each in self.stacks)

    def to_json(self) -> bytes:
        """The preview as JSON, for programs."""
        return _adapter(Preview).dump_json(self, indent=2)

    @classmethod
    def from_json(cls, text: bytes) -> Preview:
        """The preview from the JSON of :meth:`to_json`."""
        return _adapter(Preview).validate_json(text)


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """A resource that belongs to the environment, but is not in the state of the environment's stack."""

    arn: str
    why: str
    """Why the resource belongs to the environment: its tags, or the resource of which it is a part."""


@dataclass(frozen=True, kw_only=True)
class Drift:
    """The differences between the state of one stack and the cloud."""

    stack: str
    resources_read: int = 0
    """Number of resources that were read."""
    changes: tuple[ResourceChange, ...] = ()
    """The changes from the state to the cloud. ``update``: changed in the cloud. ``delete``: deleted in the cloud."""
    foreign: tuple[Foreign, ...] = ()
    problems: tuple[str, ...] = ()
    """The reasons why something could not be read."""

    @property
    def revert(self) -> str:
        """The command that reverts the drift. ``--refresh`` reads every resource first; a plain update would not find the drift."""
        return f"pulumi up -s {self.stack} --refresh --policy-pack policies"

    @property
    def exit_code(self) -> ExitCode:
        """``FAILED`` for drift, ``UNCHECKED`` if no drift was found but something could not be read, otherwise ``DONE``."""
        if self.changes or self.foreign:
            return ExitCode.FAILED
        return ExitCode.UNCHECKED if self.problems else ExitCode.DONE

    def to_json(self) -> dict[str, Any]:
        """The drift as data for JSON, with its exit code."""
        return {**_adapter(Drift).dump_python(self, mode="json"), "exitCode": int(self.exit_code)}


@cache
def _adapter(model: type[Any]) -> TypeAdapter[Any]:
    """The adapter of a model, cached because its creation is slow."""
    return TypeAdapter(model)
