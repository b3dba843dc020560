"""Checks the prerequisites of the Docker stack, reports each missing prerequisite with a fix, and runs ``docker compose``."""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from components.monitoring.alertmanager_config import Receiver
from contract import APPLICATION, DOCKER_HEALTHY_SECONDS, DOCKERFILE
from delivery.clients import docker
from delivery.errors import DeliveryError

CONTRACT_LABEL = "dwcp.contract"
CONTRACT = "1"
"""Required value of the label (docs/app-contract.md, Image)."""

OPTIONAL = frozenset(f"alert_{receiver}" for receiver in get_args(Receiver))
"""Secrets whose file may be empty, because not every alert receiver is used."""
SECRET_BYTES = 24
PULL_SECONDS = 300
LOG_LINES = 5
MINIMUM = (2, 21)
"""Oldest version of Docker Compose whose `ps` prints one JSON object per line."""


class DockerStackError(DeliveryError):
    """The Docker stack cannot be started, or did not start."""


@dataclass(frozen=True)
class ComposeStack:
    """The stack of one compose file, on the Docker engine that the ``docker`` command uses."""

    file: Path

    def up(self) -> None:
        """Start all services and wait until they are healthy.

        Raises the errors of :meth:`check`, or ``DockerStackError`` with the services that did not become healthy.
        """
        self.check()
        done = self._compose("up", "--detach", "--wait", "--wait-timeout", str(DOCKER_HEALTHY_SECONDS), capture=False)
        if done.returncode:
            raise self._not_started()

    def down(self, *, volumes: bool) -> None:
        """Remove the containers and networks; with ``volumes`` also the data."""
        self.require_engine()
        if self._compose("down", *(["--volumes"] if volumes else []), capture=False).returncode:
            raise DockerStackError("the Docker stack was not removed", "fix the problem in the output above")

    def check(self) -> None:
        """Check the prerequisites without starting anything.

        Raises ``DockerStackError``: for the engine or ``docker compose`` alone if one of them is missing, else with all problems.
        """
        self.require_engine()
        problems = [*self._missing_secrets(), *self._taken_ports(), *self._wrong_image()]
        if len(problems) == 1:
            raise DockerStackError(*problems[0])
        if problems:
            listed = "\n  ".join(f"{problem}\n    fix: {fix}" for problem, fix in problems)
            raise DockerStackError(f"{len(problems)} problems prevent the start of the Docker stack:\n  {listed}")

    def require_engine(self) -> None:
        """Raise ``DockerStackError`` unless the ``docker`` command, a running engine and a recent ``docker compose`` exist."""
        if shutil.which("docker") is None:
            fix = "install Docker Engine or Docker Desktop; `make up` runs the platform without Docker"
            raise DockerStackError("there is no `docker` command on PATH", fix)
        answer = docker.run("version", "--format", "{{.Server.Version}}")
        if answer.returncode or not answer.stdout.strip():
            lines = answer.stderr.strip().splitlines()
            host = os.environ.get("DOCKER_HOST") or "the default socket"
            raise DockerStackError(
                f"no Docker engine answers at {host}: {lines[-1] if lines else 'no answer'}",
                "start the engine (`systemctl start docker`, or Docker Desktop), or set DOCKER_HOST to an engine that runs",
            )
        if not self._compose_command:
            minimum = ".".join(map(str, MINIMUM))
            raise DockerStackError(
                f"neither `docker compose` nor `docker-compose` of version {minimum} or newer is installed",
                f"install Docker's compose plugin, version {minimum} or newer",
            )

    @cached_property
    def config(self) -> dict[str, Any]:
        """The compose file as ``docker compose config`` prints it, with variables replaced."""
        done = self._compose("config", "--format", "json")
        if done.returncode:
            raise DockerStackError(
                f"{self.file}: {done.stderr.strip()}",
                "write the file again: `make generate` writes docker/compose.yaml, and `./dwcp render` writes the guide's file",
            )
        return json.loads(done.stdout)

    @property
    def secret_files(self) -> Mapping[str, Path]:
        """The file of each secret."""
        return {name: Path(each["file"]) for name, each in self.config.get("secrets", {}).items()}

    def make_secrets(self) -> list[Path]:
        """Write a random value for each missing secret, or an empty file if the secret is optional. Returns the new files."""
        self.require_engine()
        made: list[Path] = []
        for name, file in self.secret_files.items():
            if not file.exists():
                # The mode of the folder excludes other users of this machine. The containers' users must be able to read the file.
                file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                file.write_text("" if name in OPTIONAL else secrets.token_urlsafe(SECRET_BYTES))
                file.chmod(0o444)
                made.append(file)
        return made

    def _missing_secrets(self) -> Iterator[tuple[str, str]]:
        command = f"./dwcp compose secrets --file {shlex.quote(str(self.file))}"
        fix = f"run `{command}`, which creates the file, or write your own value into the file"
        for name, file in self.secret_files.items():
            if not file.is_file():
                yield f"the secret {name} is missing: there is no {file}", fix
            elif not file.read_text().strip() and name not in OPTIONAL:
                yield f"the secret {name} is empty: {file}", "write a value into the file"
            elif not file.stat().st_mode & 0o004:
                yield f"the secret {name} cannot be read by the containers' users: {file}", f"chmod 444 {file}"

    def _taken_ports(self) -> Iterator[tuple[str, str]]:
        """The problem of each port that is in use on this machine.

        No port is checked if ``DOCKER_HOST`` is not a Unix socket, because the engine can then be on another host.
        """
        if not (os.environ.get("DOCKER_HOST") or "unix:").startswith("unix:"):
            return
        published = self._published()
        for name, service in self.config["services"].items():
            for port in service.get("ports", []):
                host, number = port.get("host_ip", "0.0.0.0"), int(port["published"])
                if number not in published and _taken(host, number):
                    yield (
                        f"port {number} of {name} is in use: another process listens on {host}:{number}",
                        f"stop that process (`ss -ltnp 'sport = :{number}'` shows it), or change the published port in {self.file}",
                    )

    def _published(self) -> set[int]:
        """The ports that the stack's containers publish now."""
        ports: list[dict[str, int]] = []
        for container in self._containers():
            ports += container.get("Publishers") or []
        return {each["PublishedPort"] for each in ports}

    def _wrong_image(self) -> Iterator[tuple[str, str]]:
        image: str = self.config["services"][APPLICATION]["image"]
        labels = _labels(image)
        if labels is None and docker.run("pull", "--quiet", image, seconds=PULL_SECONDS).returncode == 0:
            labels = _labels(image)
        if labels is None:
            build = "" if "@" in image else f", or build the image: docker build -f {DOCKERFILE} -t {image} FOLDER"
            yield f"the image {image} is not on the engine and cannot be pulled", f"run `docker login` for its registry{build}"
        elif labels.get(CONTRACT_LABEL) != CONTRACT:
            found = repr(labels[CONTRACT_LABEL]) if CONTRACT_LABEL in labels else "missing"
            yield (
                f"the image {image} does not follow the service contract: its label {CONTRACT_LABEL} is {found}, not {CONTRACT!r}",
                f"build the image with {DOCKERFILE}, or name another image in DWCP_IMAGE (docs/app-contract.md)",
            )

    def _not_started(self) -> DockerStackError:
        """The error that lists the services that are not healthy, with their last lines of output."""
        unhealthy = [each for each in self._containers() if each.get("Health") not in ("healthy",)]
        parts: list[str] = []
        for container in unhealthy:
            state = container.get("Health") or container.get("State")
            logged = self._compose("logs", "--no-log-prefix", "--tail", str(LOG_LINES), container["Service"]).stdout.strip()
            parts.append(f"{container['Service']} is {state}" + (f": {logged}" if logged else ""))
        return DockerStackError(
            "the Docker stack did not become healthy: " + ("; ".join(parts) or "the output above has the reason"),
            f"fix the cause and run the command again; `docker compose -f {self.file} logs SERVICE` shows more",
        )

    def _containers(self) -> list[dict[str, Any]]:
        """The containers of the stack as compose reports them."""
        done = self._compose("ps", "--all", "--format", "json")
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    @cached_property
    def _compose_command(self) -> Sequence[str]:
        for program, *command in (("docker", "compose"), ("docker-compose",)):
            if shutil.which(program) and _version(docker.run(*command, "version", "--short", program=program).stdout) >= MINIMUM:
                return (program, *command)
        return ()

    def _compose(self, *arguments: str, capture: bool = True) -> subprocess.CompletedProcess[str]:
        command = [*self._compose_command, "--file", str(self.file), *arguments]
        return subprocess.run(command, capture_output=capture, text=True, check=False)


def _labels(image: str) -> dict[str, str] | None:
    """The labels of an image; ``None`` if the engine does not have the image."""
    done = docker.run("image", "inspect", "--format", "{{json .Config.Labels}}", image)
    return None if done.returncode else json.loads(done.stdout) or {}


def _version(text: str) -> tuple[int, ...]:
    """The first two numbers of a version such as ``v2.40.3-desktop.1``; empty if the text is not a version."""
    found = re.match(r"v?(\d+)\.(\d+)", text.strip())
    return () if found is None else tuple(map(int, found.groups()))


def _taken(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False
