"""Which jobs of GitHub may act in the account, and as what; and that no role can widen itself or another."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

import pytest
import yaml
from recording import ROOT, run_platform, stack_config
from recording import run_account as account

from components.account.pipeline_access import ACCOUNT_PROJECT, ENVIRONMENTS
from components.settings import SettingsError

PROVIDER = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
ACCOUNT = "123456789012"
WORKLOADS = f"arn:aws:iam::{ACCOUNT}:policy/dwcp-v3-workloads"
PIPELINE_ROLES = [f"arn:aws:iam::{ACCOUNT}:role/dwcp-v3-{each}-{kind}" for each in ENVIRONMENTS for kind in ("deploy", "preview")]


def statements(document: str) -> list[dict[str, Any]]:
    return json.loads(document)["Statement"]


def policy_of(name: str) -> list[dict[str, Any]]:
    return statements(account().one("RolePolicy", name)["policy"])


def boundary_of(name: str) -> list[dict[str, Any]]:
    arn = account().one("aws:iam/role:Role", name)["permissionsBoundary"]
    [policy] = [each for each in account().of("aws:iam/policy:Policy") if arn.endswith(f":{each.name}")]
    return statements(policy.inputs["policy"])


def decides(statement: dict[str, Any], action: str, resource: str, context: dict[str, Any]) -> bool:
    """Whether a statement speaks of a request, as IAM matches it (the operators that these policies use)."""
    named = any(fnmatchcase(action.lower(), each.lower()) for each in statement["Action"])
    there = any(fnmatchcase(resource, each) for each in statement["Resource"])
    return named and there and all(_holds(*each, context) for each in statement.get("Condition", {}).items())


def _holds(operator: str, tests: dict[str, Any], context: dict[str, Any]) -> bool:
    for key, wanted in tests.items():
        values = wanted if isinstance(wanted, list) else [wanted]
        found = context.get(key)
        given = found if isinstance(found, list) else [found]
        same = any(fnmatchcase(str(one), each) for one in given if one is not None for each in values)
        if same == ("Not" in operator):
            return False
    return True


def allowed(role: str, action: str, resource: str, **context: Any) -> bool:
    """IAM's rule: allowed by the policy and by the boundary, denied by neither."""
    context = {key.replace("__", ":"): value for key, value in context.items()}
    verdicts = []
    for document in (policy_of(role), boundary_of(role)):
        effects = {each["Effect"] for each in document if decides(each, action, resource, context)}
        verdicts.append(effects == {"Allow"})
    return all(verdicts)


def trusted(role: str, **changes: Any) -> dict[str, Any]:
    """The conditions under which a role may be taken."""
    inputs = account(**changes).one("aws:iam/role:Role", f"dwcp-v3-{role}")
    assert inputs["name"] == f"dwcp-v3-{role}"
    [statement] = statements(inputs["assumeRolePolicy"])
    assert statement["Action"] == ["sts:AssumeRoleWithWebIdentity"]
    return {"by": statement["Principal"]["Federated"], **statement["Condition"]["StringEquals"]}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_each_role_trusts_one_environment_of_one_repository(environment: str) -> None:
    sub, aud = "token.actions.githubusercontent.com:sub", "token.actions.githubusercontent.com:aud"
    assert trusted(f"{environment}-deploy")[sub] == f"repo:novacron/novacron:environment:{environment}"
    assert trusted(f"{environment}-preview")[sub] == "repo:novacron/novacron:environment:preview"
    assert trusted(f"{environment}-preview")[aud] == "sts.amazonaws.com"


def test_a_repository_may_be_named_with_its_ids() -> None:
    sub = trusted("staging-deploy", subject="repo:novacron@12/novacron@34")["token.actions.githubusercontent.com:sub"]
    assert sub == "repo:novacron@12/novacron@34:environment:staging"


def test_the_accounts_own_provider_is_used_where_it_has_one() -> None:
    assert trusted("staging-deploy", providerArn=PROVIDER)["by"] == PROVIDER
    assert account(providerArn=PROVIDER).of("OpenIdConnectProvider") == []
    assert [each.name for each in account().of("OpenIdConnectProvider")] == ["dwcp-v3-github"]


def test_previews_read() -> None:
    attached = {each.name: each.inputs["policyArn"].rpartition("/")[2] for each in account().of("RolePolicyAttachment")}
    assert attached == {f"dwcp-v3-{each}-preview": "ReadOnlyAccess" for each in ENVIRONMENTS}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_stacks_name_the_roles_and_the_boundary_that_the_account_makes(environment: str) -> None:
    made = {each.inputs["name"] for each in account().of("aws:iam/role:Role")}
    boundaries = {each.inputs["name"] for each in account().of("aws:iam/policy:Policy")}
    config = stack_config(environment)
    named = {config["dwcp-v3:cluster"][key].rpartition("/")[2] for key in ("ciRoleArn", "previewRoleArn")}
    assert named == {f"dwcp-v3-{environment}-deploy", f"dwcp-v3-{environment}-preview"}
    assert named <= made
    assert config["dwcp-v3:environment"]["permissionsBoundaryArn"].rpartition("/")[2] in boundaries


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_preview_role_reads_the_cluster_and_the_deploying_one_changes_it(environment: str) -> None:
    policies = {
        each.inputs["principalArn"].rpartition("/")[2]: each.inputs["policyArn"].rpartition("/")[2]
        for each in run_platform(environment).of("AccessPolicyAssociation")
    }
    assert policies[f"dwcp-v3-{environment}-deploy"] == "AmazonEKSClusterAdminPolicy"
    assert policies[f"dwcp-v3-{environment}-preview"] == "AmazonEKSAdminViewPolicy"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_role_of_a_stack_is_under_the_boundary(environment: str) -> None:
    roles = run_platform(environment).of("aws:iam/role:Role")
    assert len(roles) > 5
    named = stack_config(environment)["dwcp-v3:environment"]["permissionsBoundaryArn"]
    assert {each.inputs.get("permissionsBoundary") for each in roles} == {named}


@pytest.mark.parametrize("role", [arn.rpartition("/")[2] for arn in PIPELINE_ROLES])
@pytest.mark.parametrize(
    "action",
    [
        *(
            "iam:PutRolePolicy",
            "iam:AttachRolePolicy",
            "iam:DeleteRolePolicy",
            "iam:DetachRolePolicy",
            "iam:UpdateAssumeRolePolicy",
        ),
        *(
            "iam:DeleteRole",
            "iam:UpdateRole",
            "iam:PassRole",
            "iam:DeleteRolePermissionsBoundary",
            "iam:PutRolePermissionsBoundary",
        ),
    ],
)
def test_no_pipeline_can_change_a_pipelines_role(role: str, action: str) -> None:
    for boundary in (WORKLOADS, f"arn:aws:iam::{ACCOUNT}:policy/dwcp-v3-pipelines", None):
        for target in PIPELINE_ROLES:
            assert not allowed(role, action, target, iam__PermissionsBoundary=boundary)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        *(
            (action, f"arn:aws:iam::{ACCOUNT}:policy/dwcp-v3-pipelines")
            for action in ("iam:CreatePolicyVersion", "iam:DeletePolicy")
        ),
        ("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/me"),
        ("iam:CreateAccessKey", f"arn:aws:iam::{ACCOUNT}:user/me"),
        ("iam:DeleteOpenIDConnectProvider", f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"),
        ("iam:DeleteRolePermissionsBoundary", f"arn:aws:iam::{ACCOUNT}:role/dwcp-v3-nodes-1234567"),
        ("s3:PutObject", "arn:aws:s3:::novacron-terraform-state/dwcp-v3/.pulumi/stacks/dwcp-v3-account/account.json"),
    ],
)
def test_what_no_pipeline_may_do_even_if_a_policy_allowed_it(action: str, resource: str) -> None:
    denied = [each for each in boundary_of("dwcp-v3-staging-deploy") if each["Effect"] == "Deny"]
    assert any(decides(each, action, resource, {}) for each in denied)


def test_roles_are_made_under_the_workloads_boundary_only() -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/dwcp-v3-nodes-1234567"
    for action in ("iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:DeleteRolePolicy"):
        assert allowed("dwcp-v3-staging-deploy", action, role, iam__PermissionsBoundary=WORKLOADS)
        assert not allowed("dwcp-v3-staging-deploy", action, role)
        assert not allowed("dwcp-v3-staging-deploy", action, role, iam__PermissionsBoundary=f"arn:aws:iam::{ACCOUNT}:policy/mine")
    assert not any(action.startswith(("iam:", "sts:")) for action in WORKLOAD_ACTIONS - {"iam:CreateServiceLinkedRole"})


WORKLOAD_ACTIONS = {
    action
    for each in statements(account().one("aws:iam/policy:Policy", "dwcp-v3-workloads")["policy"])
    for action in each["Action"]
}


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("eks:CreateCluster", "*"),
        ("kms:CreateKey", "*"),
        ("ec2:RunInstances", f"arn:aws:ec2:us-east-1:{ACCOUNT}:instance/*"),
        ("iam:UpdateRoleDescription", f"arn:aws:iam::{ACCOUNT}:role/dwcp-v3-nodes-1234567"),
        ("iam:CreateOpenIDConnectProvider", f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/ABC"),
        ("route53:ChangeResourceRecordSets", "arn:aws:route53:::hostedzone/Z1"),
        ("s3:PutObject", "arn:aws:s3:::novacron-terraform-state/dwcp-v3/.pulumi/stacks/dwcp-v3/staging.json"),
    ],
)
def test_the_deploying_role_may_do_what_an_up_does(action: str, resource: str) -> None:
    assert allowed("dwcp-v3-staging-deploy", action, resource)


def test_the_deploying_role_hands_roles_only_to_the_services_that_take_them() -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/dwcp-v3-nodes-1234567"
    assert allowed("dwcp-v3-staging-deploy", "iam:PassRole", role, iam__PassedToService="ec2.amazonaws.com")
    assert not allowed("dwcp-v3-staging-deploy", "iam:PassRole", role, iam__PassedToService="lambda.amazonaws.com")


@pytest.mark.parametrize(("environment", "other"), [("staging", "production"), ("production", "staging")])
def test_no_environment_touches_another(environment: str, other: str) -> None:
    role = f"dwcp-v3-{environment}-deploy"
    cluster = f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/dwcp-v3-{other}"
    tags = {"aws__ResourceTag/project": "dwcp-v3", "aws__ResourceTag/environment": other}
    assert not allowed(role, "eks:DeleteCluster", cluster, **tags)
    assert allowed(role, "eks:DeleteCluster", cluster, **{**tags, "aws__ResourceTag/environment": environment})
    key = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"
    assert not allowed(role, "kms:Decrypt", key, kms__ResourceAliases=[f"alias/dwcp-v3-{other}"])
    assert allowed(role, "kms:Decrypt", key, kms__ResourceAliases=[f"alias/dwcp-v3-{environment}"])
    state = "arn:aws:s3:::novacron-terraform-state/dwcp-v3/.pulumi/stacks/dwcp-v3"
    assert not allowed(role, "s3:PutObject", f"{state}/{other}.json")
    assert allowed(role, "s3:PutObject", f"{state}/{environment}.json")


def test_the_guarded_state_is_that_of_the_accounts_project() -> None:
    assert yaml.safe_load((ROOT / "bootstrap/Pulumi.yaml").read_text())["name"] == ACCOUNT_PROJECT


def test_policies_fit_iams_sizes() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: characters without white space."""
    for each in account().of("aws:iam/policy:Policy"):
        assert len(each.inputs["policy"].replace(" ", "")) <= 6144
    for each in account().of("RolePolicy"):
        assert len(each.inputs["policy"].replace(" ", "")) <= 10240


@pytest.mark.parametrize(
    ("field", "value", "problem", "fix"),
    [
        ("region", "us-gov-west-1", "outside AWS' commercial partition", "us-east-1"),
        ("subject", "novacron/novacron", "must be a repository as GitHub's tokens name it", "repo:novacron/novacron"),
        ("providerArn", "github", "must be the ARN of the account's OIDC provider for GitHub", "oidc-provider/"),
        ("stateBucket", "My_Bucket", "must be the name of an S3 bucket", "novacron-terraform-state"),
    ],
)
def test_a_bad_value_is_refused_with_its_key_and_a_correction(field: str, value: str, problem: str, fix: str) -> None:
    with pytest.raises(SettingsError) as refused:
        account(**{field: value})
    [mistake] = refused.value.mistakes
    assert mistake.path == f"account.{field}"
    assert problem in mistake.problem
    assert fix in mistake.fix
