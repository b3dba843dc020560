"""The policy check of a stack, over the program or an exported state."""

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
    """The rules cannot run, because a config, a waiver, a state or the program is not valid. A violation raises no error."""


@dataclass(frozen=True, kw_only=True)
class PolicyReport:
    """The violations of one stack, and its estimated monthly cost."""

    stack: str
    environment: policies.Environment
    resources: int
    violations: tuple[policies.Violation, ...]
    items: tuple[policies.CostItem, ...]
    unpriced: tuple[str, ...] = ()
    """The types, charts and instance types without a price, and the resources of unknown size.

    The estimate in ``items`` does not include them.
    """

    @property
    def blocked(self) -> bool:
        """Whether a mandatory rule is violated, or could not be evaluated."""
        return any(violation.blocks for violation in self.violations)

    @property
    def monthly_usd(self) -> Decimal:
        """The estimated monthly cost, without charges that depend on usage."""
        return sum((item.total for item in self.items), Decimal(0))

    @property
    def highest_monthly_usd(self) -> Decimal:
        """The estimated monthly cost with the maximum number of nodes."""
        return sum((item.most for item in self.items), Decimal(0))

    def summary(self) -> str:
        """The report in one line."""
        counts = {
            "failed": sum(each.blocks and each.status == "failed" for each in self.violations),
            "not evaluated": sum(each.blocks and each.status == "unknown" for each in self.violations),
            "advisory": sum(not each.blocks and each.status in ("failed", "unknown") for each in self.violations),
            "waived": sum(each.status == "waived" for each in self.violations),
            "deferred to `pulumi up`": sum(each.status == "deferred" for each in self.violations),
        }
        counted = ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing found"
        cost = f"; {self.monthly_usd:,.0f} to {self.highest_monthly_usd:,.0f} USD a month" if self.items else ""
        cost += f"; not in the estimate: {', '.join(self.unpriced)}" if self.unpriced else ""
        return f"{self.stack} ({self.environment}): {len(policies.RULES)} rules over {self.resources} resources: {counted}{cost}"


@dataclass(frozen=True, kw_only=True)
class PolicyCheck:
    """A policy check.

    ``environment`` selects the limits, by default those of the stack's environment. ``waivers`` replaces the waiver file of the
    checkout. ``pack_config`` is a ``--policy-pack-config`` file.
    """

    environment: policies.Environment | None = None
    pack_config: Path | None = None
    waivers: Path = WAIVER_FILE

    def programs(self, stacks: Sequence[str]) -> list[PolicyReport]:
        """One report per stack. The checkout's program is evaluated twice: with example outputs, and with unknown outputs.

        Raises :class:`PolicyCheckError` if the program of a stack cannot be evaluated, or a config or waiver is not valid.
        """
        self._config("production", deployed=False)  # report a wrong file before the evaluation, which takes seconds
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
        """The report on an exported state. No check is deferred to ``pulumi up``, because every resource is deployed.

        Raises :class:`PolicyCheckError` if the file cannot be read, or the state, a config or a waiver is not valid.
        """
        try:
            text = file.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise PolicyCheckError(f"the state {file} cannot be read: {error}", "pass a file of `pulumi stack export`") from error
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
