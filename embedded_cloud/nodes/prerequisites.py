"""What this machine needs so that nodes can run containers."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from embedded_cloud.errors import EmbeddedCloudError

PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "haproxy": "haproxy",
    "iptables": "iptables",
    "ip": "iproute2",
    "unshare": "util-linux",
    "nsenter": "util-linux",
}
"""Program -> the Debian package that has it."""

CNI = Path("/usr/lib/cni")
"""Where Debian's ``containernetworking-plugins`` has the plugins."""

SEARCHED = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin", "/usr/local/sbin"))
"""Debian keeps the administrator's programs where a user's PATH does not look."""

SIMULATED = "without it pods are simulated, which is the default: run `make up`"


def missing() -> str:
    """Why no node can run containers here, in one line; empty when one can."""
    if sys.platform != "linux":
        return f"real pods run on Linux only; {SIMULATED}"
    if os.geteuid() != 0:
        return f"real pods need root; {SIMULATED}"
    if not Path("/sys/fs/cgroup").is_mount():
        return f"real pods need control groups, and nothing is mounted at /sys/fs/cgroup; {SIMULATED}"
    absent = {package for program, package in PACKAGES.items() if shutil.which(program, path=SEARCHED) is None}
    if not (CNI / "bridge").exists():
        absent.add("containernetworking-plugins")
    if absent:
        install = f"apt-get install --no-install-recommends {' '.join(sorted(absent))}"
        return f"real pods need Debian packages that are missing: run `{install}`; {SIMULATED}"
    return ""


def require() -> None:
    """Raise when no node can run containers here."""
    if reason := missing():
        problem, _, fix = reason.partition("; ")
        raise EmbeddedCloudError(problem, fix)
