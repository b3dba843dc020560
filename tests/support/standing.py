"""One platform, applied once per session, for all tests that only read it or that revert their changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import boto3
from monitoring_stack import monitoring_stack
from reaping import remove_after_session
from recording import ROOT

from delivery.clients.state_backend import LEASE_KEY, LEASE_TABLE
from embedded_cloud import waiting
from embedded_cloud.cloud import Cloud
from sandbox.monitoring import SandboxMonitoring
from sandbox.project import PROJECT

MERGE = "application/merge-patch+json"
SCALER = "/apis/autoscaling/v2/namespaces/dwcp-v3/horizontalpodautoscalers/dwcp-v3"
PODS = "/api/v1/namespaces/dwcp-v3/pods"


@dataclass(frozen=True)
class Standing:
    """The platform on its own cloud."""

    cloud: Cloud
    monitoring: SandboxMonitoring

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables of an operator's shell after ``source .sandbox/env``, with the address of Prometheus."""
        return self.cloud.engine.process_environment() | {"DWCP_PROMETHEUS_URL": self.monitoring.prometheus_url}

    def client(self, service: str) -> Any:
        """An AWS client with all permissions."""
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.cloud.moto_port}",
            region_name="us-east-1",
            aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox",
        )

    def dwcp(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run ``dwcp`` in this environment."""
        command = [sys.executable, "-m", "delivery", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=self.variables | variables, capture_output=True, text=True, check=False, timeout=300
        )

    def shell(self, script: str, **variables: str) -> str:
        """Run a block of commands from a page in the checkout, until the first failure."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{self.variables['PATH']}"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=ROOT,
            env=self.variables | {"PATH": path} | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, f"{script}\nended with {done.returncode}: {done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout

    def doctor(self, *arguments: str, **variables: str) -> dict[str, Any]:
        """The doctor's report as data."""
        done = self.dwcp("doctor", "-e", PROJECT.stack, "--format", "json", *arguments, **variables)
        assert done.stdout, done.stderr
        report = json.loads(done.stdout)
        assert done.returncode == report["exitCode"], done.stderr
        return report

    def follow(self, report: dict[str, Any], check: str) -> None:
        """Run once each command that the report prints for one check, and answer prompts with yes."""
        commands = dict.fromkeys(each["command"] for each in report["findings"] if each["check"] == check)
        assert commands, f"{check} printed no command"
        for command in commands:
            self.shell(f"{command} --yes" if command.startswith("pulumi up ") else command)

    def drift(self) -> dict[str, Any]:
        """The report of ``dwcp drift`` as data."""
        done = self.dwcp("drift", "-e", PROJECT.stack, "--format", "json")
        assert done.stdout, done.stderr
        [report] = json.loads(done.stdout)
        assert done.returncode == report["exitCode"], done.stderr
        return report

    def patch(self, path: str, change: dict[str, Any]) -> None:
        """Change an object without Pulumi."""
        self.cloud.control_plane.api.request("PATCH", path, change, MERGE)

    def get(self, path: str) -> dict[str, Any]:
        """Read an object."""
        return self.cloud.control_plane.api.get(path)

    def pods(self, app: str) -> list[dict[str, Any]]:
        """The pods with this label ``app``."""
        return self.cloud.control_plane.api.items(f"{PODS}?labelSelector=app%3D{app}")

    def wait(self, what: str, holds: Callable[[], object], seconds: float = 60) -> None:
        """Return when ``holds()`` is true. The test fails if this takes more than ``seconds``."""
        assert any(holds() for _ in waiting.looks(seconds, pause=0.2)), f"{what}: not within {seconds:.0f} s"

    def forget_metrics(self) -> None:
        """Restart Prometheus without its data, because a bad minute affects the error budget for days."""
        self.cloud.processes.running()["prometheus"].kill()
        self.wait("Prometheus is gone", lambda: "prometheus" not in self.cloud.processes.running())
        self.monitoring.start()

    def up(self) -> None:
        """Apply the program again, which reverts manual changes."""
        self.cloud.engine.pulumi("up", "--stack", PROJECT.stack, "--yes", "--skip-preview", "--refresh", cwd=ROOT)

    def settled(self) -> bool:
        """Whether the pods are ready, the autoscaler reads their metrics, and Prometheus reaches all targets and has no alert."""
        scaler = self.get(SCALER)["status"].get("conditions", [])
        return (
            all(_is(pod["status"].get("conditions", []), "Ready") for pod in self.cloud.control_plane.api.items(PODS))
            and _is(scaler, "ScalingActive")
            and bool(self.monitoring.query('up{job=~"dwcp-v3.*"}'))
            and not self.monitoring.query("up == 0")
            and not self.monitoring.alerts()
        )


def _is(conditions: list[dict[str, Any]], type_: str) -> bool:
    return any(each["type"] == type_ and each["status"] == "True" for each in conditions)


@cache
def standing() -> Standing:
    """The session's platform. It is removed when the session ends, even if the session is killed."""
    folder = Path(mkdtemp(prefix="dwcp-standing-"))
    remove_after_session(folder)
    cloud = Cloud.open(PROJECT, folder)
    cloud.start()
    cloud.engine.pulumi("up", "--stack", PROJECT.stack, "--yes", "--skip-preview", cwd=ROOT)
    platform = Standing(cloud, monitoring_stack(cloud))
    # The load is far above the threshold of the alert on low throughput, which could otherwise fire on a busy machine.
    platform.monitoring.control("load", "PUT", requestsPerSecond=500)
    platform.client("dynamodb").create_table(
        TableName=LEASE_TABLE,
        KeySchema=[{"AttributeName": LEASE_KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": LEASE_KEY, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    platform.wait("the platform is ready", platform.settled, seconds=120)
    return platform
