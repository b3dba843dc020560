"""Typed values for the reports of the engine: the events in the event log, and the JSON of a refresh.

Source: https://github.com/pulumi/pulumi/blob/master/sdk/go/common/apitype/events.go
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

from program.catalogue import lost
from program.protocol import masked

ECHO = "an unhandled error occurred"
"""The start of a message in which the language host only repeats the program's error message."""

UNCHANGED = ("same", "read")


@dataclass(frozen=True, kw_only=True)
class EngineStep:
    """An operation on one resource that the engine performs or, in a preview, predicts."""

    op: str
    """``create``, ``update``, ``replace``, ``delete``, ``read``, ``same`` ..."""
    urn: str
    type: str
    old: dict[str, Any]
    """The resource's state before the step, as the engine writes it; empty for a new resource."""
    new: dict[str, Any]
    """The resource's state after the step; empty for a deleted resource."""
    diff: dict[str, Any]
    """The provider's details about each difference, by property path; empty if the provider reports none."""
    properties: tuple[str, ...] = ()
    """Paths of the properties that differ. A step of a refresh has none."""

    @classmethod
    def of_refresh(cls, step: Mapping[str, Any]) -> EngineStep:
        """A step in the JSON of ``pulumi refresh --preview-only``."""
        old, new = part(step, "oldState"), part(step, "newState")
        return cls(op=step["op"], urn=step["urn"], type=str((old or new).get("type", "")), old=old, new=new, diff={})

    @property
    def name(self) -> str:
        """Logical name of the resource."""
        return self.urn.rpartition("::")[2]

    @property
    def is_change(self) -> bool:
        """Whether the step changes the resource."""
        return self.op not in UNCHANGED

    @property
    def state(self) -> dict[str, Any]:
        """The resource's state after the step, or the state before the step if the resource is deleted."""
        return self.new or self.old

    @cached_property
    def loses(self) -> str:
        """The data that the step deletes; empty if it deletes no data. An update of a resource can delete data too."""
        old, new = (masked(part(side, "inputs")) for side in (self.old, self.new))
        return ", ".join(lost(self.op, self.type, old, new))


@dataclass(frozen=True, kw_only=True)
class EngineViolation:
    """A violation of a policy by a resource."""

    policy: str
    level: str
    urn: str
    message: str


@dataclass(kw_only=True)
class UpdateResult:
    """The changes, policy violations and errors of a preview or an update."""

    counts: dict[str, int] = field(default_factory=dict[str, int])
    changes: list[EngineStep] = field(default_factory=list[EngineStep])
    violations: list[EngineViolation] = field(default_factory=list[EngineViolation])
    errors: list[str] = field(default_factory=list[str])

    @property
    def changed(self) -> int:
        """The number of changed resources."""
        return sum(count for op, count in self.counts.items() if op not in UNCHANGED)

    def __str__(self) -> str:
        """The number of resources by operation, for example ``2 create, 40 same``."""
        return ", ".join(f"{count} {op}" for op, count in sorted(self.counts.items()))

    def take(self, event: Mapping[str, Any]) -> EngineStep | EngineViolation | None:
        """Record one of the engine's events. Returns the step or the violation that the event reports."""
        found = parsed(event)
        match event:
            case {"diagnosticEvent": {"severity": "error", "message": message}} if not str(message).startswith(ECHO):
                self.errors.append(str(message).strip())
            case {"summaryEvent": summary}:
                self.counts = dict(summary.get("resourceChanges") or {})
            case _:
                pass
        if isinstance(found, EngineViolation):
            self.violations.append(found)
        elif found is not None and found.is_change:
            self.changes.append(found)
        return found


def parsed(event: Mapping[str, Any]) -> EngineStep | EngineViolation | None:
    """The step or the violation that one of the engine's events reports; ``None`` for any other event."""
    match event:
        case {"resourcePreEvent": {"metadata": metadata}}:
            diff = part(metadata, "detailedDiff")
            return EngineStep(
                op=metadata["op"],
                urn=metadata["urn"],
                type=metadata["type"],
                old=part(metadata, "old"),
                new=part(metadata, "new"),
                diff=diff,
                properties=tuple(sorted(diff or metadata.get("diffs") or ())),
            )
        case {"policyEvent": details}:
            return EngineViolation(
                policy=details["policyName"],
                level=details["enforcementLevel"],
                urn=details.get("resourceUrn", ""),
                message=str(details["message"]).strip(),
            )
        case _:
            return None


def part(whole: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The object ``name`` in the engine's JSON. The engine writes null instead of an empty object."""
    return cast("dict[str, Any]", whole.get(name) or {})
