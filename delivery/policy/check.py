"""What the rules say about one stack, wherever its resources come from."""

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
    """The rules cannot be run: a config, a waiver or a state is wrong. What they find is not an error of this kind."""


@dataclass(frozen=True, kw_only=True)
class PolicyReport:
    """The findings about one stack, and what it costs by the month."""

    stack: str
    environment: policies.Environment
    resources: int
    findings: tuple[policies.Finding, ...]
    items: tuple[policies.Item, ...]
    unpriced: tuple[str, ...] = ()
    """Types and sizes that may cost something and are in no item."""

    @property
    def blocked(self) -> bool:
        """Whether a mandatory rule is broken, or could not be evaluated."""
        return any(finding.blocks for finding in self.findings)

    @property
    def monthly_usd(self) -> Decimal:
        """What is always there."""
        return sum((item.total for item in self.items), Decimal(0))

    @property
    def highest_monthly_usd(self) -> Decimal:
        """With as many nodes as there may be."""
        return sum((item.most for item in self.items), Decimal(0))

    def summary(self) -> str:
        """One line for people."""
        counts = {
            "failed": sum(each.blocks and each.status == "failed" for each in self.findings),
            "not evaluated": sum(each.blocks and each.status == "unknown" for each in self.findings),
            "advisory": sum(not each.blocks and each.status in ("failed", "unknown") for each in self.findings),
            "waived": sum(each.status == "waived" for each in self.findings),
            "checked after up": sum(each.status == "deferred" for each in self.findings),
        }
        told = ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing found"
        cost = f"; {self.monthly_usd:,.0f} to {self.highest_monthly_usd:,.0f} USD a month" if self.items else ""
        cost += f", without {', '.join(self.unpriced)}, whose prices are not known" if self.unpriced else ""
        return f"{self.stack} ({self.environment}): {len(policies.RULES)} rules over {self.resources} resources: {told}{cost}"


@dataclass(frozen=True, kw_only=True)
class PolicyCheck:
    """How to check: ``environment`` in place of the stack's own, a pack config and a waiver file in place of the committed ones."""

    environment: policies.Environment | None = None
    pack_config: Path | None = None
    waivers: Path = WAIVER_FILE

    def programs(self, stacks: Sequence[str]) -> list[PolicyReport]:
        """This checkout's program for each stack, with its outputs made up and unknown.

        Raises :class:`~delivery.errors.DeliveryError` for a stack whose program does not run.
        """
        self._config("production", deployed=False)  # a bad file is said before the seconds that an evaluation takes
        found: list[PolicyReport] = []
        for stack, worlds in evaluation.evaluate_worlds(stacks).items():
            if isinstance(worlds, evaluation.EvaluationError):
                raise PolicyCheckError(f"the program of stack {stack} cannot be evaluated: {worlds.problem}", worlds.fix)
            known = worlds.known.resources
            environment = self.environment or policies.environment_of(stack, known)
            config = self._config(environment, deployed=False)
            findings = policies.check_worlds(known, worlds.unknown.resources, environment, config)
            found.append(_report(stack, environment, known, findings))
        return found

    def state(self, file: Path) -> PolicyReport:
        """An exported state: nothing may be unknown in it."""
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
        findings = policies.check(resources, environment, self._config(environment, deployed=True))
        return _report(stack, environment, resources, findings)

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
    stack: str, environment: policies.Environment, resources: Sequence[Resource], findings: Sequence[policies.Finding]
) -> PolicyReport:
    return PolicyReport(
        stack=stack,
        environment=environment,
        resources=len(resources),
        findings=tuple(findings),
        items=tuple(policies.estimate(resources)),
        unpriced=tuple(policies.unpriced(resources)),
    )
