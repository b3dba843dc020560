"""Formats a report as a table for a terminal, as Markdown for an incident, and as JSON for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

from pydantic import TypeAdapter
from rich.console import Console
from rich.markup import escape

from delivery.clients.screens import table
from delivery.doctor.findings import Finding, FindingSeverity, Report
from delivery.doctor.observations import Snapshot
from delivery.errors import DeliveryError, ExitCode

COLOURS = {FindingSeverity.CRITICAL: "red", FindingSeverity.WARNING: "yellow"}
_FINDING = TypeAdapter(Finding)


class UnreachableEnvironmentError(DeliveryError):
    """No part of the environment can be read."""

    exit_code = ExitCode.UNCHECKED


def unreachable(observed: Snapshot, report: Report) -> UnreachableEnvironmentError | None:
    """The error to print instead of the report if no part could be read. In the report, each part would repeat the same reason.

    ``None`` if there are findings, if a part could be read, or if every part was skipped on purpose.
    """
    tried = [each for each in observed.parts.values() if not each.skipped]
    if report.findings or not tried or not all(each.missing for each in tried):
        return None
    name = report.environment
    reasons = list(dict.fromkeys(each.missing.partition(": ")[2].splitlines()[0] for each in tried if each.missing))
    login = "log in to AWS (`aws sso login`, or set AWS_PROFILE) and run the command again; or check another environment"
    return UnreachableEnvironmentError(
        f"no part of {name} can be read: {min(reasons, key=len)}", "make up" if name == "local" else login
    )


def headline(report: Report) -> str:
    """The summary in one line: the number of findings by severity, and the number of checks that ran."""
    counts = Counter(each.severity for each in report.findings)
    parts = [f"{counts[severity]} {severity}" for severity in FindingSeverity if counts[severity]]
    total = len(report.passed) + len(report.unchecked) + len({each.check for each in report.findings} - _unchecked_names(report))
    coverage = f"{len(report.unchecked)} of {total} checks did not run completely" if report.unchecked else f"{total} checks ran"
    return f"{report.environment}: {', '.join(parts) or 'nothing wrong'}; {coverage}"


def _unchecked_names(report: Report) -> set[str]:
    return {each.check for each in report.unchecked}


def print_table(report: Report, console: Console, *, select_cluster: str = "", printed: Collection[Finding] = ()) -> None:
    """Print the report with the worst finding first, and for each finding the evidence and the next command.

    ``select_cluster`` is the command that selects the cluster for kubectl, if it is not selected already. The findings in
    ``printed`` are omitted.
    """
    console.print(f"[bold]{escape(headline(report))}[/bold]")
    findings = [each for each in report.findings if each not in printed]
    if findings:
        rows = table("", "what", "evidence", "likely cause", show_lines=True)
        for each in findings:
            colour = COLOURS[each.severity]
            rows.add_row(
                f"[{colour}]{each.severity}[/{colour}]",
                escape(f"{each.subject}\n({each.check})"),
                escape("\n".join(each.evidence)),
                escape(each.cause),
            )
        console.print(rows)
        console.print("next:")
        if select_cluster and any(each.command.startswith("kubectl ") for each in findings):
            console.print(f"  {select_cluster}", markup=False, highlight=False, soft_wrap=True)
            console.print("      so that kubectl uses this cluster", style="dim")
        for command, page in dict.fromkeys((each.command, each.runbook) for each in findings):
            console.print(f"  {command}", markup=False, highlight=False, soft_wrap=True)
            console.print(f"      {page}", style="dim", markup=False, highlight=False)
    for reason, checks in _by_reason(report).items():
        console.print(f"not checked: {', '.join(checks)}: {reason}", style="yellow", markup=False, highlight=False, soft_wrap=True)


def to_markdown(report: Report) -> str:
    """The report as Markdown, for the issue of an incident or the summary of a CI run."""
    parts = [f"## Doctor: {headline(report)}", f"{report.at:%Y-%m-%d %H:%M:%S} UTC"]
    for each in report.findings:
        evidence = "\n".join(f"> {_inline(line)}" for line in each.evidence)
        parts += [
            f"### {each.severity}: {_inline(each.subject)}",
            evidence,
            f"{_inline(each.cause)} Runbook: [{each.check}]({each.runbook}). Next:",
            f"```bash\n{each.command}\n```",
        ]
    if report.unchecked:
        rows = [f"| {', '.join(checks)} | {_inline(reason)} |" for reason, checks in _by_reason(report).items()]
        parts.append("\n".join(["### Not checked", "", "| check | why |", "|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def to_json(report: Report) -> dict[str, Any]:
    """The report as data for JSON, with its exit code."""
    return {
        "environment": report.environment,
        "at": report.at.isoformat(),
        "exitCode": int(report.exit_code),
        "findings": [{**_FINDING.dump_python(each, mode="json"), "runbook": each.runbook} for each in report.findings],
        "unchecked": [{"check": each.check, "reason": each.reason} for each in report.unchecked],
        "passed": list(report.passed),
    }


def _by_reason(report: Report) -> dict[str, list[str]]:
    """The unchecked checks by reason, so that a reason that several checks share is printed once."""
    found: dict[str, list[str]] = {}
    for each in report.unchecked:
        found.setdefault(each.reason, []).append(each.check)
    return found


def _inline(text: str) -> str:
    return " ".join(text.split()).replace("<", "&lt;").replace("|", "\\|")
