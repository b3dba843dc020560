"""All rules, from one module per subject. The documentation lists the rules in the order of ``RULES``."""

from policies.rule import Rule
from policies.rules import (
    charts,
    closed_world,
    cluster,
    cost,
    data,
    delivery,
    docker,
    entry_points,
    iam_policies,
    identity,
    network,
    pod_security,
    references,
    scaling,
    tags,
    workload,
)

RULES: tuple[Rule, ...] = tuple(
    rule
    for module in (
        network,
        entry_points,
        data,
        iam_policies,
        identity,
        cluster,
        pod_security,
        workload,
        charts,
        scaling,
        references,
        delivery,
        cost,
        tags,
        docker,
        closed_world,
    )
    for rule in module.PACK.rules
)
