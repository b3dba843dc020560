"""The time of a rollback, from the command to a healthy service, compared with ``kubectl rollout undo``."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from statistics import median

from bench import Figure, Options, _dwcp
from bench.sandbox import sandbox
from contract import APPLICATION, NAMESPACE
from embedded_cloud.cloud import Cloud
from program.checkout import CHECKOUT
from sandbox.monitoring import SandboxMonitoring
from sandbox.project import PROJECT

HEALTHY = "ok      health checks"
TAGS = ("v9.1.0-slow", "v9.2.0-slow")
"""Releases whose pods become ready only after 10 s, the original guide's readiness delay (:mod:`sandbox.failing_pods`)."""
END_SECONDS = 600


def figures(options: Options) -> Iterator[Figure]:
    """The time of `dwcp rollback` relative to `kubectl rollout undo`, measured between two releases."""
    with sandbox() as cloud:
        cloud.engine.pulumi("up", "--yes", "--skip-preview", "--stack", PROJECT.stack)
        monitoring = SandboxMonitoring(cloud=cloud)
        monitoring.start_simulator()
        bench = Bench(cloud, monitoring)
        bench.run("state", "bootstrap")
        for tag in TAGS:
            bench.run("deploy", "--tag", tag, "--skip-tests")
        pairs = [(bench.rollback(), bench.undo()) for _ in range(options.runs)]
    ours, theirs = zip(*pairs, strict=True)
    yield Figure(
        name="`dwcp rollback` until the service is healthy, relative to `kubectl rollout undo` and `status`",
        value=median(left / right for left, right in pairs),
        unit="x",
        target="at most 1.2 x",
        how=f"{median(ours):.1f} s against {median(theirs):.1f} s; "
        "3 pods, each ready after 10 s, the original guide's readiness delay",
    )


class Bench:
    """Runs and times `dwcp rollback` and `kubectl rollout undo` on one cloud."""

    def __init__(self, cloud: Cloud, monitoring: SandboxMonitoring) -> None:
        self.environment = {
            **cloud.engine.process_environment(),
            "DWCP_SERVICE_URL": f"{monitoring.simulator_url}/tracks/{{track}}",
            "DWCP_METRICS_WINDOW_SECONDS": "1",
            "DWCP_WORK_DIR": str(cloud.folder / "work"),
        }
        self.kubectl = [str(cloud.engine.bin / "kubectl"), "--namespace", NAMESPACE]

    def run(self, *arguments: str) -> None:
        """Run a `dwcp` command to completion."""
        subprocess.run(
            _dwcp.command(*arguments), cwd=CHECKOUT, env=self.environment, check=True, stdout=sys.stderr, timeout=END_SECONDS
        )

    def rollback(self) -> float:
        """Seconds until `dwcp rollback` reports a healthy service. The command updates the state only after this report."""
        started = time.perf_counter()
        process = subprocess.Popen(
            _dwcp.command("rollback"),
            cwd=CHECKOUT,
            env={**self.environment, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        taken = next((time.perf_counter() - started for line in process.stdout if line.startswith(HEALTHY)), None)
        process.stdout.read()
        if process.wait(END_SECONDS) or taken is None:
            raise RuntimeError("dwcp rollback failed")
        return taken

    def undo(self) -> float:
        """The duration of `kubectl rollout undo` (to the previous release) and `kubectl rollout status` together, in seconds."""
        started = time.perf_counter()
        for arguments in (["rollout", "undo", f"deployment/{APPLICATION}"], ["rollout", "status", f"deployment/{APPLICATION}"]):
            subprocess.run(
                [*self.kubectl, *arguments], env=self.environment, check=True, stdout=subprocess.DEVNULL, timeout=END_SECONDS
            )
        return time.perf_counter() - started
