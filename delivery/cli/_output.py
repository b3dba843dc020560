"""What every command shares: consoles and tables that cut nothing, and the options that mean the same everywhere."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated

import typer

from delivery.clients.screens import console, table


def environments(incomplete: str) -> list[str]:
    """What the shell completes a name of an environment with."""
    from delivery.clients.environment import ENVIRONMENTS

    return [each for each in ENVIRONMENTS if each.startswith(incomplete)]


ENVIRONMENT_HELP = "local, staging or production."
EnvironmentOption = Annotated[
    str, typer.Option("--environment", "-e", help=ENVIRONMENT_HELP, autocompletion=environments, show_default=True)
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON on standard output, and nothing else there.")]


@contextmanager
def working(text: str) -> Generator[None]:
    """Say at once, on standard error, what takes a while: live on a terminal, as one line elsewhere."""
    from rich.console import Console

    errors = Console(stderr=True, highlight=False)
    if errors.is_terminal:
        with errors.status(text):
            yield
    else:
        errors.print(f"{text} ...", markup=False, soft_wrap=True)
        yield


__all__ = ["EnvironmentOption", "JsonOption", "console", "environments", "table", "working"]
