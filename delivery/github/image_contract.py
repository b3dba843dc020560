"""Checks a built image against docs/app-contract.md: runs a container of the image, calls ``/health``, and stops the container."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

from components.compose.services import APPLICATION_USER as USER
from components.settings.groups.application import ApplicationSettings
from contract import PORT
from delivery.clients import docker
from delivery.clients.docker_compose import CONTRACT as VERSION
from delivery.clients.docker_compose import CONTRACT_LABEL as LABEL
from delivery.clients.waiting import wait_until
from delivery.errors import DeliveryError

START_SECONDS = ApplicationSettings().startup_seconds
"""Maximum time from the start until ``/health`` answers (docs/app-contract.md: Start and stop)."""
STOP_SECONDS = 25
"""Maximum time from SIGTERM to the exit (docs/app-contract.md: Start and stop)."""
HEALTH = f"fetch('http://127.0.0.1:{PORT}/health').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"
"""The script that calls ``/health``. It runs in the container, with the Node that runs the service."""


class ContractError(DeliveryError):
    """The image violates the contract, or a Docker command failed."""


def check(image: str) -> list[str]:
    """Check ``image``, and return the requirements that it meets. Raises ``ContractError`` at the first violation."""
    config = cast("dict[str, Any]", json.loads(_docker("image", "inspect", "--format", "{{json .Config}}", image).stdout))
    label = cast("dict[str, str]", config.get("Labels") or {}).get(LABEL, "")
    _require(label == VERSION, f"the label {LABEL} of {image} is {label or 'missing'}, not {VERSION}")
    _require(config.get("User") == USER, f"{image} runs as {config.get('User') or 'root'}, not as {USER}")
    with _started(image) as container:
        _require(_healthy(container), f"{image} does not answer /health within {START_SECONDS} s: {_log(container)}")
        _docker("stop", "--time", str(STOP_SECONDS), container)
        code = int(_docker("inspect", "--format", "{{.State.ExitCode}}", container).stdout)
        _require(code == 0, f"{image} ended with {code} after SIGTERM, not with 0 within {STOP_SECONDS} s: {_log(container)}")
    return [
        f"label {LABEL}={VERSION}",
        f"runs as {USER} with a read-only root file system and without capabilities",
        "answers /health without Redis",
        "ends with 0 on SIGTERM",
    ]


@contextmanager
def _started(image: str) -> Generator[str]:
    """A context with a running container: without network, and with the restrictions of ``components/workload/pods.py``."""
    options = (
        *("--network", "none", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"),
        *("--security-opt", "no-new-privileges", "--user", USER),
    )
    container = _docker("run", "--detach", *options, "--env", "HOME=/tmp", image).stdout.strip()
    try:
        yield container
    finally:
        _docker("rm", "--force", container)


def _healthy(container: str) -> bool:
    return wait_until(lambda: docker.run("exec", container, "node", "-e", HEALTH).returncode == 0, seconds=START_SECONDS, pause=0.5)


def _log(container: str) -> str:
    done = docker.run("logs", "--tail", "5", container)
    return " / ".join((done.stdout + done.stderr).strip().splitlines()) or "the container printed nothing"


def _require(met: bool, problem: str) -> None:
    if not met:
        raise ContractError(problem, "compare the Dockerfile and the service with docs/app-contract.md")


def _docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    done = docker.run(*arguments)
    if done.returncode:
        raise ContractError(
            f"docker {' '.join(arguments[:2])} failed: {done.stderr.strip()}", "fix the problem that Docker reports"
        )
    return done
