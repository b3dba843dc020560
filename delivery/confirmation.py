"""The confirmation that a command requires before it changes production, and the command line to run the command again."""

from __future__ import annotations

import shlex
import sys

from delivery.clients.environment import Environment
from delivery.errors import UsageError


def command_line(*more: str) -> str:
    """The command line of this process, with the additional options ``more``, for a message."""
    return shlex.join(["dwcp", *sys.argv[1:], *more])


def require_confirmation(environment: Environment, *, what: str, yes: bool, always: bool = False) -> None:
    """Prompt for confirmation before a change of production, or with ``always`` before a change of any environment.

    With ``yes`` there is no prompt. Raises ``UsageError`` if the user does not confirm, or if there is no terminal. ``what``
    describes the change.
    """
    if yes or not (environment.is_production or always):
        return
    name, confirm = environment.name, f"to confirm: {command_line('--yes')}"
    if not sys.stdin.isatty():
        raise UsageError(f"this would {what} in {name}, and there is no terminal to confirm it", confirm)
    if input(f"{what} in {name}? Type `{name}` to continue: ").strip() != name:
        raise UsageError("not confirmed; nothing was changed", confirm)
