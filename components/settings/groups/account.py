"""The settings group ``account`` of a stack file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field
from typing_extensions import override

from components.settings.groups._group import Conflict, Group
from components.settings.types import BucketName, DnsName, GithubSubject, OidcProviderArn, Region, RoleArn, unique
from contract import STATE_BUCKET

PipelineEnvironment = Literal["staging", "production"]
"""The environments that pipelines deploy."""
HOST_EXAMPLES: dict[PipelineEnvironment, str] = {"staging": "dwcp.staging.example.com", "production": "dwcp.example.com"}


class AccountSettings(Group):
    """The account's own stack in `bootstrap/`: GitHub's pipelines sign in with OpenID Connect, so that no key is stored."""

    region: Region = "us-east-1"
    """AWS region of the account's stack; roles are valid in every region (AWS: IAM is global)."""
    subject: GithubSubject = "repo:novacron/novacron"
    """Repository: `repo:OWNER/NAME`, or `repo:OWNER@ID/NAME@ID` if created or renamed since July 2026 (GitHub: OpenID Connect)."""
    provider_arn: OidcProviderArn | None = None
    """ARN of the account's OIDC provider for GitHub, if one exists; null creates the provider (AWS: OIDC federation)."""
    hosts: dict[PipelineEnvironment, DnsName] = Field(default={})
    """`loadBalancer.host` of each environment; its pipeline may set DNS records only of this host and its subdomains (AWS: IAM)."""
    operator_role_arns: dict[PipelineEnvironment, Annotated[tuple[RoleArn, ...], AfterValidator(unique)]] = Field(
        default={}, examples=[{name: ["arn:aws:iam::111122223333:role/platform-admin"] for name in get_args(PipelineEnvironment)}]
    )
    """IAM roles with which people sign in, by environment; each may assume the environment's deploy role (docs: On AWS)."""
    state_bucket: BucketName = STATE_BUCKET
    """Bucket of the Pulumi state, with a globally unique name; `dwcp state bootstrap` creates it (guide: State Management)."""

    @override
    def conflicts(self) -> Iterator[Conflict]:
        for environment in get_args(PipelineEnvironment):
            if environment not in self.hosts:
                problem = f"is missing: the pipeline of {environment} could not change its DNS records"
                yield f"hosts.{environment}", problem, HOST_EXAMPLES[environment]
