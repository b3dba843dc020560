"""Formats the policy violations for a comment.

A table has one row per resource and level. New and older violations of a resource are in separate rows. If a comment omits names,
its tables have one row per policy and level instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from delivery.preview._detail import Detail
from delivery.preview._markdown import cell, code, escape
from delivery.preview.change import PolicyViolation

VIOLATIONS_OF_ONE = 5
"""Maximum number of violations that a row lists. For further violations, the row has only their number and their policies."""


def violation_tables(violations: Sequence[PolicyViolation], detail: Detail) -> Iterator[str]:
    """The new and the mandatory violations as tables. Those with ``only_by_base`` come first."""
    by_base = [each for each in violations if each.only_by_base]
    listed = [each for each in violations if not each.only_by_base and (each.new or each.level == "mandatory")]
    old = len(violations) - len(listed) - len(by_base)
    if by_base:
        yield (
            "> [!CAUTION]\n> **Only the changed rules accept these resources.** The base's rules do not: "
            "change the rules first, in a separate pull request."
        )
        yield _violations(by_base, detail)
    if listed:
        yield "**Policies**" + (f" ({old} older advisory violations are not shown)" if old else "")
        yield _violations(listed, detail)


def _violations(listed: Sequence[PolicyViolation], detail: Detail) -> str:
    """A table with one row per resource and level, or with one row per policy and level if names are omitted."""
    if detail >= Detail.TYPES:
        grouped = Counter((each.level, each.policy) for each in listed)
        rows = [f"| {level} | {code(policy)} | {count} |" for (level, policy), count in sorted(grouped.items())]
        return "\n".join(["| level | policy | violations |", "|---|---|---|", *rows])
    objects: dict[tuple[str, str, bool, str], list[PolicyViolation]] = {}
    for each in listed:
        objects.setdefault((each.type, each.name, each.new, each.level), []).append(each)
    rows = [_object_row(type_, name, found) for (type_, name, _, _), found in objects.items()]
    return "\n".join(["| level | resource | violations |", "|---|---|---|", *rows])


def _object_row(type_: str, name: str, found: Sequence[PolicyViolation]) -> str:
    level = f"{'❌ ' if found[0].level == 'mandatory' else ''}{found[0].level}{'' if found[0].new else ', not new'}"
    title = " ".join(code(each) for each in (type_.rpartition(":")[2], name) if each)
    lines = [f"{code(each.policy)} {escape(each.message)}" for each in found[:VIOLATIONS_OF_ONE]]
    if len(found) > VIOLATIONS_OF_ONE:
        others = sorted({each.policy for each in found[VIOLATIONS_OF_ONE:]})
        lines.append(f"and {len(found) - VIOLATIONS_OF_ONE} more: {', '.join(code(each) for each in others)}")
    return f"| {level} | {cell(title)} | {cell('<br>'.join(lines))} |"
