"""Reports as a table for people and as JSON for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from delivery.policy.check import PolicyReport
from policies import Finding
from policies.prices import prices

STYLES = {"failed": "red", "unknown": "red", "waived": "yellow", "deferred": "dim"}


def show(reports: Sequence[PolicyReport], console: Console) -> None:
    """What was found, the worst first; what only waits for ``up`` in one line per rule."""
    for report in reports:
        told = [each for each in report.findings if each.status != "deferred"]
        if told:
            console.print(_table(report, told))
        for line in _deferred(report):
            console.print(line, style="dim", highlight=False)
        console.print(report.summary(), highlight=False, soft_wrap=True)


def _table(report: PolicyReport, findings: Sequence[Finding]) -> Table:
    table = Table(title=report.stack, title_justify="left", show_lines=True)
    for column in ("", "rule", "resource", "finding"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        style = STYLES[finding.status] if finding.blocks or finding.status == "waived" else "yellow"
        verdict = finding.level if finding.status == "failed" else finding.status
        place = f"{finding.path}: " if finding.path else ""
        table.add_row(
            f"[{style}]{verdict}[/]\n{finding.severity}",
            escape(finding.rule),
            escape(finding.resource),
            escape(f"{place}{finding.message}\n{finding.fix}"),
        )
    return table


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
