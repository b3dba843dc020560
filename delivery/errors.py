"""The exception root of delivery and what its exit codes mean."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How a ``dwcp`` command ended; scripts and pipelines may rely on the numbers."""

    DONE = 0
    FAILED = 1
    """Something was tried and went wrong, or a check found something."""
    USAGE = 2
    """The command line itself is wrong; nothing was touched."""
    HELD = 3
    """Stopped half-way on purpose, traffic as the report says: a person has to decide."""
    WARNED = 4
    """What was looked at works, but something will go wrong unless it is seen to."""
    UNCHECKED = 5
    """Nothing wrong was seen, and something could not be looked at."""
    DEFECT = 70
    """The command itself is broken (``EX_SOFTWARE`` of sysexits.h)."""


class DeliveryError(Exception):
    """Whatever a command refuses or fails at: the problem, which names the thing and its value, and the way out."""

    exit_code = ExitCode.FAILED

    def __init__(self, problem: str, fix: str = "") -> None:
        super().__init__(f"{problem}\n  fix: {fix}" if fix else problem)
        self.problem = problem
        self.fix = fix


class UsageError(DeliveryError):
    """An option or argument that cannot be meant; raised before anything is touched."""

    exit_code = ExitCode.USAGE
