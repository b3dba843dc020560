"""The wait for a new container, on a substitute for the Docker engine; tests/docker uses a real one."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any, cast

import pytest

from embedded_cloud.providers.docker.types import containers
from embedded_cloud.providers.docker.types.containers import Container

INPUTS = {"start": True, "mustRun": True, "wait": True, "waitTimeout": 60}
UNHEALTHY = {"Status": "unhealthy", "Log": [{"Output": "connection refused\n"}]}


def settled(monkeypatch: pytest.MonkeyPatch, state: dict[str, Any], **inputs: Any) -> list[str]:
    """The reasons for which the provider fails, on a clock that moves 10 s between two looks."""
    clock = itertools.count(0, 10)
    monkeypatch.setattr(containers, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr(containers.waiting, "looks", lambda seconds, **_: range(3))
    container = SimpleNamespace(
        status="running", attrs={"State": state}, reload=lambda: None, start=lambda: None, logs=lambda **_: b"loading"
    )
    client = SimpleNamespace(containers=SimpleNamespace(get=lambda _: container))
    return Container(cast("Any", client), []).settle("id", INPUTS | inputs)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (
            {"Running": True, "Status": "running", "Health": UNHEALTHY},
            "the container is unhealthy after 10 s; its health check printed: connection refused; its last output: loading",
        ),
        (
            {"Running": True, "Status": "running", "Health": {"Status": "starting"}},
            "the container is starting after 10 s; its last output: loading",
        ),
        ({"Running": False, "Status": "restarting"}, "the container is restarting after 10 s; its last output: loading"),
        (
            {"Running": False, "Status": "exited", "ExitCode": 3},
            "the container has ended with exit code 3; its last output: loading",
        ),
    ],
)
def test_the_reason_has_the_state_and_the_time_of_the_wait(
    monkeypatch: pytest.MonkeyPatch, state: dict[str, Any], reason: str
) -> None:
    assert settled(monkeypatch, state) == [reason]


@pytest.mark.parametrize(
    "state", [{"Running": True, "Status": "running"}, {"Running": True, "Status": "running", "Health": {"Status": "healthy"}}]
)
def test_a_container_that_runs_and_is_not_unhealthy_is_ready(monkeypatch: pytest.MonkeyPatch, state: dict[str, Any]) -> None:
    assert settled(monkeypatch, state) == []
