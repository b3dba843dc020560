"""The settings group ``dwcp`` of a stack file.

To add an environment variable of the service, add a field with ``Variable`` to this group. The pod, the Docker container and
``docs/app-contract.md`` get the variable from the field.
"""

from __future__ import annotations

from typing import Annotated

from annotated_types import Interval

from components.settings.groups._group import Group
from components.settings.types import SemanticVersion, Variable, Whole


class DwcpSettings(Group):
    """The DWCP protocol of the service."""

    version: Annotated[SemanticVersion, Variable("DWCP_VERSION")] = "3.0.0"
    """Protocol version (guide: Environment Variables)."""
    max_connections: Annotated[Whole, Interval(ge=1, le=1_000_000), Variable("MAX_CONNECTIONS")] = 1000
    """Maximum number of concurrent connections per pod; more connections get status 503 (guide: Environment Variables)."""
    buffer_size_bytes: Annotated[Whole, Interval(ge=1, le=2**30), Variable("BUFFER_SIZE")] = 65536
    """Maximum size of a frame, in bytes (guide: Environment Variables)."""
