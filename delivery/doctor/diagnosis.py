"""Runs the checks on a snapshot of an environment and creates the report."""

from __future__ import annotations

from delivery.doctor.checks import CHECKS
from delivery.doctor.facts import MissingPartError
from delivery.doctor.findings import Finding, FindingSeverity, Report, Unchecked
from delivery.doctor.observations import Snapshot


def diagnose(observed: Snapshot) -> Report:
    """Run every check and return the report.

    A check ends when it reads a missing part of the snapshot. The report contains the findings until then, and lists the check as
    unchecked.
    """
    findings: list[Finding] = []
    unchecked: list[Unchecked] = []
    passed: list[str] = []
    for name, check in CHECKS.items():
        found: list[Finding] = []
        try:
            for finding in check(observed):
                found.append(finding)  # one by one, because the check can raise at the next missing part
        except MissingPartError as error:
            unchecked.append(Unchecked(check=name, reason=error.problem, skipped=error.skipped))
        else:
            if not found:
                passed.append(name)
        findings.extend(found)
    worst_first = sorted(findings, key=lambda each: each.severity is not FindingSeverity.CRITICAL)
    return Report(
        environment=observed.environment,
        at=observed.at,
        findings=tuple(worst_first),
        unchecked=tuple(unchecked),
        passed=tuple(passed),
    )
