"""Processes that belong to one sandbox.

A process is the sandbox's own when its environment says so (``DWCP_SANDBOX`` names the sandbox's folder), and so are
all its children. There are no pid files to go stale: whatever was started, by whichever killed command, is found.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from embedded_cloud.errors import SandboxError

OWNER = "DWCP_SANDBOX"
NAME = "DWCP_SANDBOX_PROCESS"

START_SECONDS = 60
"""How long a process may take until it answers; a loaded laptop needs far less."""

KILL_SECONDS = 10
"""How long a killed process may take to vanish."""

STOP_SECONDS = 1
"""Grace between SIGTERM and SIGKILL: what a sandbox holds is thrown away, so nothing has much to save."""


@dataclass(frozen=True)
class Processes:
    """The processes of the sandbox in ``folder``; their output goes to ``folder/logs/NAME.log``."""

    folder: Path

    def log(self, name: str) -> Path:
        """Where the output of process ``name`` goes."""
        return self.folder / "logs" / f"{name}.log"

    def running(self) -> dict[str, psutil.Process]:
        """The sandbox's services that run now, by name; a service's own children are left out."""
        every = self.every()
        pids = {process.pid for process in every}
        found: dict[str, psutil.Process] = {}
        for process in every:
            try:
                if process.ppid() not in pids:
                    found[process.environ()[NAME]] = process
            except (psutil.Error, OSError, KeyError):
                continue
        return found

    def start(self, name: str, command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> psutil.Popen:
        """Start ``command`` in a session of its own, so that it outlives this one and Ctrl-C does not reach it."""
        self.log(name).parent.mkdir(parents=True, exist_ok=True)
        marks = {OWNER: str(self.folder), NAME: name}
        with self.log(name).open("ab") as output:
            process = psutil.Popen(
                [str(part) for part in command],
                env={**os.environ, **(environment or {}), **marks},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=self.folder,
            )
        # When Popen returns the program is being loaded, and for a moment its environment, by which we know it, is empty.
        while process.poll() is None and not _is_loaded(process):
            time.sleep(0.01)
        return process

    def wait_until(self, name: str, answers: Callable[[], bool], seconds: float = START_SECONDS) -> None:
        """Return when ``answers()`` is true; raise when process ``name`` ends first or takes too long."""
        deadline = time.monotonic() + seconds
        while not answers():
            if name not in self.running():
                raise SandboxError(
                    f"{name} stopped: {self.last_words(name)}", f"read {self.log(name)}; then `make down` and `make up`"
                )
            if time.monotonic() > deadline:
                raise SandboxError(
                    f"{name} did not answer within {seconds:.0f} s", f"read {self.log(name)}; then `make down` and `make up`"
                )
            time.sleep(0.05)

    def last_words(self, name: str) -> str:
        """The last line that process ``name`` wrote."""
        try:
            lines = [line for line in self.log(name).read_text(errors="replace").splitlines() if line.strip()]
        except OSError:
            return "no output"
        return lines[-1][-400:] if lines else "no output"

    def stop(self) -> None:
        """End everything of this sandbox: first politely, then not."""
        processes = self.every()
        for process in processes:
            _quietly(process.terminate)
        _, alive = psutil.wait_procs(processes, timeout=STOP_SECONDS)
        for process in alive:
            _quietly(process.kill)
        psutil.wait_procs(alive, timeout=KILL_SECONDS)

    def every(self) -> list[psutil.Process]:
        """All processes of this sandbox, the children of its processes included."""
        mine: list[psutil.Process] = []
        for process in psutil.process_iter():
            try:
                if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(OWNER) == str(self.folder):
                    mine.append(process)
            except (psutil.Error, OSError):
                continue
        return mine


def _is_loaded(process: psutil.Process) -> bool:
    try:
        return NAME in process.environ()
    except (psutil.Error, OSError):
        return False


def _quietly(action: Callable[[], None]) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        action()


def free_ports(count: int) -> list[int]:
    """Ports on 127.0.0.1 that nothing listens on now, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def require_free(port: int, use: str) -> None:
    """Raise when something else listens on ``port``, which ``use`` had before."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise SandboxError(
                f"port {port}, which {use} uses in this sandbox, is taken by another program",
                "end that program, or run `make down` and `make up`: a new sandbox picks free ports",
            ) from error
