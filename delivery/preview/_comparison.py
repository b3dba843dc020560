"""Compares two graphs of the same stack, and finds the resources that are created, changed, replaced and deleted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, cast

from components.field_owners import OWNERSHIP
from delivery.preview._places import Places, contradictions
from delivery.preview._same_object import object_of, refuse_conflicts
from delivery.preview._values import differences, shown, without_secrets
from delivery.preview.change import GraphNode, Ignored, Kind, OptionChange, PropertyChange, ResourceChange
from program import catalogue, paths
from program.catalogue import Replaces, loses, lost_by_creation, lost_in_place, refusals, replaces, to_watch
from program.graph import Graph, Path, Resource
from program.protocol import mapped

UNNAMED_OWNER = "another system"
"""The owner of a property that is in ``ignore_changes`` but not in the ownership table."""

ORDER = (Kind.DELETE, Kind.REPLACE, Kind.UPDATE, Kind.CREATE, Kind.OPTIONS)
"""The order of changes, with the most severe first."""


def compare(base: Graph, head: Graph) -> tuple[ResourceChange, ...]:
    """The changes from ``base`` to ``head``; changes that lose data come first.

    Components are omitted, because they do not exist in the cloud.
    """
    return _Comparison(base, head).changes()


def nodes(base: Graph, head: Graph, changes: tuple[ResourceChange, ...]) -> tuple[GraphNode, ...]:
    """The resources of ``head`` and the deleted resources of ``base``, with the kinds of their changes."""
    kinds = {change.urn: change.kind for change in changes}
    here = {each.urn for each in head.resources}
    former = {change.formerly for change in changes if change.formerly}
    gone = [each for each in base.resources if each.urn not in here and each.urn not in former and each.urn in kinds]
    return tuple(
        GraphNode(
            urn=each.urn,
            type=each.type,
            name=each.name,
            parent=each.parent,
            dependencies=each.dependencies,
            kind=kinds.get(each.urn),
            custom=each.custom,
        )
        for each in (*head.resources, *gone)
    )


def outputs(base: Graph, head: Graph) -> Iterator[PropertyChange]:
    """The differences between the stack's outputs."""
    for path, before, after in differences(base.exports, head.exports):
        yield PropertyChange(path=paths.text(path), before=before, after=after, replaces=Replaces.NO)


class _Comparison:
    def __init__(self, base: Graph, head: Graph) -> None:
        self._base = base.by_urn()
        self._head = head
        self._matches = dict(_matches(base, head))
        self._renamed = {old: new for new, old in self._matches.items() if old != new}
        self._by_urn = head.by_urn()
        self._replaced: set[str] = set()
        self._places = Places(self._base, self._by_urn)

    def changes(self) -> tuple[ResourceChange, ...]:
        found: list[ResourceChange] = []
        for resource in self._head.resources:  # dependencies come first, so it is known here which of them are replaced
            former = self._matches.get(resource.urn)
            if not resource.custom:
                continue
            if former is None:
                found.append(self._created(resource))
            elif change := self._changed(self._base[former], resource):
                found.append(change)
                if change.kind is Kind.REPLACE:
                    self._replaced.add(resource.urn)
                self._places.note(change, resource, self._replaced)
        known = set(self._matches.values())
        found += [_deleted(each) for each in self._base.values() if each.custom and each.urn not in known]
        found = list(refuse_conflicts(found, *self._objects()))
        return tuple(sorted(found, key=lambda each: (not each.risky, ORDER.index(each.kind))))

    def _objects(self) -> Iterator[dict[str, tuple[str, ...]]]:
        """The :func:`object_of` of each resource by URN, first of the base, then of the head. The values have the head's names."""
        for side in (self._base, self._by_urn):
            yield {
                urn: object_of(each.type, self._provider(each), self._under_new_names(each, each.inputs))
                for urn, each in side.items()
                if each.custom
            }

    def _created(self, resource: Resource) -> ResourceChange:
        inputs = shown(without_secrets(resource))
        targets = [urn for urns in (resource.property_dependencies or {}).values() for urn in urns]
        # A resource that only configures new resources, such as lifecycle rules of a new bucket, deletes no data.
        for_new = bool(targets) and all(urn not in self._matches for urn in targets)
        return ResourceChange(
            kind=Kind.CREATE,
            urn=resource.urn,
            type=resource.type,
            name=resource.name,
            parent=resource.parent,
            properties=tuple(every_input(without_secrets(resource), created=True)),
            loses="" if for_new else ", ".join(lost_by_creation(resource.type, inputs)),
            refused=(*contradictions(resource, self._by_urn), *refusals(resource.type, inputs, inputs)),
        )

    def _changed(self, old: Resource, new: Resource) -> ResourceChange | None:
        ignored = [paths.parse(path) for path in new.ignore_changes]
        properties: list[PropertyChange] = []
        passed_over: list[Ignored] = []
        before, after = self._under_new_names(old, without_secrets(old)), without_secrets(new)
        for path, left, right in differences(before, after):
            if any(paths.covers(pattern, path) for pattern in ignored):
                passed_over.append(Ignored(path=paths.text(path), owner=owner_of(new.type, new.name, path) or UNNAMED_OWNER))
            else:
                properties.append(self._property(new, path, shown(left), shown(right)))
        properties += self._following(new, {each.path.partition(".")[0] for each in properties})
        properties += self._places.moved(old, new)
        properties += _replacing_options(old, new)
        options = tuple(self._options(old, new))
        if not properties and not options:
            return None
        kind = _kind(properties)
        inputs = shown(before), _with_ignored(shown(before), shown(after), ignored)
        refused = [*contradictions(new, self._by_urn), *refusals(new.type, *inputs)]
        return ResourceChange(
            kind=kind,
            urn=new.urn,
            type=new.type,
            name=new.name,
            parent=new.parent,
            properties=tuple(properties),
            options=options,
            ignored=tuple(passed_over),
            loses=loses(old.type, old.inputs) if kind is Kind.REPLACE else ", ".join(lost_in_place(new.type, *inputs)),
            refused=() if kind is Kind.REPLACE else tuple(refused),
            watch=() if kind is Kind.REPLACE else tuple(to_watch(new.type, *inputs)),
            protected=old.protect and kind is Kind.REPLACE,
            formerly=old.urn if old.urn != new.urn else "",
        )

    def _property(self, resource: Resource, path: Path, before: Any, after: Any) -> PropertyChange:
        forced = any(paths.covers(paths.parse(each), path) for each in resource.replace_on_changes)
        fixed = resource.inputs.get("immutable") is True
        effect = Replaces.YES if forced else replaces(resource.type, path, immutable=fixed)
        return PropertyChange(path=paths.text(path), before=before, after=after, replaces=effect)

    def _following(self, resource: Resource, changed: set[str]) -> Iterator[PropertyChange]:
        """The inputs that use outputs of a replaced resource. Their values are unknown until the new resource exists."""
        for name, urns in (resource.property_dependencies or {}).items():
            cause = next((urn for urn in urns if urn in self._replaced), None)
            if cause is not None and name not in changed and name not in resource.ignore_changes:
                effect = replaces(resource.type, (name,))  # it is not known which value in the input changes
                yield PropertyChange(path=name, before=None, after=None, replaces=effect, follows=cause)

    def _options(self, old: Resource, new: Resource) -> Iterator[OptionChange]:
        before, after = _option_values(old), _option_values(new)
        yield from (
            OptionChange(name=name, before=before[name], after=after[name]) for name in before if before[name] != after[name]
        )
        left = {self._renamed.get(urn, urn) for urn in old.dependencies}
        right = set(new.dependencies)
        if left != right:
            yield OptionChange(name="dependencies", before=_names(left - right), after=_names(right - left))
        if self._renamed.get(old.deleted_with, old.deleted_with) != new.deleted_with:
            yield OptionChange(name="deleted with", before=_names([old.deleted_with]), after=_names([new.deleted_with]))
        if self._provider(old) != self._provider(new):
            providers = [each.provider.rpartition("::")[0] for each in (old, new)]
            yield OptionChange(name="provider", before=_names(providers[:1]), after=_names(providers[1:]))

    def _provider(self, resource: Resource) -> str:
        """URN of the resource's provider, under the head's name."""
        urn = resource.provider.rpartition("::")[0]
        return self._renamed.get(urn, urn)

    def _under_new_names(self, resource: Resource, inputs: dict[str, Any]) -> dict[str, Any]:
        """``inputs`` of the base, in which the example values of renamed resources (such as ``NAME-id``) contain the new names.

        With the old names, a rename would be shown as a change of the inputs of other resources.
        """
        found = dict(inputs)
        for name, urns in (resource.property_dependencies or {}).items():
            if name in found and (renamed := [urn for urn in urns if urn in self._renamed]):
                names = {key: value for urn in renamed for key, value in self._renamed_outputs(urn).items()}
                found[name] = mapped(found[name], partial(_translated, names))
        return found

    def _renamed_outputs(self, urn: str) -> dict[str, str]:
        """A map from each example output of a renamed resource under its old name to the same output under its new name."""
        old, new = self._base[urn], self._by_urn[self._renamed[urn]]
        before, after = ({"id": f"{each.name}-id", **catalogue.outputs(each.type, each.name, {})} for each in (old, new))
        return {value: str(after[key]) for key, value in before.items() if isinstance(value, str)}


def _option_values(resource: Resource) -> dict[str, str]:
    return {
        "protect": "yes" if resource.protect else "no",
        "retain on delete": "yes" if resource.retain_on_delete else "no",
        "ignored changes": ", ".join(sorted(resource.ignore_changes)),
        "replaced on": ", ".join(sorted(resource.replace_on_changes)),
        "deleted before replacement": "yes" if resource.delete_before_replace else "no",
        "plugin": resource.plugin,
        "timeouts": resource.timeouts,
    }


def _replacing_options(old: Resource, new: Resource) -> Iterator[PropertyChange]:
    """The options whose change replaces the resource. The engine ignores an import id that the program removes."""
    if new.import_id not in ("", old.import_id, old.id):
        yield PropertyChange(path="import", before=old.import_id or None, after=new.import_id, replaces=Replaces.YES)
    before, after = old.replacement_trigger, new.replacement_trigger
    if before != after:
        yield PropertyChange(path="replacement_trigger", before=shown(before), after=shown(after), replaces=Replaces.YES)


def _names(urns: Iterable[str]) -> str:
    return ", ".join(sorted({urn.rsplit("::", 1)[-1] for urn in urns if urn}))


def _translated(names: Mapping[str, str], value: Any) -> Any:
    return names.get(value, value) if isinstance(value, str) else value


def _matches(base: Graph, head: Graph) -> Iterator[tuple[str, str]]:
    """Pairs of the head's URN and the base's URN of the same resource: equal URNs, and URNs that aliases connect."""
    old = base.by_urn()
    taken = {each.urn for each in head.resources if each.urn in old}
    found: dict[str, str] = {}
    by_urn = head.by_urn()
    for resource in head.resources:  # parents before children
        candidates = [resource.urn, *resource.aliases, *_inherited(resource, found, by_urn, old)]
        former = next((urn for urn in candidates if urn in old and (urn == resource.urn or urn not in taken)), None)
        if former is not None:
            found[resource.urn] = former
            taken.add(former)
            yield resource.urn, former


def _inherited(
    resource: Resource, found: Mapping[str, str], head: Mapping[str, Resource], base: Mapping[str, Resource]
) -> Iterator[str]:
    """The possible former URNs of a resource whose parent was renamed.

    A child whose name begins with the parent's name is renamed too.
    Source: https://www.pulumi.com/docs/iac/concepts/resources/options/aliases/
    """
    former_parent = found.get(resource.parent, "")
    if not former_parent or former_parent == resource.parent:
        return
    parent, before = head[resource.parent], base[former_parent]
    names = [resource.name]
    if resource.name.startswith(parent.name):
        names.insert(0, before.name + resource.name.removeprefix(parent.name))
    prefix, types, _ = former_parent.rsplit("::", 2)
    for name in names:
        yield f"{prefix}::{types}${resource.type}::{name}"


def _kind(properties: list[PropertyChange]) -> Kind:
    if any(each.replaces is Replaces.YES for each in properties):
        return Kind.REPLACE
    return Kind.UPDATE if properties else Kind.OPTIONS


def _with_ignored(before: Any, after: Any, ignored: Sequence[Path], path: Path = ()) -> Any:
    """``after`` with the values of ``before`` at the ignored paths, which the engine does not change."""
    if any(paths.covers(pattern, path) for pattern in ignored):
        return before
    if isinstance(before, dict) and isinstance(after, dict):
        left, right = cast("dict[str, Any]", before), cast("dict[str, Any]", after)
        found = {key: _with_ignored(left.get(key), right.get(key), ignored, (*path, key)) for key in {**left, **right}}
        return {key: value for key, value in found.items() if value is not None}
    if isinstance(before, list) and isinstance(after, list) and len(cast("list[Any]", before)) == len(cast("list[Any]", after)):
        items = enumerate(zip(cast("list[Any]", before), cast("list[Any]", after), strict=True))
        return [_with_ignored(left, right, ignored, (*path, index)) for index, (left, right) in items]
    return cast("Any", after)


def every_input(inputs: Mapping[str, Any], *, created: bool) -> Iterator[PropertyChange]:
    """Every input of a created or deleted resource."""
    for path, before, after in differences(*((None, inputs) if created else (inputs, None))):
        if path:
            yield PropertyChange(path=paths.text(path), before=shown(before), after=shown(after), replaces=Replaces.NO)


def _deleted(resource: Resource) -> ResourceChange:
    return ResourceChange(
        kind=Kind.DELETE,
        urn=resource.urn,
        type=resource.type,
        name=resource.name,
        parent=resource.parent,
        properties=tuple(every_input(without_secrets(resource), created=False)),
        loses=loses(resource.type, resource.inputs),
        protected=resource.protect,
        kept=resource.retain_on_delete,
    )


def owner_of(type_: str, name: str, path: Sequence[str | int]) -> str:
    """The owner that may change the property at ``path`` after the resource's creation; empty if the program owns the property."""
    rows = [row for row in OWNERSHIP if (row.type, row.name) == (type_, name)]
    return next((row.owner for row in rows if paths.covers(paths.parse(row.path), tuple(path))), "")
