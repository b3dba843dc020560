"""The confirmation before a change of production, for every command."""

from __future__ import annotations

import sys

from delivery.clients.environment import Environment
from delivery.errors import UsageError


def require_confirmation(environment: Environment, *, what: str, yes: bool, command: str, always: bool = False) -> None:
    """Ask a person for confirmation before a change of production, or with ``always`` of any environment.

    Raises ``UsageError`` if the answer is no, and if there is no terminal and ``yes`` is false. ``command`` is the command line
    to run again.
    """
    if yes or not (environment.is_production or always):
        return
    name = environment.name
    if not sys.stdin.isatty():
        raise UsageError(f"this would {what} in {name}, and there is no terminal to confirm it", f"to confirm: {command} --yes")
    if input(f"{what} in {name}? Type `{name}` to continue: ").strip() != name:
        raise UsageError("not confirmed; nothing was changed", command)
