"""The prerequisites on this machine for nodes that run containers."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.instructions import Instructions

PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "haproxy": "haproxy",
    "iptables": "iptables",
    "ip": "iproute2",
    "unshare": "util-linux",
    "nsenter": "util-linux",
}
"""Program -> the Debian package that contains it."""

CNI = Path("/usr/lib/cni")
"""The folder of the CNI plugins in Debian's ``containernetworking-plugins``."""

SEARCHED = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin", "/usr/local/sbin"))
"""PATH with Debian's folders of administration programs, which a user's PATH does not contain."""


def missing() -> str:
    """The reason why nodes cannot run containers on this machine, in one line; empty if nodes can run containers."""
    if sys.platform != "linux":
        return "real pods run on Linux only"
    if os.geteuid() != 0:
        return "real pods need root"
    if not Path("/sys/fs/cgroup").is_mount():
        return "real pods need control groups, and nothing is mounted at /sys/fs/cgroup"
    absent = {package for program, package in PACKAGES.items() if shutil.which(program, path=SEARCHED) is None}
    if not (CNI / "bridge").exists():
        absent.add("containernetworking-plugins")
    if absent:
        install = f"apt-get install --no-install-recommends {' '.join(sorted(absent))}"
        return f"real pods need Debian packages that are missing: run `{install}`"
    return ""


def require(instructions: Instructions) -> None:
    """Raise ``EmbeddedCloudError`` if nodes cannot run containers on this machine."""
    if reason := missing():
        raise EmbeddedCloudError(reason, f"meet this requirement, or {instructions.up} with simulated pods (the default)")
