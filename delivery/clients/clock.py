"""A clock for the time limits of a lease. It imports only the standard library, so that the supervisor starts quickly."""

from __future__ import annotations

import time


def now() -> float:
    """Seconds on a clock that continues while the machine sleeps and that cannot be set."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
