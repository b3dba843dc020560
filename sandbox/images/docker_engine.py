"""A separate Docker engine with its own data, socket and pid file. It does not affect other engines on the machine."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from filelock import FileLock

from embedded_cloud import waiting
from sandbox.errors import SandboxError
from sandbox.project import PROJECT, TOOLCHAIN

KEPT = TOOLCHAIN.cache.folder.parent / "docker-engine"
"""The folder that stays between runs. It contains the engine's data with the images, archives of the pods' images, and a lock."""

START_SECONDS = 60
STOP_SECONDS = 30
LAST_LINES = 20
"""How many lines of the engine's log an error contains. The log itself is removed with the engine's folder."""
NEEDED = ("dockerd", "debootstrap", "npm")
INSTALL = "as root on Debian: apt-get install --no-install-recommends docker.io debootstrap npm"


def missing() -> str:
    """The reason why this machine cannot run a separate engine and build the substitutes for images; empty if it can."""
    if sys.platform != "linux":
        return "a separate Docker engine runs on Linux only"
    if os.geteuid() != 0:
        return "a separate Docker engine needs root"
    absent = [name for name in NEEDED if shutil.which(name) is None]
    return f"{', '.join(absent)} missing; {INSTALL}" if absent else ""


class UnavailableError(SandboxError):
    """Raised if the engine, or a source of the images, is not available on this machine."""


@dataclass(frozen=True)
class DockerEngine:
    """A running engine."""

    folder: Path
    compose: Path | None = None
    """The path of the standalone ``docker-compose``, for the Docker stack."""

    @property
    def socket(self) -> Path:
        return self.folder / "engine.sock"

    @property
    def host(self) -> str:
        return f"unix://{self.socket}"

    @property
    def environment(self) -> dict[str, str]:
        # A separate client configuration, because the user's configuration could select another engine, or add logins.
        own = {"DOCKER_HOST": self.host, "DOCKER_CONFIG": str(self.folder / "client"), "DOCKER_BUILDKIT": "1"}
        # /usr/bin comes before PATH, so that Debian's client is used, which needs no plugin to build with BuildKit.
        folders = (*([str(self.compose.parent)] if self.compose else []), "/usr/bin", os.environ["PATH"])
        return os.environ | own | {"PATH": os.pathsep.join(folders)}

    @property
    def client(self) -> docker.DockerClient:
        return docker.DockerClient(base_url=self.host, timeout=60)

    def run(self, *command: str | Path, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a Docker command on this engine. With ``check``, a failure raises ``SandboxError`` with the command's output."""
        environment = self.environment | options.pop("env", {})
        program = shutil.which(str(command[0]), path=environment["PATH"]) or command[0]
        done = subprocess.run([program, *command[1:]], env=environment, capture_output=True, text=True, check=False, **options)
        if check and done.returncode:
            output = f"exit code {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
            raise SandboxError(f"{' '.join(map(str, command))}: {output}", "fix the problem in the output above")
        return done

    def leftovers(self) -> dict[str, list[str]]:
        """The engine's containers, volumes and networks, without the default networks."""
        client = self.client
        return {
            "containers": [str(each.name) for each in client.containers.list(all=True)],
            "networks": [str(each.name) for each in client.networks.list() if each.name not in ("bridge", "host", "none")],
            "volumes": [str(each.name) for each in client.volumes.list()],
        }

    def clear(self) -> None:
        """Remove all containers, networks and volumes, also those of a run that was killed. The images stay."""
        client = self.client
        for container in client.containers.list(all=True):
            container.remove(force=True, v=True)
        for network in client.networks.list():
            if network.name not in ("bridge", "host", "none"):
                network.remove()
        for volume in client.volumes.list():
            volume.remove(force=True)


@contextlib.contextmanager
def started(folder: Path, compose: Path | None = None) -> Iterator[DockerEngine]:
    """Start an engine, and stop it when the block ends. First wait until no other process of this user runs such an engine.

    The images stay in this user's cache. The engine's other files are in ``folder``, which is removed when the block ends. The
    engine does not change the machine's firewall: it runs without iptables, and publishes ports with its own proxy.
    """
    KEPT.mkdir(parents=True, exist_ok=True)
    with FileLock(KEPT / "lock"):
        yield from _running(DockerEngine(folder, compose))


def _running(engine: DockerEngine) -> Iterator[DockerEngine]:
    folder = engine.folder
    (folder / "client").mkdir(parents=True, exist_ok=True)
    settings = folder / "daemon.json"
    settings.write_text(json.dumps({"builder": {"gc": {"enabled": False}}}))
    with (folder / "engine.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *("dockerd", "--config-file", settings, "--data-root", KEPT / "data", "--exec-root", folder / "exec"),
                *("--pidfile", folder / "engine.pid", "--host", engine.host),
                *("--bridge", "none", "--iptables=false", "--ip6tables=false"),
            ],
            env=os.environ | PROJECT.processes(folder).marks("dockerd"),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(engine, process, folder / "engine.log")
        engine.clear()
        yield engine
        engine.clear()
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        remove(folder)


def remove(folder: Path) -> None:
    """Unmount the network namespace that the engine leaves in ``folder``, and remove ``folder``."""
    for line in Path("/proc/mounts").read_text().splitlines():
        if (mounted := line.split()[1]).startswith(f"{folder}/"):
            subprocess.run(["umount", "--lazy", mounted], check=False)
    shutil.rmtree(folder, ignore_errors=True)


def _wait(engine: DockerEngine, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in waiting.looks(START_SECONDS, pause=0.1):
        with contextlib.suppress(Exception):
            if engine.socket.exists() and engine.client.ping():
                return
        if process.poll() is not None:
            break
    lines = log.read_text(errors="replace").strip().splitlines()[-LAST_LINES:]
    raise UnavailableError("\n".join(["dockerd does not start on this machine:", *lines]), "fix the problem in the lines above")
