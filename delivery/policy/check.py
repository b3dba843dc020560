"""The policy check of a stack, from the program or from an exported state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import policies
from delivery.errors import DeliveryError
from policies.config import Config, config_of, read_pack_config, with_pack_config
from policies.exported_state import resources_of, stack_of
from policies.waivers import WAIVER_FILE, read_waivers
from program import evaluation
from program.graph import Resource


class PolicyCheckError(DeliveryError):
    """The rules cannot run because a config, a waiver or a state is invalid. A violation does not raise this error."""


@dataclass(frozen=True, kw_only=True)
class PolicyReport:
    """The violations about one stack, and its monthly cost."""

    stack: str
    environment: policies.Environment
    resources: int
    violations: tuple[policies.Violation, ...]
    items: tuple[policies.CostItem, ...]
    unpriced: tuple[str, ...] = ()
    """Types and sizes that can cost something and are in no item."""

    @property
    def blocked(self) -> bool:
        """Whether a mandatory rule is violated, or could not be evaluated."""
        return any(violation.blocks for violation in self.violations)

    @property
    def monthly_usd(self) -> Decimal:
        """The monthly cost without usage."""
        return sum((item.total for item in self.items), Decimal(0))

    @property
    def highest_monthly_usd(self) -> Decimal:
        """The monthly cost with the maximum number of nodes."""
        return sum((item.most for item in self.items), Decimal(0))

    def summary(self) -> str:
        """The report in one line."""
        counts = {
            "failed": sum(each.blocks and each.status == "failed" for each in self.violations),
            "not evaluated": sum(each.blocks and each.status == "unknown" for each in self.violations),
            "advisory": sum(not each.blocks and each.status in ("failed", "unknown") for each in self.violations),
            "waived": sum(each.status == "waived" for each in self.violations),
            "checked after up": sum(each.status == "deferred" for each in self.violations),
        }
        counted = ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing found"
        cost = f"; {self.monthly_usd:,.0f} to {self.highest_monthly_usd:,.0f} USD a month" if self.items else ""
        cost += f", without {', '.join(self.unpriced)}, which have no price" if self.unpriced else ""
        return f"{self.stack} ({self.environment}): {len(policies.RULES)} rules over {self.resources} resources: {counted}{cost}"


@dataclass(frozen=True, kw_only=True)
class PolicyCheck:
    """A policy check; ``environment``, the pack config and the waiver file replace those of the stack and the checkout."""

    environment: policies.Environment | None = None
    pack_config: Path | None = None
    waivers: Path = WAIVER_FILE

    def programs(self, stacks: Sequence[str]) -> list[PolicyReport]:
        """The reports on this checkout's program for each stack, evaluated with example outputs and with unknown ones.

        Raises :class:`~delivery.errors.DeliveryError` for a stack whose program does not run.
        """
        self._config("production", deployed=False)  # report an invalid file before the evaluation, which takes seconds
        found: list[PolicyReport] = []
        for stack, worlds in evaluation.evaluate_worlds(stacks).items():
            if isinstance(worlds, evaluation.EvaluationError):
                raise PolicyCheckError(f"the program of stack {stack} cannot be evaluated: {worlds.problem}", worlds.fix)
            known = worlds.known.resources
            environment = self.environment or policies.environment_of(stack, known)
            config = self._config(environment, deployed=False)
            violations = policies.check_worlds(known, worlds.unknown.resources, environment, config)
            found.append(_report(stack, environment, known, violations))
        return found

    def state(self, file: Path) -> PolicyReport:
        """The report on an exported state, in which no value may be unknown."""
        try:
            text = file.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise PolicyCheckError(f"the state {file} cannot be read: {error}", "give the file of `pulumi stack export`") from error
        try:
            resources = resources_of(text, str(file))
        except policies.PolicyError as error:
            raise PolicyCheckError(error.problem, error.fix) from error
        stack = stack_of(resources)
        environment = self.environment or policies.environment_of(stack, resources)
        violations = policies.check(resources, environment, self._config(environment, deployed=True))
        return _report(stack, environment, resources, violations)

    def _config(self, environment: policies.Environment, *, deployed: bool) -> Config:
        try:
            waivers = read_waivers({rule.name for rule in policies.RULES}, self.waivers)
            config = replace(config_of(environment, waivers=waivers), deployed=deployed)
            if self.pack_config is None:
                return config
            content: dict[str, Any] = read_pack_config(self.pack_config)
            return with_pack_config(config, content, policies.RULES)
        except policies.PolicyError as error:
            raise PolicyCheckError(error.problem, error.fix) from error


def _report(
    stack: str, environment: policies.Environment, resources: Sequence[Resource], violations: Sequence[policies.Violation]
) -> PolicyReport:
    return PolicyReport(
        stack=stack,
        environment=environment,
        resources=len(resources),
        violations=tuple(violations),
        items=tuple(policies.estimate(resources)),
        unpriced=tuple(policies.unpriced(resources)),
    )
