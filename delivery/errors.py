"""The base exceptions and the exit codes of the ``dwcp`` commands."""

from __future__ import annotations

from enum import IntEnum

from program.errors import ProgramError


class ExitCode(IntEnum):
    """The result of a ``dwcp`` command; scripts and pipelines may rely on the numbers."""

    DONE = 0
    FAILED = 1
    """The command failed, or a check found a problem."""
    USAGE = 2
    """The command line is wrong, a prerequisite is missing, or the user did not confirm; nothing was changed."""
    HELD = 3
    """A rollout is on hold until a person decides. For ``dwcp preview``: the program at the base commit fails."""
    WARNED = 4
    """Everything works, but a warning needs attention."""
    UNCHECKED = 5
    """No problem was found, but not everything could be checked."""
    DEFECT = 70
    """The command itself has a bug (``EX_SOFTWARE`` of sysexits.h)."""


class DeliveryError(ProgramError):
    """Base class of this package's errors. ``problem`` states what is wrong, with the wrong value; ``fix`` is the next step."""

    exit_code = ExitCode.FAILED


class UsageError(DeliveryError):
    """The command line is wrong, a prerequisite is missing, or the user did not confirm. The command has changed nothing."""

    exit_code = ExitCode.USAGE


class StateError(DeliveryError):
    """A problem with the state backend, a state, a backup, a lock or the lease."""


class LeaseHeldError(StateError):
    """Another command holds the environment's lease; ``owner`` describes the process of that command."""

    def __init__(self, problem: str, fix: str, *, owner: str) -> None:
        super().__init__(problem, fix)
        self.owner = owner


class LeaseLostError(StateError):
    """The lease expired, or another command took it. The command that held it must not change anything any more."""


def problem_of(error: BaseException) -> str:
    """The text of the problem, for a record or a message."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return getattr(error, "problem", "") or f"{type(error).__name__}: {error}"
