"""What every command shares of what it prints: a console that cuts nothing, and the options that mean the same everywhere."""

from __future__ import annotations

from typing import Annotated, Any

import typer

WIDE = 10_000
"""Columns where no terminal says how many it has: a table in a pipe or a file is as wide as what is in it."""


def environments(incomplete: str) -> list[str]:
    """What the shell completes a name of an environment with."""
    from delivery.clients.environment import ENVIRONMENTS

    return [each for each in ENVIRONMENTS if each.startswith(incomplete)]


ENVIRONMENT_HELP = "local, staging or production."
EnvironmentOption = Annotated[
    str, typer.Option("--environment", "-e", help=ENVIRONMENT_HELP, autocompletion=environments, show_default=True)
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON on standard output, and nothing else there.")]


def console(**how: Any) -> Any:
    """A console on which nothing is cut off: a terminal folds what is too wide, elsewhere a line is as long as it needs."""
    from rich.console import Console

    found = Console(highlight=False, **how)
    return found if found.is_terminal else Console(highlight=False, width=WIDE, **how)


def table(*columns: str, **how: Any) -> Any:
    """A table whose cells fold at the end of their column and lose nothing."""
    from rich.table import Table

    made = Table(**how)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made
