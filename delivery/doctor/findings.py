"""What a check says: a finding, and the report of all checks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from delivery.errors import ExitCode

RUNBOOKS = "docs/runbooks"


class Severity(StrEnum):
    """How soon a person has to look."""

    CRITICAL = "critical"
    """Requests or data are being lost, or will be at the next failure."""
    WARNING = "warning"
    """It still works; it will not for long, or not when it is needed."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong, what shows it, what probably causes it, and what to type next."""

    check: str = ""
    """Name of the check, and of its page in ``docs/runbooks``; a check leaves it to its registration."""
    severity: Severity
    subject: str
    """What it is about, ``Pod dwcp-v3-7d5b``."""
    evidence: tuple[str, ...]
    """What was seen, as its source says it."""
    cause: str
    """The likely cause, as a sentence."""
    command: str
    """The next command, exactly as it is typed."""

    @property
    def runbook(self) -> str:
        """The page that goes on from here."""
        return f"{RUNBOOKS}/{self.check}.md"


@dataclass(frozen=True, kw_only=True)
class Unchecked:
    """A check that could not look at something it needs."""

    check: str
    reason: str
    """What could not be read and why, ``pods: the API server answered 403``."""
    left_out: bool = False
    """Whether whoever asked wanted it so."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What all checks said about one environment at one time, the worst first."""

    environment: str
    at: datetime
    findings: tuple[Finding, ...]
    unchecked: tuple[Unchecked, ...]
    passed: tuple[str, ...]
    """Checks that saw everything they need and found nothing."""

    @property
    def exit_code(self) -> ExitCode:
        """By the worst that is known. What is not known does not count as healthy; what was left out on purpose does not count."""
        severities = {each.severity for each in self.findings}
        if Severity.CRITICAL in severities:
            return ExitCode.FAILED
        if severities:
            return ExitCode.WARNED
        return ExitCode.UNCHECKED if any(not each.left_out for each in self.unchecked) else ExitCode.DONE
