"""No property that a rule reads passes if it is unknown or of the wrong type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any

import pytest
from policies_good import good_world
from policies_tracing import Read, plain, reads, run, with_value
from recording import run_platform

import policies
from policies.config import config_of
from policies.names import with_names
from policies.rule import Problem, Rule
from program.graph import Resource
from program.protocol import UNKNOWN, UNKNOWNS

CONFIG = config_of("production", today=date(2026, 11, 24))
DEPLOYED = replace(CONFIG, deployed=True)


@cache
def good() -> list[Resource]:
    return [*run_platform("production").resources, *good_world().resources()]


def changed(rule: Rule, value: Any, *, per_shape: int = 1) -> Iterator[tuple[Read, list[Resource]]]:
    """The valid world with another value in one property that the rule reads, for each kind of property."""
    world, seen = good(), dict[Any, int]()
    by_urn = {each.urn: index for index, each in enumerate(world)}
    for read in read_by(rule):
        seen[read.shape] = seen.get(read.shape, 0) + 1
        if seen[read.shape] > per_shape:
            continue
        index = by_urn[read.urn]
        copy = with_value(world[index], read.path, value)
        if copy is not None and value == UNKNOWN:
            # Nor does anything else tell what it is.
            depends = {key: urns for key, urns in (copy.property_dependencies or {}).items() if key != read.path[0]}
            copy = replace(copy, property_dependencies=depends)
        if copy is not None:
            yield read, [*world[:index], copy, *world[index + 1 :]] if rule.whole else [copy]


@cache
def read_by(rule: Rule) -> list[Read]:
    return reads(rule, good(), CONFIG)


ONE_IS_ENOUGH = {("identity-known-accounts", "permissionsBoundary"), ("identity-known-accounts", "roleArn")}
"""Properties that allow something: while one of them is known, an unknown one only means that the rule allows less."""


@pytest.mark.parametrize("rule", policies.RULES, ids=lambda rule: rule.name)
def test_no_unknown_property_passes(rule: Rule) -> None:
    silent = [
        (read.type, read.path)
        for read, world in changed(rule, UNKNOWN)
        if (rule.name, read.path[-1]) not in ONE_IS_ENOUGH
        and not any(each.status in ("failed", "unknown", "deferred") for each in run(rule, world, CONFIG))
    ]
    assert silent == []


@pytest.mark.parametrize("rule", policies.RULES, ids=lambda rule: rule.name)
def test_a_value_of_the_wrong_type_is_not_an_error_of_the_rule(rule: Rule) -> None:
    broken = [
        (read.type, read.path, each.message)
        for wrong in ({"not": "this"}, ["not", "this"], 7)
        for read, world in changed(rule, wrong)
        for each in run(rule, world, CONFIG)
        if "the rule itself raised" in each.message
    ]
    assert broken == []


@pytest.mark.parametrize("mark", sorted(UNKNOWNS))
def test_every_mark_of_the_engine_is_unknown(mark: str) -> None:
    rule = _rule("data-log-retention")
    log = next(each for each in good() if each.type.endswith(":LogGroup"))
    copy = with_value(log, ("retentionInDays",), mark)
    assert copy is not None
    [violation] = run(rule, [copy], CONFIG)
    assert (violation.status, violation.path, violation.blocks) == ("unknown", "retentionInDays", True)


@pytest.mark.parametrize("key", ["image", "proxyImage"])
def test_an_unknown_image_of_a_chart_is_unknown(key: str) -> None:
    release = next(each for each in good() if each.type.endswith("helm.sh/v3:Release"))
    chart = replace(release, inputs={**release.inputs, "values": {key: UNKNOWN}})
    [violation] = run(_rule("workload-chart-values"), [chart], CONFIG)
    assert (violation.status, violation.path) == ("unknown", f"values.{key}")


def test_a_deferrable_check_is_deferred_until_deployment() -> None:
    rule = _rule("data-log-encrypted")
    log = next(each for each in good() if each.type.endswith(":LogGroup"))
    copy = with_value(log, ("kmsKeyId",), UNKNOWN)
    assert copy is not None
    assert [(each.status, each.blocks) for each in run(rule, [copy], CONFIG)] == [("deferred", False)]
    assert [(each.status, each.blocks) for each in run(rule, [copy], DEPLOYED)] == [("unknown", True)]


def test_accounts_are_compared_after_up_while_nothing_tells_the_stacks_own() -> None:
    rule = _rule("identity-known-accounts")
    unknown = {"permissionsBoundary": UNKNOWN, "roleArn": UNKNOWN}
    world = [
        replace(each, inputs={**each.inputs, **{key: unknown[key] for key in unknown if key in each.inputs}}) for each in good()
    ]
    assert {each.status for each in run(rule, world, CONFIG)} == {"deferred"}
    assert {each.status for each in run(rule, world, DEPLOYED)} == {"unknown"}


def test_without_an_arn_of_the_stacks_account_the_fix_is_to_declare_the_trusted_account() -> None:
    document = '{"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "111122223333"}}}'
    role = Resource(urn="role", type="aws:iam/role:Role", name="role", inputs={"assumeRolePolicy": document})
    [violation] = run(_rule("identity-known-accounts"), [role], CONFIG)
    assert (violation.status, violation.fix) == ("failed", "add the account to trusted_accounts in policies/limits.py")


def test_a_violation_is_reported_even_if_another_property_is_unknown() -> None:
    rule = _rule("data-key-rotation")
    key = next(each for each in good() if each.type.endswith(":Key"))
    copy = with_value(key, ("enableKeyRotation",), False)
    assert copy is not None
    copy.inputs["deletionWindowInDays"] = UNKNOWN
    assert [each.status for each in run(rule, [copy], CONFIG)] == ["failed", "unknown"]


def test_a_rule_that_raises_is_a_failure_of_the_resource() -> None:
    def check(*_: Any) -> Iterator[Problem]:
        raise KeyError("oops")

    rule = replace(_rule("data-log-retention"), check=check)
    log = next(each for each in good() if each.type.endswith(":LogGroup"))
    [violation] = run(rule, [log], CONFIG)
    assert (violation.status, violation.urn, violation.blocks) == ("failed", log.urn, True)
    assert violation.message == "the rule itself raised KeyError: 'oops'"


def test_a_property_of_the_wrong_type_is_named() -> None:
    log = next(each for each in good() if each.type.endswith(":LogGroup"))
    copy = with_value(log, ("retentionInDays",), ["thirty"])
    assert copy is not None
    [violation] = run(_rule("data-log-retention"), [copy], CONFIG)
    assert violation.message == "retentionInDays is of type list, not a number"
    assert "thirty" not in str(violation)


def _rule(name: str) -> Rule:
    return next(each for each in policies.RULES if each.name == name)


NAMESPACE, SERVICE = "kubernetes:core/v1:Namespace", "kubernetes:core/v1:Service"


def unnamed(*sources: str) -> list[Resource]:
    """A Service in a namespace whose name follows only from its dependencies."""
    named = [Resource(urn=name, type=NAMESPACE, name=name, inputs={"metadata": {"name": f"{name}-name"}}) for name in ("a", "b")]
    service = Resource(
        urn="service",
        type=SERVICE,
        name="service",
        inputs={"metadata": {"namespace": UNKNOWN, "name": "x"}, "spec": {"clusterIP": UNKNOWN}},
        property_dependencies={"metadata": sources, "spec": ("a",)},
    )
    return [*named, service]


def test_a_name_that_only_one_object_can_have_given_is_known() -> None:
    *_, service = with_names(unnamed("a"))
    assert service.inputs == {"metadata": {"namespace": "a-name", "name": "x"}, "spec": {"clusterIP": UNKNOWN}}


@pytest.mark.parametrize("sources", [(), ("a", "b"), ("not-there",)])
def test_a_name_that_several_or_none_can_have_given_is_unknown(sources: tuple[str, ...]) -> None:
    *_, service = with_names(unnamed(*sources))
    assert service.inputs["metadata"]["namespace"] == UNKNOWN


def test_rules_check_a_graph_whose_names_follow_only_from_dependencies() -> None:
    """As the engine's first preview has it: what comes from another object is unknown, and the same results are reached."""
    world = [_as_in_a_first_preview(each) for each in run_platform("production").resources]
    found = policies.check(world, "production", CONFIG)
    assert [(each.rule, each.urn, each.path, each.message) for each in found if each.blocks] == []
    broken = [replace(each, type="nothing") if each.type == SERVICE else each for each in world]
    assert "workload-backends-exist" in {each.rule for each in policies.check(broken, "production", CONFIG) if each.blocks}


def _as_in_a_first_preview(resource: Resource) -> Resource:
    copy = plain(resource)
    if resource.type.startswith("kubernetes:") and "metadata" in (resource.property_dependencies or {}):
        copy.inputs["metadata"]["namespace"] = UNKNOWN
    for path in (("spec", "serviceRef", "name"), ("roleRef", "name"), ("spec", "scaleTargetRef", "name")):
        changed = with_value(copy, path, UNKNOWN) if path[0] in (resource.property_dependencies or {}) else None
        copy = changed if changed is not None else copy
    return copy


@pytest.mark.parametrize(
    "variable",
    [
        {"name": "DB_PASSWORD", "value": UNKNOWN},
        {"name": UNKNOWN, "value": "hunter2hunter2"},
        {"name": "DB_PASSWORD", "valueFrom": UNKNOWN},
    ],
)
def test_a_variable_that_may_contain_a_secret_does_not_pass(variable: dict[str, Any]) -> None:
    pod = Resource(urn="pod", type="kubernetes:core/v1:Pod", name="pod", inputs={"spec": {"containers": [{"env": [variable]}]}})
    assert [each.status for each in run(_rule("workload-secrets-by-reference"), [pod], CONFIG)] == ["unknown"]
