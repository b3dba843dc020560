"""Physical names that are unique across the environments of one account."""

from __future__ import annotations

from components.settings import EnvironmentSettings


def physical_name(name: str, environment: EnvironmentSettings) -> str:
    """``name`` with the environment in place of Pulumi's random suffix, for names that policies or other resources contain."""
    return f"{name}-{environment.name}"
