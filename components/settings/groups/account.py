"""The settings group ``account`` of a stack file."""

from __future__ import annotations

from components.settings.groups._group import Group
from components.settings.types import BucketName, GithubSubject, OidcProviderArn, Region
from contract import STATE_BUCKET


class AccountSettings(Group):
    """The account's own stack in `bootstrap/`: GitHub's pipelines sign in with OpenID Connect, so that no key is stored."""

    region: Region = "us-east-1"
    """AWS region of the account's stack; roles are valid in every region (AWS: IAM is global)."""
    subject: GithubSubject = "repo:novacron/novacron"
    """Repository as its OIDC tokens name it; since July 2026 `repo:OWNER@ID/NAME@ID` (guide: GitHub Actions Workflows)."""
    provider_arn: OidcProviderArn | None = None
    """OIDC provider for GitHub, of which an account can have only one; null creates it (AWS: OIDC federation)."""
    state_bucket: BucketName = STATE_BUCKET
    """Bucket of the Pulumi state, which `dwcp state bootstrap` creates; its name is unique in AWS (guide: State Management)."""
