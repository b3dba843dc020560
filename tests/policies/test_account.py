"""The account's own stack, which creates the pipelines' roles, checked by the same rules: no role can extend its permissions."""

from __future__ import annotations

import runpy
from datetime import date

import pytest
import yaml
from recording import ROOT, Graph, run

import policies
from policies.config import config_of

CONFIG = config_of("production", today=date(2026, 11, 24))
TAGS = "tags-on-everything"
"""The account's stack is of no environment and has no cost center."""
WIDE = "identity-no-wildcard-admin"
DEPLOYS = {"dwcp-v3-staging-deploy", "dwcp-v3-production-deploy"}
"""Roles that may do everything in the program's services, under a boundary."""


def account(*, preview: bool) -> Graph:
    config = yaml.safe_load((ROOT / "bootstrap/Pulumi.account.yaml").read_text())["config"]
    return run(lambda: runpy.run_path(str(ROOT / "bootstrap/__main__.py")), config, stack_name="account", preview=preview)


@pytest.mark.parametrize("preview", [False, True])
def test_no_pipelines_role_can_widen_itself(preview: bool) -> None:
    found = [each for each in policies.check(account(preview=preview).resources, "production", CONFIG) if each.status != "deferred"]
    assert {each.rule for each in found} == {TAGS, WIDE}
    assert {each.urn.rpartition("::")[2] for each in found if each.rule == WIDE} == DEPLOYS


def test_without_its_boundary_a_role_that_may_change_itself_could_widen_itself() -> None:
    """Shows that the rule applies to these roles: their policies name other roles, and the boundary limits any policy."""
    resources = account(preview=False).resources
    for each in resources:
        if each.type == "aws:iam/rolePolicy:RolePolicy":
            own = each.name.split("-")[2]
            each.inputs["policy"] = each.inputs["policy"].replace(f"role/dwcp-v3-*-{own}", "role/dwcp-v3-*")
    limited = policies.check(resources, "production", CONFIG)
    assert not [each for each in limited if "self-widening" in each.rule and each.status != "deferred"]
    for each in resources:
        each.inputs.pop("permissionsBoundary", None)
        (each.property_dependencies or {}).pop("permissionsBoundary", None)
    found = {
        each.urn.rpartition("::")[2] for each in policies.check(resources, "production", CONFIG) if "self-widening" in each.rule
    }
    assert found >= DEPLOYS
