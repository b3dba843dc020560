"""What a process of ours that lives for seconds leaves out. The program itself, which users run, leaves out nothing."""

from __future__ import annotations

import atexit
import gc


def without_collector() -> None:
    """Turn the garbage collector off, until the interpreter ends.

    The SDK's imports make a million objects, none of them garbage, and the collector looks through them again and again:
    docs/performance.md has the figures. Call this before the imports, and only in a process of our own.
    """
    gc.disable()
    atexit.register(gc.freeze)  # otherwise the interpreter looks through all of them once more before it ends
