"""Shared by all commands: consoles and tables without truncation, and the common options."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from delivery.clients.screens import console, table


def environments(incomplete: str) -> list[str]:
    """The names of environments for the shell's completion."""
    from delivery.clients.environment import ENVIRONMENTS

    return [each for each in ENVIRONMENTS if each.startswith(incomplete)]


def scope(*more: str, text: str) -> Any:
    """The one option that names the environments of a command; ``more`` are spellings that it accepts too."""
    return typer.Option("--environment", "-e", *more, help=text, autocompletion=environments)


STACK = ("--stack", "-s")
"""Accepted for ``--environment`` by commands about a stack's program: the stack has the environment's name."""
EnvironmentOption = Annotated[str, scope(text="Use this environment: local, staging or production.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print only JSON on standard output.")]


@contextmanager
def working(text: str) -> Generator[None]:
    """Print on standard error what the command is doing: with a spinner on a terminal, else as one line."""
    from rich.console import Console

    errors = Console(stderr=True, highlight=False)
    if errors.is_terminal:
        with errors.status(text):
            yield
    else:
        errors.print(f"{text} ...", markup=False, soft_wrap=True)
        yield


__all__ = ["STACK", "EnvironmentOption", "JsonOption", "console", "environments", "scope", "table", "working"]
