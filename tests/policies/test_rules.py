"""Every rule, on a valid world and on one that violates it."""

from __future__ import annotations

import json
import re
from datetime import date
from functools import cache

import pytest
from policies_bad import EXPECTED, bad_world
from policies_good import good_world
from policies_tracing import run
from recording import run_account, run_platform

import policies
from components.settings import EnvironmentSettings
from delivery.clients import state_backend
from policies import Violation
from policies.config import config_of
from policies.rule import Rule
from program.graph import Resource
from program.types import AUTOSCALER

AFTER_1_34 = config_of("production", today=date(2026, 12, 24))
TODAY = config_of("production", today=date(2026, 11, 24))
BANNED_TYPES = {"network-no-default-vpc"}
"""Rules that every resource of their types violates."""
RULES = {rule.name: rule for rule in policies.RULES}


@cache
def good() -> list[Resource]:
    """The resources of our stacks, and valid resources of other types."""
    no_receivers = {"criticalReceivers": [], "warningReceivers": [], "watchdog": False}
    operator = run_platform("production", monitoring={"mode": "operator", **no_receivers})
    return [*operator.resources, *good_world().resources()]


def missing(rule: str, violations: list[Violation]) -> list[tuple[str, str]]:
    """The expectations of a rule that no violation meets."""
    return [
        (name, said)
        for name, said in EXPECTED[rule]
        if not any(
            each.rule == rule and each.status == "failed" and each.urn.endswith(f"::{name}") and said in each.message
            for each in violations
        )
    ]


@cache
def found_by(rule: Rule) -> list[Violation]:
    return run(rule, bad_world().resources(), AFTER_1_34)


def checked(rules: list[Rule]) -> list[Violation]:
    return [violation for rule in rules for violation in found_by(rule)]


def test_every_rule_has_an_expected_violation() -> None:
    assert set(EXPECTED) == set(RULES)


@pytest.mark.parametrize("rule", EXPECTED)
def test_its_violations_are_named(rule: str) -> None:
    assert missing(rule, checked([RULES[rule]])) == []


def test_no_two_rules_report_the_same_problem_of_a_resource() -> None:
    rules: dict[tuple[str, str], set[str]] = {}
    for each in checked(list(policies.RULES)):
        rules.setdefault((each.urn, each.message), set()).add(each.rule)
    assert {problem: names for problem, names in rules.items() if len(names) > 1} == {}


def test_every_finding_has_a_fix() -> None:
    assert [each for each in checked(list(policies.RULES)) if not each.fix or not each.message] == []


@pytest.mark.parametrize("rule", ["cluster-add-ons-required", "data-bucket-private"])
def test_a_finding_in_a_related_resource_has_no_path_of_the_checked_one(rule: str) -> None:
    assert {each.path for each in found_by(RULES[rule])} == {""}


def test_the_valid_world_passes() -> None:
    violations = [violation for rule in policies.RULES for violation in run(rule, good(), TODAY)]
    assert [(each.rule, each.urn, each.message) for each in violations] == []


@pytest.mark.parametrize("rule", sorted(set(EXPECTED) - BANNED_TYPES))
def test_it_checks_a_valid_resource(rule: str) -> None:
    types = {each.type for each in good()}
    assert types & set(RULES[rule].on) or "*" in RULES[rule].on


def test_every_type_that_a_rule_names_is_in_one_of_the_worlds() -> None:
    types = {each.type for each in [*good(), *bad_world().resources()]}
    named = {type_ for rule in policies.RULES for type_ in rule.on} - {"*"}
    assert named - types <= {
        "aws:s3/bucketV2:BucketV2",
        "aws:ec2/defaultSubnet:DefaultSubnet",
        "aws:ec2/defaultRouteTable:DefaultRouteTable",
        "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl",
        "aws:iam/userLoginProfile:UserLoginProfile",
        "aws:iam/serviceSpecificCredential:ServiceSpecificCredential",
        "aws:iam/userPolicy:UserPolicy",
        "aws:iam/group:Group",
        "aws:iam/groupPolicy:GroupPolicy",
        "aws:iam/policyAttachment:PolicyAttachment",
        "kubernetes:apps/v1:ReplicaSet",
        "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
        "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive",
        "aws:iam/userPolicyAttachment:UserPolicyAttachment",
        "aws:rds/clusterInstance:ClusterInstance",
    }


@pytest.mark.parametrize("stack", ["local", "staging", "production"])
@pytest.mark.parametrize("preview", [False, True])
def test_our_stacks_pass(stack: policies.Environment, preview: bool) -> None:
    config = config_of(stack, today=date(2026, 11, 24))
    found = policies.check(run_platform(stack, preview=preview).resources, stack, config)
    assert [(each.rule, each.urn, each.message) for each in found if each.blocks] == []
    assert preview == any(each.status == "deferred" for each in found)


def test_an_update_that_sets_the_number_of_nodes_passes() -> None:
    """docs/upgrading.md prescribes such an update before a change of the node groups."""
    found = policies.check(run_platform("production", cluster={"resizeNodes": True}).resources, "production", TODAY)
    assert [each.message for each in found if each.blocks] == []


def test_the_only_violation_of_staging_is_advisory() -> None:
    config = config_of("staging", today=date(2026, 11, 24))
    found = {(each.rule, each.level) for each in policies.check(run_platform("staging").resources, "staging", config)}
    assert found == {("data-deletion-protected", "advisory")}


def test_every_tag_of_our_resources_is_required() -> None:
    """Otherwise a resource of another provider, which has no default tags, could lack a new tag without a violation."""
    assert {*TODAY.limits.required_tags} == EnvironmentSettings(name="production").tags.keys()
    [provider] = [each for each in run_account().resources if each.type == "pulumi:providers:aws"]
    of_account = json.loads(provider.inputs["defaultTags"])["tags"].keys()
    assert {*config_of("account").limits.required_tags} == of_account == state_backend.TAGS.keys()


@pytest.mark.parametrize("rule", [each for each in policies.RULES if each.parameters], ids=lambda rule: rule.name)
def test_no_text_of_a_rule_has_the_value_of_a_limit(rule: Rule) -> None:
    """The limits differ between environments, and a pack config can change them. The text of a violation has those in force."""
    for parameter in rule.parameters:
        value = getattr(TODAY.limits, parameter)
        for each in value if isinstance(value, tuple | dict) else [value]:
            number = rf"(?<![\w.-]){re.escape(str(each))}(?!\w)" if re.search(r"\d", str(each)) else None
            assert number is None or not re.search(number, f"{rule.title} {rule.why} {rule.fix}"), f"{parameter} {each}"


@pytest.mark.parametrize(("environment", "least"), [("local", 1), ("staging", 2), ("production", 3)])
def test_the_advice_on_the_autoscaler_has_the_limits_in_force(environment: policies.Environment, least: int) -> None:
    inputs = {"spec": {"minReplicas": 0, "maxReplicas": 99}}
    scaler = Resource(urn="urn:pulumi:x::y::z::scaler", type=AUTOSCALER, name="scaler", inputs=inputs)
    fixes = [each.fix for each in run(RULES["workload-autoscaler-bounds"], [scaler], config_of(environment))]
    assert fixes == [f"set spec.minReplicas to {least} or more", "set spec.maxReplicas to 10 or less, not below minReplicas"]
