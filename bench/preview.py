"""The time of a pull request's preview, in seconds and relative to one evaluation of the program."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from bench import Figure, Options, ratio
from program.evaluation import CHECKOUT

STACKS = ("staging", "production")


def figures(options: Options) -> Iterator[Figure]:
    """Yield the time of a `dwcp preview` process that compares both stacks of the work tree with the last commit."""
    compare = [sys.executable, "-m", "delivery", "preview", "--base", "HEAD", *(f"--environment={stack}" for stack in STACKS)]
    times, preview, bare = ratio(lambda: _run(compare), lambda: evaluate(STACKS[0]), options.runs)
    yield Figure(
        name="preview of two stacks against a base",
        value=preview,
        unit="s",
        target="under 10 s",
        how="base and head are evaluated in parallel; includes policies and cost",
    )
    yield Figure(
        name="preview of two stacks, relative to one evaluation of the program",
        value=times,
        unit="x",
        target="at most 3.6 x",
        how=f"{preview:.1f} s against {bare:.1f} s",
    )


def evaluate(stack: str) -> None:
    """Evaluate the program once for ``stack``, in a new process."""
    _run([sys.executable, "-m", "program", str(CHECKOUT), stack])


def _run(command: list[str]) -> None:
    subprocess.run(command, cwd=CHECKOUT, check=True, stdout=subprocess.DEVNULL)
