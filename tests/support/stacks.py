"""Staging and production on clouds that share one account. Each stack has its own stack file, and its deploy role applies it."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache, cached_property
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import boto3
from monitoring_stack import monitoring_stack
from reaping import remove_after_session

from embedded_cloud.cloud import Cloud
from embedded_cloud.engine import CREDENTIALS
from program.checkout import CHECKOUT
from sandbox.monitoring import SandboxMonitoring
from sandbox.stacks import open_stack, prepare

UP = ("up", "--yes", "--skip-preview")

REQUESTS_PER_SECOND = 1000

STANDING = os.environ.get("DWCP_TEST_STACKS")
"""A folder with running clouds that the tests use and keep, for work on these tests."""


class Stack:
    """A stack on its cloud."""

    shown: subprocess.CompletedProcess[str]
    """The result of the command that has applied the stack."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.cloud: Cloud = open_stack(name, folder)
        if not STANDING:
            remove_after_session(self.cloud.folder)
        self.options = prepare(self.cloud)

    @cached_property
    def monitoring(self) -> SandboxMonitoring:
        """Simulated load on the stack, and a real Prometheus that monitors it."""
        monitoring = monitoring_stack(self.cloud)
        monitoring.control("load", "PUT", requestsPerSecond=REQUESTS_PER_SECOND)
        return monitoring

    def run(self, *arguments: str, fails: bool = False) -> str:
        command = [self.cloud.engine.bin / "pulumi", *arguments, "--stack", self.name, "--non-interactive", *self.options]
        environment = self.cloud.engine.process_environment()
        done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
        assert bool(done.returncode) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def make_up(self) -> subprocess.CompletedProcess[str]:
        """Run the command of ``make up STACK=...``."""
        environment = os.environ | {"DWCP_SANDBOX_FOLDER": str(folder()), "COLUMNS": "200"}
        command = [sys.executable, "-m", "sandbox", "up", "--stack", self.name]
        return subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)

    def client(self, service: str, credentials: dict[str, str] = CREDENTIALS) -> Any:
        """An AWS client, by default with the credentials of the account's administrator."""
        region, keys = self.cloud.project.account.region, {name.lower(): value for name, value in credentials.items()}
        return boto3.client(service, endpoint_url=self.cloud.control_plane.aws, region_name=region, **keys)

    def kubectl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run kubectl with the present credentials, and with the kubeconfig that `aws eks update-kubeconfig` writes for a user."""
        config = self.cloud.folder / "eks.yaml"
        environment = self.cloud.engine.process_environment() | {"KUBECONFIG": str(config)}
        bin = self.cloud.engine.bin
        if not config.exists():
            update = ["update-kubeconfig", "--name", self.cloud.project.cluster or "", "--kubeconfig", str(config)]
            subprocess.run([bin / "aws", "eks", *update], env=environment, check=True, capture_output=True)
        return subprocess.run([bin / "kubectl", *arguments], env=environment, capture_output=True, text=True, check=False)


@cache
def folder() -> Path:
    """The folder of the session's clouds."""
    if STANDING:
        return Path(STANDING)
    made = Path(mkdtemp(prefix="dwcp-stacks-"))
    remove_after_session(made)
    return made


@cache
def stack(name: str) -> Stack:
    """The stack with this name, applied once per session."""
    made = Stack(folder(), name)
    made.shown = made.make_up()
    assert made.shown.returncode == 0, made.shown.stdout + made.shown.stderr
    return made
