"""Which jobs of GitHub may act in the account, and as what."""

from __future__ import annotations

import json
from typing import Any

import pytest
from recording import run_platform

PROVIDER = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"


def trusted(stack: str, role: str, **pipelines: Any) -> dict[str, Any]:
    """The conditions under which a role may be taken."""
    inputs = run_platform(stack, pipelines=pipelines).one("Role", f"dwcp-v3-{stack}-{role}")
    assert inputs["name"] == f"dwcp-v3-{stack}-{role}"
    [statement] = json.loads(inputs["assumeRolePolicy"])["Statement"]
    assert statement["Action"] == ["sts:AssumeRoleWithWebIdentity"]
    return {"by": statement["Principal"]["Federated"], **statement["Condition"]["StringEquals"]}


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_each_role_trusts_one_environment_of_one_repository(stack: str) -> None:
    sub, aud = "token.actions.githubusercontent.com:sub", "token.actions.githubusercontent.com:aud"
    assert trusted(stack, "deploy")[sub] == f"repo:novacron/novacron:environment:{stack}"
    assert trusted(stack, "preview")[sub] == "repo:novacron/novacron:environment:preview"
    assert trusted(stack, "preview")[aud] == "sts.amazonaws.com"


def test_a_repository_may_be_named_with_its_ids() -> None:
    sub = trusted("staging", "deploy", subject="repo:novacron@12/novacron@34")["token.actions.githubusercontent.com:sub"]
    assert sub == "repo:novacron@12/novacron@34:environment:staging"


def test_the_accounts_own_provider_is_used_where_it_has_one() -> None:
    assert trusted("staging", "deploy", providerArn=PROVIDER)["by"] == PROVIDER
    given = run_platform("staging", pipelines={"providerArn": PROVIDER}).of("OpenIdConnectProvider")
    assert {each.name for each in given} == {"dwcp-v3"}
    assert "dwcp-v3-github" in {each.name for each in run_platform("staging").of("OpenIdConnectProvider")}


def test_previews_read_and_deployments_manage_no_roles_but_the_programs() -> None:
    platform = run_platform("production")
    attached = {each.name: each.inputs["policyArn"].rpartition("/")[2] for each in platform.of("RolePolicyAttachment")}
    assert attached["dwcp-v3-production-preview"] == "ReadOnlyAccess"
    assert "dwcp-v3-production-deploy" not in attached
    statements = json.loads(platform.one("RolePolicy", "dwcp-v3-production-deploy")["policy"])["Statement"]
    writes = [each for each in statements if "iam:CreateRole" in each["Action"]]
    assert [each["Resource"] for each in writes] == [["arn:aws:iam::*:role/dwcp-v3*"]]
    assert any(each["Effect"] == "Deny" and "AdministratorAccess" in json.dumps(each["Condition"]) for each in statements)


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_the_cluster_lets_in_the_role_that_deploys(stack: str) -> None:
    platform = run_platform(stack)
    principals = {each.inputs["principalArn"].rpartition("/")[2] for each in platform.of("AccessEntry")}
    assert platform.one("Role", f"dwcp-v3-{stack}-deploy")["name"] in principals
