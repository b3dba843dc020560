"""Permissions boundaries: the maximum permissions of a role, even if policies that are attached to the role later allow more.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from components.aws.iam import Statement, document
from contract import SHARED

WORKLOAD_SERVICES = (
    *("autoscaling", "cloudwatch", "ec2", "ecr", "eks-auth", "elasticloadbalancing", "kms", "logs", "ssm", "xray"),
)
"""The AWS services that the boundary allows as a whole to the roles of the cluster, nodes, add-ons, controllers and flow logs.

In these services, the boundary denies only changes of network ACLs and actions on other environments. In EKS, the boundary allows
only reads, because with more permissions, a role could make itself the administrator of a cluster. In IAM, the boundary allows only
the creation of the service-linked role of load balancers.
"""

GIVES_PERMISSIONS = (
    *("iam:CreateRole", "iam:PutRolePermissionsBoundary"),
    *("iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:AttachRolePolicy", "iam:DetachRolePolicy"),
)
"""The actions that create a role or change a role's permissions.

The condition key `iam:PermissionsBoundary` of these actions contains the ARN of the role's boundary.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
"""

CHANGES_ROLES = (
    *("iam:DeleteRole", "iam:UpdateRole", "iam:UpdateRoleDescription", "iam:UpdateAssumeRolePolicy", "iam:PassRole"),
    *("iam:TagRole", "iam:UntagRole"),
)
"""The other actions that change a role, and the action that passes a role to a service."""

CHANGES_POLICIES = (
    *("iam:CreatePolicyVersion", "iam:DeletePolicyVersion", "iam:SetDefaultPolicyVersion", "iam:DeletePolicy"),
    *("iam:TagPolicy", "iam:UntagPolicy"),
)

CHANGES_NETWORK_ACLS = ("ec2:CreateNetworkAcl*", "ec2:DeleteNetworkAcl*", "ec2:ReplaceNetworkAcl*")
"""The boundaries deny these actions, because the program has no network ACL.

A condition on tags cannot protect the default network ACL of a VPC, because AWS creates this ACL without the project's tags.
"""

NEVER = (
    "iam:DeleteRolePermissionsBoundary",
    *CHANGES_NETWORK_ACLS,
    *("iam:*User*", "iam:*Group*", "iam:*AccessKey*", "iam:*LoginProfile*", "iam:*SAMLProvider*", "iam:*AccountAlias*"),
    *("organizations:*", "account:*"),
)
"""Actions that no pipeline may use.

They remove a boundary, or concern network ACLs, users, groups, SAML, the account or its organization.
"""


USES_OBJECTS = ("s3:Get*", "s3:List*", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload")
"""The S3 actions of the engine and `dwcp` on the state bucket. Other actions could change the bucket or delete object versions."""

USES_KEYS = (*("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey", "kms:Get*", "kms:List*"),)

USES_ITEMS = (*("dynamodb:*Item", "dynamodb:Batch*", "dynamodb:Query", "dynamodb:Scan", "dynamodb:Describe*", "dynamodb:List*"),)


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """The ARNs and aliases of the resources that the boundary of the pipelines' roles protects."""

    roles: Sequence[str]
    """The pipelines' roles themselves."""
    policies: Sequence[str]
    """The permissions boundaries."""
    issuer: str
    """The OIDC provider for GitHub."""
    state: Sequence[str]
    """The objects in the state bucket that concern all environments: those of the account's stack, and the backend's version."""
    state_bucket: str
    lease_table: str
    keys: Sequence[str]
    """The aliases of the keys of the state and of the environments' secrets."""


def keeps_apart(name: str, others: Sequence[str]) -> tuple[Statement, ...]:
    """The statements that deny every action on resources of ``others``: other environments of the account, or :data:`SHARED`.

    The tags of the project do not suffice: AWS does not check the tags of some resources, such as a bucket for which ABAC is not
    enabled, and resources that AWS creates itself do not have these tags. So the statements also select resources in other ways:

    - Buckets, objects, clusters and their parts, roles and KMS aliases are selected by name.
    - KMS keys are selected by alias.
    - What EKS and the controllers create is selected by the cluster's tag: the cluster's security group, Auto Scaling groups, nodes
      and load balancers, for example.

    Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/buckets-tagging.html,
    https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
    """
    named = [
        pattern
        for each in others
        for pattern in (
            f"arn:aws:s3:::{name}-*-{each}-*",
            f"arn:aws:eks:*:*:*/{name}-{each}",
            f"arn:aws:eks:*:*:*/{name}-{each}/*",
            f"arn:aws:iam::*:role/{name}-*-{each}",
            f"arn:aws:kms:*:*:alias/{name}-{each}*",
        )
    ]
    return (
        Statement(
            effect="Deny",
            actions=["*"],
            resources=["*"],
            conditions={"StringEquals": {"aws:ResourceTag/project": name, "aws:ResourceTag/environment": list(others)}},
        ),
        Statement(effect="Deny", actions=["*"], resources=named),
        *(
            Statement(
                effect="Deny",
                actions=["*"],
                resources=["*"],
                conditions={"StringEquals": {f"aws:ResourceTag/kubernetes.io/cluster/{name}-{each}": "owned"}},
            )
            for each in others
        ),
        Statement(
            effect="Deny",
            actions=["kms:*"],
            resources=["*"],
            conditions={"ForAnyValue:StringEquals": {"kms:ResourceAliases": [f"alias/{name}-{each}" for each in others]}},
        ),
    )


def workload_boundary(name: str, others: Sequence[str]) -> pulumi.Output[str]:
    """The boundary of the roles of the cluster, nodes, add-ons, controllers and network of one environment.

    The boundary also excludes the resources of the account's stack, because a pipeline can give such a role any permission within
    the boundary.
    """
    return document(
        Statement(actions=[*(f"{service}:*" for service in WORKLOAD_SERVICES), "eks:Describe*", "eks:List*"], resources=["*"]),
        Statement(
            actions=["iam:CreateServiceLinkedRole"],
            resources=["*"],
            conditions={"StringEquals": {"iam:AWSServiceName": "elasticloadbalancing.amazonaws.com"}},
        ),
        Statement(effect="Deny", actions=list(CHANGES_NETWORK_ACLS), resources=["*"]),
        *keeps_apart(name, [*others, SHARED]),
    )


def pipeline_boundary(workload_boundary_arn: str, guarded: Guarded) -> pulumi.Output[str]:
    """The boundary of a pipeline's role. It protects the pipelines' roles, all boundaries, GitHub's OIDC provider and the state.

    A pipeline can give permissions only to roles with the workload boundary of the pipeline's environment. The pipelines' roles do
    not have this boundary, so no pipeline can give them permissions.
    """
    return document(
        Statement(actions=["*"], resources=["*"]),
        Statement(
            effect="Deny",
            actions=list(GIVES_PERMISSIONS),
            resources=["*"],
            conditions={"StringNotEquals": {"iam:PermissionsBoundary": workload_boundary_arn}},
        ),
        Statement(effect="Deny", actions=[*GIVES_PERMISSIONS, *CHANGES_ROLES], resources=list(guarded.roles)),
        Statement(effect="Deny", actions=list(CHANGES_POLICIES), resources=list(guarded.policies)),
        Statement(
            effect="Deny",
            actions=["iam:*OpenIDConnectProvider*"],
            resources=[guarded.issuer],
        ),
        Statement(effect="Deny", actions=list(NEVER), resources=["*"]),
        Statement(effect="Deny", actions=["s3:PutObject*", "s3:DeleteObject*"], resources=list(guarded.state)),
        Statement(effect="Deny", not_actions=list(USES_OBJECTS), resources=[guarded.state_bucket, f"{guarded.state_bucket}/*"]),
        Statement(effect="Deny", not_actions=list(USES_ITEMS), resources=[guarded.lease_table]),
        Statement(
            effect="Deny",
            not_actions=list(USES_KEYS),
            resources=["arn:aws:kms:*:*:key/*"],
            conditions={"ForAnyValue:StringEquals": {"kms:ResourceAliases": list(guarded.keys)}},
        ),
        Statement(effect="Deny", actions=["kms:*Alias"], resources=[f"arn:aws:kms:*:*:{each}" for each in guarded.keys]),
    )
