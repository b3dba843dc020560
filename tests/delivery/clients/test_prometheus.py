"""A query to Prometheus returns a number, or the kind of gap."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator

import pytest
from fault_proxy import Answer, FaultProxy

from delivery.clients import prometheus
from delivery.clients.environment import Environment
from delivery.clients.prometheus import Gap, PrometheusClient, Reading


@pytest.fixture
def server() -> Iterator[FaultProxy]:
    with FaultProxy("http://127.0.0.1:1") as server:
        yield server


def query(server: FaultProxy, monkeypatch: pytest.MonkeyPatch, body: object, status: int = 200) -> Reading:
    monkeypatch.setenv("DWCP_PROMETHEUS_URL", server.url)
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    server.fault = lambda path, _, forward: Answer(status, text)
    return PrometheusClient.of(Environment.open("local")).query("up")


def vector(*values: object, **more: object) -> dict[str, object]:
    return {
        "status": "success",
        "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1700000000.5, value]} for value in values]},
        **more,
    }


@pytest.mark.parametrize(
    ("body", "status", "reading"),
    [
        (vector("0.25"), 200, Reading(0.25, at=1700000000.5)),
        (vector(), 200, Reading(None, Gap.EMPTY)),
        (vector("NaN"), 200, Reading(None, Gap.NOT_A_NUMBER, "NaN", 1700000000.5)),
        (vector("+Inf"), 200, Reading(None, Gap.NOT_A_NUMBER, "+Inf", 1700000000.5)),
        (vector("1", "2"), 200, Reading(None, Gap.SEVERAL, "2 instead of one")),
        (vector("1", warnings=["a store is away"]), 200, Reading(None, Gap.PARTIAL, "a store is away")),
        ({"status": "error", "error": "query timed out"}, 200, Reading(None, Gap.FAILED, "query timed out")),
        (b"bad gateway", 502, Reading(None, Gap.FAILED, "502 Bad Gateway")),
        ({"status": "error", "error": "parse error"}, 400, Reading(None, Gap.FAILED, "400 Bad Request")),
    ],
)
def test_each_kind_of_answer_is_distinguished(
    server: FaultProxy, monkeypatch: pytest.MonkeyPatch, body: object, status: int, reading: Reading
) -> None:
    assert query(server, monkeypatch, body, status) == reading


def test_an_answer_from_another_server_has_no_number(server: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    assert query(server, monkeypatch, b"<html>login</html>").gap is Gap.FAILED


def test_a_query_has_a_time_limit() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        closing = threading.Timer(20, silent.close)  # ends a query without a time limit
        closing.start()
        reading = PrometheusClient(lambda path, seconds: prometheus._get(f"{address}{path}", seconds), seconds=0.1).query("up")  # pyright: ignore[reportPrivateUsage]
        closing.cancel()
    assert reading.gap is Gap.FAILED
    assert "timed out" in reading.detail


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("1m", 60), ("1m30s", 90), ("500ms", 0.5), ("soon", None)])
def test_the_scrape_interval_is_read_from_the_server(text: str, seconds: float | None) -> None:
    config = json.dumps({"data": {"yaml": f"global:\n  scrape_interval: {text}\n"}}).encode()
    assert PrometheusClient(lambda path, _: config).scrape_interval() == seconds
