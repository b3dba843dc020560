"""Machines made of namespaces: network, processes and mounts of their own, all gone when their first process ends.

Nothing outside changes: no interface, route, rule or mount of the host. What a program writes to /run, /var/lib and /var/log stays
in the machine's folder. Only control groups lie outside, in one group per cloud, which ``remove_groups`` removes.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import socket
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import psutil

from embedded_cloud import waiting
from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.processes import Processes

LIBC = ctypes.CDLL(None, use_errno=True)
GROUPS = Path("/sys/fs/cgroup")
NEW_NETWORK = 0x40000000
"""CLONE_NEWNET of <linux/sched.h>."""

KERNEL_SETTINGS = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1000000,
    "kernel/keys/root_maxbytes": 25000000,
}
"""Kernel settings that a kubelet requires. They belong to the whole machine, so the kubelet gets files with these values."""

FIRST_PROCESS = """
set -e
mount --make-rshared /  # among the machine's own containers; to the host nothing goes back
mount -t tmpfs tmpfs /run
for name in lib log; do
  mkdir -p "$1/var/$name"
  mount --bind "$1/var/$name" "/var/$name"
done
cd "$1/sys"
find . -type f | while read -r file; do mount --bind "$file" "/proc/sys/$file"; done
ip link set lo up
echo 1 > /proc/sys/net/ipv4/ip_forward
if [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; then echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables; fi
touch "$1/ready"
exec sleep infinity
"""
GONE_SECONDS = 10


@dataclass(frozen=True)
class Machine:
    """The machine ``name``, a process of the cloud; its files lie in ``folder``."""

    processes: Processes
    name: str
    folder: Path

    def start(self) -> None:
        """Make the namespaces."""
        for file, value in KERNEL_SETTINGS.items():
            path = self.folder / "sys" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{value}\n")
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        namespaces = (
            "--net",
            "--mount",
            "--pid",
            "--ipc",
            "--uts",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "--propagation=slave",
        )
        self.processes.start(self.name, ["unshare", *namespaces, "sh", "-c", FIRST_PROCESS, "sh", self.folder])
        self.processes.wait_until(self.name, ready.exists)

    @property
    def pid(self) -> int:
        """The pid of its first process on this machine."""
        try:
            return self.processes.running()[self.name].children()[0].pid
        except (KeyError, IndexError, psutil.Error) as error:
            fix = f"{self.processes.instructions.down} and {self.processes.instructions.up}"
            raise EmbeddedCloudError(f"{self.name} does not run", fix) from error

    def inside(self, *command: str | Path) -> list[str | Path]:
        """A command that runs ``command`` in the machine."""
        return ["nsenter", f"--target={self.pid}", "--net", "--mount", "--pid", "--ipc", "--uts", *command]

    def on_network(self, *command: str | Path) -> list[str | Path]:
        """A command that runs ``command`` on the machine's network, with this machine's files and processes."""
        return ["nsenter", f"--target={self.pid}", "--net", *command]

    def run(self, *command: str | Path) -> str:
        """Run ``command`` in the machine and return its output."""
        return _run(self.inside(*command))

    def ip(self, *arguments: str) -> None:
        """Change the machine's network."""
        _run(self.on_network("ip", *arguments))

    def listener(self, address: str, port: int) -> socket.socket:
        """A socket that listens in the machine and can be served from outside: it belongs to the network it was opened on."""
        with self.namespace() as namespace, on_network(namespace.fileno()):
            return listener(address, port)

    def namespace(self) -> BinaryIO:
        """The file that stands for the machine's network."""
        return Path(f"/proc/{self.pid}/ns/net").open("rb")


def listener(address: str, port: int) -> socket.socket:
    """A socket that listens at ``address``, to be handed to a child."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind((address, port))
    found.listen(1024)
    found.set_inheritable(True)
    return found


@contextmanager
def on_network(namespace: int) -> Generator[None]:
    """This thread on the network whose namespace is the open file ``namespace``. (``os.setns`` is Python 3.12's.)"""
    with Path("/proc/thread-self/ns/net").open("rb") as own:
        _enter(namespace)
        try:
            yield
        finally:
            _enter(own.fileno())


def _enter(namespace: int) -> None:
    if LIBC.setns(namespace, NEW_NETWORK):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _run(command: list[str | Path], environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **(environment or {})})
    if done.returncode:
        words = " ".join(map(str, command))
        raise EmbeddedCloudError(f"`{words}` failed: {done.stderr.strip()[-1000:]}", "look at the last line, and at `dmesg`")
    return done.stdout


def group_of(folder: Path) -> str:
    """The control group of the cloud in ``folder``."""
    return f"embedded-cloud-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"


CONTROLLERS = ("cpu", "cpuset", "io", "memory", "pids")


WEIGHTS = {"cpu.shares": 32 * 1024, "cpu.weight": 32 * 100}
"""Weight of a cloud's group, in version 1 and 2, as much as that of 32 processes. A new group weighs as much as one process outside
of it, and then all pods together would get less of a busy machine than one compiler: probes time out, and pods become unready."""


def make_group(path: str) -> None:
    """Make the control group ``path`` in every hierarchy, with what a kubelet needs of its parents.

    In version 1 a new cpuset is empty, and gets what its parent has; in version 2 a parent has to hand its controllers down.
    """
    top = Path(path).parts[0]
    for hierarchy in _hierarchies():
        made = hierarchy
        for part in Path(path).parts:
            above, made = made, made / part
            made.mkdir(exist_ok=True)
            for controller in CONTROLLERS if (above / "cgroup.subtree_control").exists() else ():
                with suppress(OSError):  # the kernel lacks it
                    (above / "cgroup.subtree_control").write_text(f"+{controller}")
            for file in ("cpuset.cpus", "cpuset.mems"):
                if (made / file).exists() and not (made / file).read_text().strip():
                    (made / file).write_text((above / file).read_text())
        for file, weight in WEIGHTS.items():
            if (hierarchy / top / file).exists():
                (hierarchy / top / file).write_text(f"{weight}")


def remove_groups(folder: Path) -> None:
    """Remove the control groups of the cloud in ``folder``, whose processes have been killed."""
    for hierarchy in _hierarchies():
        top = hierarchy / group_of(folder)
        for _ in waiting.looks(GONE_SECONDS):
            if not top.exists():
                break
            for group in sorted((top, *top.rglob("*/")), reverse=True):
                with suppress(OSError):  # a process in it has not ended yet
                    group.rmdir()


def _hierarchies() -> list[Path]:
    """Every mounted hierarchy: one per controller in version 1, one for all in version 2."""
    if (GROUPS / "cgroup.controllers").exists():
        return [GROUPS]
    return sorted({each.resolve() for each in GROUPS.iterdir() if each.is_dir() and (each / "cgroup.procs").exists()})
