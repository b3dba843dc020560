"""The first SIGINT or SIGTERM takes a rollout back, the second leaves it as it is."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue
from types import FrameType


@dataclass
class StopRequests:
    """Why the rollout shall end now, and what wakes it from a wait."""

    reasons: list[str] = field(default_factory=list[str])
    wake: SimpleQueue[str] = field(default_factory=SimpleQueue[str])
    interrupted: bool = False
    """Whether a signal has come."""

    def ask(self, reason: str) -> None:
        """Ask the rollout to end; the first reason counts."""
        self.reasons.append(reason)
        self.wake.put(reason)

    @property
    def reason(self) -> str:
        """Why it shall end; empty while it shall not."""
        return self.reasons[0] if self.reasons else ""


@contextmanager
def stop_requests() -> Generator[StopRequests]:
    """While in here, the first signal asks for the end, and a second one raises ``KeyboardInterrupt``."""
    requests = StopRequests()

    def handle(number: int, _: FrameType | None) -> None:
        if requests.interrupted:
            raise KeyboardInterrupt
        requests.interrupted = True
        requests.ask(f"stopped by {signal.Signals(number).name}")

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
