"""The base exceptions and the exit codes of the ``dwcp`` commands."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The result of a ``dwcp`` command; scripts and pipelines may rely on the numbers."""

    DONE = 0
    FAILED = 1
    """The command failed, or a check found something."""
    USAGE = 2
    """The command line itself is wrong; nothing was changed."""
    HELD = 3
    """The rollout is on hold until a person decides. The output shows its share of the traffic."""
    WARNED = 4
    """Everything works, but a warning needs attention."""
    UNCHECKED = 5
    """No problem was found, but not everything could be checked."""
    DEFECT = 70
    """The command itself has a bug (``EX_SOFTWARE`` of sysexits.h)."""


class DeliveryError(Exception):
    """Base class of all errors that a command reports. ``problem`` names the thing and its value; ``fix`` is the next step."""

    exit_code = ExitCode.FAILED

    def __init__(self, problem: str, fix: str = "") -> None:
        super().__init__(f"{problem}\n  fix: {fix}" if fix else problem)
        self.problem = problem
        self.fix = fix


class UsageError(DeliveryError):
    """An invalid option or argument; raised before any change."""

    exit_code = ExitCode.USAGE


class StateError(DeliveryError):
    """A problem with the state backend, a state, a backup, a lock or the lease."""


class LeaseHeldError(StateError):
    """Another command holds the environment's lease; ``owner`` describes the process of that command."""

    def __init__(self, problem: str, fix: str, *, owner: str) -> None:
        super().__init__(problem, fix)
        self.owner = owner


class LeaseLostError(StateError):
    """The lease expired or another owner took it. This command must not change anything any more."""
