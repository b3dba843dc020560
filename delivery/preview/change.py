"""What changes, as plain data: one form for the program's own comparison, for the engine's preview and for drift."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from delivery.errors import ExitCode
from program.catalogue import Replaces


class Kind(StrEnum):
    """What happens to a resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    OPTIONS = "options"
    """Nothing in the cloud: only what the engine remembers of it (protection, provider, dependencies)."""


@dataclass(frozen=True, kw_only=True)
class PropertyChange:
    """One input that differs. A missing side is None."""

    path: str
    before: Any
    after: Any
    replaces: Replaces
    follows: str = ""
    """URN of the resource whose replacement is the reason: the new value is not known before ``up``."""


@dataclass(frozen=True, kw_only=True)
class OptionChange:
    """One option that differs: ``protect``, ``provider``... Of ``dependencies``, what goes and what comes."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class Ignored:
    """A difference that ``up`` will not apply, because another system owns the property (``components/ownership.py``)."""

    path: str
    owner: str


@dataclass(frozen=True, kw_only=True)
class ResourceChange:
    """What happens to one resource, and why."""

    kind: Kind
    urn: str
    type: str
    name: str
    parent: str = ""
    properties: tuple[PropertyChange, ...] = ()
    options: tuple[OptionChange, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    loses: str = ""
    """What is lost by the change, with the resource or without that; empty where nothing is."""
    refused: tuple[str, ...] = ()
    """Why the service will not take the change, a reason each; it looks right until it is applied."""
    protected: bool = False
    """The engine will refuse to delete or replace it."""
    kept: bool = False
    """``retain_on_delete``: it leaves the state and stays in the cloud."""
    formerly: str = ""
    """The URN under which the base knows it, when an alias connects the two."""

    @property
    def risky(self) -> bool:
        """Whether something is lost that cannot be made again."""
        return bool(self.loses) and not self.kept and self.kind in (Kind.DELETE, Kind.REPLACE, Kind.UPDATE)

    @property
    def may_replace(self) -> bool:
        """An update of which it is not known whether it makes a new resource."""
        return self.kind is Kind.UPDATE and any(each.replaces is Replaces.NOT_KNOWN for each in self.properties)


@dataclass(frozen=True, kw_only=True)
class PolicyFinding:
    """One finding of a policy at head."""

    policy: str
    level: str
    """``mandatory`` or ``advisory``, as the stack's environment has it."""
    name: str
    """Logical name of the resource it is about."""
    message: str
    new: bool
    """Whether the base does not have it."""
    type: str = ""
    """Type token of the resource."""
    by_base: bool = False
    """Whether only the base's rules find it: the change alters the rules that it is checked by."""


@dataclass(frozen=True, kw_only=True)
class RuleChange:
    """A rule, limit, price or waiver that the change alters, as a reviewer reads it."""

    what: str
    before: Any
    after: Any


@dataclass(frozen=True, kw_only=True)
class PackageChange:
    """A package whose version changes, or that comes or goes."""

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
    """Monthly estimate in US dollars before and after, from the policies' dated price table."""

    before: float
    after: float
    as_of: str
    changes: tuple[tuple[str, float], ...] = ()
    """What makes the difference: an item and the dollars that it adds."""
    unpriced: tuple[str, ...] = ()
    """Types at head that cost something and have no price in the table: what they cost is in neither sum."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """One resource of the head's graph, or of the base's where it is deleted, for the picture."""

    urn: str
    type: str
    name: str
    parent: str
    dependencies: tuple[str, ...]
    kind: Kind | None
    custom: bool


@dataclass(frozen=True, kw_only=True)
class StackPreview:
    """What the change does to one stack; ``problem`` is set when head cannot be evaluated, and then nothing else is."""

    stack: str
    changes: tuple[ResourceChange, ...] = ()
    unchanged: int = 0
    verdicts: tuple[PolicyFinding, ...] = ()
    alerts: tuple[AlertChange, ...] = ()
    outputs: tuple[PropertyChange, ...] = ()
    """The stack's outputs that change."""
    warnings: tuple[str, ...] = ()
    """What will be a problem later."""
    cost: Cost | None = None
    nodes: tuple[Node, ...] = field(default=(), repr=False)
    problem: str = ""
    base_problem: str = ""
    """Why the base cannot be evaluated; then there is nothing to compare with, and ``changes`` is empty."""
    notes: tuple[str, ...] = ()

    def of(self, kind: Kind) -> list[ResourceChange]:
        """The changes of one kind."""
        return [each for each in self.changes if each.kind is kind]

    @property
    def failed(self) -> bool:
        """Whether the head must not be applied: it cannot be evaluated, breaks a mandatory policy, or will be refused."""
        broken = any(each.level == "mandatory" for each in self.verdicts)
        return bool(self.problem) or broken or any(each.refused for each in self.changes)

    @property
    def silent(self) -> bool:
        """Whether there is nothing to say."""
        news = [each for each in self.verdicts if each.new or each.level == "mandatory"]
        said = (
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
        return not any(said)


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What a change does to every stack."""

    base: str
    """What it is compared with, as a person reads it: ``main (1a2b3c4)``."""
    head: str
    source: str
    """``program``: both versions evaluated without credentials; ``engine``: ``pulumi preview`` against the real state."""
    stacks: tuple[StackPreview, ...]
    rules: tuple[RuleChange, ...] = ()
    """What the change alters of the policies themselves."""
    packages: tuple[PackageChange, ...] = ()

    @property
    def silent(self) -> bool:
        """Whether there is nothing to say about any stack."""
        return all(each.silent for each in self.stacks) and not self.rules and not self.packages

    @property
    def failed(self) -> bool:
        """Whether any stack's head must not be applied."""
        return any(each.failed for each in self.stacks)

    def to_json(self) -> bytes:
        """The preview as JSON, for machines."""
        return _adapter(Preview).dump_json(self, indent=2)

    @classmethod
    def from_json(cls, text: bytes) -> Preview:
        """The reverse of :meth:`to_json`."""
        return _adapter(Preview).validate_json(text)


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """A resource that belongs to the environment by its tags or its place, and that the stack does not know."""

    arn: str
    why: str
    """What makes it ours: its tags, or the resource that it is part of."""


@dataclass(frozen=True, kw_only=True)
class Drift:
    """What differs between the state of one stack and the cloud."""

    stack: str
    looked_at: int = 0
    """Resources that were read back."""
    changes: tuple[ResourceChange, ...] = ()
    """From the state to the cloud: ``update`` was changed, ``delete`` is gone."""
    foreign: tuple[Foreign, ...] = ()
    problems: tuple[str, ...] = ()
    """What could not be looked at, and why."""

    @property
    def revert(self) -> str:
        """The command that reverts what was changed: it reads every resource back first, which a plain update does not."""
        return f"pulumi up -s {self.stack} --refresh --policy-pack policies"

    @property
    def exit_code(self) -> ExitCode:
        """Whether there is drift; not having looked everywhere is reported too."""
        if self.changes or self.foreign:
            return ExitCode.FAILED
        return ExitCode.UNCHECKED if self.problems else ExitCode.DONE

    def to_json(self) -> dict[str, Any]:
        """As plain data, with the exit code that belongs to it."""
        return {**_adapter(Drift).dump_python(self, mode="json"), "exitCode": int(self.exit_code)}


@cache
def _adapter(model: type[Any]) -> TypeAdapter[Any]:
    """Made when it is needed, and once: it takes a while."""
    return TypeAdapter(model)
