"""From a picture of an environment to a report."""

from __future__ import annotations

from collections.abc import Mapping

from delivery.doctor.checks import CHECKS, Check
from delivery.doctor.facts import UnseenError
from delivery.doctor.findings import Finding, Report, Severity, Unchecked
from delivery.doctor.observations import Observations


def diagnose(seen: Observations, checks: Mapping[str, Check] = CHECKS) -> Report:
    """Run every check. One that misses a part of the picture keeps what it found before and is named as unchecked."""
    findings: list[Finding] = []
    unchecked: list[Unchecked] = []
    passed: list[str] = []
    for name, check in checks.items():
        found: list[Finding] = []
        try:
            for finding in check(seen):
                found.append(finding)  # one by one: the check may stop at the next part of the picture
        except UnseenError as error:
            unchecked.append(Unchecked(check=name, reason=error.problem, left_out=error.left_out))
        else:
            if not found:
                passed.append(name)
        findings.extend(found)
    worst_first = sorted(findings, key=lambda each: each.severity is not Severity.CRITICAL)
    return Report(
        environment=seen.environment,
        at=seen.at,
        findings=tuple(worst_first),
        unchecked=tuple(unchecked),
        passed=tuple(passed),
    )
