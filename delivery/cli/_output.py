"""Shared by all commands: consoles and tables without truncation, and the common options."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from delivery.clients.screens import console


def environments(incomplete: str) -> list[str]:
    """The names of environments for the shell's completion."""
    from delivery.clients.environment import ENVIRONMENTS

    return [each for each in ENVIRONMENTS if each.startswith(incomplete)]


ENVIRONMENT_HELP = "local, staging or production."
EnvironmentOption = Annotated[
    str, typer.Option("--environment", "-e", help=ENVIRONMENT_HELP, autocompletion=environments, show_default=True)
]
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


def table(*columns: str, **how: Any) -> Any:
    """A table whose cells wrap at the end of their column, without truncation."""
    from rich.table import Table

    made = Table(**how)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


__all__ = ["EnvironmentOption", "JsonOption", "console", "environments", "table", "working"]
