"""Health checks, smoke test and end-to-end command, against an HTTP server whose answers a test sets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from delivery.clients.environment import Environment
from delivery.clients.service import REQUESTS, HealthError, ServiceClient
from delivery.errors import UsageError


@dataclass
class App:
    """A service whose answers a test sets."""

    url: str = ""
    answers: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    requests: list[str] = field(default_factory=list[str])

    def answer(self, path: str) -> int:
        self.requests.append(path)
        answers = self.answers.get(path, [200])
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.fixture
def service() -> Iterator[App]:
    app = App()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(app.answer(self.path))
            self.end_headers()
            self.wfile.write(b"because")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    app.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield app
    server.shutdown()
    server.server_close()


def client_of(service: App) -> ServiceClient:
    return ServiceClient.of(Environment.open("local"), "stable", f"{service.url}/tracks/{{track}}")


def test_a_service_that_answers_is_healthy(service: App) -> None:
    assert "is healthy and ready" in client_of(service).require_health()
    assert service.requests == ["/tracks/stable/health", "/tracks/stable/ready"] * 3
    assert client_of(service).require_smoke() == f"{REQUESTS} requests answered"


@pytest.mark.parametrize("path", ["health", "ready"])
def test_a_service_that_answers_500_is_not_healthy(service: App, path: str) -> None:
    service.answers[f"/tracks/stable/{path}"] = [500]
    with pytest.raises(HealthError, match=f"stable is not healthy: .*/{path} answers 500: because"):
        client_of(service).require_health(patience=0)


def test_a_service_with_intermittent_errors_is_not_healthy(service: App) -> None:
    service.answers["/tracks/stable/health"] = [200, 200, 500, 200, 500]
    with pytest.raises(HealthError):
        client_of(service).require_health(patience=0)


def test_a_service_that_recovers_in_time_is_healthy(service: App) -> None:
    service.answers["/tracks/stable/health"] = [503, 200]
    client_of(service).require_health(patience=5)


def test_a_service_that_cannot_be_reached_is_not_healthy() -> None:
    unreachable = ServiceClient.of(Environment.open("local"), "stable", "http://127.0.0.1:1")
    with pytest.raises(HealthError, match="answers nothing"):
        unreachable.require_health(patience=0)


def test_one_failed_request_does_not_fail_the_smoke_test(service: App) -> None:
    service.answers["/tracks/stable/"] = [200, 200, 502, 200]
    passed = client_of(service).require_smoke()
    assert passed.startswith(f"1 of {REQUESTS} requests")
    assert passed.endswith("failed, the first with 502: because (1 may fail)")


def test_two_failed_requests_fail_the_smoke_test(service: App) -> None:
    service.answers["/tracks/stable/"] = [200, 200, 502, 200, 503, 200]
    with pytest.raises(HealthError, match=f"2 of {REQUESTS} requests .* failed, the first with 502"):
        client_of(service).require_smoke()


def test_a_404_does_not_fail_the_smoke_test(service: App) -> None:
    service.answers["/tracks/stable/"] = [404]
    client_of(service).require_smoke()


def test_the_end_to_end_command_must_succeed(service: App, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client_of(service).require_end_to_end() == ""
    monkeypatch.setenv("DWCP_E2E_COMMAND", f'test "$BASE_URL" = {service.url}/tracks/stable')
    assert "passed" in client_of(service).require_end_to_end()
    monkeypatch.setenv("DWCP_E2E_COMMAND", "echo two failed; false")
    with pytest.raises(HealthError, match="two failed"):
        client_of(service).require_end_to_end()


def test_a_missing_or_invalid_service_url_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DWCP_SERVICE_URL", raising=False)
    with pytest.raises(HealthError, match="the sandbox's pods do not answer requests"):
        ServiceClient.of(Environment.open("local"))
    with pytest.raises(UsageError, match="is not a URL of the service"):
        ServiceClient.of(Environment.open("local"), "stable", "localhost")
