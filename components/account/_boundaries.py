"""Permissions boundaries: the maximum permissions of a role, whatever policy is attached to it later.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from components.aws.iam import Statement, document

WORKLOAD_SERVICES = (
    *("autoscaling", "cloudwatch", "ec2", "ec2messages", "ecr", "eks", "eks-auth", "elasticloadbalancing", "kms", "logs"),
    *("ssm", "ssmmessages", "xray"),
)
"""The services in the policies of the cluster, nodes, add-ons, controllers and flow logs. IAM is not one of them."""

GIVES_PERMISSIONS = (
    *("iam:CreateRole", "iam:PutRolePermissionsBoundary"),
    *("iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:AttachRolePolicy", "iam:DetachRolePolicy"),
)
"""The actions on roles that support the condition key `iam:PermissionsBoundary`, whose value is the boundary of the role.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
"""

CHANGES_ROLES = (
    *("iam:DeleteRole", "iam:UpdateRole", "iam:UpdateRoleDescription", "iam:UpdateAssumeRolePolicy", "iam:PassRole"),
    *("iam:TagRole", "iam:UntagRole"),
)
"""The other actions that change a role, or pass it to a service."""

CHANGES_POLICIES = (
    *("iam:CreatePolicyVersion", "iam:DeletePolicyVersion", "iam:SetDefaultPolicyVersion", "iam:DeletePolicy"),
    *("iam:TagPolicy", "iam:UntagPolicy"),
)

NEVER = (
    "iam:DeleteRolePermissionsBoundary",
    *("iam:*User*", "iam:*Group*", "iam:*AccessKey*", "iam:*LoginProfile*", "iam:*SAMLProvider*", "iam:*AccountAlias*"),
    *("organizations:*", "account:*"),
)
"""Actions that no pipeline may use: they remove a limit, or create an identity without one."""


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """The ARNs that the pipelines' roles must not change."""

    roles: Sequence[str]
    """The pipelines' roles themselves."""
    policies: Sequence[str]
    """The permissions boundaries."""
    issuer: str
    """The OIDC provider for GitHub."""
    state: Sequence[str]
    """The objects of the account's stack in the state bucket."""


def workload_boundary() -> pulumi.Output[str]:
    """The boundary of the roles of the cluster, nodes, add-ons, controllers and network."""
    return document(
        Statement(actions=[f"{service}:*" for service in WORKLOAD_SERVICES], resources=["*"]),
        Statement(
            actions=["iam:CreateServiceLinkedRole"],
            resources=["*"],
            conditions={"StringEquals": {"iam:AWSServiceName": "elasticloadbalancing.amazonaws.com"}},
        ),
    )


def pipeline_boundary(workload_boundary_arn: str, guarded: Guarded) -> pulumi.Output[str]:
    """The boundary of a pipeline's role. It allows everything except to extend the permissions of this or another role.

    The role can give permissions only to roles that have the workloads' boundary. The pipelines' roles do not have that boundary.
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
    )
