"""IAM policy documents as typed values, and roles with the stack's permissions boundary.

The program does not use the provider's function ``getPolicyDocument``, because each document would need a call of the provider,
and a document could be unknown in a preview.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pulumi
from pulumi import ResourceOptions
from pulumi_aws import iam

from components.aws.names import physical_name
from components.settings import EnvironmentSettings

GITHUB_TOKENS = "token.actions.githubusercontent.com"
"""Host of the OIDC issuer for the jobs of GitHub Actions."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of a policy; ``principals`` maps a kind (``Service``, ``AWS``) to one name or more, or is ``"*"``."""

    actions: Sequence[str] = ()
    not_actions: Sequence[str] = ()
    """Every action except these, instead of ``actions``."""
    effect: Literal["Allow", "Deny"] = "Allow"
    resources: Sequence[pulumi.Input[str]] = ()
    principals: Mapping[str, pulumi.Input[str] | Sequence[str]] | Literal["*"] | None = None
    conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])


def document(*statements: Statement) -> pulumi.Output[str]:
    """The policy document with these statements, as JSON."""
    content = {"Version": "2012-10-17", "Statement": [_statement(statement) for statement in statements]}
    return pulumi.Output.from_input(content).apply(_dump)


def service_role(name: str, trusted: pulumi.Input[str], environment: EnvironmentSettings, opts: ResourceOptions) -> iam.Role:
    """A role with the trust policy ``trusted`` and the boundary ``environment.permissionsBoundaryArn``, if the stack has one.

    A pipeline may not create a role without the boundary. So a role that a pipeline creates never has more permissions than the
    boundary allows. The role's name ends with the environment's name, because the pipelines' policies select an environment's roles
    by name. The policies cannot use tags, because IAM does not reliably compare tags when a role is passed.
    """
    return iam.Role(
        name,
        name=physical_name(name, environment),
        assume_role_policy=trusted,
        permissions_boundary=environment.permissions_boundary_arn,
        opts=opts,
    )


def trust(service: str, *, pod_identity: bool = False) -> pulumi.Output[str]:
    """The trust policy that lets an AWS service assume a role.

    With ``pod_identity``, the policy also allows session tags, with which EKS Pod Identity identifies the pod.
    """
    actions = ["sts:AssumeRole", "sts:TagSession"] if pod_identity else ["sts:AssumeRole"]
    return document(Statement(actions=actions, principals={"Service": service}))


def trust_github(
    provider_arn: pulumi.Input[str], subject: str, environment: str, operators: Sequence[str] = ()
) -> pulumi.Output[str]:
    """The trust policy that lets only the jobs of one GitHub environment of one repository, and ``operators``, assume a role.

    ``operators`` are ARNs of roles with which people sign in. There is no condition on MFA, because a session of IAM Identity
    Center does not have the key ``aws:MultiFactorAuthPresent``.
    Sources: https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws,
    https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html.
    """
    jobs = Statement(
        actions=["sts:AssumeRoleWithWebIdentity"],
        principals={"Federated": provider_arn},
        conditions={
            "StringEquals": {
                f"{GITHUB_TOKENS}:aud": "sts.amazonaws.com",
                f"{GITHUB_TOKENS}:sub": f"{subject}:environment:{environment}",
            }
        },
    )
    people = [Statement(actions=["sts:AssumeRole"], principals={"AWS": list(operators)})] if operators else []
    return document(jobs, *people)


def _statement(statement: Statement) -> dict[str, Any]:
    content: dict[str, Any] = {"Effect": statement.effect}
    content |= {"NotAction": list(statement.not_actions)} if statement.not_actions else {"Action": list(statement.actions)}
    if statement.resources:
        content["Resource"] = list(statement.resources)
    if statement.principals is not None:
        content["Principal"] = "*" if statement.principals == "*" else dict(statement.principals)
    if statement.conditions:
        content["Condition"] = {test: dict(values) for test, values in statement.conditions.items()}
    return content


def _dump(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True)
