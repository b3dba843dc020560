"""The project's speed benchmarks: ``make bench`` or ``python -m bench [MODULE ...] [--runs N] [--cold]``.

There is one module per subject. Each module whose name does not begin with an underscore has one function::

    def figures(options: Options) -> Iterator[Figure]: ...

which yields a :class:`Figure` for each number. ``python -m bench`` runs the modules one after the other and prints all figures as
one Markdown table, each with its target. It does not fail if a target is missed.

Prefer ratios, which are comparable between machines: :func:`ratio` runs subject and baseline alternately, so that both run under
the same load, and returns the median over the pairs. :func:`seconds` returns the median time of one action.
"""

from bench._measure import Figure, Options, ratio, seconds, timed

__all__ = ["Figure", "Options", "ratio", "seconds", "timed"]
