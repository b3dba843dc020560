"""The preview with credentials: runs the engine's preview, and converts the result to the data model of :mod:`.change`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from delivery.clients.environment import ENVIRONMENTS, Environment
from delivery.clients.pulumi import Engine, EngineError, Event
from delivery.preview._masking import without_credentials
from delivery.preview._values import differences
from delivery.preview.change import GraphNode, Kind, PolicyViolation, Preview, PropertyChange, ResourceChange, StackPreview
from delivery.preview.from_program import SANDBOX
from delivery.releases.stack_file import committed
from program import paths
from program.catalogue import Replaces, lost, refusals, to_watch
from program.protocol import MASK, is_wrapped, masked

KINDS = {
    "create": Kind.CREATE,
    "update": Kind.UPDATE,
    "replace": Kind.REPLACE,
    "delete": Kind.DELETE,
    "import": Kind.CREATE,
}
"""The kind of change, by the engine's operation. The operations within a replacement (``create-replacement``...) are ignored."""


def preview(stacks: Sequence[str], repository: Path, plans: Path | None = None) -> Preview:
    """The engine's preview of each stack; by default of staging and production. ``plans`` is a folder for the update plans."""
    names = list(stacks) or [each for each in ENVIRONMENTS if each != SANDBOX]
    if plans is not None:
        plans.mkdir(parents=True, exist_ok=True)
    found = tuple(_stack(each, repository, None if plans is None else plans / f"{each}.json") for each in names)
    return without_credentials(Preview(base="the state", head=f"the work tree of {repository.name}", source="engine", stacks=found))


def _stack(stack: str, repository: Path, plan: Path | None) -> StackPreview:
    environment = Environment.open(stack)
    events = EngineEvents()
    try:
        Engine(environment, checkout=repository).preview(committed(environment.name, repository), events=events.take, plan=plan)
    except EngineError as error:
        if not any(each.level == "mandatory" for each in events.verdicts):
            return StackPreview(stack=stack, problem=str(error))
    return events.as_preview(stack)


class EngineEvents:
    """Collects the engine's events of one preview."""

    def __init__(self) -> None:
        """Start without events."""
        self.changes: list[ResourceChange] = []
        self.verdicts: list[PolicyViolation] = []
        self.nodes: list[GraphNode] = []
        self.unchanged = 0

    def take(self, event: Event) -> None:
        """Record the resource or the policy violation of an event."""
        if step := _part(_part(event, "resourcePreEvent"), "metadata"):
            self._step(step)
        elif details := _part(event, "policyEvent"):
            self.verdicts.append(_verdict(details))

    def as_preview(self, stack: str) -> StackPreview:
        """The events as a preview, with the changes that lose data first."""
        order = list(Kind)
        changes = sorted(self.changes, key=lambda each: (not each.risky, order.index(each.kind)))
        return StackPreview(
            stack=stack,
            changes=tuple(changes),
            unchanged=self.unchanged,
            verdicts=tuple(self.verdicts),
            warnings=tuple(f"{each.name} {said}" for each in changes for said in each.watch),
            nodes=tuple(self.nodes),
        )

    def _step(self, metadata: Mapping[str, Any]) -> None:
        urn, op = cast(str, metadata["urn"]), cast(str, metadata["op"])
        if op in ("create-replacement", "delete-replaced", "read", "refresh"):
            return
        kind = KINDS.get(op)
        state = _part(metadata, "new") or _part(metadata, "old")
        custom = bool(state.get("custom"))
        self.nodes.append(
            GraphNode(
                urn=urn,
                type=metadata["type"],
                name=urn.rpartition("::")[2],
                parent=state.get("parent") or "",
                dependencies=tuple(state.get("dependencies") or ()),
                kind=kind if custom else None,
                custom=custom,
            )
        )
        if not custom:
            return
        if kind is None:
            self.unchanged += 1
        else:
            self.changes.append(_change(kind, metadata, state))


def _change(kind: Kind, metadata: Mapping[str, Any], state: Mapping[str, Any]) -> ResourceChange:
    before = _part(metadata, "old")
    old, new = _part(before, "inputs"), _part(_part(metadata, "new"), "inputs")
    goes = kind in (Kind.REPLACE, Kind.DELETE)
    urn, type_ = cast(str, metadata["urn"]), cast(str, metadata["type"])
    if kind in (Kind.CREATE, Kind.DELETE):
        properties = tuple(_all_of(new if kind is Kind.CREATE else old, created=kind is Kind.CREATE))
    else:
        properties = tuple(_property(path, diff, old, new) for path, diff in sorted(_part(metadata, "detailedDiff").items()))
    inputs = masked(new if kind is Kind.CREATE else old), masked(new)
    return ResourceChange(
        kind=kind,
        urn=urn,
        type=type_,
        name=urn.rpartition("::")[2],
        parent=state.get("parent") or "",
        properties=properties,
        loses=", ".join(lost(cast("str", metadata["op"]), type_, old, new)),
        refused=() if goes else tuple(refusals(type_, *inputs)),
        watch=() if goes else tuple(to_watch(type_, *inputs)),
        protected=goes and bool(before.get("protect")),
        kept=kind is Kind.DELETE and bool(before.get("retainOnDelete")),
    )


def _all_of(inputs: Mapping[str, Any], *, created: bool) -> Iterator[PropertyChange]:
    """Every input of a created or deleted resource."""
    for path, before, after in differences(*((None, masked(inputs)) if created else (masked(inputs), None))):
        if path:
            yield PropertyChange(path=paths.text(path), before=before, after=after, replaces=Replaces.NO)


def _part(whole: Mapping[str, Any], name: str) -> dict[str, Any]:
    return cast("dict[str, Any]", whole.get(name) or {})


def _property(path: str, diff: Mapping[str, Any], old: Any, new: Any) -> PropertyChange:
    """A property in the engine's diff, in which the provider states whether the change replaces the resource."""
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


def _verdict(details: Mapping[str, Any]) -> PolicyViolation:
    return PolicyViolation(
        policy=details["policyName"],
        level=details["enforcementLevel"],
        name=str(details.get("resourceUrn", "")).rpartition("::")[2],
        type=[*str(details.get("resourceUrn", "")).split("::"), "", "", ""][2].rpartition("$")[2],
        message=str(details["message"]).strip(),
        new=True,  # the engine's preview checks only head
    )
