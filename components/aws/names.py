"""Names that tell one environment's resources from another's in the account that they share."""

from __future__ import annotations

from components.settings import EnvironmentSettings


def physical_name(name: str, environment: EnvironmentSettings) -> str:
    """The name of something that cannot have a random one, since others derive names from it."""
    return f"{name}-{environment.name}"
