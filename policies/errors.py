"""The exception root of the policies."""

from __future__ import annotations


class PolicyError(Exception):
    """Whatever the policies refuse: the problem, which names the thing and its value, and the way out."""

    def __init__(self, problem: str, fix: str = "") -> None:
        super().__init__(f"{problem}\n  fix: {fix}" if fix else problem)
        self.problem = problem
        self.fix = fix


class WrongTypeError(PolicyError):
    """A property is not of the type that its resource's schema gives it."""
