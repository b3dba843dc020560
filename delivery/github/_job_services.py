"""Local substitutes for the ``services:`` of a job: each is a server from PATH on a free port."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from delivery.clients.waiting import wait_until
from delivery.errors import DeliveryError
from delivery.github.workflow import Job

SERVERS = {"redis": ["redis-server", "--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--port"]}
"""The command that starts each service. The port is appended to the command."""

SECONDS = 10
"""Time limit for a server to accept connections."""


@contextmanager
def started(job: Job, say: Callable[[str], None]) -> Generator[Mapping[str, str]]:
    """A context in which a job's services run. Yields a map from each service's address in the workflow to its local address."""
    running: list[subprocess.Popen[bytes]] = []
    addresses: dict[str, str] = {}
    try:
        for name, service in cast("dict[str, dict[str, Any]]", job.content.get("services", {})).items():
            for ports in service.get("ports", []):
                port = _free_port()
                running.append(_start(name, port))
                addresses[f"localhost:{str(ports).split(':')[0]}"] = f"127.0.0.1:{port}"
                say(f"- {name} of this machine on port {port}")
        yield addresses
    finally:
        for process in running:
            process.terminate()
            process.wait()


def _start(name: str, port: int) -> subprocess.Popen[bytes]:
    if name not in SERVERS:
        raise DeliveryError(f"the service {name!r} has no local substitute", "add a substitute to delivery/github/_job_services.py")
    command = [*SERVERS[name], str(port)]
    if shutil.which(command[0]) is None:
        raise DeliveryError(f"the job needs {name}, and {command[0]} is not on PATH", f"install {command[0]}")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: _answers(port) or process.poll() is not None, seconds=SECONDS, pause=0.05)
    if process.poll() is None and _answers(port):
        return process
    process.kill()
    raise DeliveryError(f"{command[0]} does not answer on port {port}", f"start {command[0]} by hand and read its output")


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
