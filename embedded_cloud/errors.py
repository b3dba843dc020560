"""The sandbox's exception root."""

from __future__ import annotations


class SandboxError(Exception):
    """Something the sandbox needs is wrong; carries the way out, printed by the command without a traceback."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(f"{problem}\n  fix: {fix}")
        self.problem = problem
        self.fix = fix
