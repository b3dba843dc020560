"""The levels of detail of a preview's comment."""

from __future__ import annotations

from enum import IntEnum


class Detail(IntEnum):
    """The level of detail. Each level omits more than the level before it."""

    ALL = 0
    DIFFERENCES = 1
    """Without long texts, and without the inputs of created and deleted resources."""
    NAMES = 2
    """The names of the changed resources. Only replaced resources have details."""
    TYPES = 3
    """The number of changes by type of resource."""
    TOTALS = 4
    """The number of all changes."""
