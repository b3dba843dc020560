"""The settings group ``environment`` of a stack file."""

from __future__ import annotations

from typing import Literal

from components.settings.groups.group import Group
from components.settings.types import PolicyArn, Region, TagValue


class EnvironmentSettings(Group):
    """Which environment the stack is, and who pays for it."""

    name: Literal["local", "staging", "production"]
    """The environment; it decides which safety rules hold (guide: Terraform Usage)."""
    region: Region = "us-east-1"
    """AWS region of everything in the stack (AWS: Regions)."""
    deployment: Literal["direct", "staged"] = "direct"
    """What `dwcp deploy` does: update stable, or stage the release at 0 % of the traffic for `dwcp rollout` (docs: Rollout)."""
    owner: TagValue = "platform"
    """Team that answers for the resources, as their `owner` tag (AWS: tagging best practices)."""
    cost_center: TagValue = "dwcp"
    """Whose budget pays, as the resources' `cost-center` tag (AWS: tagging best practices)."""
    permissions_boundary_arn: PolicyArn | None = None
    """The most that the stack's roles can be given; `bootstrap/` makes it (AWS: permissions boundaries)."""
