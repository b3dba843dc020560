"""The project's speed benchmarks: ``make bench`` or ``python -m bench [MODULE ...] [--runs N] [--cold]``.

There is one module per concern. A module of this package whose name does not begin with an underscore has one function::

    def figures(options: Options) -> Iterator[Figure]: ...

and yields a :class:`Figure` for each number. ``python -m bench`` calls the modules one after the other and prints all figures as
one Markdown table, each with its target. It asserts nothing.

Prefer ratios, which are comparable between machines: :func:`ratio` runs subject and baseline in turn, so that both see the same
load, and takes the median over the pairs. :func:`seconds` is the median time of one action.
"""

from bench._measure import Figure, Options, ratio, seconds, timed

__all__ = ["Figure", "Options", "ratio", "seconds", "timed"]
