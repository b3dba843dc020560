"""Physical names that are unique among the environments of one account."""

from __future__ import annotations

from components.settings import EnvironmentSettings


def physical_name(name: str, environment: EnvironmentSettings) -> str:
    """The name of a resource that cannot have a random suffix, since other names are derived from it."""
    return f"{name}-{environment.name}"
