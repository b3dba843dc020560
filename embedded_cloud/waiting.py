"""The one loop with a deadline of this package and of those built on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

PAUSE_SECONDS = 0.05
"""What is waited for is on this machine, where looking again costs little."""


def looks(
    seconds: float,
    *,
    pause: float = PAUSE_SECONDS,
    longest_pause: float | None = None,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[None]:
    """Turns to look whether something is so: at least one; the last begins at most one pause after ``seconds``.

    With ``longest_pause`` the pauses grow by half from ``pause`` to it; ``sleep`` may end a pause early. The caller leaves the
    loop when it has what it wants, and raises its own error after the loop::

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
        pause = min(pause * 1.5, longest_pause) if longest_pause else pause
