"""A faster start for processes that run only for seconds. The program that users run with ``pulumi`` does not use this module."""

from __future__ import annotations

import atexit
import gc


def without_collector() -> None:
    """Turn the garbage collector off, until the interpreter ends.

    The SDK's imports create a million objects that are never garbage, and the collector would traverse them repeatedly. Call this
    function before the imports, and only in a separate short-lived process.
    """
    gc.disable()
    atexit.register(gc.freeze)  # otherwise the interpreter traverses the objects once more at its end
