"""The exception root of this package."""

from __future__ import annotations


class EmbeddedCloudError(Exception):
    """Something the embedded cloud needs is wrong; carries the fix, for a command to print without a traceback."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(f"{problem}\n  fix: {fix}")
        self.problem = problem
        self.fix = fix
