"""Containers and networks on a substitute for the Docker engine; tests/docker uses a real one."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any, cast

import pytest

from embedded_cloud.providers.docker.types import containers
from embedded_cloud.providers.docker.types.containers import MIB, NANO, Container
from embedded_cloud.providers.docker.types.parts import Network

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
def test_a_container_that_runs_and_is_healthy_or_has_no_health_check_is_ready(
    monkeypatch: pytest.MonkeyPatch, state: dict[str, Any]
) -> None:
    assert settled(monkeypatch, state) == []


HOST: dict[str, Any] = {
    **{"NetworkMode": "none", "PortBindings": None, "Binds": None, "PidMode": "", "ReadonlyRootfs": True, "SecurityOpt": None},
    **{"CapDrop": ["ALL"], "CapAdd": None, "NanoCpus": NANO, "RestartPolicy": {"Name": "no"}},
    **{"LogConfig": {"Type": "", "Config": {}}, "Memory": 512 * MIB, "MemorySwap": 1024 * MIB},
}


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, "5s"), (60, "1m0s"), (300, "5m0s"), (90, "1m30s"), (3600, "1h0m0s"), (3725, "1h2m5s"), (0, "0s")]
)
def test_durations_and_swap_are_read_as_the_official_provider_reads_them(seconds: int, text: str) -> None:
    """It writes durations as Go does, and reports the swap that the engine adds. So inputs in another form are a difference."""
    health = {"Test": ["CMD", "true"], "Interval": seconds * NANO, "Timeout": seconds * NANO, "StartPeriod": seconds * NANO}
    config = {"User": "1:1", "Entrypoint": None, "Cmd": None, "Env": None, "Healthcheck": health}
    attributes = {"Name": "/x", "Image": "i", "Config": config, "HostConfig": HOST, "NetworkSettings": {"Networks": {}}}
    image = SimpleNamespace(attrs={"Config": {}})
    client = SimpleNamespace(
        containers=SimpleNamespace(get=lambda _: SimpleNamespace(attrs=attributes)), images=SimpleNamespace(get=lambda _: image)
    )
    live = Container(cast("Any", client), []).describe("id")
    assert live is not None
    assert (live["healthcheck"]["interval"], live["healthcheck"]["startPeriod"]) == (text, text)
    assert (live["memory"], live["memorySwap"]) == (512, 1024)
    assert containers._nanoseconds(text) == seconds * NANO


def test_the_gateway_that_the_engine_adds_to_a_network_is_read() -> None:
    attributes = {"Name": "x", "Driver": "bridge", "Internal": False}
    attributes["IPAM"] = {"Config": [{"Subnet": "10.0.0.0/24", "Gateway": "10.0.0.1"}]}
    client = SimpleNamespace(networks=SimpleNamespace(get=lambda _: SimpleNamespace(attrs=attributes)))
    live = Network(cast("Any", client), []).describe("id")
    assert live is not None
    assert live["ipamConfigs"] == [{"subnet": "10.0.0.0/24", "gateway": "10.0.0.1"}]
