"""`wait_until`: when it ends, and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from delivery.clients.waiting import wait_until


def answers(*each: object) -> tuple[Callable[[], object], Iterator[object]]:
    """A function that returns or raises these values in turn, and the values that remain."""
    rest = iter(each)

    def look() -> object:
        answer = next(rest)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return look, rest


def test_the_first_true_answer_ends_the_wait() -> None:
    look, rest = answers(0, 0, 3, 4)
    assert wait_until(look, seconds=60, pause=0) == 3
    assert next(rest) == 4


def test_without_time_the_function_is_called_once() -> None:
    assert wait_until(answers("", "yes")[0], seconds=0, pause=0) == ""


def test_a_transient_error_is_retried_and_any_other_one_is_raised() -> None:
    def is_transient(error: BaseException) -> bool:
        return isinstance(error, ConnectionError)

    assert wait_until(answers(ConnectionError(), 1)[0], seconds=60, pause=0, transient=is_transient) == 1
    look, rest = answers(ConnectionError(), KeyError("x"), 1)
    with pytest.raises(KeyError):
        wait_until(look, seconds=60, pause=0, transient=is_transient)
    assert next(rest) == 1


def test_a_transient_error_is_raised_when_time_is_over() -> None:
    with pytest.raises(ConnectionError, match="away"):
        wait_until(answers(ConnectionError("away"))[0], seconds=0, pause=0, transient=lambda _: True)


def test_an_interrupt_is_raised_at_once() -> None:
    def look() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        wait_until(look, lambda _: False, seconds=60, pause=0)
