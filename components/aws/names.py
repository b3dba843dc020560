"""Physical names that are unique across the environments of one account."""

from __future__ import annotations

from components.settings import EnvironmentSettings


def physical_name(name: str, environment: EnvironmentSettings) -> str:
    """The physical name of a resource without Pulumi's random suffix, for resources on whose name other names depend."""
    return f"{name}-{environment.name}"
