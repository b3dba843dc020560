"""The settings group ``environment`` of a stack file."""

from __future__ import annotations

from typing import Annotated, Literal

from components.settings.groups._group import Group
from components.settings.types import PolicyArn, Region, TagValue, Variable
from contract import PROJECT, EnvironmentName


class EnvironmentSettings(Group):
    """The environment, region and owner of the stack."""

    name: Annotated[EnvironmentName, Variable("NODE_ENV")]
    """Environment of the stack, which determines the safety rules that apply (guide: Terraform Usage)."""
    region: Region = "us-east-1"
    """AWS region of all resources in the stack (AWS: Regions)."""
    deployment: Literal["direct", "staged"] = "direct"
    """`direct`: `dwcp deploy` updates stable; `staged`: it deploys the canary at 0 % for `dwcp rollout` (docs: Rollout)."""
    owner: TagValue = "platform"
    """Team that is responsible for the resources: their `owner` tag (AWS: tagging best practices)."""
    cost_center: TagValue = "dwcp"
    """Budget that pays for the resources: their `cost-center` tag (AWS: tagging best practices)."""
    permissions_boundary_arn: PolicyArn | None = None
    """Policy that limits the stack's roles; `bootstrap/` creates it (AWS: permissions boundaries)."""

    @property
    def tags(self) -> dict[str, str]:
        """The default tags of all resources in the stack, also of resources that AWS services create."""
        return {
            "project": PROJECT,
            "environment": self.name,
            "owner": self.owner,
            "cost-center": self.cost_center,
            "managed-by": "pulumi",
        }
