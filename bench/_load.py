"""Requests through the load balancer at a constant rate, and the result of each request."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from embedded_cloud.cloud import Cloud
from sandbox.project import TOOLCHAIN

RATE = 100
"""Requests per second. The load generator does not wait for an answer before it sends the next request."""
TIMEOUT_SECONDS = 10
FRAME = bytes.fromhex("0000000b0300000000010000000078")
"""One message on stream 1, in the protocol of the test service in ``tests/fixtures/app``."""
SETTLE_SECONDS = 2
SERVER_ERROR = 500
CENT = 100


@dataclass(frozen=True)
class Answer:
    """The result of one request."""

    at: float
    """The time at which the request was sent, in seconds since 1970."""
    status: int
    """The HTTP status; 0 if there was no answer."""
    seconds: float
    error: str

    @property
    def is_lost(self) -> bool:
        """Whether the request was not answered, or answered with a server error."""
        return self.status == 0 or self.status >= SERVER_ERROR


@dataclass(frozen=True)
class Measurement:
    """One operation under load, and the results of the requests from shortly before its start until shortly after its end."""

    name: str
    answers: Sequence[Answer]

    @property
    def lost(self) -> list[Answer]:
        """The requests that were lost."""
        return [answer for answer in self.answers if answer.is_lost]

    @property
    def p99(self) -> float:
        """The time within which 99 of 100 requests were answered, in seconds."""
        times = sorted(answer.seconds for answer in self.answers)
        return times[len(times) * (CENT - 1) // CENT] if times else 0.0

    @property
    def why(self) -> str:
        """The errors of the lost requests, each with its count, the most frequent first."""
        kinds = [f"{answer.status} {answer.error}".strip() for answer in self.lost]
        return ", ".join(f"{kinds.count(kind)} x {kind}" for kind in sorted(set(kinds), key=kinds.count, reverse=True))


@dataclass
class LoadGenerator:
    """The load on a cloud's load balancer: half of the requests write to Redis, the other half read from it."""

    cloud: Cloud
    folder: Path
    rate: int = RATE

    @contextmanager
    def running(self) -> Generator[LoadGenerator]:
        """Send requests while the block runs; afterwards, :meth:`answers` returns their results."""
        assert self.cloud.nodes is not None
        [host] = self.cloud.nodes.hosts()
        url = f"https://127.0.0.1:{self.cloud.nodes.ports['443']}"
        targets = self.folder / "targets.json"
        header = {"Host": [host]}
        write = {"method": "POST", "url": f"{url}/v1/frames", "body": base64.b64encode(FRAME).decode(), "header": header}
        read = {"method": "GET", "url": f"{url}/v1/streams/1", "header": header}
        targets.write_text("".join(json.dumps(each) + "\n" for each in (write, read)))
        vegeta = TOOLCHAIN.ensure("vegeta")["vegeta"]
        flags = ("-format=json", f"-targets={targets}", f"-rate={self.rate}", "-duration=0", "-insecure", "-http2=false")
        with self._results.open("wb") as output:
            attack = [vegeta, "attack", *flags, f"-timeout={TIMEOUT_SECONDS}s"]
            process = subprocess.Popen(attack, stdout=output, stderr=subprocess.PIPE, text=True)
            try:
                time.sleep(SETTLE_SECONDS)
                yield self
                time.sleep(SETTLE_SECONDS)
            finally:
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=TIMEOUT_SECONDS * 2)

    @property
    def _results(self) -> Path:
        return self.folder / "results.bin"

    def answers(self) -> list[Answer]:
        """The result of each request. Call this method after the load has ended."""
        vegeta = TOOLCHAIN.ensure("vegeta")["vegeta"]
        command = [vegeta, "encode", "-to=json", self._results]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        return [_answer(json.loads(line)) for line in lines]


def _answer(result: dict[str, str | int]) -> Answer:
    at = datetime.fromisoformat(str(result["timestamp"])).timestamp()
    return Answer(at, int(result["code"]), int(result["latency"]) / 1e9, str(result.get("error", "")))
