"""Formats policy reports as lines of text and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape

from delivery.policy.check import PolicyReport
from policies import Violation
from policies.prices import prices

STYLES = {"failed": "red", "unknown": "red", "waived": "yellow", "deferred": "dim"}


def show(reports: Sequence[PolicyReport], console: Console) -> None:
    """Print for each stack the violations, the checks that are deferred to ``pulumi up``, and the summary.

    The deferred checks have one line per rule and path.
    """
    for report in reports:
        for violation in report.violations:
            if violation.status != "deferred":
                _print_violation(report.stack, violation, console)
        for line in _deferred(report):
            console.print(line, style="dim", highlight=False, soft_wrap=True)
        console.print(report.summary(), highlight=False, soft_wrap=True)


def _print_violation(stack: str, violation: Violation, console: Console) -> None:
    """Print the violation in the format of a linter. Lines are not wrapped, so that a log can be searched."""
    style = STYLES[violation.status] if violation.blocks or violation.status == "waived" else "yellow"
    result = violation.level if violation.status == "failed" else violation.status
    place = f"{violation.path}: " if violation.path else ""
    advice = violation.fix if violation.status == "waived" else f"fix: {violation.fix}"
    first = f"{escape(stack)}: [{style}]{result}[/], {violation.severity}: [bold]{escape(violation.rule)}[/]"
    console.print(first, highlight=False, soft_wrap=True)
    for line in (violation.resource, f"{place}{violation.message}", advice):
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


def _deferred(report: PolicyReport) -> Iterator[str]:
    counts = Counter((each.rule, each.path) for each in report.violations if each.status == "deferred")
    for (rule, path), count in sorted(counts.items()):
        yield f"deferred to `pulumi up`: {rule}, {path} of {count} resources"


def as_json(reports: Sequence[PolicyReport]) -> str:
    """The reports as JSON text, with one entry per stack."""
    return json.dumps({"version": 1, "stacks": [_stack(each) for each in reports]}, indent=2) + "\n"


def _stack(report: PolicyReport) -> dict[str, Any]:
    return {
        "stack": report.stack,
        "environment": report.environment,
        "blocked": report.blocked,
        "resources": report.resources,
        "violations": [asdict(violation) for violation in report.violations],
        "estimate": {
            "pricesAsOf": str(prices().as_of),
            "monthlyUsd": round(float(report.monthly_usd), 2),
            "highestMonthlyUsd": round(float(report.highest_monthly_usd), 2),
            "unpriced": list(report.unpriced),
            "items": [
                {"what": item.what, "count": item.count, "highest": max(item.count, item.highest), "usdEach": float(item.usd)}
                for item in report.items
            ],
        },
    }
