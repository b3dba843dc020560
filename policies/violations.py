"""Runs the rules and returns violations. A check that cannot be evaluated is also a violation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from policies.config import Config
from policies.errors import WrongTypeError
from policies.names import with_names
from policies.rule import Level, Problem, Rule, Severity
from policies.views import ResourceIndex, UnknownValueError, View
from program.graph import Resource
from program.normal_form import normal
from program.paths import text

Status = Literal["failed", "unknown", "deferred", "waived"]


@dataclass(frozen=True, kw_only=True)
class Violation:
    """A violation of a rule by a resource, or a check that could not be evaluated."""

    rule: str
    severity: Severity
    level: Level
    urn: str
    """URN of the resource; empty if the violation is about a waiver."""
    path: str
    """Dotted path of the property; empty if the violation is not about one property."""
    message: str
    """The problem without the name of the resource, or the reason why the check could not be evaluated."""
    fix: str
    """The correct value or the action that fixes the violation; for ``deferred`` and ``waived``, a note on the status."""
    status: Status
    """The result of the check.

    - ``failed``: the resource violates the rule, a property has a wrong type, the rule raised an error, or a waiver has expired.
    - ``unknown``: an unknown value prevented the evaluation; this counts as failed.
    - ``deferred``: the property is unknown, which the rule allows before creation; ``pulumi up`` repeats the check.
    - ``waived``: failed or unknown, but accepted until a date.
    """

    @property
    def blocks(self) -> bool:
        """Whether the violation stops a deployment."""
        return self.level == "mandatory" and self.status in ("failed", "unknown")

    @property
    def type(self) -> str:
        """Type token of the resource; empty if the violation is about a waiver."""
        parts = self.urn.split("::")
        return parts[-2].rpartition("$")[2] if len(parts) > 3 else ""

    @property
    def resource(self) -> str:
        """Type and logical name of the resource, for messages; ``the stack`` if the violation is about a waiver."""
        return f"{self.type} {self.urn.rpartition('::')[2]}" if self.type else "the stack"


def check_rule(rule: Rule, view: View, index: ResourceIndex, config: Config) -> Iterator[Violation]:
    """The violations of one rule by one resource, before waivers are applied."""
    resource, limits = view.resource, config.limits_for(rule.name)
    try:
        for problem in rule.check(view, index, limits):
            yield _violation(rule, resource, config, problem, "failed")
    except UnknownValueError as error:
        path = text(error.path)
        waits = rule.may_wait(path) and not config.deployed
        message = "becomes known only during `pulumi up`" if waits else "is not known, so the rule could not be evaluated"
        known = "give the property a value that is not secret and does not come from another resource"
        fix = "checked again during `pulumi up`" if waits else known
        yield _violation(rule, resource, config, Problem(path, message, fix), "deferred" if waits else "unknown")
    except WrongTypeError as error:
        yield _violation(rule, resource, config, Problem("", error.problem, error.fix), "failed")
    except Exception as error:
        problem = Problem("", f"the rule itself raised {type(error).__name__}: {error}", "fix the rule or the resource")
        yield _violation(rule, resource, config, problem, "failed")


def _violation(rule: Rule, resource: Resource, config: Config, problem: Problem, status: Status) -> Violation:
    return Violation(
        rule=rule.name,
        severity=rule.severity,
        level=config.level(rule),
        urn=resource.urn,
        path=problem.path,
        message=problem.message,
        fix=problem.fix,
        status=status,
    )


def evaluate(resources: Iterable[Resource], rules: Sequence[Rule], config: Config) -> list[Violation]:
    """The violations of the enabled rules by ``resources``, and the expired waivers. Violations that block are first.

    A violation that a waiver accepts has the status ``waived``.
    """
    index = ResourceIndex(normal(with_names(resources)))
    found = [
        violation
        for rule in rules
        if config.level(rule) != "disabled"
        for view in index.checked_by(rule.on)
        for violation in check_rule(rule, view, index, config)
    ]
    return ranked([*found_with_waivers(found, config), *waiver_violations(config)])


def ranked(found: Iterable[Violation]) -> list[Violation]:
    """The violations without duplicates, sorted: those that block a deployment are first."""
    return sorted(dict.fromkeys(found), key=_rank)


def found_with_waivers(found: Iterable[Violation], config: Config) -> Iterator[Violation]:
    """The violations in ``found``; a violation that a waiver accepts today gets the status ``waived``."""
    for violation in found:
        waiver = next((each for each in config.waivers if each.covers(violation.rule, violation.urn, config.today)), None)
        if waiver is not None and violation.status in ("failed", "unknown"):
            yield replace(violation, status="waived", fix=f"waived until {waiver.expires}: {waiver.reason}")
        else:
            yield violation


def waiver_violations(config: Config) -> Iterator[Violation]:
    """A violation for each expired waiver, even if the waiver is no longer needed."""
    for waiver in config.waivers:
        if waiver.expires < config.today:
            yield Violation(
                rule=WAIVER_RULE,
                severity="high",
                level="mandatory",
                urn="",
                path="",
                message=f"the waiver of {waiver.rule} for {waiver.resource} expired on {waiver.expires}",
                fix="fix the violation and delete the waiver, or renew the waiver: set new dates and a new reason",
                status="failed",
            )


WAIVER_RULE = "waiver-in-force"
"""The name of the rule in violations about waivers."""

_SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low")
_STATUSES: tuple[Status, ...] = ("failed", "unknown", "waived", "deferred")


def _rank(violation: Violation) -> tuple[bool, int, int, str, str]:
    return (
        not violation.blocks,
        _STATUSES.index(violation.status),
        _SEVERITIES.index(violation.severity),
        violation.rule,
        violation.urn,
    )
