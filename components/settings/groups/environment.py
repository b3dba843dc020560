"""The settings group ``environment`` of a stack file."""

from __future__ import annotations

from typing import Annotated, Literal

from components.settings.groups._group import Group
from components.settings.types import PolicyArn, Region, TagValue, Variable
from contract import MANAGED_BY_CLUSTER, PROJECT, EnvironmentName


class EnvironmentSettings(Group):
    """The environment, region and owner of the stack."""

    name: Annotated[EnvironmentName, Variable("NODE_ENV")]
    """Environment of the stack; it determines which safety rules apply (guide: Terraform Usage)."""
    region: Region = "us-east-1"
    """AWS region of all resources in the stack (AWS: Regions)."""
    deployment: Literal["direct", "staged"] = "direct"
    """`direct`: `dwcp deploy` updates all pods; `staged`: `dwcp deploy` prepares a canary for `dwcp rollout` (docs: Rollout)."""
    owner: TagValue = "platform"
    """Tag `owner` of all resources: the team that is responsible for them (AWS: tagging best practices)."""
    cost_center: TagValue = "dwcp"
    """Tag `cost-center` of all resources: the budget that pays for them (AWS: tagging best practices)."""
    permissions_boundary_arn: PolicyArn | None = None
    """Policy that limits the stack's roles; `bootstrap/` creates it (AWS: permissions boundaries)."""

    @property
    def tags(self) -> dict[str, str]:
        """The tags of all AWS resources in the stack."""
        return {
            "project": PROJECT,
            "environment": self.name,
            "owner": self.owner,
            "cost-center": self.cost_center,
            "managed-by": "pulumi",
        }

    @property
    def cluster_tags(self) -> dict[str, str]:
        """The tags of the resources that add-ons and node groups create. These resources are never in the stack's state."""
        return {**self.tags, "managed-by": MANAGED_BY_CLUSTER}
