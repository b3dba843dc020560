"""The polling loop with a deadline, for this package and the packages that use it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

PAUSE_SECONDS = 0.05
"""The pause is short, because polling a process on this machine costs little."""


def looks(
    seconds: float,
    *,
    pause: float = PAUSE_SECONDS,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[None]:
    """Yield once for each poll. The first poll is immediate. The last poll is at most one pause later than ``seconds``.

    ``sleep`` may end a pause early. The caller leaves the loop when its condition holds, and raises its own error after the loop::

        for _ in looks(60):
            if answers():
                return
        raise EmbeddedCloudError("it does not answer", "look at its log")
    """
    deadline = time.monotonic() + seconds
    while True:
        yield
        if time.monotonic() > deadline:
            return
        sleep(pause)
