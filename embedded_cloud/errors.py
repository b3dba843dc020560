"""The exceptions of this package."""

from __future__ import annotations


class EmbeddedCloudError(Exception):
    """A problem of the embedded cloud, and how to fix it. A command prints this error without a traceback."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(f"{problem}\n  fix: {fix}")
        self.problem = problem
        self.fix = fix
