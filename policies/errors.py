"""The exceptions of the policies."""

from __future__ import annotations


class PolicyError(Exception):
    """The base of the policies' exceptions, with the problem, which names the thing and its value, and the fix."""

    def __init__(self, problem: str, fix: str = "") -> None:
        super().__init__(f"{problem}\n  fix: {fix}" if fix else problem)
        self.problem = problem
        self.fix = fix


class WrongTypeError(PolicyError):
    """A property does not have the type that its resource's schema defines."""
