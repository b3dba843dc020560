"""Whether a built image keeps docs/app-contract.md: started on a Docker engine as the cluster starts it, asked, and stopped."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from components.compose.services import APPLICATION_USER as USER
from contract import PORT
from delivery.clients.docker_compose import CONTRACT as VERSION
from delivery.clients.docker_compose import CONTRACT_LABEL as LABEL
from delivery.errors import DeliveryError, UsageError

START_SECONDS = 30
"""The contract's health check begins after 30 s at the latest (guide: liveness)."""
STOP_SECONDS = 25
"""From SIGTERM to the end (docs/app-contract.md: Life and death)."""
HEALTH = f"fetch('http://127.0.0.1:{PORT}/health').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"
"""Asked inside the container: the image has Node and nothing else."""


class ContractError(DeliveryError):
    """The image does not keep the contract."""


def check(image: str) -> list[str]:
    """What was seen, one line for each promise. Raises ``ContractError`` for the first one that is broken."""
    if shutil.which("docker") is None:
        raise UsageError("there is no docker on this machine", "run it where Docker is installed")
    config = cast("dict[str, Any]", json.loads(_docker("image", "inspect", "--format", "{{json .Config}}", image).stdout))
    label = cast("dict[str, str]", config.get("Labels") or {}).get(LABEL, "")
    _require(label == VERSION, f"{image} has the label {LABEL}={label or 'nothing'}, not {VERSION}")
    _require(config.get("User") == USER, f"{image} runs as {config.get('User') or 'root'}, not as {USER}")
    with _started(image) as container:
        _require(_healthy(container), f"{image} does not answer /health within {START_SECONDS} s: {_log(container)}")
        _docker("stop", "--time", str(STOP_SECONDS), container)
        code = int(_docker("inspect", "--format", "{{.State.ExitCode}}", container).stdout)
        _require(code == 0, f"{image} ended with {code} after SIGTERM, not with 0 within {STOP_SECONDS} s: {_log(container)}")
    return [
        f"label {LABEL}={VERSION}",
        f"runs as {USER} under a read-only root without capabilities",
        "answers /health without Redis",
        "ends with 0 on SIGTERM",
    ]


@contextmanager
def _started(image: str) -> Generator[str]:
    """A container with the restrictions of the cluster's pods (components/workload/tracks.py)."""
    options = (
        "--network",
        "none",
        "--read-only",
        "--tmpfs",
        "/tmp",
        "--cap-drop",
        "ALL",
        "--security-opt",
        "no-new-privileges",
        "--user",
        USER,
    )
    container = _docker("run", "--detach", *options, "--env", "HOME=/tmp", image).stdout.strip()
    try:
        yield container
    finally:
        _docker("rm", "--force", container)


def _healthy(container: str) -> bool:
    waiting = Retrying(
        retry=retry_if_result(lambda answers: not answers), stop=stop_after_delay(START_SECONDS), wait=wait_fixed(0.5)
    )
    try:
        return bool(waiting(lambda: _run("exec", container, "node", "-e", HEALTH).returncode == 0))
    except RetryError:
        return False


def _log(container: str) -> str:
    done = _run("logs", "--tail", "5", container)
    return " / ".join((done.stdout + done.stderr).strip().splitlines()) or "it printed nothing"


def _require(kept: bool, problem: str) -> None:
    if not kept:
        raise ContractError(problem, "compare the Dockerfile and the service with docs/app-contract.md")


def _docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    done = _run(*arguments)
    if done.returncode:
        raise ContractError(f"docker {' '.join(arguments[:2])} failed: {done.stderr.strip()}", "look at what Docker says")
    return done


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
