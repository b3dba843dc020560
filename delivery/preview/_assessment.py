"""Assesses a change: the policy violations at head, the warnings about the change, and the difference in cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

import policies
from delivery.preview.change import Cost, PolicyViolation, ResourceChange
from policies import prices
from policies.limits import limits_of
from program.evaluation import Worlds
from program.graph import Graph, Resource
from program.types import CLUSTER

NEAR_END = timedelta(days=90)
"""A Kubernetes version is reported if its support ends within this time, which is sufficient for one tested upgrade."""


def violations(base: Worlds | None, head: Worlds) -> tuple[PolicyViolation, ...]:
    """The violations at head, without checks that are deferred to ``pulumi up``.

    A violation is ``new`` if the base does not have it.
    """
    environment = policies.environment_of(head.known.stack, head.known.resources)
    known = {key(each) for each in _violations(base, environment)} if base is not None else set[tuple[str, ...]]()
    return tuple(
        PolicyViolation.of(violation, new=key(violation) not in known)
        for violation in _violations(head, environment)
        if violation.status != "deferred"
    )


def _violations(worlds: Worlds, environment: policies.Environment) -> list[policies.Violation]:
    return policies.check_worlds(worlds.known.resources, worlds.unknown.resources, environment)


def warnings(head: Graph, changes: Sequence[ResourceChange], today: date | None = None) -> tuple[str, ...]:
    """Warnings about problems that the changes can cause later, for example that support of the Kubernetes version ends soon."""
    day = today or date.today()
    ends = limits_of(policies.environment_of(head.stack, head.resources), day).kubernetes_support_ends
    touched = {each.urn for each in changes if any(one.path == "version" for one in each.properties)}
    ending = _near_end([each for each in head.of(CLUSTER) if each.urn in touched], ends, day)
    return (*ending, *(f"{each.name} {warning}" for each in changes for warning in each.watch))


def _near_end(clusters: Sequence[Resource], ends: Mapping[str, date], day: date) -> Iterator[str]:
    for cluster in clusters:
        version = str(cluster.inputs.get("version", ""))
        if version in ends and ends[version] - day <= NEAR_END:
            yield f"{cluster.name}: standard support of Kubernetes {version} ends on {ends[version]}"


def cost(base: Graph, head: Graph) -> Cost | None:
    """The change of the estimated monthly cost without usage-based charges.

    ``None`` if the estimate does not change and ``head`` adds no resource that the estimate cannot include.
    """
    unsized = {*policies.unsized(base.resources), *policies.unsized(head.resources)}  # excluded from both sums
    before, after = (_items([each for each in side.resources if each.urn not in unsized]) for side in (base, head))
    changes = {item: after[item] - before[item] for item in before.keys() | after.keys() if after[item] != before[item]}
    unpriced = [each for each in policies.unpriced(head.resources) if each not in policies.unpriced(base.resources)]
    if not changes and not unpriced:
        return None
    return Cost(
        before=float(sum(before.values())),
        after=float(sum(after.values())),
        as_of=str(prices.prices().as_of),
        changes=tuple((item, float(usd)) for item, usd in sorted(changes.items(), key=lambda each: -abs(each[1]))),
        unpriced=tuple(policies.unpriced(head.resources)),
    )


def _items(resources: Sequence[Resource]) -> dict[str, Decimal]:
    items: dict[str, Decimal] = defaultdict(Decimal)
    for item in policies.estimate(resources):
        items[item.what] += item.total
    return items


def key(violation: policies.Violation) -> tuple[str, ...]:
    """The key of a violation. The same violation at base and at head has the same key."""
    return (violation.rule, violation.urn, violation.path, violation.message)
