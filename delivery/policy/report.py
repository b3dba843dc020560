"""Judgements as a table for people and as JSON for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from delivery.policy.judgement import Judgement
from policies import Finding
from policies.prices import prices

STYLES = {"failed": "red", "unknown": "red", "waived": "yellow", "deferred": "dim"}


def show(judgements: Sequence[Judgement], console: Console) -> None:
    """What was found, the worst first; what only waits for ``up`` in one line per rule."""
    for judgement in judgements:
        told = [each for each in judgement.findings if each.status != "deferred"]
        if told:
            console.print(_table(judgement, told))
        for line in _deferred(judgement):
            console.print(line, style="dim", highlight=False)
        console.print(judgement.summary(), highlight=False, soft_wrap=True)


def _table(judgement: Judgement, findings: Sequence[Finding]) -> Table:
    table = Table(title=judgement.stack, title_justify="left", show_lines=True)
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


def _deferred(judgement: Judgement) -> Iterator[str]:
    counts = Counter((each.rule, each.path) for each in judgement.findings if each.status == "deferred")
    for (rule, path), count in sorted(counts.items()):
        yield f"checked after up: {rule}, {path} of {count} resources"


def as_json(judgements: Sequence[Judgement]) -> str:
    """Everything, by stack."""
    return json.dumps({"version": 1, "stacks": [_stack(each) for each in judgements]}, indent=2) + "\n"


def _stack(judgement: Judgement) -> dict[str, Any]:
    return {
        "stack": judgement.stack,
        "environment": judgement.environment,
        "blocked": judgement.blocked,
        "resources": judgement.resources,
        "findings": [asdict(finding) for finding in judgement.findings],
        "estimate": {
            "pricesAsOf": str(prices().as_of),
            "monthlyUsd": round(float(judgement.monthly_usd), 2),
            "highestMonthlyUsd": round(float(judgement.highest_monthly_usd), 2),
            "items": [
                {"what": item.what, "count": item.count, "highest": max(item.count, item.highest), "usdEach": float(item.usd)}
                for item in judgement.items
            ],
        },
    }
