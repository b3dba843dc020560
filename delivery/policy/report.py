"""Writes reports as lines of text and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape

from delivery.policy.check import PolicyReport
from policies import Finding
from policies.prices import prices

STYLES = {"failed": "red", "unknown": "red", "waived": "yellow", "deferred": "dim"}


def show(reports: Sequence[PolicyReport], console: Console) -> None:
    """Print the findings, the worst first, and the deferred checks in one line per rule."""
    for report in reports:
        for finding in report.findings:
            if finding.status != "deferred":
                _print_finding(report.stack, finding, console)
        for line in _deferred(report):
            console.print(line, style="dim", highlight=False, soft_wrap=True)
        console.print(report.summary(), highlight=False, soft_wrap=True)


def _print_finding(stack: str, finding: Finding, console: Console) -> None:
    """Print it as a linter does, in lines that only the terminal wraps, so that a log can be searched."""
    style = STYLES[finding.status] if finding.blocks or finding.status == "waived" else "yellow"
    result = finding.level if finding.status == "failed" else finding.status
    place = f"{finding.path}: " if finding.path else ""
    advice = finding.fix if finding.status == "waived" else f"fix: {finding.fix}"
    first = f"{escape(stack)}: [{style}]{result}[/], {finding.severity}: [bold]{escape(finding.rule)}[/]"
    console.print(first, highlight=False, soft_wrap=True)
    for line in (finding.resource, f"{place}{finding.message}", advice):
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


def _deferred(report: PolicyReport) -> Iterator[str]:
    counts = Counter((each.rule, each.path) for each in report.findings if each.status == "deferred")
    for (rule, path), count in sorted(counts.items()):
        yield f"checked after up: {rule}, {path} of {count} resources"


def as_json(reports: Sequence[PolicyReport]) -> str:
    """Everything, by stack."""
    return json.dumps({"version": 1, "stacks": [_stack(each) for each in reports]}, indent=2) + "\n"


def _stack(report: PolicyReport) -> dict[str, Any]:
    return {
        "stack": report.stack,
        "environment": report.environment,
        "blocked": report.blocked,
        "resources": report.resources,
        "findings": [asdict(finding) for finding in report.findings],
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
