"""A wait for a condition on a Docker engine."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from sandbox.images.docker_engine import DockerEngine, UnavailableError, missing, started

__all__ = ["DockerEngine", "UnavailableError", "eventually", "missing", "started"]

EVENTUALLY_SECONDS = 60


def eventually(
    holds: Callable[[], object], what: str, instead: Callable[[], object] = lambda: "", *, seconds: float = EVENTUALLY_SECONDS
) -> None:
    """Return when ``holds()`` is true. After ``seconds``, fail with the condition ``what`` and the result of ``instead``."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:.0f} s: {what}; {instead()}")
        time.sleep(0.25)
