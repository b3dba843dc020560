"""Formats drift as a table for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.markup import escape as plain

from delivery.clients.screens import table
from delivery.preview._markdown import code, escape, folded
from delivery.preview.change import Drift, Kind, PropertyChange, ResourceChange

LABELS = {Kind.UPDATE: "changed", Kind.DELETE: "gone"}
LONG = 250
"""Maximum length of a value that is shown in full. An image with its digest is shorter."""


def headline(drift: Drift) -> str:
    """The summary of one stack's drift, in one line."""
    counts = {kind: sum(1 for each in drift.changes if each.kind is kind) for kind in LABELS}
    parts = [f"{count} {LABELS[kind]}" for kind, count in counts.items() if count]
    parts += [f"{len(drift.foreign)} not in the state"] if drift.foreign else []
    if drift.problems and not parts:
        return f"{drift.stack}: drift could not be checked completely"
    return f"{drift.stack}: {', '.join(parts) or 'no drift'} ({drift.resources_read} resources read)"


def print_table(drifts: Sequence[Drift], console: Console) -> None:
    """Print the summary of each stack, for drift a table and the ways to resolve it, and what could not be checked."""
    for drift in drifts:
        console.print(f"[bold]{plain(headline(drift))}[/bold]", highlight=False)
        if drift.changes or drift.foreign:
            rows = table("", "resource", "difference", show_lines=True)
            for change in drift.changes:
                rows.add_row(LABELS[change.kind], plain(f"{_type(change)}\n{change.name}"), plain(_how(change)))
            for each in drift.foreign:
                rows.add_row("not in the state", plain(each.arn), plain(each.why))
            console.print(rows)
        for line in _fixes(drift):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        for problem in drift.problems:
            console.print(f"not checked: {problem}", style="yellow", markup=False, highlight=False, soft_wrap=True)


def _fixes(drift: Drift) -> Iterator[str]:
    if drift.changes:
        yield f"to revert the drift: {drift.revert}"
        yield f"to keep the drift:   add the change to the program, then {drift.revert}"
    if drift.foreign:
        yield "not in the state:    import the resource, or delete it (docs/drift.md)"


def to_markdown(drifts: Sequence[Drift]) -> str:
    """The drift as Markdown, with one section per stack. In a section, deleted resources come first."""
    parts = ["## Drift"]
    for drift in drifts:
        parts.append(f"### {escape(headline(drift))}")
        if drift.changes:
            parts.append("\n".join(line for each in drift.changes for line in _lines(each)))
        if drift.foreign:
            rows = "\n".join(f"- {code(each.arn)}: {escape(each.why)}" for each in drift.foreign)
            parts.append(folded("Not in the state", rows) if drift.changes else rows)
        parts += [f"> [!WARNING]\n> Not checked: {escape(problem)}" for problem in drift.problems]
    return "\n\n".join(parts) + "\n"


def _lines(change: ResourceChange) -> list[str]:
    lost = f" (lost with the resource: {escape(change.loses)})" if change.loses else ""
    lines = [f"- {LABELS[change.kind]}: {code(_type(change))} **{escape(change.name)}**{lost}"]
    lines += [f"  - {code(each.path)}: {code(_short(each.before))} → {code(_short(each.after))}" for each in change.properties]
    if change.ignored:
        owners = ", ".join(sorted({each.owner for each in change.ignored}))
        lines.append(f"  - {len(change.ignored)} differences are not drift (owner: {owners})")
    return lines


def _how(change: ResourceChange) -> str:
    if change.kind is Kind.DELETE:
        return f"lost with the resource: {change.loses}" if change.loses else "the resource no longer exists"
    return "\n".join(_property(each) for each in change.properties)


def _property(change: PropertyChange) -> str:
    return f"{change.path}: {_short(change.before)} -> {_short(change.after)}"


def _short(value: object) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= LONG else f"{text[:LONG]}..."


def _type(change: ResourceChange) -> str:
    return change.type.rsplit(":", 1)[-1]
