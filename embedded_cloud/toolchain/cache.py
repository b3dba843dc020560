"""The cache of built bundles (programs that are built together). An entry is a folder ``BUNDLE-HASH``.

A bundle is built in a temporary folder that is renamed at the end, so an interrupted build leaves no entry. The manifest in
an entry lists the entry's other files, so that a damaged entry is detected and built again. The modification time of an entry is
the time of its last use. A build removes the entries of its bundle that have not been used for 30 days.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from embedded_cloud.toolchain import _progress
from embedded_cloud.toolchain.catalogue import Bundle

MANIFEST = "manifest.json"
"""The name of an entry's manifest, which maps each other file of the entry to the file's size in bytes and SHA-256."""

HASH_LENGTH = 12

UNUSED_SECONDS = 30 * 24 * 3600
"""The time after which an unused entry is removed. It is long, because other checkouts share the cache."""


@dataclass(frozen=True)
class Cache:
    """The cache in ``folder``. ``variable`` is the environment variable with which a user can set another folder."""

    folder: Path
    variable: str

    @classmethod
    def of(cls, *, variable: str, default: Path) -> Cache:
        """The cache in the folder that the environment variable ``variable`` names, else in ``default``."""
        return cls(Path(os.environ.get(variable) or default), variable)

    def entry(self, bundle: Bundle) -> Path:
        """The folder of ``bundle`` after its build. Its name contains a hash of the platform and of :attr:`Bundle.recipe`."""
        decisive = f"{platform.system()} {platform.machine()} {bundle.recipe}"
        return self.folder / f"{bundle.name}-{hashlib.sha256(decisive.encode()).hexdigest()[:HASH_LENGTH]}"

    def log(self, bundle: Bundle) -> Path:
        """The log of the last build of ``bundle``."""
        return self.folder / f"{bundle.name}.log"

    def prune(self, bundle: Bundle) -> None:
        """Remove the entries of other versions of ``bundle`` that have not been used for ``UNUSED_SECONDS``."""
        longest_ago = time.time() - UNUSED_SECONDS
        for old in self.folder.glob(f"{bundle.name}-{'?' * HASH_LENGTH}"):
            if old != self.entry(bundle) and old.stat().st_mtime < longest_ago:
                shutil.rmtree(old, ignore_errors=True)

    @contextmanager
    def being_made(self, bundle: Bundle) -> Generator[Path]:
        """A temporary folder that becomes the bundle's entry if the block succeeds, and is removed if the block fails."""
        folder = self.entry(bundle)
        for left_by_a_killed_build in self.folder.glob(f".{bundle.name}-*"):
            shutil.rmtree(left_by_a_killed_build, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=f".{bundle.name}-", dir=self.folder, ignore_cleanup_errors=True) as temporary:
            result = Path(temporary) / "result"
            result.mkdir()
            yield result
            files = [file for file in sorted(result.rglob("*")) if file.is_file()]
            manifest = {str(file.relative_to(result)): (file.stat().st_size, sha256(file)) for file in files}
            (result / MANIFEST).write_text(json.dumps(manifest, indent=1))
            if folder.exists():
                shutil.rmtree(folder)
            result.rename(folder)

    @contextmanager
    def lock(self, bundle: Bundle) -> Generator[None]:
        """Hold the bundle's build lock. A second builder prints that it waits. The kernel releases the lock of a killed builder."""
        builder = self.folder / f"{bundle.name}.pid"
        held = FileLock(self.folder / f"{bundle.name}.lock")
        try:
            held.acquire(timeout=0)
        except Timeout:
            pid = builder.read_text() if builder.exists() else "unknown"
            _progress.print_line(f"{bundle.name}: waiting for another build (pid {pid})")
            held.acquire()
        try:
            builder.write_text(str(os.getpid()))
            yield
        finally:
            builder.unlink(missing_ok=True)
            held.release()


def is_whole(folder: Path) -> bool:
    """Whether every file of the manifest exists unchanged.

    Sizes are always compared. Hashes are compared only for files that were changed after the manifest was written, because hashing
    half a gigabyte takes seconds.
    """
    try:
        manifest = folder / MANIFEST
        made = manifest.stat().st_mtime
        for name, (size, digest) in json.loads(manifest.read_text()).items():
            status = (folder / name).stat()
            if status.st_size != size or (status.st_mtime > made and sha256(folder / name) != digest):
                return False
    except (OSError, ValueError):
        return False
    return True


def sha256(file: Path) -> str:
    """The hex digest of a file's content."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def use(folder: Path) -> None:
    """Set an entry's time of last use. Do nothing if this user may not write to the cache."""
    with suppress(OSError):
        os.utime(folder)
