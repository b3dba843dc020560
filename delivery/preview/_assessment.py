"""What the policies say about a graph, and what they make of the difference between two."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

import policies
from delivery.preview.change import Cost, PolicyFinding
from policies import prices
from program.graph import Graph, Resource


def verdicts(base: Graph | None, head: Graph) -> tuple[PolicyFinding, ...]:
    """The findings at head, and which of them the base has too; what only waits for ``up`` is left out."""
    environment = policies.environment_of(head.stack, head.resources)
    known = {_key(each) for each in policies.check(base.resources, environment)} if base is not None else set[tuple[str, ...]]()
    return tuple(
        PolicyFinding(
            policy=finding.rule,
            level=finding.level if finding.status != "waived" else "advisory",
            name=finding.urn.rpartition("::")[2],
            message=f"{finding.path}: {finding.message}; {finding.fix}".removeprefix(": "),
            new=_key(finding) not in known,
        )
        for finding in policies.check(head.resources, environment)
        if finding.status != "deferred"
    )


def cost(base: Graph, head: Graph) -> Cost | None:
    """What the change adds to the monthly estimate of what is always there, or ``None`` where that stays the same."""
    before, after = _items(base.resources), _items(head.resources)
    changes = {item: after[item] - before[item] for item in before.keys() | after.keys() if after[item] != before[item]}
    if not changes:
        return None
    return Cost(
        before=float(sum(before.values())),
        after=float(sum(after.values())),
        as_of=str(prices.prices().as_of),
        changes=tuple((item, float(usd)) for item, usd in sorted(changes.items(), key=lambda each: -abs(each[1]))),
    )


def _items(resources: Sequence[Resource]) -> dict[str, Decimal]:
    items: dict[str, Decimal] = defaultdict(Decimal)
    for item in policies.estimate(resources):
        items[item.what] += item.total
    return items


def _key(finding: policies.Finding) -> tuple[str, ...]:
    return (finding.rule, finding.urn, finding.path, finding.message)
