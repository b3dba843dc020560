"""The project's benchmarks of speed and of lost requests: ``make bench`` or ``python -m bench [MODULE ...] [--runs N] [--cold]``.

There is one module per subject. Each module whose name does not begin with an underscore has a function::

    def figures(options: Options) -> Iterator[Figure]: ...

which yields a :class:`Figure` for each number. ``python -m bench`` runs the modules one after the other and prints a Markdown table
of all figures with their targets. The command does not fail if a target is missed.

Prefer ratios, because they are comparable between machines. :func:`ratio` runs subject and baseline alternately, so that both run
under the same load, and returns the median of the ratios. :func:`seconds` returns the median time of one action.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options: ``cold`` includes measurements that take many minutes."""

    runs: int = 3
    """Number of runs per figure, at least 1. A figure that takes long can have fewer runs; its ``how`` then states the number."""
    cold: bool = False


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured number: ``value`` in ``unit`` (``x`` for a ratio), its ``target``, and how it was measured."""

    name: str
    value: float
    unit: str
    target: str
    how: str

    @property
    def row(self) -> str:
        """This figure as a line of the table."""
        return f"| {self.name} | {self.value:.3g} {self.unit} | {self.target} | {self.how} |"


def timed(action: Callable[[], object]) -> float:
    """The seconds that ``action`` takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def seconds(action: Callable[[], object], runs: int) -> float:
    """The median of the seconds that ``action`` takes."""
    return median(timed(action) for _ in range(runs))


def ratio(subject: Callable[[], object], baseline: Callable[[], object], runs: int) -> tuple[float, float, float]:
    """The median ratio of the times of ``subject`` and ``baseline``, run in pairs, and the median seconds of both."""
    pairs = [(timed(subject), timed(baseline)) for _ in range(runs)]
    subjects, baselines = zip(*pairs, strict=True)
    return median(left / right for left, right in pairs), median(subjects), median(baselines)
