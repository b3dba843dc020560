"""Runs the engine's preview, which needs credentials, and converts the result to the data model of :mod:`.change`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from delivery.clients.engine_events import EngineStep, EngineViolation, part
from delivery.clients.environment import ENVIRONMENTS, Environment
from delivery.clients.pulumi import Engine, EngineError
from delivery.preview._comparison import every_input
from delivery.preview._masking import without_credentials
from delivery.preview._same_object import object_of, refuse_conflicts
from delivery.preview.change import GraphNode, Kind, PolicyViolation, Preview, PropertyChange, ResourceChange, StackPreview
from delivery.preview.from_program import SANDBOX
from delivery.releases.stack_file import of_checkout
from program import paths
from program.catalogue import Replaces, refusals, to_watch
from program.protocol import MASK, is_wrapped, masked

KINDS = {
    "create": Kind.CREATE,
    "update": Kind.UPDATE,
    "replace": Kind.REPLACE,
    "delete": Kind.DELETE,
    "import": Kind.CREATE,
}
"""The kind of change by the engine's operation. A replacement has further steps, which are skipped, so that it counts once."""


def preview(stacks: Sequence[str], repository: Path, plans: Path | None = None) -> Preview:
    """The engine's preview of each stack, by default of staging and production.

    If ``plans`` is given, the update plans are written to this folder.
    """
    names = list(stacks) or [each for each in ENVIRONMENTS if each != SANDBOX]
    if plans is not None:
        plans.mkdir(parents=True, exist_ok=True)
    found = tuple(_stack(each, repository, None if plans is None else plans / f"{each}.json") for each in names)
    return without_credentials(Preview(base="the state", head=f"the work tree of {repository.name}", source="engine", stacks=found))


def _stack(stack: str, repository: Path, plan: Path | None) -> StackPreview:
    environment = Environment.open(stack)
    events = EngineEvents()
    try:
        Engine(environment, checkout=repository).preview(of_checkout(environment.name, repository), watch=events.take, plan=plan)
    except EngineError as error:
        if not any(each.level == "mandatory" for each in events.violations):
            return StackPreview(stack=stack, problem=str(error))
    return events.as_preview(stack)


class EngineEvents:
    """Collects the steps and the violations of one preview."""

    def __init__(self) -> None:
        """Start without a step."""
        self.changes: list[ResourceChange] = []
        self.violations: list[PolicyViolation] = []
        self.nodes: list[GraphNode] = []
        self.unchanged = 0
        self._objects: tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]] = {}, {}

    def take(self, found: EngineStep | EngineViolation) -> None:
        """Record a step or a violation."""
        if isinstance(found, EngineStep):
            self._step(found)
        else:
            self.violations.append(_violation(found))

    def as_preview(self, stack: str) -> StackPreview:
        """The events as a preview, with the changes that lose data first."""
        order = list(Kind)
        found = refuse_conflicts(self.changes, *self._objects)
        changes = sorted(found, key=lambda each: (not each.risky, order.index(each.kind)))
        return StackPreview(
            stack=stack,
            changes=tuple(changes),
            unchanged=self.unchanged,
            violations=tuple(self.violations),
            warnings=tuple(f"{each.name} {warning}" for each in changes for warning in each.watch),
            nodes=tuple(self.nodes),
        )

    def _step(self, step: EngineStep) -> None:
        if step.op in ("create-replacement", "delete-replaced", "read", "refresh"):
            return
        kind = KINDS.get(step.op)
        custom = bool(step.state.get("custom"))
        self.nodes.append(
            GraphNode(
                urn=step.urn,
                type=step.type,
                name=step.name,
                parent=step.state.get("parent") or "",
                dependencies=tuple(step.state.get("dependencies") or ()),
                kind=kind if custom else None,
                custom=custom,
            )
        )
        if not custom:
            return
        for objects, side in zip(self._objects, (step.old, step.new), strict=True):
            if side:
                objects[step.urn] = object_of(
                    step.type, str(side.get("provider")).rpartition("::")[0], masked(part(side, "inputs"))
                )
        if kind is None:
            self.unchanged += 1
        else:
            self.changes.append(_change(kind, step))


def _change(kind: Kind, step: EngineStep) -> ResourceChange:
    old, new = part(step.old, "inputs"), part(step.new, "inputs")
    goes = kind in (Kind.REPLACE, Kind.DELETE)
    if kind in (Kind.CREATE, Kind.DELETE):
        properties = tuple(every_input(masked(new if kind is Kind.CREATE else old), created=kind is Kind.CREATE))
    else:
        properties = tuple(_property(path, diff, old, new) for path, diff in sorted(step.diff.items()))
    inputs = masked(new if kind is Kind.CREATE else old), masked(new)
    return ResourceChange(
        kind=kind,
        urn=step.urn,
        type=step.type,
        name=step.name,
        parent=step.state.get("parent") or "",
        properties=properties,
        loses=step.loses,
        refused=() if goes else tuple(refusals(step.type, *inputs)),
        watch=() if goes else tuple(to_watch(step.type, *inputs)),
        protected=goes and bool(step.old.get("protect")),
        kept=kind is Kind.DELETE and bool(step.old.get("retainOnDelete")),
    )


def _property(path: str, diff: Mapping[str, Any], old: Any, new: Any) -> PropertyChange:
    """The change of one property.

    ``diff`` is the property's entry in the engine's ``detailedDiff``. It states whether the change replaces the resource.
    """
    replaces = "replace" in str(diff.get("diffKind", "")).lower()
    where = paths.parse(path)
    return PropertyChange(
        path=path,
        before=_at(old, where),
        after=_at(new, where),
        replaces=Replaces.YES if replaces else Replaces.NO,
    )


def _at(value: Any, path: Sequence[str | int]) -> Any:
    for step in path:
        if is_wrapped(value):
            return MASK
        if isinstance(value, dict):
            value = cast("dict[str | int, Any]", value).get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(cast("list[Any]", value)):
            value = cast("list[Any]", value)[step]
        else:
            return None
    return masked(value)


def _violation(found: EngineViolation) -> PolicyViolation:
    return PolicyViolation(
        policy=found.policy,
        level=found.level,
        name=found.urn.rpartition("::")[2],
        type=[*found.urn.split("::"), "", "", ""][2].rpartition("$")[2],
        message=found.message,
        new=True,  # the engine's preview checks only head
    )
