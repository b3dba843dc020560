"""The base class of this package's exceptions."""

from __future__ import annotations

from embedded_cloud.errors import EmbeddedCloudError


class SandboxError(EmbeddedCloudError):
    """An expected failure of the sandbox, and how to fix it. The command prints this error without a traceback."""
