"""Images in containerd's own format, unpacked once for all nodes and all later starts.

A node's containerd starts with hard links to these files, because blobs and unpacked layers never change. The databases change, so
each node gets a copy of them. If the node's folder is on another file system, all files are copied.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import psutil
from filelock import FileLock

from embedded_cloud import waiting
from embedded_cloud.errors import EmbeddedCloudError

NAMESPACE = "k8s.io"
"""The containerd namespace in which a kubelet searches for images."""
START_SECONDS = 60
STOP_SECONDS = 30
IMPORT_SECONDS = 600

SETTINGS = """
version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.tracing.processor.v1.otlp"]
"""


def store(archive: Path) -> Path:
    """The folder of a containerd with the images of ``archive``, created once, beside the archive. Older folders are removed."""
    made = archive.with_suffix(".store")
    with FileLock(archive.with_suffix(".lock")):
        if not made.exists():
            for old in archive.parent.glob("*.store"):
                shutil.rmtree(old)
            with tempfile.TemporaryDirectory(prefix="containerd-", dir=archive.parent) as name:
                _import(archive, Path(name))
                (Path(name) / "root").rename(made)
    return made


def copy(source: Path, root: Path) -> None:
    """Create ``root``, the folder of a containerd that does not run yet, from the images in ``source``."""
    part = root.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.parent.mkdir(parents=True, exist_ok=True)
    links = "--link" if source.stat().st_dev == part.parent.stat().st_dev else "--reflink=auto"
    _run("cp", "--archive", links, str(source), str(part))
    for database in source.rglob("*.db"):
        if database.is_file() and "snapshots" not in database.relative_to(source).parts:
            own = part / database.relative_to(source)
            own.unlink()
            shutil.copy2(database, own)
    part.rename(root)


def _import(archive: Path, folder: Path) -> None:
    config, address, log = folder / "containerd.toml", folder / "containerd.sock", folder / "log"
    config.write_text(SETTINGS)
    # This containerd has its own mount namespace, so the kernel removes its mounts when the process ends.
    own = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation=slave")
    places = ("--root", folder / "root", "--state", folder / "state", "--address", address)
    with log.open("wb") as output:
        process = psutil.Popen([*own, "containerd", "--config", config, *places], stdout=output, stderr=output)
        try:
            for _ in waiting.looks(START_SECONDS):
                if address.exists() or process.poll() is not None:
                    break
            _run("ctr", "--address", str(address), "--namespace", NAMESPACE, "images", "import", str(archive))
        finally:
            for child in process.children():
                child.terminate()  # not killed, so that containerd completes its databases
            process.wait(STOP_SECONDS)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=IMPORT_SECONDS)
    if done.returncode:
        problem = f"`{' '.join(command)}` failed: {done.stderr.strip()[-500:]}"
        raise EmbeddedCloudError(problem, "free disk space if none is left; otherwise fix the error in this message")
