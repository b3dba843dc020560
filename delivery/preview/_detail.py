"""How much of a preview a comment tells."""

from __future__ import annotations

from enum import IntEnum


class Detail(IntEnum):
    """How much is told; each level leaves out one more kind of detail."""

    ALL = 0
    LONG_TEXTS_LEFT_OUT = 1
    INPUTS_LEFT_OUT = 2
    PROPERTIES_OF_REPLACEMENTS = 3
    NAMES = 4
    TYPES = 5
    COUNTS = 6
    TOTALS = 7
