"""The IAM roles of the pipelines in GitHub Actions: for each environment, one role that deploys and one role that reads.

People may assume the role that deploys if the settings name the roles with which they sign in (``account.operatorRoleArns``).
The permissions boundaries in ``_boundaries.py`` also limit what a role may do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import get_args

import pulumi
import pulumi_aws as aws
from pulumi import InvokeOptions, ResourceOptions
from pulumi_aws import iam

from components.account._boundaries import (
    CHANGES_ROLES,
    GIVES_PERMISSIONS,
    USES_OBJECTS,
    Guarded,
    keeps_apart,
    pipeline_boundary,
    workload_boundary,
)
from components.aws.iam import GITHUB_TOKENS, Statement, document, trust_github
from components.component import Component
from components.settings import AccountSettings, PipelineEnvironment
from contract import LEASE_TABLE, PROJECT, STATE_KEY_ALIAS, secrets_alias

ACCOUNT_PROJECT = f"{PROJECT}-account"
"""The name of the project in `bootstrap/Pulumi.yaml`. The path of the account's state in the bucket contains this name."""

ENVIRONMENTS: tuple[PipelineEnvironment, ...] = get_args(PipelineEnvironment)
PREVIEW_ENVIRONMENT = "preview"
"""The GitHub environment of jobs that preview or detect drift. A job that deploys uses the GitHub environment of its stack."""

SESSION_SECONDS = 2 * 60 * 60
"""Maximum duration of a session. A first `pulumi up` takes up to 40 minutes, and a rollout waits at three steps."""

REGIONAL = ("acm", "cloudwatch", "dynamodb", "ec2", "eks", "elasticloadbalancing", "kms", "logs", "sns")
ARNS = {
    **{service: f"arn:aws:{service}:*:*:*" for service in REGIONAL},
}
"""The regional services whose resources the program and `dwcp` change, each with a pattern for the ARNs of its resources."""

WITHOUT_ARN = (
    *("acm:RequestCertificate", "cloudwatch:PutMetricData", "eks:CreateCluster", "kms:CreateKey"),
    *("sns:SetSubscriptionAttributes", "sns:Unsubscribe", "tag:GetResources"),
)
"""Actions that do not support a resource's ARN, or that create the resource (AWS: Service Authorization Reference).

So no policy can limit the two actions on SNS subscriptions to one environment.
"""

SERVICES_WITH_ROLES = ("ec2.amazonaws.com", "eks.amazonaws.com", "pods.eks.amazonaws.com", "vpc-flow-logs.amazonaws.com")
"""The services to which the program passes roles."""

READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


@dataclass(frozen=True, kw_only=True)
class PipelineAccessArgs:
    """Inputs of :class:`PipelineAccess`."""

    settings: AccountSettings


class PipelineAccess(Component):
    """The pipelines' roles and the boundaries. A role gives short-lived credentials to the jobs of one GitHub environment.

    The names of the roles are fixed, because GitHub's variables and the stack files (`cluster.ciRoleArn`, `cluster.previewRoleArn`)
    contain them.
    """

    roles: pulumi.Output[dict[str, str]]
    """The ARN of each role by its short name, such as ``staging-deploy``, for GitHub's variables and the stack files."""
    workload_boundaries: pulumi.Output[dict[str, str]]
    """For each environment, the value of `environment.permissionsBoundaryArn` for the stack file."""

    def __init__(self, name: str, args: PipelineAccessArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._name = name
        self._settings = args.settings
        # Protected from deletion: without the roles, the pipelines stop; without the boundaries, a pipeline could give a role any
        # permission; without the OIDC provider, no job can assume a role.
        self._child = ResourceOptions(parent=self, protect=True)
        account = aws.get_caller_identity_output(opts=InvokeOptions(parent=self)).account_id
        self._provider_arn = args.settings.provider_arn or self._issuer(f"{name}-github")
        roles: list[iam.Role] = []
        boundaries: dict[str, pulumi.Output[str]] = {}
        for environment in ENVIRONMENTS:
            others = [each for each in ENVIRONMENTS if each != environment]
            boundaries[environment] = self._policy(
                f"{environment}-workloads",
                f"The most that a role of {environment} can be given",
                workload_boundary(name, others),
            ).arn
            pipelines = self._policy(
                f"{environment}-pipelines",
                f"The most that a pipeline's role of {environment} can be given",
                account.apply(partial(self._pipeline_boundary, environment)),
            )
            roles += self._roles(environment, others, pipelines)
        self.roles = pulumi.Output.all(*(role.arn for role in roles)).apply(_by_role)
        self.workload_boundaries = pulumi.Output.all(**boundaries)
        self.publish()

    def _issuer(self, name: str) -> pulumi.Output[str]:
        return iam.OpenIdConnectProvider(
            name, url=f"https://{GITHUB_TOKENS}", client_id_lists=["sts.amazonaws.com"], opts=self._child
        ).arn

    def _policy(self, suffix: str, description: str, content: pulumi.Output[str]) -> iam.Policy:
        name = f"{self._name}-{suffix}"
        return iam.Policy(name, name=name, description=description, policy=content, opts=self._child)

    def _pipeline_boundary(self, environment: str, account: str) -> pulumi.Output[str]:
        iam_arn = f"arn:aws:iam::{account}"
        bucket = f"arn:aws:s3:::{self._settings.state_bucket}"
        guarded = Guarded(
            roles=[f"{iam_arn}:role/{self._name}-{each}-{kind}" for each in ENVIRONMENTS for kind in ("deploy", "preview")],
            policies=[f"{iam_arn}:policy/{self._name}-*"],
            issuer=f"{iam_arn}:oidc-provider/{GITHUB_TOKENS}",
            state=[f"{bucket}/*/{ACCOUNT_PROJECT}/*", f"{bucket}/*.pulumi/meta.yaml"],
            state_bucket=bucket,
            lease_table=f"arn:aws:dynamodb:*:*:table/{LEASE_TABLE}",
            keys=[STATE_KEY_ALIAS, *map(secrets_alias, ENVIRONMENTS)],
        )
        return pipeline_boundary(f"{iam_arn}:policy/{self._name}-{environment}-workloads", guarded)

    def _roles(self, environment: PipelineEnvironment, others: Sequence[str], boundary: iam.Policy) -> tuple[iam.Role, iam.Role]:
        name = f"{self._name}-{environment}"
        operators = self._settings.operator_role_arns.get(environment, ())
        deploy = self._role(f"{name}-deploy", environment, self._deploy_policy(environment, others), boundary, operators)
        preview = self._role(f"{name}-preview", PREVIEW_ENVIRONMENT, _preview_policy(self._name, environment), boundary)
        iam.RolePolicyAttachment(f"{name}-preview", role=preview.name, policy_arn=READ_ONLY, opts=self._child)
        return deploy, preview

    def _role(
        self, name: str, environment: str, policy: pulumi.Output[str], boundary: iam.Policy, operators: Sequence[str] = ()
    ) -> iam.Role:
        role = iam.Role(
            name,
            name=name,
            description=f"GitHub's jobs of the environment {environment}",
            assume_role_policy=trust_github(self._provider_arn, self._settings.subject, environment, operators),
            max_session_duration=SESSION_SECONDS,
            permissions_boundary=boundary.arn,
            opts=self._child,
        )
        iam.RolePolicy(name, role=role.name, policy=policy, opts=self._child)
        return role

    def _deploy_policy(self, environment: PipelineEnvironment, others: Sequence[str]) -> pulumi.Output[str]:
        """A policy that allows the program's changes on AWS, except on resources of ``others``, the other environments.

        In IAM, the policy allows changes of the environment's roles and of the clusters' OIDC providers, and the creation of
        service-linked roles. The role's boundary limits these permissions further.
        """
        name, host = self._name, self._settings.hosts[environment]
        state = f"arn:aws:s3:::{self._settings.state_bucket}"
        roles = [f"arn:aws:iam::*:role/{name}-*-{environment}"]
        reads = [f"{service}:{verb}*" for service in (*ARNS, "route53") for verb in ("Describe", "Get", "List")]
        return document(
            Statement(actions=[f"{service}:*" for service in ARNS], resources=list(ARNS.values())),
            Statement(actions=[*reads, *WITHOUT_ARN], resources=["*"]),
            Statement(actions=["s3:*"], resources=[f"arn:aws:s3:::{name}-*-{environment}-*"]),
            Statement(actions=list(USES_OBJECTS), resources=[state, f"{state}/*"]),
            Statement(
                actions=["route53:ChangeResourceRecordSets"],
                resources=["arn:aws:route53:::hostedzone/*"],
                conditions={
                    "ForAllValues:StringLike": {"route53:ChangeResourceRecordSetsNormalizedRecordNames": [host, f"*.{host}"]}
                },
            ),
            Statement(actions=["iam:Get*", "iam:List*"], resources=["*"]),
            Statement(actions=[*GIVES_PERMISSIONS, *(each for each in CHANGES_ROLES if each != "iam:PassRole")], resources=roles),
            Statement(
                actions=["iam:PassRole"],
                resources=roles,
                conditions={"StringEquals": {"iam:PassedToService": list(SERVICES_WITH_ROLES)}},
            ),
            Statement(
                effect="Deny",
                actions=["iam:AttachRolePolicy"],
                resources=["*"],
                conditions={"ArnEquals": {"iam:PolicyARN": ADMINISTRATOR}},
            ),
            Statement(
                actions=[
                    *("iam:CreateOpenIDConnectProvider", "iam:DeleteOpenIDConnectProvider", "iam:TagOpenIDConnectProvider"),
                    *("iam:UntagOpenIDConnectProvider", "iam:UpdateOpenIDConnectProviderThumbprint"),
                    *("iam:AddClientIDToOpenIDConnectProvider", "iam:RemoveClientIDFromOpenIDConnectProvider"),
                ],
                resources=["arn:aws:iam::*:oidc-provider/oidc.eks.*"],
            ),
            Statement(actions=["iam:CreateServiceLinkedRole"], resources=["arn:aws:iam::*:role/aws-service-role/*"]),
            *keeps_apart(name, others),
            Statement(
                effect="Deny",
                actions=["s3:PutObject*", "s3:DeleteObject*"],
                resources=[f"{state}/*/{each}{end}" for each in others for end in (".json*", "/*")],
            ),
            Statement(
                effect="Deny",
                actions=["dynamodb:*"],
                resources=["*"],
                conditions={
                    "ForAnyValue:StringLike": {"dynamodb:LeadingKeys": [each + end for each in others for end in ("", "/*")]}
                },
            ),
        )


def _by_role(arns: Sequence[str]) -> dict[str, str]:
    """The ARNs by short name: ``staging-deploy`` for ``...:role/dwcp-v3-staging-deploy``."""
    return {"-".join(arn.rsplit("-", 2)[1:]): arn for arn in arns}


def _preview_policy(name: str, environment: str) -> pulumi.Output[str]:
    """A policy that allows a preview to decrypt the state and its secrets, with the keys that ``dwcp state bootstrap`` creates."""
    return document(
        Statement(
            actions=["kms:Decrypt", "kms:DescribeKey"],
            resources=["arn:aws:kms:*:*:key/*"],
            conditions={
                "ForAnyValue:StringEquals": {"kms:ResourceAliases": [f"alias/{name}-{environment}", f"alias/{name}-state"]}
            },
        )
    )
