"""What every command shares: consoles and tables that cut nothing, and the options that mean the same everywhere."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from delivery.clients.screens import console, table


def environments(incomplete: str) -> list[str]:
    """What the shell completes a name of an environment with."""
    from delivery.clients.environment import ENVIRONMENTS

    return [each for each in ENVIRONMENTS if each.startswith(incomplete)]


def scope(*more: str, text: str) -> Any:
    """The one option by which every command is told which environments it is about; ``more`` are spellings that it accepts too."""
    return typer.Option("--environment", "-e", *more, help=text, autocompletion=environments)


STACK = ("--stack", "-s")
"""Accepted for ``--environment`` where a command is about a stack's program: its stack has the environment's name."""
EnvironmentOption = Annotated[str, scope(text="local, staging or production.")]
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


__all__ = ["STACK", "EnvironmentOption", "JsonOption", "console", "environments", "scope", "table", "working"]
