"""Helpers for all commands: consoles and tables without truncation, and the common options."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from delivery.clients.screens import console, table
from delivery.errors import UsageError
from program.checkout import CHECKOUT, stacks_of


def environments(incomplete: str) -> list[str]:
    """The names of the environments that start with ``incomplete``, for the shell's completion."""
    from delivery.clients.environment import ENVIRONMENTS

    return [each for each in ENVIRONMENTS if each.startswith(incomplete)]


def stacks(incomplete: str) -> list[str]:
    """The names of the stacks that start with ``incomplete``, for the shell's completion."""
    return [each for each in stacks_of(CHECKOUT) if each.startswith(incomplete)]


def scope(*more: str, text: str) -> Any:
    """The option ``--environment`` with the help ``text``.

    The shell completes the names of environments. If the option has additional names ``more``, the shell completes the names of
    all stacks.
    """
    return typer.Option("--environment", "-e", *more, help=text, autocompletion=stacks if more else environments)


STACK = ("--stack", "-s")
"""Additional names of ``--environment`` in commands about a stack's program. A stack has the name of its environment; the stack
``account`` has no environment."""
EnvironmentOption = Annotated[str, scope(text="Use this environment: local, staging or production.")]


def require_stacks(*names: str) -> None:
    """Raise ``UsageError`` for a name that is not the name of a stack in this checkout."""
    known = sorted(stacks_of(CHECKOUT))
    for each in names:
        if each not in known:
            raise UsageError(f"there is no stack {each!r}", f"choose from {', '.join(known)}")


def _filled(parameter: typer.CallbackParam, value: str | None) -> str | None:
    # In a script, an empty value is usually a variable that is not set.
    if value is not None and not value.strip():
        raise UsageError(f"the value of {parameter.opts[0]} is empty", "give a value, or omit the option")
    return value


def _url(parameter: typer.CallbackParam, value: str | None) -> str | None:
    if value is not None and not _is_http(value):
        option = parameter.opts[0]
        raise UsageError(f"{option} {shlex.quote(value)} is not an HTTP URL", f"for example {option} https://dwcp.example.com")
    return value


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises an error for a port that is not a number
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", url)


def _wait(seconds: float) -> float:
    if not 0 <= seconds < math.inf:
        raise UsageError(f"--wait {seconds:g} is not a number of seconds (0 or more)", "for example --wait 120")
    return seconds


def text(help: str) -> Any:
    """An option that refuses an empty text."""
    return typer.Option(callback=_filled, help=help)


HealthUrlOption = Annotated[
    str | None, typer.Option(callback=_url, help="Call the service at this URL; {track} stands for the track.")
]
WaitOption = Annotated[
    float, typer.Option(callback=_wait, help="Wait up to this many seconds for another command that is changing the environment.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print only JSON on standard output.")]


@contextmanager
def working(text: str) -> Generator[None]:
    """A context that prints the current activity on standard error: with a spinner on a terminal, otherwise as one line."""
    from rich.console import Console

    errors = Console(stderr=True, highlight=False)
    if errors.is_terminal:
        with errors.status(text):
            yield
    else:
        errors.print(f"{text} ...", markup=False, soft_wrap=True)
        yield


__all__ = ["STACK", "EnvironmentOption", "JsonOption", "console", "environments", "scope", "table", "working"]
