"""Port forwarding to Prometheus and to the canary; a substitute replaces kubectl, which needs a kubelet."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from delivery.clients import _port_forward as port_forward
from delivery.clients._port_forward import PortForward
from delivery.clients.environment import Environment
from delivery.clients.service import ServiceClient

KUBECTL = """#!{python}
import http.server, pathlib, sys
pathlib.Path({folder!r}, "arguments").write_text(" ".join(sys.argv[1:]))
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
print(f"Forwarding from 127.0.0.1:{{server.server_address[1]}} -> 9090", flush=True)
server.serve_forever()
"""


@dataclass(frozen=True, kw_only=True)
class Staging(Environment):
    """An environment whose kubeconfig a test sets."""

    name: Any = "staging"
    kubeconfig: Any = None


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "kubectl"
    program.write_text(KUBECTL.format(python=sys.executable, folder=str(tmp_path)))
    program.chmod(0o755)
    monkeypatch.setattr(port_forward, "_kubectl", lambda variables: str(program))
    monkeypatch.setenv("DWCP_WORK_DIR", str(tmp_path / "work"))
    return tmp_path


def answers(url: str) -> bool:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.status == 200


def test_a_port_forward_is_reused_and_opened_again_after_it_was_lost(folder: Path) -> None:
    forward = PortForward(Staging(kubeconfig={"kind": "Config"}), "dwcp-v3-prometheus", 9090)
    first = forward.url()
    assert answers(first)
    assert forward.url() == first
    arguments_of_kubectl = (folder / "arguments").read_text()
    kubeconfig = arguments_of_kubectl.split()[1]
    assert arguments_of_kubectl.endswith("port-forward --address 127.0.0.1 --namespace dwcp-v3 service/dwcp-v3-prometheus :9090")
    assert Path(kubeconfig).stat().st_mode & 0o777 == 0o600
    process = forward._process
    assert process is not None
    for child in psutil.Process(process.pid).children():
        child.kill()
    process.wait()
    assert answers(forward.url())
    forward.close()  # as when the caller ends: its standard input is closed


def test_the_canary_is_called_through_a_forwarded_port(folder: Path) -> None:
    """The canary's NetworkPolicy admits neither this machine nor the API server."""
    canary = ServiceClient.of(Staging(), "canary")
    assert canary.fetch("/health")[0] == 404  # the substitute answers, and has no such file
    assert (folder / "arguments").read_text().endswith("--namespace dwcp-v3 service/dwcp-v3-canary :80")
    (folder / "kubectl").write_text('#!/bin/sh\necho "error: unable to forward port because pod is not running"\nexit 1\n')
    status, problem = ServiceClient.of(Staging(), "canary").fetch("/health")
    assert (status, "pod is not running" in problem) == (0, True)


def test_the_error_contains_the_message_of_kubectl(folder: Path) -> None:
    (folder / "kubectl").write_text('#!/bin/sh\necho "error: unable to forward port because pod is not running"\nexit 1\n')
    with pytest.raises(ConnectionError, match="dwcp-v3-prometheus:9090 in dwcp-v3 cannot be reached: error: unable to forward"):
        PortForward(Staging(), "dwcp-v3-prometheus", 9090).url()


def test_a_port_forward_ends_with_its_caller(folder: Path) -> None:
    forward = PortForward(Staging(), "dwcp-v3-prometheus", 9090)
    url = forward.url()
    forward.close()  # as when the caller ends: its standard input is closed
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            answers(url)
        except OSError:
            return
        time.sleep(0.1)
    pytest.fail("kubectl still listens")


def test_the_error_contains_the_message_of_a_kubectl_that_ends_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Late(subprocess.Popen[str]):
        """A process whose constructor returns only when it has ended."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(["/bin/sh", "-c", "echo 'error: refused'"], **options)
            self.wait()

    monkeypatch.setattr(port_forward.subprocess, "Popen", Late)
    with pytest.raises(ConnectionError, match="error: refused"):
        PortForward(Staging(), "dwcp-v3-prometheus", 9090).url()
