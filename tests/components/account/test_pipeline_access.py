"""The roles of the GitHub jobs: who can assume them, what they may do, and that none can extend the permissions of a role."""

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
WORKLOADS = f"arn:aws:iam::{ACCOUNT}:policy/dwcp-v3-staging-workloads"
BOTH_ENVIRONMENTS = pytest.mark.parametrize(("environment", "other"), [("staging", "production"), ("production", "staging")])
USER = f"arn:aws:iam::{ACCOUNT}:user/me"
LEASES = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/dwcp-v3-leases"
PIPELINE_ROLES = [f"arn:aws:iam::{ACCOUNT}:role/dwcp-v3-{each}-{kind}" for each in ENVIRONMENTS for kind in ("deploy", "preview")]


def statements(document: str) -> list[dict[str, Any]]:
    return json.loads(document)["Statement"]


def inline_policy(name: str) -> list[dict[str, Any]]:
    return statements(account().one("RolePolicy", name)["policy"])


def permissions_boundary(name: str) -> list[dict[str, Any]]:
    arn = account().one("aws:iam/role:Role", name)["permissionsBoundary"]
    [policy] = [each for each in account().of("aws:iam/policy:Policy") if arn.endswith(f":{each.name}")]
    return statements(policy.inputs["policy"])


def applies(statement: dict[str, Any], action: str, resource: str, context: dict[str, Any]) -> bool:
    """Whether a statement applies to a request, by IAM's rules (only the operators that these policies use)."""
    listed = statement.get("Action", statement.get("NotAction"))
    action_matches = any(fnmatchcase(action.lower(), each.lower()) for each in listed) == ("Action" in statement)
    resource_matches = any(fnmatchcase(resource, each) for each in statement["Resource"])
    return action_matches and resource_matches and all(_holds(*each, context) for each in statement.get("Condition", {}).items())


def _holds(operator: str, tests: dict[str, Any], context: dict[str, Any]) -> bool:
    for key, wanted in tests.items():
        values = wanted if isinstance(wanted, list) else [wanted]
        found = context.get(key)
        given = found if isinstance(found, list) else [found]
        matched = [any(fnmatchcase(str(one), each) for each in values) for one in given if one is not None]
        same = all(matched) if operator.startswith("ForAllValues:") else any(matched)
        if same == ("Not" in operator):
            return False
    return True


def allowed(role: str, action: str, resource: str, **context: Any) -> bool:
    """Whether IAM allows a request: the policy and the boundary allow it, and neither denies it."""
    context = {key.replace("__", ":"): value for key, value in context.items()}
    context.setdefault("route53:ChangeResourceRecordSetsNormalizedRecordNames", [])
    results = []
    for document in (inline_policy(role), permissions_boundary(role)):
        effects = {each["Effect"] for each in document if applies(each, action, resource, context)}
        results.append(effects == {"Allow"})
    return all(results)


def trust_conditions(role: str, **changes: Any) -> dict[str, Any]:
    """The conditions under which a role can be assumed."""
    inputs = account(**changes).one("aws:iam/role:Role", f"dwcp-v3-{role}")
    assert inputs["name"] == f"dwcp-v3-{role}"
    [statement] = statements(inputs["assumeRolePolicy"])  # only GitHub's jobs, unless the settings name roles of people
    assert statement["Action"] == ["sts:AssumeRoleWithWebIdentity"]
    return {"by": statement["Principal"]["Federated"], **statement["Condition"]["StringEquals"]}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_each_role_trusts_one_environment_of_one_repository(environment: str) -> None:
    sub, aud = "token.actions.githubusercontent.com:sub", "token.actions.githubusercontent.com:aud"
    assert trust_conditions(f"{environment}-deploy")[sub] == f"repo:novacron/novacron:environment:{environment}"
    assert trust_conditions(f"{environment}-preview")[sub] == "repo:novacron/novacron:environment:preview"
    assert trust_conditions(f"{environment}-preview")[aud] == "sts.amazonaws.com"


def test_the_subject_can_contain_the_ids_of_owner_and_repository() -> None:
    sub = trust_conditions("staging-deploy", subject="repo:novacron@12/novacron@34")["token.actions.githubusercontent.com:sub"]
    assert sub == "repo:novacron@12/novacron@34:environment:staging"


ON_CALL = f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_OnCall_0123456789abcdef"
"""A role of IAM Identity Center, with which people sign in."""


@BOTH_ENVIRONMENTS
def test_people_with_a_listed_role_may_assume_only_the_deploy_role_of_their_environment(environment: str, other: str) -> None:
    changes: dict[str, Any] = {"operatorRoleArns": {environment: [ON_CALL]}}
    inputs = account(**changes).one("aws:iam/role:Role", f"dwcp-v3-{environment}-deploy")
    [_, people] = statements(inputs["assumeRolePolicy"])
    assert people == {"Effect": "Allow", "Action": ["sts:AssumeRole"], "Principal": {"AWS": [ON_CALL]}}
    for role in (f"{environment}-preview", f"{other}-deploy", f"{other}-preview"):
        assert trust_conditions(role, **changes) == trust_conditions(role)


def test_an_existing_oidc_provider_is_used() -> None:
    assert trust_conditions("staging-deploy", providerArn=PROVIDER)["by"] == PROVIDER
    assert account(providerArn=PROVIDER).of("OpenIdConnectProvider") == []
    assert [each.name for each in account().of("OpenIdConnectProvider")] == ["dwcp-v3-github"]


def test_all_account_resources_are_protected_from_deletion() -> None:
    made = [each for each in account().resources if each.type.startswith("aws:")]
    kinds = {each.type.rpartition(":")[2] for each in made}
    assert kinds == {"Role", "RolePolicy", "RolePolicyAttachment", "Policy", "OpenIdConnectProvider"}
    assert all(each.protect for each in made)


def test_preview_roles_have_only_read_access() -> None:
    attached = {each.name: each.inputs["policyArn"].rpartition("/")[2] for each in account().of("RolePolicyAttachment")}
    assert attached == {f"dwcp-v3-{each}-preview": "ReadOnlyAccess" for each in ENVIRONMENTS}
    for each in ENVIRONMENTS:
        [statement] = inline_policy(f"dwcp-v3-{each}-preview")
        assert (statement["Effect"], statement["Action"]) == ("Allow", ["kms:Decrypt", "kms:DescribeKey"])
        assert statement["Condition"] == {
            "ForAnyValue:StringEquals": {"kms:ResourceAliases": [f"alias/dwcp-v3-{each}", "alias/dwcp-v3-state"]}
        }


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_stack_files_name_roles_and_boundary_of_the_account_stack(environment: str) -> None:
    made = {each.inputs["name"] for each in account().of("aws:iam/role:Role")}
    boundaries = {each.inputs["name"] for each in account().of("aws:iam/policy:Policy")}
    config = stack_config(environment)
    named = {config["dwcp-v3:cluster"][key].rpartition("/")[2] for key in ("ciRoleArn", "previewRoleArn")}
    assert named == {f"dwcp-v3-{environment}-deploy", f"dwcp-v3-{environment}-preview"}
    assert named <= made
    assert config["dwcp-v3:environment"]["permissionsBoundaryArn"].rpartition("/")[2] in boundaries


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_preview_role_views_the_cluster_and_the_deploy_role_administers_it(environment: str) -> None:
    policies = {
        each.inputs["principalArn"].rpartition("/")[2]: each.inputs["policyArn"].rpartition("/")[2]
        for each in run_platform(environment).of("AccessPolicyAssociation")
    }
    assert policies[f"dwcp-v3-{environment}-deploy"] == "AmazonEKSClusterAdminPolicy"
    assert policies[f"dwcp-v3-{environment}-preview"] == "AmazonEKSAdminViewPolicy"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_role_of_a_stack_has_the_permissions_boundary(environment: str) -> None:
    roles = run_platform(environment).of("aws:iam/role:Role")
    assert len(roles) > 5
    boundary = stack_config(environment)["dwcp-v3:environment"]["permissionsBoundaryArn"]
    assert {each.inputs.get("permissionsBoundary") for each in roles} == {boundary}


USED_BY_MANAGED_POLICIES = {
    "AmazonEKSClusterPolicy": {"autoscaling", "ec2", "elasticloadbalancing", "iam", "kms"},
    "AmazonEKSWorkerNodePolicy": {"ec2", "eks", "eks-auth"},
    "AmazonEC2ContainerRegistryPullOnly": {"ecr"},
    "AmazonEKS_CNI_Policy": {"ec2"},
    "AmazonEBSCSIDriverPolicy": {"ec2"},
    "CloudWatchAgentServerPolicy": {"cloudwatch", "ec2", "logs", "ssm", "xray"},
}
"""The services whose actions a policy of AWS allows.

Source: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
"""


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_workloads_boundary_allows_only_the_services_that_the_roles_of_a_stack_use(environment: str) -> None:
    graph = run_platform(environment)
    attached = {each.inputs["policyArn"].rpartition("/")[2] for each in graph.of("RolePolicyAttachment")}
    inline = [
        action
        for each in graph.of("aws:iam/rolePolicy:RolePolicy")
        for statement in statements(each.inputs["policy"])
        for action in statement["Action"]
    ]
    used = {action.partition(":")[0] for action in inline}.union(*(USED_BY_MANAGED_POLICIES[each] for each in attached))
    boundary = statements(account().one("aws:iam/policy:Policy", f"dwcp-v3-{environment}-workloads")["policy"])
    permitted = {action.partition(":")[0] for each in boundary if each["Effect"] == "Allow" for action in each["Action"]}
    assert permitted == used


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
def test_no_pipeline_role_can_change_a_pipeline_role(role: str, action: str) -> None:
    """The boundary denies it, because a later policy could allow it."""
    denied = [each for each in permissions_boundary(role) if each["Effect"] == "Deny"]
    boundaries = [
        f"arn:aws:iam::{ACCOUNT}:policy/dwcp-v3-{each}-{kind}" for each in ENVIRONMENTS for kind in ("workloads", "pipelines")
    ]
    for boundary in (*boundaries, None):
        for target in PIPELINE_ROLES:
            context = {"iam:PermissionsBoundary": boundary}
            assert any(applies(each, action, target, context) for each in denied), (target, boundary)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        *(
            (action, f"arn:aws:iam::{ACCOUNT}:policy/dwcp-v3-{environment}-{kind}")
            for action in ("iam:CreatePolicyVersion", "iam:DeletePolicy")
            for environment in ENVIRONMENTS
            for kind in ("pipelines", "workloads")
        ),
        *(
            (f"s3:{action}", "arn:aws:s3:::novacron-terraform-state")
            for action in (
                *("PutBucketPolicy", "DeleteBucketPolicy", "PutLifecycleConfiguration", "PutBucketVersioning", "DeleteBucket"),
                *("PutEncryptionConfiguration", "PutReplicationConfiguration", "PutBucketPublicAccessBlock", "PutBucketAbac"),
            )
        ),
        ("s3:DeleteObjectVersion", "arn:aws:s3:::novacron-terraform-state/dwcp-v3/.pulumi/stacks/dwcp-v3/staging.json"),
        *((f"dynamodb:{action}", LEASES) for action in ("DeleteTable", "UpdateTable", "UpdateTimeToLive", "PutResourcePolicy")),
        *(
            (f"kms:{action}", f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/dwcp-v3-{key}")
            for action in ("DeleteAlias", "UpdateAlias")
            for key in ("state", "staging", "production")
        ),
        ("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/me"),
        ("iam:CreateAccessKey", f"arn:aws:iam::{ACCOUNT}:user/me"),
        ("iam:DeleteOpenIDConnectProvider", f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"),
        ("iam:DeleteRolePermissionsBoundary", f"arn:aws:iam::{ACCOUNT}:role/dwcp-v3-nodes-1234567"),
        ("s3:PutObject", "arn:aws:s3:::novacron-terraform-state/dwcp-v3/.pulumi/stacks/dwcp-v3-account/account.json"),
        *(
            (f"s3:{action}", "arn:aws:s3:::novacron-terraform-state/dwcp-v3/.pulumi/meta.yaml")
            for action in ("PutObject", "DeleteObject")
        ),
        ("ec2:CreateNetworkAclEntry", f"arn:aws:ec2:us-east-1:{ACCOUNT}:network-acl/acl-1"),
    ],
)
def test_the_boundary_denies_dangerous_actions_explicitly(action: str, resource: str) -> None:
    denied = [each for each in permissions_boundary("dwcp-v3-staging-deploy") if each["Effect"] == "Deny"]
    assert any(applies(each, action, resource, {}) for each in denied)


@pytest.mark.parametrize("key", ["state", "staging", "production"])
@pytest.mark.parametrize("action", ["ScheduleKeyDeletion", "DisableKey", "PutKeyPolicy", "CreateGrant", "DisableKeyRotation"])
def test_pipelines_can_use_the_state_key_and_change_no_key(action: str, key: str) -> None:
    arn = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"
    for environment in ENVIRONMENTS:
        role = f"dwcp-v3-{environment}-deploy"
        assert not allowed(role, f"kms:{action}", arn, kms__ResourceAliases=[f"alias/dwcp-v3-{key}"])
        assert allowed(role, "kms:Decrypt", arn, kms__ResourceAliases=["alias/dwcp-v3-state"])


def test_pipelines_read_and_write_state_files_and_only_their_own_lease() -> None:
    state = "arn:aws:s3:::novacron-terraform-state"
    for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
        assert allowed("dwcp-v3-staging-deploy", action, f"{state}/dwcp-v3/.pulumi/locks/organization/dwcp-v3/staging/1.json")
    assert allowed("dwcp-v3-staging-deploy", "s3:ListBucket", state)
    for action in ("GetItem", "PutItem", "UpdateItem", "DeleteItem"):
        assert allowed("dwcp-v3-staging-deploy", f"dynamodb:{action}", LEASES, dynamodb__LeadingKeys=["staging/state"])
        assert not allowed("dwcp-v3-staging-deploy", f"dynamodb:{action}", LEASES, dynamodb__LeadingKeys=["production/state"])


def test_pipelines_create_roles_only_with_the_workloads_boundary() -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/dwcp-v3-nodes-staging"
    for action in ("iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:DeleteRolePolicy"):
        assert allowed("dwcp-v3-staging-deploy", action, role, iam__PermissionsBoundary=WORKLOADS)
        assert not allowed("dwcp-v3-staging-deploy", action, role)
        assert not allowed("dwcp-v3-staging-deploy", action, role, iam__PermissionsBoundary=f"arn:aws:iam::{ACCOUNT}:policy/mine")
    boundary = statements(account().one("aws:iam/policy:Policy", "dwcp-v3-staging-workloads")["policy"])
    permitted = {action for each in boundary if each["Effect"] == "Allow" for action in each["Action"]}
    assert not any(action.startswith(("iam:", "sts:")) for action in permitted - {"iam:CreateServiceLinkedRole"})


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("eks:CreateCluster", "*"),
        ("kms:CreateKey", "*"),
        ("ec2:RunInstances", f"arn:aws:ec2:us-east-1:{ACCOUNT}:instance/*"),
        ("iam:UpdateRoleDescription", f"arn:aws:iam::{ACCOUNT}:role/dwcp-v3-nodes-staging"),
        ("iam:CreateOpenIDConnectProvider", f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/ABC"),
        ("route53:ChangeResourceRecordSets", "arn:aws:route53:::hostedzone/Z1"),
        ("s3:PutObject", "arn:aws:s3:::novacron-terraform-state/dwcp-v3/.pulumi/stacks/dwcp-v3/staging.json"),
    ],
)
def test_the_deploy_role_allows_what_an_update_needs(action: str, resource: str) -> None:
    assert allowed("dwcp-v3-staging-deploy", action, resource)


def test_the_deploy_role_passes_roles_only_to_the_services_that_assume_them() -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/dwcp-v3-nodes-staging"
    assert allowed("dwcp-v3-staging-deploy", "iam:PassRole", role, iam__PassedToService="ec2.amazonaws.com")
    assert not allowed("dwcp-v3-staging-deploy", "iam:PassRole", role, iam__PassedToService="lambda.amazonaws.com")


REQUESTS = {
    "aws:acm/certificate:Certificate": "tags acm:DeleteCertificate arn:aws:acm:R:A:certificate/1",
    "aws:acm/certificateValidation:CertificateValidation": "none",
    "aws:cloudwatch/logGroup:LogGroup": "tags logs:DeleteLogGroup arn:aws:logs:R:A:log-group:/aws/eks/dwcp-v3-E/cluster",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "tags cloudwatch:DeleteAlarms arn:aws:cloudwatch:R:A:alarm:1",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": "tags ec2:AuthorizeSecurityGroupIngress arn:aws:ec2:R:A:security-group/1",
    "aws:ec2/eip:Eip": "tags ec2:ReleaseAddress arn:aws:ec2:R:A:elastic-ip/1",
    "aws:ec2/flowLog:FlowLog": "tags ec2:DeleteFlowLogs arn:aws:ec2:R:A:vpc-flow-log/1",
    "aws:ec2/internetGateway:InternetGateway": "tags ec2:DetachInternetGateway arn:aws:ec2:R:A:internet-gateway/1",
    "aws:ec2/launchTemplate:LaunchTemplate": "tags ec2:DeleteLaunchTemplate arn:aws:ec2:R:A:launch-template/1",
    "aws:ec2/natGateway:NatGateway": "tags ec2:DeleteNatGateway arn:aws:ec2:R:A:natgateway/1",
    "aws:ec2/route:Route": "tags ec2:DeleteRoute arn:aws:ec2:R:A:route-table/1",
    "aws:ec2/routeTable:RouteTable": "tags ec2:DeleteRouteTable arn:aws:ec2:R:A:route-table/1",
    "aws:ec2/routeTableAssociation:RouteTableAssociation": "tags ec2:DisassociateRouteTable arn:aws:ec2:R:A:route-table/1",
    "aws:ec2/securityGroup:SecurityGroup": "tags ec2:DeleteSecurityGroup arn:aws:ec2:R:A:security-group/1",
    "aws:ec2/subnet:Subnet": "tags ec2:DeleteSubnet arn:aws:ec2:R:A:subnet/1",
    "aws:ec2/vpc:Vpc": "tags ec2:DeleteVpc arn:aws:ec2:R:A:vpc/1",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "tags ec2:DeleteVpcEndpoints arn:aws:ec2:R:A:vpc-endpoint/1",
    "aws:eks/accessEntry:AccessEntry": "name eks:DeleteAccessEntry arn:aws:eks:R:A:access-entry/dwcp-v3-E/role/A/nodes/1",
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": (
        "name eks:AssociateAccessPolicy arn:aws:eks:R:A:access-entry/dwcp-v3-E/role/A/nodes/1"
    ),
    "aws:eks/addon:Addon": "name eks:DeleteAddon arn:aws:eks:R:A:addon/dwcp-v3-E/coredns/1",
    "aws:eks/cluster:Cluster": "name eks:CreateAccessEntry arn:aws:eks:R:A:cluster/dwcp-v3-E",
    "aws:eks/nodeGroup:NodeGroup": "name eks:DeleteNodegroup arn:aws:eks:R:A:nodegroup/dwcp-v3-E/nodes-a/1",
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": (
        "name eks:DeletePodIdentityAssociation arn:aws:eks:R:A:podidentityassociation/dwcp-v3-E/a-1"
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": (
        "tags iam:DeleteOpenIDConnectProvider arn:aws:iam::A:oidc-provider/oidc.eks.R.amazonaws.com/id/1"
    ),
    "aws:iam/role:Role": "name iam:UpdateAssumeRolePolicy arn:aws:iam::A:role/dwcp-v3-nodes-E",
    "aws:iam/rolePolicy:RolePolicy": "name iam:DeleteRolePolicy arn:aws:iam::A:role/dwcp-v3-cluster-autoscaler-E",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "name iam:DetachRolePolicy arn:aws:iam::A:role/dwcp-v3-nodes-E",
    "aws:kms/alias:Alias": "name kms:DeleteAlias arn:aws:kms:R:A:alias/dwcp-v3-E-artifacts",
    "aws:kms/key:Key": "tags kms:ScheduleKeyDeletion arn:aws:kms:R:A:key/1",
    "aws:lb/listener:Listener": (
        "tags elasticloadbalancing:DeleteListener arn:aws:elasticloadbalancing:R:A:listener/app/dwcp-v3/1/2"
    ),
    "aws:lb/listenerRule:ListenerRule": (
        "tags elasticloadbalancing:ModifyRule arn:aws:elasticloadbalancing:R:A:listener-rule/app/dwcp-v3/1/2/3"
    ),
    "aws:lb/loadBalancer:LoadBalancer": (
        "tags elasticloadbalancing:DeleteLoadBalancer arn:aws:elasticloadbalancing:R:A:loadbalancer/app/dwcp-v3/1"
    ),
    "aws:lb/targetGroup:TargetGroup": (
        "tags elasticloadbalancing:DeregisterTargets arn:aws:elasticloadbalancing:R:A:targetgroup/dwcp-v3/1"
    ),
    "aws:route53/record:Record": "record route53:ChangeResourceRecordSets arn:aws:route53:::hostedzone/1",
    **{
        f"aws:s3/{kind[0].lower()}{kind[1:]}:{kind}": f"name s3:{action} arn:aws:s3:::BUCKET{rest}"
        for kind, action, rest in (
            ("Bucket", "DeleteObject", "/releases/1"),
            ("BucketLifecycleConfiguration", "PutLifecycleConfiguration", ""),
            ("BucketOwnershipControls", "PutBucketOwnershipControls", ""),
            ("BucketPolicy", "DeleteBucketPolicy", ""),
            ("BucketPublicAccessBlock", "PutBucketPublicAccessBlock", ""),
            ("BucketServerSideEncryptionConfiguration", "PutEncryptionConfiguration", ""),
            ("BucketVersioning", "PutBucketVersioning", ""),
        )
    },
    "aws:sns/topic:Topic": "tags sns:DeleteTopic arn:aws:sns:R:A:dwcp-v3-alarms-1234567",
    "aws:sns/topicPolicy:TopicPolicy": "tags sns:SetTopicAttributes arn:aws:sns:R:A:dwcp-v3-alarms-1234567",
    "aws:sns/topicSubscription:TopicSubscription": "none",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": (
        "tags ec2:RevokeSecurityGroupEgress arn:aws:ec2:R:A:security-group/1"
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": (
        "tags ec2:RevokeSecurityGroupIngress arn:aws:ec2:R:A:security-group/1"
    ),
}
"""For each resource type of the stacks: what AWS compares to permit a change, an action that changes such a resource, and its ARN.

Source: the Service Authorization Reference, https://docs.aws.amazon.com/service-authorization/latest/reference/, for each action
the resource types, and whether they have the condition key aws:ResourceTag. "name" where they have not, where it depends on the
bucket (S3) or on a tag that AWS does not set (EKS), and for roles, because iam:PassRole does not compare tags reliably.
"none": no API changes the resource itself, or the action does not name it (the subscriptions of SNS).
"""


def bucket_names(environment: str) -> list[str]:
    """The names that the provider generates for the buckets of a stack."""
    return [f"{each.inputs['bucketPrefix']}20261127070000" for each in run_platform(environment).of("aws:s3/bucket:Bucket")]


@BOTH_ENVIRONMENTS
def test_no_deploy_role_can_change_a_resource_of_the_other_environment(environment: str, other: str) -> None:
    made = {each.type for stack in ENVIRONMENTS for each in run_platform(stack).resources if each.type.startswith("aws:")}
    assert not made - REQUESTS.keys(), f"add to REQUESTS what AWS compares for {sorted(made - REQUESTS.keys())}"
    assert not REQUESTS.keys() - made, f"remove from REQUESTS, because no stack has it: {sorted(REQUESTS.keys() - made)}"
    role = f"dwcp-v3-{environment}-deploy"
    for entry in REQUESTS.values():
        compared, _, request = entry.partition(" ")
        if compared == "none":
            continue
        action, _, pattern = request.partition(" ")
        for target, expected in ((other, False), (environment, True)):
            for bucket in bucket_names(target) if "BUCKET" in pattern else [""]:
                arn = pattern.replace(":R:", ":us-east-1:").replace(":A:", f":{ACCOUNT}:")
                arn = arn.replace("-E", f"-{target}").replace("BUCKET", bucket)
                context: dict[str, Any] = {
                    "iam__PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/dwcp-v3-{environment}-workloads"
                }
                if compared == "tags":
                    context |= {"aws__ResourceTag/project": "dwcp-v3", "aws__ResourceTag/environment": target}
                if compared == "record":
                    host = stack_config(target)["dwcp-v3:loadBalancer"]["host"]
                    context["route53__ChangeResourceRecordSetsNormalizedRecordNames"] = [host, f"_1a2b.{host}"]
                assert allowed(role, action, arn, **context) == expected, (action, arn)


@BOTH_ENVIRONMENTS
def test_a_pipeline_passes_only_the_roles_of_its_environment(environment: str, other: str) -> None:
    for target, expected in ((other, False), (environment, True)):
        roles = [each.inputs["name"] for each in run_platform(target).of("aws:iam/role:Role")]
        assert len(roles) > 5
        for name in roles:
            arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
            passed = allowed(f"dwcp-v3-{environment}-deploy", "iam:PassRole", arn, iam__PassedToService="ec2.amazonaws.com")
            assert passed == expected, name


@BOTH_ENVIRONMENTS
def test_a_role_that_a_pipeline_creates_has_no_access_to_the_other_environment(environment: str, other: str) -> None:
    """A pipeline can attach any policy to a role with its boundary, so the boundary is the most that such a role can do."""
    boundary = statements(account().one("aws:iam/policy:Policy", f"dwcp-v3-{environment}-workloads")["policy"])

    def can(action: str, resource: str, **context: Any) -> bool:
        context = {key.replace("__", ":"): value for key, value in context.items()}
        return {each["Effect"] for each in boundary if applies(each, action, resource, context)} == {"Allow"}

    for target in ENVIRONMENTS:
        cluster = f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/dwcp-v3-{target}"
        for action in ("eks:CreateAccessEntry", "eks:AssociateAccessPolicy", "eks:UpdateClusterConfig", "eks:AccessKubernetesApi"):
            assert not can(action, cluster)
    assert can("eks:DescribeCluster", f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/dwcp-v3-{environment}")
    instance = f"arn:aws:ec2:us-east-1:{ACCOUNT}:instance/i-1"
    for target, expected in ((other, False), (environment, True)):
        tags = {"aws__ResourceTag/project": "dwcp-v3", "aws__ResourceTag/environment": target}
        assert can("ec2:TerminateInstances", instance, **tags) == expected
        group = f"arn:aws:ec2:us-east-1:{ACCOUNT}:security-group/sg-1"
        of_eks = {f"aws__ResourceTag/kubernetes.io/cluster/dwcp-v3-{target}": "owned"}
        assert can("ec2:RevokeSecurityGroupIngress", group, **of_eks) == expected
        assert allowed(f"dwcp-v3-{environment}-deploy", "ec2:RevokeSecurityGroupIngress", group, **of_eks) == expected
        assert (
            can("kms:Decrypt", f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1", kms__ResourceAliases=[f"alias/dwcp-v3-{target}"])
            == expected
        )
    state_key = {"aws__ResourceTag/project": "dwcp-v3", "aws__ResourceTag/environment": "account"}
    for action in ("kms:DisableKey", "kms:ScheduleKeyDeletion", "kms:PutKeyPolicy", "kms:TagResource"):
        assert not can(action, f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1", **state_key)
    assert not can("ec2:CreateNetworkAclEntry", f"arn:aws:ec2:us-east-1:{ACCOUNT}:network-acl/acl-1")
    deploy_role = f"dwcp-v3-{environment}-deploy"
    other_boundary = f"arn:aws:iam::{ACCOUNT}:policy/dwcp-v3-{other}-workloads"
    assert not allowed(
        deploy_role,
        "iam:CreateRole",
        f"arn:aws:iam::{ACCOUNT}:role/dwcp-v3-x-{environment}",
        iam__PermissionsBoundary=other_boundary,
    )


def test_the_account_and_the_stacks_have_the_same_hosts() -> None:
    hosts = yaml.safe_load((ROOT / "bootstrap/Pulumi.account.yaml").read_text())["config"]["dwcp-v3:account"]["hosts"]
    assert hosts == {each: stack_config(each)["dwcp-v3:loadBalancer"]["host"] for each in ENVIRONMENTS}


@BOTH_ENVIRONMENTS
def test_no_deploy_role_uses_the_key_or_state_of_the_other_environment(environment: str, other: str) -> None:
    role = f"dwcp-v3-{environment}-deploy"
    key = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"
    assert not allowed(role, "kms:Decrypt", key, kms__ResourceAliases=[f"alias/dwcp-v3-{other}"])
    assert allowed(role, "kms:Decrypt", key, kms__ResourceAliases=[f"alias/dwcp-v3-{environment}"])
    state = "arn:aws:s3:::novacron-terraform-state/dwcp-v3/.pulumi/stacks/dwcp-v3"
    assert not allowed(role, "s3:PutObject", f"{state}/{other}.json")
    assert allowed(role, "s3:PutObject", f"{state}/{environment}.json")


def test_the_protected_state_is_that_of_the_account_project() -> None:
    assert yaml.safe_load((ROOT / "bootstrap/Pulumi.yaml").read_text())["name"] == ACCOUNT_PROJECT


def test_policies_are_within_iams_size_limits() -> None:
    """IAM counts characters without white space: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html."""
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
        ("operatorRoleArns.production[0]", {"production": ["*"]}, "must be the ARN of an IAM role", ":role/platform-admin"),
        ("operatorRoleArns.production[0]", {"production": [USER]}, "must be the ARN of an IAM role", ":role/platform-admin"),
        ("hosts.production", {"staging": "dwcp.staging.example.com"}, "is missing", "dwcp.example.com"),
        ("stateBucket", "My_Bucket", "must be the name of an S3 bucket", "novacron-terraform-state"),
    ],
)
def test_a_bad_value_is_refused_with_its_key_and_a_fix(field: str, value: str, problem: str, fix: str) -> None:
    with pytest.raises(SettingsError) as refused:
        account(**{field.partition(".")[0]: value})
    [mistake] = refused.value.mistakes
    assert mistake.path == f"account.{field}"
    assert problem in mistake.problem
    assert fix in mistake.fix
