"""The account's own stack, which creates the pipelines' roles, checked by the same rules: no role can extend its permissions."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from functools import cache

import pytest
import yaml

import policies
from policies.config import config_of
from program.catalogue import ACCOUNT
from program.checkout import CHECKOUT, stacks_of
from program.evaluation import Worlds, evaluate_worlds
from program.graph import Resource
from program.types import ROLE, ROLE_POLICY

CONFIG = config_of("account", today=date(2026, 11, 24))
WIDE = "identity-no-wildcard-admin"
DEPLOYS = {"dwcp-v3-staging-deploy", "dwcp-v3-production-deploy"}
"""Policies that may do everything in the program's services, if a boundary limits their roles."""


@cache
def worlds() -> Worlds:
    found = evaluate_worlds(["account"])["account"]
    assert isinstance(found, Worlds), found
    return found


def resources() -> list[Resource]:
    return [replace(each, inputs=copy.deepcopy(each.inputs)) for each in worlds().known.resources]


def without_boundaries() -> list[Resource]:
    key = "permissionsBoundary"
    found = resources()
    for each in found:
        each.inputs.pop(key, None)
    depends = [{name: urns for name, urns in (each.property_dependencies or {}).items() if name != key} for each in found]
    return [replace(each, property_dependencies=urns) for each, urns in zip(found, depends, strict=True)]


def violated(found: Iterable[Resource], rule: str) -> set[str]:
    """The logical names of the resources that violate a rule."""
    checked = policies.check(found, "account", CONFIG)
    return {each.urn.rpartition("::")[2] for each in checked if each.rule == rule and each.status == "failed"}


def test_the_account_passes_all_rules_in_both_worlds() -> None:
    assert policies.environment_of("account") == "account"
    found = policies.check_worlds(worlds().known.resources, worlds().unknown.resources, "account", CONFIG)
    assert [each for each in found if each.status != "deferred"] == []
    assert len(worlds().known.of(ROLE)) == 4


def trusting(principal: str) -> Resource:
    """The deploy role of production, which also trusts ``principal``."""
    [role] = [each for each in resources() if each.type == ROLE and each.name == "dwcp-v3-production-deploy"]
    document = json.loads(role.inputs["assumeRolePolicy"])
    document["Statement"].append({"Effect": "Allow", "Action": ["sts:AssumeRole"], "Principal": {"AWS": [principal]}})
    role.inputs["assumeRolePolicy"] = json.dumps(document)
    return role


@pytest.mark.parametrize(
    ("principal", "rules"),
    [
        ("arn:aws:iam::777777777777:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_OnCall_0123456789abcdef", set[str]()),
        ("*", {"identity-no-public-principal"}),
        ("arn:aws:iam::999999999999:role/on-call", {"identity-known-accounts"}),
    ],
)
def test_a_deploy_role_may_trust_only_roles_of_its_own_account(principal: str, rules: set[str]) -> None:
    role = trusting(principal)
    role.inputs["permissionsBoundary"] = "arn:aws:iam::777777777777:policy/dwcp-v3-production-pipelines"
    role.inputs["assumeRolePolicy"] = role.inputs["assumeRolePolicy"].replace(ACCOUNT, "777777777777")
    found = policies.check([role], "account", CONFIG)
    assert {each.rule for each in found if each.status == "failed" and each.rule.startswith("identity-")} == rules


def test_a_role_in_the_account_is_not_compared_with_the_account_of_examples() -> None:
    """Before the update, the boundaries' ARNs are examples, so the program does not tell the account."""
    found = policies.check([trusting("arn:aws:iam::777777777777:role/on-call")], "account", CONFIG)
    assert {each.status for each in found if each.rule == "identity-known-accounts"} == {"deferred"}


def test_the_pipeline_previews_and_checks_it_like_every_stack() -> None:
    assert sorted(stacks_of(CHECKOUT)) == ["account", "local", "production", "staging"]
    jobs = yaml.safe_load((CHECKOUT / ".github/workflows/infrastructure.yml").read_text())["jobs"]
    commands = [step.get("run", "").split() for name in ("policies", "preview") for step in jobs[name]["steps"]]
    started = {each[1]: each[2:] for each in commands if each[:1] == ["./dwcp"]}
    assert set(started) == {"policy", "preview"}
    limiting = {"--environment", "-e", "--stack", "-s"}
    assert not any(limiting & set(arguments) for arguments in started.values())


def test_only_a_role_with_a_boundary_may_administer_services() -> None:
    assert violated(without_boundaries(), WIDE) == DEPLOYS
    checked = policies.check(resources(), "production", config_of("production", today=CONFIG.today))
    assert {each.urn.rpartition("::")[2] for each in checked if each.rule == WIDE} == DEPLOYS


def test_a_role_that_administers_services_gets_no_service_that_gives_permissions() -> None:
    found = resources()
    for each in found:
        if each.type == ROLE_POLICY and each.name in DEPLOYS:
            document = json.loads(each.inputs["policy"])
            document["Statement"].append({"Effect": "Allow", "Action": "iam:*", "Resource": "*"})
            each.inputs["policy"] = json.dumps(document)
    assert violated(found, WIDE) == DEPLOYS


def test_without_its_boundary_a_role_that_may_change_itself_could_widen_itself() -> None:
    """Shows that the rule applies to these roles: their policies name other roles, and the boundary limits any policy."""

    def widened(found: list[Resource]) -> list[Resource]:
        for each in found:
            if each.type == ROLE_POLICY:
                own = each.name.split("-")[2]
                each.inputs["policy"] = each.inputs["policy"].replace(f"role/dwcp-v3-*-{own}", "role/dwcp-v3-*")
        return found

    assert violated(widened(resources()), "identity-no-self-widening") == set()
    assert violated(widened(without_boundaries()), "identity-no-self-widening") >= DEPLOYS
