"""Processes that belong to one embedded cloud.

A process belongs to the cloud if its environment variable ``Processes.owner_variable`` contains the cloud's folder. The process'
children inherit the variable, and so belong to the cloud too. Unlike a pid file, the variable cannot be stale, and also identifies
the processes that a command started before it was killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import subprocess
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from embedded_cloud import waiting
from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.instructions import Instructions

START_SECONDS = 120
"""The maximum time until a started process answers; even a busy laptop needs far less."""

SERVER_PORTS = range(15000, 30000)
"""Ports for servers. They are below Kubernetes' node ports (from 30000) and the ephemeral ports (on Linux from 32768), because an
outgoing connection could take an ephemeral port before the server listens."""

KILL_SECONDS = 10
"""The maximum time until a killed process has ended."""

STOP_SECONDS = 1
"""Time between SIGTERM and SIGKILL. It is short, because the cloud's data is discarded and need not be saved."""


_STARTED: list[psutil.Popen] = []
"""Handles of the started processes, which outlive this process. Python warns if the handle of a running process is dropped."""


@dataclass(frozen=True)
class Processes:
    """The processes of the cloud in ``folder``; their output goes to ``folder/logs/NAME.log``.

    In the environment of each process, ``owner_variable`` contains the folder, and ``name_variable`` contains the process' name.
    """

    folder: Path
    owner_variable: str
    instructions: Instructions

    @property
    def name_variable(self) -> str:
        """The environment variable that contains the name of a process."""
        return f"{self.owner_variable}_PROCESS"

    def marks(self, name: str) -> dict[str, str]:
        """The environment variables that identify a process as the process ``name`` of this cloud."""
        return {self.owner_variable: str(self.folder), self.name_variable: name}

    def log(self, name: str) -> Path:
        """The log file of process ``name``."""
        return self.folder / "logs" / f"{name}.log"

    def running(self) -> dict[str, psutil.Process]:
        """The running processes of the cloud by name, without their children."""
        every = self.every()
        pids = {process.pid for process in every}
        found: dict[str, psutil.Process] = {}
        for process in every:
            try:
                if process.ppid() not in pids:
                    found[process.environ()[self.name_variable]] = process
            except (psutil.Error, OSError, KeyError):
                continue
        return found

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        environment: Mapping[str, str] | None = None,
        files: Collection[int] = (),
        standard_input: IO[bytes] | int = subprocess.DEVNULL,
    ) -> psutil.Popen:
        """Start ``command`` in a new session, so that it outlives this process and Ctrl-C does not reach it.

        ``files`` are the numbers of open files, such as listening sockets, that the command inherits.
        """
        self.log(name).parent.mkdir(parents=True, exist_ok=True)
        with self.log(name).open("ab") as output:
            process = psutil.Popen(
                [str(part) for part in command],
                env={**os.environ, **(environment or {}), **self.marks(name)},
                stdin=standard_input,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=self.folder,
                pass_fds=tuple(files),
            )
        _STARTED.append(process)
        # Immediately after Popen returns, the environment of the new process, which identifies it, can still be empty.
        while process.poll() is None and not self._is_loaded(process):
            time.sleep(0.01)
        return process

    def wait_until(self, name: str, answers: Callable[[], bool], seconds: float = START_SECONDS) -> None:
        """Return when ``answers()`` is true. Raises ``EmbeddedCloudError`` after ``seconds``, or if process ``name`` ends first."""
        fix = f"read {self.log(name)}; then {self.instructions.down} and {self.instructions.up}"
        for _ in waiting.looks(seconds):
            if answers():
                return
            if name not in self.running():
                raise EmbeddedCloudError(f"{name} stopped: {self.last_words(name)}", fix)
        raise EmbeddedCloudError(f"{name} did not answer within {seconds:.0f} s", fix)

    def last_words(self, name: str) -> str:
        """The last line that process ``name`` wrote (its last 400 characters), or ``no output``."""
        try:
            lines = [line for line in self.log(name).read_text(errors="replace").splitlines() if line.strip()]
        except OSError:
            return "no output"
        return lines[-1][-400:] if lines else "no output"

    def stop(self) -> None:
        """End all processes of this cloud: by SIGTERM, then by SIGKILL."""
        processes = self.every()
        for process in processes:
            _quietly(process.terminate)
        _, alive = psutil.wait_procs(processes, timeout=STOP_SECONDS)
        for process in alive:
            _quietly(process.kill)
        psutil.wait_procs(alive, timeout=KILL_SECONDS)

    def every(self) -> list[psutil.Process]:
        """All processes of this cloud, including children."""
        mine: list[psutil.Process] = []
        for process in psutil.process_iter():
            try:
                if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(self.owner_variable) == str(self.folder):
                    mine.append(process)
            except (psutil.Error, OSError):
                continue
        return mine

    def require_free(self, port: int, use: str) -> None:
        """Raise ``EmbeddedCloudError`` if another program listens on ``port``, which the process ``use`` needs."""
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise EmbeddedCloudError(
                    f"port {port}, which {use} uses in this embedded cloud, is taken by another program",
                    f"end that program, or {self.instructions.down} and {self.instructions.up}: a new cloud chooses free ports",
                ) from error

    def _is_loaded(self, process: psutil.Process) -> bool:
        try:
            return self.name_variable in process.environ()
        except (psutil.Error, OSError):
            return False


def _quietly(action: Callable[[], None]) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        action()


def free_ports(count: int) -> list[int]:
    """Different ports on 127.0.0.1 that no program uses. No other call, in any process, returns them while this process runs."""
    found: list[int] = []
    for port in random.sample(SERVER_PORTS, len(SERVER_PORTS)):
        if _reserve(port):
            found.append(port)
        if len(found) == count:
            return found
    raise EmbeddedCloudError(
        f"127.0.0.1 has fewer than {count} free ports between 15000 and 29999", "end programs that listen on these ports"
    )


def _reserve(port: int) -> bool:
    """Reserve ``port`` until this process ends; false if the port is in use or reserved.

    The reservation is a UDP socket on the port, and the servers use TCP. Without a reservation, two processes could choose the same
    port before a server listens on it.
    """
    with socket.socket() as probe, socket.socket(type=socket.SOCK_DGRAM) as reservation, contextlib.suppress(OSError):
        probe.bind(("127.0.0.1", port))
        reservation.bind(("127.0.0.1", port))
        reservation.detach()  # stays open when this function returns
        return True
    return False


def stored_ports(file: Path, *names: str) -> dict[str, int]:
    """A port on 127.0.0.1 for each name. The ports are chosen once and stored in ``file``."""
    try:
        ports: dict[str, int] = json.loads(file.read_text())
    except (OSError, ValueError):
        ports = {}
    if missing := [name for name in names if name not in ports]:
        ports |= dict(zip(missing, free_ports(len(missing)), strict=True))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(ports))
    return ports
