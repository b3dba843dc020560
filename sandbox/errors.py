"""The exception root of this package."""

from __future__ import annotations

from embedded_cloud.errors import EmbeddedCloudError


class SandboxError(EmbeddedCloudError):
    """Something of the sandbox is wrong; the command prints it, with its fix, and no traceback."""
