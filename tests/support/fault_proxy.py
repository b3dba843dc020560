"""A proxy between a command and a real service that injects faults."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """The answer that the proxy returns."""

    status: int
    body: bytes
    content_type: str = "application/json"


Forward = Callable[[], Answer]
Fault = Callable[[str, bytes, Forward], Answer]
"""A function that returns the proxy's answer, given the path and the body of a request, and a function that gets the real
answer."""


class FaultProxy:
    """A proxy on 127.0.0.1 to ``target``, as a context manager. A test can replace ``fault`` at any time."""

    def __init__(self, target: str, fault: Fault = lambda path, body, forward: forward()) -> None:
        self.target = urlsplit(target)
        self.fault = fault
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answer = proxy.fault(self.path, body, lambda: proxy.forward(self.command, self.path, body, dict(self.headers)))
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.content_type)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            do_POST = do_GET  # noqa: N815 - the protocol's name

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def forward(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        with closing(http.client.HTTPConnection(self.target.hostname or "", self.target.port, timeout=30)) as connection:
            connection.request(method, path, body, {key: value for key, value in headers.items() if key.lower() != "host"})
            answer = connection.getresponse()
            return Answer(answer.status, answer.read(), answer.headers.get("Content-Type", "application/json"))

    def __enter__(self) -> FaultProxy:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
