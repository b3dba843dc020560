"""The tags of all AWS resources in a stack."""

from __future__ import annotations

from components.settings import EnvironmentSettings
from contract import PROJECT


def tags_of(environment: EnvironmentSettings) -> dict[str, str]:
    """The tags of all resources in a stack: for the provider's default tags, and for resources that AWS services create."""
    return {
        "project": PROJECT,
        "environment": environment.name,
        "owner": environment.owner,
        "cost-center": environment.cost_center,
        "managed-by": "pulumi",
    }
