"""The exceptions of this package."""

from __future__ import annotations


class EmbeddedCloudError(Exception):
    """A problem of the embedded cloud, with its fix; a command prints it without a traceback."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(f"{problem}\n  fix: {fix}")
        self.problem = problem
        self.fix = fix
