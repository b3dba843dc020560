"""The progress of a build on standard error: live on a terminal, otherwise as lines.

Without a terminal, there is a line at the start, a line at the end, and between them at most one line every 30 seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

SECONDS_BETWEEN_LINES = 30
"""The minimum interval between two progress lines of a build without a terminal."""

console = Console(stderr=True, highlight=False, soft_wrap=True)


def print_line(line: str) -> None:
    """Print one line."""
    console.print(line, markup=False)


def duration(seconds: float) -> str:
    """A number of seconds as text: 460 becomes ``7 min 40 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


@contextmanager
def step(title: str, usual_seconds: int) -> Generator[Callable[[str], None]]:
    """Show a step that usually takes ``usual_seconds``. Yields a function that shows the present action of the step."""
    started = time.monotonic()
    usual = f"usually {duration(usual_seconds)}"
    if console.is_terminal:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            TextColumn(f"({usual})  {{task.fields[doing]}}"),
        )
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(title, total=None, doing="")
            yield lambda doing: bar.update(task, doing=doing)
    else:
        print_line(f"{title} ({usual} on 2 cores)")
        yield every(SECONDS_BETWEEN_LINES, lambda doing: print_line(f"  {duration(time.monotonic() - started)}: {doing}"))
    print_line(f"{title}: done in {duration(time.monotonic() - started)}")


def every(seconds: float, show: Callable[[str], None]) -> Callable[[str], None]:
    """Return a function that calls ``show`` at most once every ``seconds`` seconds."""
    shown = time.monotonic()

    def show_sometimes(text: str) -> None:
        nonlocal shown
        if time.monotonic() - shown >= seconds:
            shown = time.monotonic()
            show(text)

    return show_sometimes
