"""The project's speed figures, measured: ``make bench`` or ``python -m bench [MODULE ...] [--runs N] [--cold]``.

One module per concern. A module of this package whose name has no underscore in front has one function::

    def figures(options: Options) -> Iterator[Figure]: ...

and yields a :class:`Figure` for each number that an issue names. ``python -m bench`` calls the modules one after the other
and prints all figures as one Markdown table. Nothing here is asserted: a figure is printed beside its target.

Prefer ratios, which mean the same on every machine: :func:`ratio` runs subject and baseline in turn, so that both meet the
same load, and takes the median over the pairs. :func:`seconds` is the median time of one action.
"""

from bench._measure import Figure, Options, ratio, seconds, timed

__all__ = ["Figure", "Options", "ratio", "seconds", "timed"]
