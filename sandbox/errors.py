"""The exception root of this package."""

from __future__ import annotations

from embedded_cloud.errors import EmbeddedCloudError


class SandboxError(EmbeddedCloudError):
    """An expected failure of the sandbox, with its fix; the command prints it without a traceback."""
