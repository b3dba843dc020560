"""A connection to a Service in the cluster by ``kubectl port-forward``, as in the guide.

The API server checks the caller's permission, and the kubelet connects inside the pod's network namespace. For this reason no
NetworkPolicy has to allow the connection.
"""

from __future__ import annotations

import contextlib
import json
import queue
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from delivery.clients.environment import Environment
from delivery.clients.work_folder import work_folder, write
from program.checkout import CHECKOUT

START_SECONDS = 15.0
"""Time for kubectl to find the pod and to listen."""
GRACE_SECONDS = 2
"""Time for an interrupted kubectl to end, before the supervisor (``_supervisor.py``) kills it."""
LIFE_SECONDS = 7 * 24 * 3600
"""Maximum lifetime of kubectl. After that, :meth:`PortForward.url` starts kubectl again. kubectl also ends with this process."""


class PortForward:
    """A port on 127.0.0.1 that forwards to ``service``:``port`` of the cluster.

    The port is opened at the first use, and opened again if the connection was lost.
    """

    def __init__(self, environment: Environment, service: str, port: int) -> None:
        """Prepare the port for the environment's cluster and namespace."""
        self._target = ("--namespace", environment.namespace, f"service/{service}", f":{port}")
        self._description = f"{service}:{port} in {environment.namespace}"
        self._file = work_folder(environment.name) / "kubeconfig"
        self._kubeconfig = environment.kubeconfig
        self._variables = environment.variables
        self._process: subprocess.Popen[str] | None = None
        self._url = ""

    def url(self) -> str:
        """The URL of the forwarded port. Raises ``OSError`` if the connection fails."""
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._open()
        return self._url

    def close(self) -> None:
        """Close the port; the next call of :meth:`url` opens it again."""
        if self._process is not None:
            _end(self._process)
            self._process = None

    def _open(self) -> None:
        options: list[str] = []
        if self._kubeconfig is not None:
            write(self._file, json.dumps(self._kubeconfig))
            options = ["--kubeconfig", str(self._file)]
        kubectl = [_kubectl(self._variables), *options, "port-forward", "--address", "127.0.0.1", *self._target]
        process = subprocess.Popen(
            # When this process ends, even by a signal, the supervisor's standard input is closed. The supervisor then ends kubectl.
            [sys.executable, "-m", "delivery.clients._supervisor", str(GRACE_SECONDS), *kubectl],
            env={**self._variables, "PYTHONPATH": str(CHECKOUT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the supervisor has ended; its output contains the reason
            process.stdin.write(f"{LIFE_SECONDS}\n")
            process.stdin.flush()
        self._url = f"http://127.0.0.1:{self._listening(process)}"
        self._process = process

    def _listening(self, process: subprocess.Popen[str]) -> int:
        """The port that kubectl chose, read from kubectl's output. Raises ``ConnectionError`` if kubectl prints no port in time."""
        lines: queue.Queue[str] = queue.Queue()

        def read() -> None:
            assert process.stdout is not None
            with process.stdout as output:
                for line in output:
                    lines.put(line)
            lines.put("")

        threading.Thread(target=read, daemon=True).start()
        printed: list[str] = []
        while True:
            try:
                line = lines.get(timeout=START_SECONDS)
            except queue.Empty:
                line = ""
            if found := re.match(r"Forwarding from 127\.0\.0\.1:(\d+)", line):
                return int(found[1])
            if not line:
                _end(process)
                raise ConnectionError(f"{self._description} cannot be reached: {_last_message(printed)}")
            printed.append(line.strip())


def _last_message(lines: list[str]) -> str:
    """kubectl's last message. Its log lines (``E1126 18:00:00.000000 ...``) are skipped, because they repeat for each attempt."""
    messages = [line for line in lines if line and not re.match(r"[EWI]\d{4} ", line)]
    return messages[-1] if messages else "kubectl printed nothing"


def _end(process: subprocess.Popen[str]) -> None:
    """Close the standard input of the supervisor, which then ends kubectl and itself."""
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    process.wait()


def _kubectl(variables: Mapping[str, str]) -> str:
    """The path of the kubectl next to this interpreter, or else of the kubectl on PATH."""
    beside = Path(sys.executable).parent / "kubectl"
    found = str(beside) if beside.exists() else shutil.which("kubectl", path=variables.get("PATH"))
    if found is None:
        raise FileNotFoundError("kubectl is neither in the project's environment nor on PATH; run `make setup`")
    return found
