"""Variants of the same mistake are each found by its rule; valid programs that look like one pass."""

from __future__ import annotations

from datetime import date

import pytest
from policies_spellings import CAUGHT, PASSES, RULE, Declare, aws, pod
from policies_worlds import World

import policies
from policies.config import config_of

CONFIG = config_of("production", today=date(2026, 11, 24))
RULES = {rule.name for rule in policies.RULES}


def found(declare: Declare) -> set[str]:
    world = World()
    declare(world)
    return {each.rule for each in policies.check(world.resources(), "production", CONFIG) if each.status in ("failed", "unknown")}


@pytest.mark.parametrize(
    ("declare", "rule", "message"),
    [
        (aws(RULE, cidrIpv4="0.0.0.0/0", ipProtocol="icmp", fromPort=8, toPort=-1), "network-open-ports", "icmp type 8 is open"),
        (
            pod(resources={"requests": {"memory": "100Mi", "cpu": "1"}, "limits": {"memory": "440Mi", "cpu": "1"}}),
            "workload-resource-ratio",
            "memory limit is 4.4 times the request",
        ),
    ],
)
def test_the_message_has_the_value_that_violates_the_rule(declare: Declare, rule: str, message: str) -> None:
    world = World()
    declare(world)
    violations = [each for each in policies.check(world.resources(), "production", CONFIG) if each.rule == rule]
    assert any(message in each.message for each in violations), violations


def test_the_fix_for_an_unknown_version_lists_no_version_without_support() -> None:
    world = World()
    aws("aws:eks/cluster:Cluster", version="1.20")(world)
    config = config_of("production", today=date(2027, 4, 1))
    [found] = [each for each in policies.check(world.resources(), "production", config) if each.rule == "cluster-version"]
    ended = {version for version, end in config.limits.kubernetes_support_ends.items() if end <= date(2027, 4, 1)}
    assert ended
    assert not any(version in found.fix for version in ended)


def test_every_rule_of_an_example_exists() -> None:
    """A valid program would pass a rule that does not exist."""
    assert {rule for _, _, rule in [*CAUGHT, *PASSES]} - RULES == set()


@pytest.mark.parametrize(("declare", "rule"), [each[1:] for each in CAUGHT], ids=[each[0] for each in CAUGHT])
def test_a_variant_of_a_mistake_is_found(declare: Declare, rule: str) -> None:
    assert rule in found(declare)


@pytest.mark.parametrize(("declare", "rule"), [each[1:] for each in PASSES], ids=[each[0] for each in PASSES])
def test_a_valid_program_that_looks_like_a_mistake_passes(declare: Declare, rule: str) -> None:
    assert rule not in found(declare)
