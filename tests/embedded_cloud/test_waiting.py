"""The loop with a deadline, on a simulated clock."""

from __future__ import annotations

import pytest

from embedded_cloud import waiting


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The durations of the pauses; time passes only in pauses."""
    pauses: list[float] = []
    monkeypatch.setattr(waiting.time, "monotonic", lambda: sum(pauses))
    return pauses


def test_it_looks_once_even_without_time(pauses: list[float]) -> None:
    assert len(list(waiting.looks(-1, sleep=pauses.append))) == 1
    assert pauses == []


def test_the_last_look_begins_one_pause_after_the_deadline_at_most(pauses: list[float]) -> None:
    assert len(list(waiting.looks(1, pause=0.25, sleep=pauses.append))) == 6
    assert sum(pauses) == 1.25


def test_who_leaves_the_loop_does_not_wait(pauses: list[float]) -> None:
    assert any(True for _ in waiting.looks(10, sleep=pauses.append))
    assert pauses == []
