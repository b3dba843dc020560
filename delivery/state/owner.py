"""The owner of a lease, and the check whether the owner still runs."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import socket
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Self

import psutil

from delivery.clients.github import GitHub
from delivery.errors import DeliveryError


@dataclass(frozen=True, kw_only=True)
class Owner:
    """One process on one machine or in one CI run."""

    user: str
    host: str
    machine: str
    """Identifies the boot of the machine and the PID namespace. A process id is unique only within both."""
    pid: int
    started: str
    """The start time of the process (:func:`start_mark`). Together with ``pid`` it identifies the process."""
    run: str = ""
    """``OWNER/REPOSITORY/RUN/ATTEMPT`` of the GitHub Actions run, empty outside CI."""

    def __str__(self) -> str:
        """The owner, for a message."""
        where = f"{self.user}@{self.host}, process {self.pid}"
        return f"{where}, CI run {self.run_url}" if self.run else where

    @property
    def run_url(self) -> str:
        """The URL of the CI run."""
        repository, run = self.run.rsplit("/", 2)[0], self.run.split("/")[2]
        return f"{os.environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{repository}/actions/runs/{run}"

    def gone(self) -> bool:
        """Whether the owner provably no longer runs. An owner that cannot be checked counts as running."""
        if self.machine == machine():
            return not _runs(self.pid, self.started)
        if not self.run:
            return False
        # The concurrency group `up-ENVIRONMENT` runs one job at a time, so an earlier job or attempt of the same run has ended.
        return self.run.rpartition("/")[0] == _this_run(os.environ).rpartition("/")[0] or run_has_ended(self.run)

    @classmethod
    def this(cls) -> Self:
        """This process. On a runner of GitHub, the user is the person who started the run."""
        return cls(
            user=os.environ.get("GITHUB_ACTOR", user_of_this_process()),
            host=socket.gethostname(),
            machine=machine(),
            pid=os.getpid(),
            started=start_mark(os.getpid()),
            run=_this_run(os.environ),
        )

    def to_json(self) -> str:
        """The owner as JSON, for the lease."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The owner from the JSON of :meth:`to_json`."""
        return cls(**json.loads(text))


def user_of_this_process() -> str:
    """The user of the operating system, whose name the engine writes into its locks."""
    with contextlib.suppress(KeyError, OSError):  # a container's user may have no name
        return getpass.getuser()
    return str(os.getuid())


@cache
def machine() -> str:
    """Identifies this boot of this machine, and the PID namespace of this process.

    A host name alone is not enough, because several machines can have the same one, for example ``MacBook-Pro.local``.
    """
    try:
        boot = [Path("/proc/sys/kernel/random/boot_id").read_text().strip(), str(Path("/proc/self/ns/pid").readlink())]
    except OSError:  # macOS
        boot = [f"{uuid.getnode():x}", f"{psutil.boot_time():.0f}"]
    return "/".join([socket.gethostname(), *boot])


def start_mark(pid: int) -> str:
    """The start time of a process in clock ticks since boot; empty if the process does not exist.

    On a machine without ``/proc``, this is the time that psutil reports.
    """
    try:
        if Path("/proc/self/stat").exists():
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
        return str(psutil.Process(pid).create_time())
    except (OSError, psutil.NoSuchProcess):
        return ""


def _runs(pid: int, started: str) -> bool:
    try:
        return start_mark(pid) == started and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _this_run(environment: Mapping[str, str]) -> str:
    names = ("GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT")
    return "/".join(environment[name] for name in names) if all(environment.get(name) for name in names) else ""


def run_has_ended(run: str) -> bool:
    """Whether GitHub reports that a CI run has ended; false without a token or a response."""
    owner, repository, number, attempt = run.split("/")
    try:
        return GitHub.from_environment(f"{owner}/{repository}").run_has_ended(number, attempt)
    except DeliveryError:
        return False
