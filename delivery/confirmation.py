"""Production asks before it is changed, in one way in every command."""

from __future__ import annotations

import sys

from delivery.clients.environment import Environment
from delivery.errors import UsageError


def require_confirmation(environment: Environment, *, what: str, yes: bool, command: str, always: bool = False) -> None:
    """Ask a person before production is changed, or with ``always`` any environment.

    Raises ``UsageError`` when the answer is no, and when there is no terminal to ask at: then ``--yes`` must have been given.
    ``command`` is the command line to run again.
    """
    if yes or not (environment.is_production or always):
        return
    name = environment.name
    if not sys.stdin.isatty():
        raise UsageError(f"this would {what} in {name}, and there is no terminal to ask at", f"if that is meant: {command} --yes")
    if input(f"{what} in {name}? Type `{name}` to go on: ").strip() != name:
        raise UsageError("not confirmed; nothing was touched", command)
