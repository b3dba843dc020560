"""Names and tags: what tells one environment's resources from another's in the account that they share."""

from __future__ import annotations

from components.settings import EnvironmentSettings
from contract import PROJECT


def tags_of(environment: EnvironmentSettings) -> dict[str, str]:
    """The tags of everything in a stack: by the provider, or in plain text where AWS itself makes something."""
    return {
        "project": PROJECT,
        "environment": environment.name,
        "owner": environment.owner,
        "cost-center": environment.cost_center,
        "managed-by": "pulumi",
    }


def physical_name(name: str, environment: EnvironmentSettings) -> str:
    """The name of something that cannot have a random one, since others derive names from it."""
    return f"{name}-{environment.name}"
