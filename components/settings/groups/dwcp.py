"""The settings group ``dwcp`` of a stack file."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Interval

from components.settings.groups._group import Group
from components.settings.types import ReleaseVersion, Whole


class DwcpSettings(Group):
    """The DWCP protocol of the service."""

    version: ReleaseVersion = "3.0.0"
    """`DWCP_VERSION`, the protocol version (guide: Environment Variables)."""
    max_connections: Annotated[Whole, Interval(ge=1, le=1_000_000)] = 1000
    """`MAX_CONNECTIONS`, the maximum of concurrent connections per pod (guide: Environment Variables)."""
    buffer_size_bytes: Annotated[Whole, Interval(ge=1, le=2**30)] = 65536
    """`BUFFER_SIZE` in bytes (guide: Environment Variables)."""
