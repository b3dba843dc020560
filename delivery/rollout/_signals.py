"""Signal handling of a rollout: the first SIGINT or SIGTERM aborts the rollout, and the second stops the command at once."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue
from types import FrameType


@dataclass
class StopRequests:
    """The requests to abort the rollout. A request also ends a wait."""

    reasons: list[str] = field(default_factory=list[str])
    wake: SimpleQueue[str] = field(default_factory=SimpleQueue[str])
    interrupted: bool = False
    """Whether a signal was received."""

    def stop(self, reason: str) -> None:
        """Request the abort of the rollout. If there are several requests, the first reason is reported."""
        self.reasons.append(reason)
        self.wake.put(reason)

    @property
    def reason(self) -> str:
        """The reason for the abort; empty without a request."""
        return self.reasons[0] if self.reasons else ""


@contextmanager
def stop_requests() -> Generator[StopRequests]:
    """A context in which the first signal requests the abort of the rollout, and a second signal raises ``KeyboardInterrupt``."""
    requests = StopRequests()

    def handle(number: int, _: FrameType | None) -> None:
        if requests.interrupted:
            raise KeyboardInterrupt
        requests.interrupted = True
        requests.stop(f"stopped by {signal.Signals(number).name}")

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
