"""The levels of detail of a preview's comment."""

from __future__ import annotations

from enum import IntEnum


class Detail(IntEnum):
    """The level of detail. Each level omits more than the level before it.

    A name with ``WITHOUT`` says what the level omits; any other name says what is left.
    """

    ALL = 0
    WITHOUT_LONG_TEXTS = 1
    WITHOUT_INPUTS = 2
    PROPERTIES_OF_REPLACEMENTS = 3
    NAMES = 4
    TYPES = 5
    COUNTS = 6
    TOTALS = 7
