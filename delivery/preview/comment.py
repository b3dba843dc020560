"""Formats a preview as Markdown for the terminal and for a pull request's comment.

In the section of a stack, only notes come before losses of data. These parts are folded: the cost, the list of changes if it has
several items, and the outputs, packages or policy changes if there are more than :data:`FEW`.

GitHub refuses a body above :data:`LIMIT`, and a truncated body would hide changes. For this reason, the body has the first level of
:class:`Detail` at which it fits, and states what this level omits. The last level has only the totals.
"""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

from delivery.preview._detail import Detail
from delivery.preview._markdown import cell, code, escape, fenced, folded
from delivery.preview._violation_tables import violation_tables
from delivery.preview.change import (
    AlertChange,
    Cost,
    Kind,
    OptionChange,
    PackageChange,
    Preview,
    PropertyChange,
    ResourceChange,
    RuleChange,
    StackPreview,
)
from program.catalogue import Replaces
from program.protocol import MASK

LIMIT = 65_536
"""Maximum number of characters in a comment (GitHub answers `body is too long (maximum is 65536 characters)`)."""
MARKER = "<!-- dwcp-preview -->"
"""The marker by which a later run finds the comment, to edit it."""

INLINE = 100
"""Maximum length of a value that is shown in full. A longer value is shown by its start and its length."""
LINES = 40
"""Maximum number of lines of a long text, or of the difference between two long texts."""

SIGNS = {Kind.CREATE: "+", Kind.UPDATE: "~", Kind.REPLACE: "±", Kind.DELETE: "-", Kind.OPTIONS: "·"}
DONE = {
    Kind.CREATE: "created",
    Kind.UPDATE: "changed",
    Kind.REPLACE: "replaced",
    Kind.DELETE: "deleted",
    Kind.OPTIONS: "with other options",
}


def render(preview: Preview, limit: int = LIMIT) -> str:
    """The comment's body, within ``limit`` characters; empty if there is nothing to report."""
    if preview.silent:
        return ""
    texts = (_render(preview, detail) for detail in Detail)
    return next((text for text in texts if len(text) <= limit), _render(preview, Detail.TOTALS))


def _render(preview: Preview, detail: Detail) -> str:
    parts = [MARKER, f"## Preview: {_headline(preview)}", f"{code(preview.base)} → {code(preview.head)}. {_source(preview)}"]
    parts += _rules(preview.rules, detail)
    parts += _packages(preview.packages, detail)
    if detail is not Detail.TOTALS:
        for stack in preview.stacks:
            parts += _stack(stack, detail)
    if detail is not Detail.ALL:
        complete = "`preview.html` and `preview.json` are complete: in the run's artifacts, or with `--output FOLDER`."
        parts.append(f"_{_omitted(detail)} {complete}_")
    return "\n\n".join(parts) + "\n"


def _headline(preview: Preview) -> str:
    if any(each.problem for each in preview.stacks):
        return "a stack cannot be previewed"
    if any(each.base_problem for each in preview.stacks):
        return "the base of a stack cannot be evaluated"
    total = _counts(change for stack in preview.stacks for change in stack.changes)
    blocked = any(each.level == "mandatory" for stack in preview.stacks for each in stack.violations)
    refused = any(each.refused for stack in preview.stacks for each in stack.changes)
    ends = [text for holds, text in ((blocked, "stopped by policy"), (refused, "will be refused")) if holds]
    return ", ".join([total or "no resource changes", *ends])


def _source(preview: Preview) -> str:
    if preview.source == "engine":
        return "The engine has compared the program with the stack's state."
    return "Evaluated without credentials: the program is compared with its base, and not with the deployed resources."


def _omitted(detail: Detail) -> str:
    return {
        Detail.DIFFERENCES: "Long texts and the inputs of created or deleted resources are omitted here.",
        Detail.NAMES: "Only replaced resources have details here.",
        Detail.TYPES: "Names and properties are omitted here.",
        Detail.TOTALS: "Only the totals fit in a comment.",
    }[detail]


def _counts(changes: Iterable[ResourceChange]) -> str:
    found = Counter(each.kind for each in changes)
    order = (Kind.DELETE, Kind.REPLACE, Kind.UPDATE, Kind.CREATE, Kind.OPTIONS)
    return ", ".join(f"{found[kind]} {DONE[kind]}" for kind in order if found[kind])


def _stack(stack: StackPreview, detail: Detail) -> Iterator[str]:
    if stack.problem:
        yield f"### {stack.stack}: cannot be previewed"
        yield from map(escape, stack.notes)
        yield fenced(_bounded(stack.problem, detail))
        return
    if stack.base_problem:
        yield f"### {stack.stack}: the base cannot be evaluated"
        yield from map(escape, stack.notes)
        yield "The changed program runs, but the base's program does not, so the changes are not known:"
        yield fenced(_bounded(stack.base_problem, detail))
        yield from violation_tables(stack.violations, detail)
        return
    if stack.silent:
        yield f"### {stack.stack}: no change"
        return
    numbers = [_counts(stack.changes) or "no resource changes", f"{stack.unchanged} unchanged"]
    if stack.cost is not None:
        numbers.append(_dollars(stack.cost))
    yield f"### {stack.stack}: {', '.join(numbers)}"
    yield from map(escape, stack.notes)
    yield from _risks(stack, detail)
    yield from violation_tables(stack.violations, detail)
    yield from _alerts(stack.alerts, detail)
    yield from _cost(stack.cost)
    yield from _all_changes(stack, detail)
    yield from _outputs(stack.outputs, detail)


def _bounded(problem: str, detail: Detail) -> str:
    if detail < Detail.TYPES:
        return problem
    return "\n".join(line if len(line) <= 500 else f"{line[:500]}... ({len(line)} characters)" for line in problem.splitlines()[:5])


def _risks(stack: StackPreview, detail: Detail) -> Iterator[str]:
    """The warnings above the list of changes, with the losses of data first."""
    risky = [each for each in stack.changes if each.risky]
    if risky and detail < Detail.TYPES:
        rows = "\n".join(f"> - {each.kind} {_title(each)}: {each.loses}{_guard(each)}" for each in risky)
        yield f"> [!CAUTION]\n> **Lost permanently**\n>\n{rows}"
    elif risky:
        rows = "\n".join(f"> - {count} x {kind} {code(type_)}" for (kind, type_), count in _by_type(risky))
        yield f"> [!CAUTION]\n> **Lost permanently**\n>\n{rows}"
    yield from _refusals(stack, detail)
    if stack.warnings:
        yield "> [!WARNING]\n" + "\n".join(f"> {escape(each)}" for each in stack.warnings)
    guarded = [each for each in stack.changes if each.protected and not each.risky]
    if guarded and detail < Detail.TYPES:
        yield "> [!WARNING]\n" + "\n".join(f"> {_title(each)} is protected: `pulumi up` will refuse the change" for each in guarded)
    unsure = [each for each in stack.changes if each.may_replace]
    if unsure and detail < Detail.TYPES:
        rows = "\n".join(f"> - {_title(each)}: {', '.join(_unknown_properties(each))}" for each in unsure)
        yield f"> [!NOTE]\n> It is not known whether these resources are replaced or change in place:\n>\n{rows}"
    elif unsure:
        yield f"> [!NOTE]\n> It is not known whether {len(unsure)} resources are replaced or change in place."


def _refusals(stack: StackPreview, detail: Detail) -> Iterator[str]:
    """The changes that AWS or Kubernetes will refuse when they are applied."""
    refused = [each for each in stack.changes if each.refused]
    if refused and detail < Detail.TYPES:
        rows = "\n".join(f"> - {_title(each)}: {escape('; '.join(each.refused))}" for each in refused)
        yield f"> [!CAUTION]\n> **AWS or Kubernetes will refuse these changes**\n>\n{rows}"
    elif refused:
        yield f"> [!CAUTION]\n> AWS or Kubernetes will refuse {len(refused)} changes."


def _guard(change: ResourceChange) -> str:
    return " (protected: `pulumi up` will refuse the change)" if change.protected else ""


def _unknown_properties(change: ResourceChange) -> list[str]:
    return [code(each.path) for each in change.properties if each.replaces is Replaces.NOT_KNOWN]


def _alerts(alerts: Sequence[AlertChange], detail: Detail) -> Iterator[str]:
    if not alerts:
        return
    if detail >= Detail.TYPES:
        found = Counter(each.kind for each in alerts)
        yield "**Alerts:** " + ", ".join(f"{count} {DONE[kind]}" for kind, count in found.items())
        return
    rows = [f"- {code(SIGNS[each.kind])} {code(each.name)}{_alert_details(each)}" for each in alerts]
    yield "**Alerts and recording rules**\n\n" + "\n".join(rows)


def _alert_details(alert: AlertChange) -> str:
    return "".join(f"; {code(each.path)}: {_value(each.before)} → {_value(each.after)}" for each in alert.details)


def _dollars(cost: Cost) -> str:
    difference = cost.after - cost.before
    unknown = " plus items that are not in the estimate" if cost.unpriced else ""
    return f"{'+' if difference >= 0 else '-'}${abs(difference):,.0f} a month{unknown}"


def _cost(cost: Cost | None) -> Iterator[str]:
    if cost is None:
        return
    if cost.unpriced:
        named = ", ".join(code(each) for each in cost.unpriced)
        yield f"**Cost:** the estimate does not include {named}"
    if not cost.changes:
        return
    rows = [f"| {cell(escape(item))} | {dollars:+,.2f} |" for item, dollars in cost.changes]
    table = "\n".join([f"| item | $ a month (prices of {cost.as_of}) |", "|---|---|", *rows])
    yield folded(f"Cost: ${cost.before:,.0f} → ${cost.after:,.0f} a month, estimated", table)


def _all_changes(stack: StackPreview, detail: Detail) -> Iterator[str]:
    if not stack.changes:
        return
    if detail >= Detail.TYPES:
        rows = [f"- {code(SIGNS[kind])} {count} x {code(type_)}" for (kind, type_), count in _by_type(stack.changes)]
        yield folded("All changes", "\n".join(rows))
        return
    text = "\n".join(_change(each, detail) for each in stack.changes)
    yield text if len(stack.changes) == 1 else folded("All changes", text)


def _outputs(outputs: Sequence[PropertyChange], detail: Detail) -> Iterator[str]:
    if not outputs:
        return
    if detail >= Detail.TYPES:
        yield f"**Outputs:** {len(outputs)} changed"
        return
    text = "\n".join(_property(each, detail) for each in outputs)
    yield f"**Outputs**\n\n{text}" if len(outputs) <= FEW else folded(f"Outputs: {len(outputs)} changed", text)


FEW = 5
"""Maximum number of outputs, packages or policy changes that are not folded."""


def _rules(rules: Sequence[RuleChange], detail: Detail) -> Iterator[str]:
    """The changes of the policies themselves."""
    if not rules:
        return
    if detail >= Detail.TYPES:
        yield f"> [!WARNING]\n> The policies themselves change: {len(rules)} values or files."
        return
    rows = [f"- {code(each.what)}: {_value(each.before)} → {_value(each.after)}" for each in rules]
    warning = "> [!WARNING]\n> **The policies themselves change.** The base's rules are applied as well."
    if len(rows) <= FEW:
        yield "\n".join([warning, ">", *(f"> {row}" for row in rows)])
    else:
        yield warning
        yield folded(f"Policies: {len(rows)} values or files changed", "\n".join(rows))


def _packages(packages: Sequence[PackageChange], detail: Detail) -> Iterator[str]:
    if not packages:
        return
    if detail >= Detail.TYPES:
        yield f"**Packages:** {len(packages)} changed"
        return
    rows = "\n".join(
        f"- {code(each.name)}: {code(each.before or 'none')} → {code(each.after or 'none')} ({each.file})" for each in packages
    )
    text = f"The preview evaluates base and head with the packages that are installed here, not with the versions below.\n\n{rows}"
    yield f"**Packages**\n\n{text}" if len(packages) <= FEW else folded(f"Packages: {len(packages)} changed", text)


def _by_type(changes: Iterable[ResourceChange]) -> list[tuple[tuple[Kind, str], int]]:
    return list(Counter((each.kind, each.type) for each in changes).items())


def _change(change: ResourceChange, detail: Detail) -> str:
    """A list item for one change, with the differences below it."""
    lines = [f"- {code(SIGNS[change.kind])} {change.kind} {_title(change)}"]
    if change.kind in (Kind.CREATE, Kind.DELETE):
        if detail is Detail.ALL:
            lines += [_input(each) for each in change.properties]
    elif detail < Detail.NAMES or change.kind is Kind.REPLACE:
        lines += [_property(each, detail) for each in change.properties]
        lines += [_option(each) for each in change.options]
    owners = sorted({each.owner for each in change.ignored})
    if owners:
        lines.append(f"  - {len(change.ignored)} differences are not applied (owner: {', '.join(owners)})")
    if change.formerly:
        lines.append(f"  - formerly {code(change.formerly.rsplit('::', 1)[-1])}")
    if change.kept:
        lines.append("  - the resource is removed from the state and kept in the cloud")
    return "\n".join(lines)


def _input(change: PropertyChange) -> str:
    """An input of a created or deleted resource, which has only one value."""
    value = change.after if change.before is None else change.before
    if not _is_long(value):
        return f"  - {code(change.path)}: {_value(value)}"
    lines = (value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False)).splitlines()
    shown = lines if len(lines) <= LINES else [*lines[:LINES], f"... {len(lines) - LINES} more lines"]
    block = fenced("\n".join(line if len(line) <= 2 * INLINE else f"{line[: 2 * INLINE]}..." for line in shown))
    return f"  - {code(change.path)}\n\n" + "\n".join(f"    {line}" for line in block.splitlines()) + "\n"


def _option(change: OptionChange) -> str:
    if change.name == "dependencies":
        return f"  - dependencies: {_added_and_removed(change.before.split(', '), change.after.split(', '))}"
    return f"  - {change.name}: {code(change.before or 'none')} → {code(change.after or 'none')}"


def _added_and_removed(before: Sequence[Any], after: Sequence[Any]) -> str:
    sides = ((before, after), (after, before))
    goes, comes = ([code(_text(each)) for each in left if each and each not in right] for left, right in sides)
    parts = [f"{word} {', '.join(items)}" for word, items in (("removes", goes), ("adds", comes)) if items]
    return "; ".join(parts) or "in another order"


def _title(change: ResourceChange) -> str:
    return f"{code(change.type.rsplit(':', 1)[-1])} **{escape(change.name)}**"


def _property(change: PropertyChange, detail: Detail) -> str:
    effect = {Replaces.YES: " — **replaces**", Replaces.NOT_KNOWN: " — may replace", Replaces.NO: ""}[change.replaces]
    if change.follows and change.path == "provider":
        place = "manages" if change.replaces is Replaces.YES else "may manage"
        name = code(change.follows.rsplit("::", 1)[-1])
        return f"  - {code(change.path)}: {name} {place} another region, account or cluster{effect}"
    if change.follows:
        type_, name = change.follows.rsplit("::", 2)[-2:]
        return f"  - {code(change.path)}: follows {code(type_.rsplit(':', 1)[-1])} {code(name)}, which is replaced{effect}"
    if change.before == change.after == MASK:
        return f"  - {code(change.path)}: the secret changes{effect}"
    if _is_list_of_names(change.before) and _is_list_of_names(change.after):
        return f"  - {code(change.path)}: {_added_and_removed(change.before, change.after)}{effect}"
    if _is_long(change.before) or _is_long(change.after):
        if detail is not Detail.ALL:
            return f"  - {code(change.path)}: a long text changes{effect}"
        block = fenced("\n".join(_text_difference(change.before, change.after)), "diff")
        return f"  - {code(change.path)}{effect}\n\n" + "\n".join(f"    {line}" for line in block.splitlines()) + "\n"
    return f"  - {code(change.path)}: {_value(change.before)} → {_value(change.after)}{effect}"


def _is_list_of_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) and len(each) <= INLINE for each in cast("list[Any]", value))


def _is_long(value: Any) -> bool:
    return (isinstance(value, str) and "\n" in value) or len(_text(value)) > INLINE


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _text_difference(before: Any, after: Any) -> list[str]:
    left, right = (
        [] if each is None else (each if isinstance(each, str) else json.dumps(each, indent=1, ensure_ascii=False)).splitlines()
        for each in (before, after)
    )
    lines = [line for line in difflib.unified_diff(left, right, lineterm="", n=1) if not line.startswith(("---", "+++", "@@"))]
    lines = [line if len(line) <= 2 * INLINE else f"{line[: 2 * INLINE]}... ({len(line)} characters)" for line in lines]
    return lines if len(lines) <= LINES else [*lines[:LINES], f"  ... {len(lines) - LINES} more lines"]


def _value(value: Any) -> str:
    if value is None:
        return "none"
    text = _text(value)
    if len(text) > INLINE or "\n" in text:
        return f"{code(' '.join(text[:INLINE].split()))}... ({len(text)} characters)"
    return code(text)
