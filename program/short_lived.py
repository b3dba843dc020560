"""A faster start for our processes that live for seconds. The program that users run with ``pulumi`` does not use it."""

from __future__ import annotations

import atexit
import gc


def without_collector() -> None:
    """Turn the garbage collector off, until the interpreter ends.

    The SDK's imports create a million objects, none of them garbage, and the collector traverses them repeatedly:
    docs/performance.md has the figures. Call this before the imports, and only in a process of our own.
    """
    gc.disable()
    atexit.register(gc.freeze)  # otherwise the interpreter traverses them once more at its end
