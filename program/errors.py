"""The exceptions of this package."""

from __future__ import annotations


class ProgramError(Exception):
    """The base of the package's exceptions. ``problem`` says what is wrong, with the wrong value; ``fix`` says what to do."""

    def __init__(self, problem: str, fix: str = "") -> None:
        super().__init__(f"{problem}\n  fix: {fix}" if fix else problem)
        self.problem = problem
        self.fix = fix


class EvaluationError(ProgramError):
    """The program cannot be evaluated: it raises an exception, its settings are wrong, or it does not end in time."""
