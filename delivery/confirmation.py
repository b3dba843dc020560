"""The confirmation that a command requires before it changes production."""

from __future__ import annotations

import sys

from delivery.clients.environment import Environment
from delivery.errors import UsageError


def require_confirmation(environment: Environment, *, what: str, yes: bool, command: str, always: bool = False) -> None:
    """Prompt for confirmation before a change of production, or with ``always`` before a change of any environment.

    With ``yes`` there is no prompt. Raises ``UsageError`` if the user does not confirm, or if there is no terminal. ``what``
    describes the change, and ``command`` is the command line that the error recommends.
    """
    if yes or not (environment.is_production or always):
        return
    name = environment.name
    if not sys.stdin.isatty():
        raise UsageError(f"this would {what} in {name}, and there is no terminal to confirm it", f"to confirm: {command} --yes")
    if input(f"{what} in {name}? Type `{name}` to continue: ").strip() != name:
        raise UsageError("not confirmed; nothing was changed", command)
