"""Waiting for a condition, for all of delivery."""

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
    """The first result of ``look`` that is ``good``, or its last one when ``seconds`` are over.

    ``look`` is called at least once, again every ``pause`` seconds, and a last time at the end. A ``transient`` error counts as a
    result that is not good, and is raised only when the time is over; any other error is raised at once.
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
