"""Who GitHub's pipelines are to AWS: a role that deploys and one that reads, each for one GitHub environment."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi import ResourceOptions
from pulumi_aws import iam

from components.aws.iam import GITHUB_TOKENS, Statement, document, trust_github
from components.component import Component
from components.settings import Settings

PREVIEW_ENVIRONMENT = "preview"
"""GitHub's environment of previews and drift; deployments have their stack's own, with its reviewers."""

SESSION_SECONDS = 2 * 60 * 60
"""A first `up` makes a cluster and its nodes, which takes up to 40 minutes; a rollout waits three times."""

REGIONAL = ("acm", "cloudwatch", "dynamodb", "ec2", "eks", "elasticloadbalancing", "kms", "logs", "sns")
ARNS = {
    **{service: f"arn:aws:{service}:*:*:*" for service in REGIONAL},
    # Their names hold neither region nor account.
    "route53": "arn:aws:route53:::*",
    "s3": "arn:aws:s3:::*",
}
"""The services in which the program makes something, or delivery writes, and how they name things."""

WITHOUT_ARN = ("acm:RequestCertificate", "kms:CreateKey", "tag:GetResources")
"""Actions on what has no name yet, or on everything (AWS: Service Authorization Reference)."""

READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


@dataclass(frozen=True, kw_only=True)
class PipelineAccessArgs:
    """What the roles need to know."""

    settings: Settings


class PipelineAccess(Component):
    """Short-lived credentials for pipelines: each role trusts the jobs of one GitHub environment of one repository.

    The roles' names are fixed, since `cluster.ciRoleArn` and GitHub's variables name them.
    """

    deploy_role_arn: pulumi.Output[str]
    """`ROLE_ARN` of GitHub's environment of the stack."""
    preview_role_arn: pulumi.Output[str]
    """`STAGING_PREVIEW_ROLE_ARN` or `PRODUCTION_PREVIEW_ROLE_ARN`."""

    def __init__(self, name: str, args: PipelineAccessArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._child = ResourceOptions(parent=self)
        self._subject = args.settings.pipelines.subject
        self._provider_arn = args.settings.pipelines.provider_arn or self._issuer(f"{name}-github")
        stack = args.settings.environment.name
        deploy = self._role(f"{name}-{stack}-deploy", stack, _makes_the_platform(name))
        preview = self._role(f"{name}-{stack}-preview", PREVIEW_ENVIRONMENT, _reads_state(name))
        iam.RolePolicyAttachment(f"{name}-{stack}-preview", role=preview.name, policy_arn=READ_ONLY, opts=self._child)
        self.deploy_role_arn = deploy.arn
        self.preview_role_arn = preview.arn
        self.publish()

    def _issuer(self, name: str) -> pulumi.Output[str]:
        return iam.OpenIdConnectProvider(
            name, url=f"https://{GITHUB_TOKENS}", client_id_lists=["sts.amazonaws.com"], opts=self._child
        ).arn

    def _role(self, name: str, environment: str, policy: pulumi.Output[str]) -> iam.Role:
        role = iam.Role(
            name,
            name=name,
            description=f"GitHub's jobs of the environment {environment}",
            assume_role_policy=trust_github(self._provider_arn, self._subject, environment),
            max_session_duration=SESSION_SECONDS,
            opts=self._child,
        )
        iam.RolePolicy(name, role=role.name, policy=policy, opts=self._child)
        return role


def _makes_the_platform(name: str) -> pulumi.Output[str]:
    """Everything in the services of the program; of IAM only roles whose names begin as the program's do, and two issuers."""
    roles = [f"arn:aws:iam::*:role/{name}*"]
    reads = [f"{service}:{verb}*" for service in ARNS for verb in ("Describe", "Get", "List")]
    return document(
        Statement(actions=[f"{service}:*" for service in ARNS], resources=list(ARNS.values())),
        Statement(actions=[*reads, *WITHOUT_ARN], resources=["*"]),
        Statement(actions=["iam:Get*", "iam:List*"], resources=["*"]),
        Statement(
            actions=[
                *("iam:CreateRole", "iam:DeleteRole", "iam:UpdateRole", "iam:UpdateAssumeRolePolicy", "iam:PassRole"),
                *("iam:TagRole", "iam:UntagRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy"),
                *("iam:AttachRolePolicy", "iam:DetachRolePolicy"),
            ],
            resources=roles,
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
            resources=["arn:aws:iam::*:oidc-provider/*"],
        ),
        Statement(actions=["iam:CreateServiceLinkedRole"], resources=["arn:aws:iam::*:role/aws-service-role/*"]),
    )


def _reads_state(name: str) -> pulumi.Output[str]:
    """A preview by the engine opens the state's secrets, whose keys go by these aliases (``dwcp state bootstrap``)."""
    return document(
        Statement(
            actions=["kms:Decrypt", "kms:DescribeKey"],
            resources=["arn:aws:kms:*:*:key/*"],
            conditions={"ForAnyValue:StringLike": {"kms:ResourceAliases": f"alias/{name}-*"}},
        )
    )
