"""Lets SIGTERM, which CI sends, interrupt a command in the same way as Ctrl-C, so that the command cleans up."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def ends_as_interrupt() -> Generator[None]:
    """A context in which SIGTERM raises ``KeyboardInterrupt``."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
