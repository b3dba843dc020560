"""The results of checks: a finding, and the report of all checks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from delivery.errors import ExitCode

RUNBOOKS = "docs/runbooks"


class FindingSeverity(StrEnum):
    """How urgent a finding is."""

    CRITICAL = "critical"
    """Requests or data are lost now, or will be lost at the next failure."""
    WARNING = "warning"
    """Nothing is lost now, but a part of the platform can stop working soon."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One problem with its evidence, its likely cause, and the next command."""

    check: str = ""
    """Name of the check and of its page in ``docs/runbooks``. The decorator ``check`` fills in an empty name."""
    severity: FindingSeverity
    subject: str
    """The affected object, for example ``Pod dwcp-v3-7d5b``."""
    evidence: tuple[str, ...]
    """The observations, in the wording of their source."""
    cause: str
    """The likely cause, as a sentence."""
    command: str
    """The next command, ready to run."""

    @property
    def runbook(self) -> str:
        """The page with the further steps."""
        return f"{RUNBOOKS}/{self.check}.md"


@dataclass(frozen=True, kw_only=True)
class Unchecked:
    """A check that did not run completely, because a part of the snapshot is missing."""

    check: str
    reason: str
    """The part and the reason, for example ``pods: the API server answered 403``."""
    skipped: bool = False
    """Whether the part was skipped on purpose."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """The results of all checks of one environment at one time, with the worst finding first."""

    environment: str
    at: datetime
    findings: tuple[Finding, ...]
    unchecked: tuple[Unchecked, ...]
    passed: tuple[str, ...]
    """Checks that ran completely and found nothing."""

    @property
    def exit_code(self) -> ExitCode:
        """The exit code for the worst finding.

        Without findings: ``UNCHECKED`` if a check lacks a part that was not skipped on purpose, otherwise ``DONE``.
        """
        severities = {each.severity for each in self.findings}
        if FindingSeverity.CRITICAL in severities:
            return ExitCode.FAILED
        if severities:
            return ExitCode.WARNED
        return ExitCode.UNCHECKED if any(not each.skipped for each in self.unchecked) else ExitCode.DONE
