"""The exception root of this package."""

from __future__ import annotations

from embedded_cloud.errors import EmbeddedCloudError


class SandboxError(EmbeddedCloudError):
    """An expected failure of the sandbox; the command prints it, with its fix, without a traceback."""
