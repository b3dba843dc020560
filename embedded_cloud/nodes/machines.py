"""Machines made of Linux namespaces (network, processes, mounts), which the kernel removes when the machine's first process ends.

A machine changes no interface, route, firewall rule or mount of the host. Its /var/lib and /var/log are in the machine's folder,
and its /run is in memory. Only the control groups of machines are on the host. ``remove_groups`` removes the groups of one cloud.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import socket
import subprocess
from collections.abc import Generator
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
"""Kernel settings that a kubelet requires. They apply to the whole host, so a machine does not change them. In the machine, files
with these values are mounted over /proc/sys, and the kubelet reads these files."""

FIRST_PROCESS = """
set -e
mount --make-rshared /  # mounts propagate among the machine's containers, but not to the host
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
    """The machine ``name``, with its files in ``folder``.

    The process ``name`` of the cloud is ``unshare``, and its child is the machine's first process.
    """

    processes: Processes
    name: str
    folder: Path

    def start(self) -> None:
        """Create the namespaces."""
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
        """The pid of the machine's first process, as seen on the host."""
        try:
            return self.processes.running()[self.name].children()[0].pid
        except (KeyError, IndexError, psutil.Error) as error:
            fix = f"{self.processes.instructions.down} and {self.processes.instructions.up}"
            raise EmbeddedCloudError(f"{self.name} does not run", fix) from error

    def inside(self, *command: str | Path) -> list[str | Path]:
        """A command line that runs ``command`` in the machine."""
        return ["nsenter", f"--target={self.pid}", "--net", "--mount", "--pid", "--ipc", "--uts", *command]

    def on_network(self, *command: str | Path) -> list[str | Path]:
        """A command line that runs ``command`` in the machine's network namespace, with the files and processes of the host."""
        return ["nsenter", f"--target={self.pid}", "--net", *command]

    def run(self, *command: str | Path) -> str:
        """Run ``command`` in the machine and return its output."""
        return _run(self.inside(*command))

    def ip(self, *arguments: str) -> None:
        """Run ``ip`` in the machine's network namespace."""
        _run(self.on_network("ip", *arguments))

    def listener(self, address: str, port: int) -> socket.socket:
        """A socket that listens in the machine's network namespace. A process outside of the namespace can use this socket too."""
        with self.namespace() as namespace, in_network(namespace.fileno()):
            return listener(address, port)

    def namespace(self) -> BinaryIO:
        """The open file of the machine's network namespace."""
        return Path(f"/proc/{self.pid}/ns/net").open("rb")


def listener(address: str, port: int) -> socket.socket:
    """A socket that listens at ``address`` and that a child process can inherit."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind((address, port))
    found.listen(1024)
    found.set_inheritable(True)
    return found


@contextmanager
def in_network(namespace: int) -> Generator[None]:
    """Run the block in the network namespace of the open file ``namespace``, in this thread.

    This function calls libc, because ``os.setns`` needs Python 3.12.
    """
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


def _run(command: list[str | Path]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        words = " ".join(map(str, command))
        raise EmbeddedCloudError(
            f"`{words}` failed: {done.stderr.strip()[-1000:]}", "fix the error in this message; `dmesg` may show the cause"
        )
    return done.stdout


def group_of(folder: Path) -> str:
    """The control group of the cloud in ``folder``."""
    return f"embedded-cloud-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"


CONTROLLERS = ("cpu", "cpuset", "io", "memory", "pids")


WEIGHTS = {"cpu.shares": 32 * 1024, "cpu.weight": 32 * 100}
"""CPU weight of a cloud's control group, in cgroup v1 and v2: 32 times the default. With the default, all pods of the
cloud together would get only as much CPU of a busy host as one other group of processes, and probes would time out."""


def make_group(path: str) -> None:
    """Create the control group ``path`` and its parents in every hierarchy, as a kubelet requires them, and set the CPU weight.

    In cgroup v1, the cpuset of a new group is empty and must be copied from the parent. In v2, a parent must enable the controllers
    of its children.
    """
    top = Path(path).parts[0]
    for hierarchy in _hierarchies():
        made = hierarchy
        for part in Path(path).parts:
            above, made = made, made / part
            made.mkdir(exist_ok=True)
            for controller in CONTROLLERS if (above / "cgroup.subtree_control").exists() else ():
                with suppress(OSError):  # the kernel does not have this controller
                    (above / "cgroup.subtree_control").write_text(f"+{controller}")
            for file in ("cpuset.cpus", "cpuset.mems"):
                if (made / file).exists() and not (made / file).read_text().strip():
                    (made / file).write_text((above / file).read_text())
        for file, weight in WEIGHTS.items():
            if (hierarchy / top / file).exists():
                (hierarchy / top / file).write_text(f"{weight}")


def remove_groups(folder: Path) -> None:
    """Remove the control groups of the cloud in ``folder``. The processes in these groups must have been killed."""
    for hierarchy in _hierarchies():
        top = hierarchy / group_of(folder)
        for _ in waiting.looks(GONE_SECONDS):
            if not top.exists():
                break
            for group in sorted((top, *top.rglob("*/")), reverse=True):
                with suppress(OSError):  # a process in the group has not ended yet
                    group.rmdir()


def _hierarchies() -> list[Path]:
    """Every mounted cgroup hierarchy: one per controller in v1, one for all controllers in v2."""
    if (GROUPS / "cgroup.controllers").exists():
        return [GROUPS]
    return sorted({each.resolve() for each in GROUPS.iterdir() if each.is_dir() and (each / "cgroup.procs").exists()})
