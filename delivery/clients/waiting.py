"""Waits for a condition, with a time limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import tenacity

Answer = TypeVar("Answer")

SHORTEST_PAUSE_SECONDS = 0.05


def wait_until(
    look: Callable[[], Answer],
    good: Callable[[Answer], bool] = bool,
    *,
    seconds: float,
    pause: float,
    transient: Callable[[BaseException], bool] = lambda _: False,
) -> Answer:
    """The first result of ``look`` that is ``good``, or the last result after ``seconds``.

    ``look`` is called at least once, then every ``pause`` seconds, and a last time at the end. A ``transient`` error counts as a
    result that is not good, and is raised only at the end. Any other error is raised at once.
    """

    def rest(state: tenacity.RetryCallState) -> float:
        left = seconds - (state.seconds_since_start or 0.0)
        return min(pause, max(SHORTEST_PAUSE_SECONDS, left))

    def last(state: tenacity.RetryCallState) -> Answer:
        assert state.outcome is not None
        return state.outcome.result()

    return tenacity.Retrying(
        retry=tenacity.retry_if_not_result(good) | tenacity.retry_if_exception(transient),
        stop=tenacity.stop_after_delay(seconds),
        wait=rest,
        retry_error_callback=last,
    )(look)
