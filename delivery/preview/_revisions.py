"""Another revision of this repository, as a folder to evaluate: read from git's objects, nothing of the work tree is touched."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from delivery.errors import UsageError


def git(repository: Path, *arguments: str) -> bytes:
    """What git prints; its own refusal is a ``UsageError``."""
    done = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise UsageError(f"git {arguments[0]} failed: {said}", "run it in a clone with its history (`git fetch --unshallow`)")
    return done.stdout


def resolve(repository: Path, revision: str) -> str:
    """The commit that ``revision`` names."""
    command = ["git", "-C", str(repository), "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UsageError(f"there is no revision {revision!r} here", "name a branch, tag or commit, or `git fetch` it first")
    return done.stdout.strip()


def fork_point(repository: Path, revision: str, head: str) -> str:
    """Where ``head`` left ``revision``: what came to the base since is not the head's doing."""
    base = resolve(repository, revision)
    command = ["git", "-C", str(repository), "merge-base", base, head]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or base


@contextmanager
def checkout(repository: Path, commit: str) -> Generator[Path]:
    """The files of ``commit`` in a folder of their own, gone afterwards."""
    with TemporaryDirectory(prefix="dwcp-preview-") as folder:
        with tarfile.open(fileobj=io.BytesIO(git(repository, "archive", "--format=tar", commit))) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder)
