"""Finds a revision of this repository, and writes its files to a temporary folder. The work tree does not change."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from delivery.clients import git
from delivery.errors import UsageError

FIXES = {
    "dubious ownership": "run the command that git prints above, if the folder is yours",
    "not a git repository": "clone the repository: a downloaded tree has no revisions to compare",
    "needed a single revision": "name a branch, tag or commit of this clone; run `git fetch` first if only the remote has it",
    "unknown revision": "name a branch, tag or commit of this clone; run `git fetch` first if only the remote has it",
}
"""The fix for an error of git, by a substring of git's message."""


def resolve(repository: Path, revision: str) -> str:
    """The commit that ``revision`` names. Raises ``UsageError`` if there is none, or if git fails."""
    done = git.run(repository, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    if done.returncode:
        message = _message(done)
        if "needed a single revision" in message.lower() or "unknown revision" in message.lower():
            hint = "; this clone is shallow: `git fetch --unshallow`" if is_shallow(repository) else ""
            raise UsageError(f"there is no revision {revision!r} here (git: {message})", f"{FIXES['unknown revision']}{hint}")
        raise _refused("rev-parse", done)
    return done.stdout.decode().strip()


def fork_point(repository: Path, revision: str, head: str) -> str:
    """The merge base of ``head`` and ``revision``.

    Raises ``UsageError`` if the merge base cannot be determined. A comparison with the newest commit of ``revision`` instead would
    also show the commits that others made after the merge base.
    """
    base = resolve(repository, revision)
    done = git.run(repository, "merge-base", base, head)
    if done.returncode == 0:
        return done.stdout.decode().strip()
    if message := _message(done):
        raise UsageError(f"git merge-base failed: {message}", "fix the error that git reports")
    if is_shallow(repository):
        raise UsageError(
            f"this clone is shallow, so the merge base of {head[:7]} and {revision} is not known",
            "git fetch --unshallow (in a workflow: actions/checkout with fetch-depth: 0)",
        )
    raise UsageError(f"{head[:7]} and {revision} have no common history", "name a base that the head was branched from")


def is_shallow(repository: Path) -> bool:
    """Whether the clone lacks a part of the history."""
    return git.text(repository, "rev-parse", "--is-shallow-repository") == "true"


@contextmanager
def checkout(repository: Path, commit: str) -> Generator[Path]:
    """A context that yields a temporary folder with the files of ``commit``. Raises ``UsageError`` if git cannot read them."""
    with TemporaryDirectory(prefix="dwcp-preview-") as folder:
        done = git.run(repository, "archive", "--format=tar", commit)
        if done.returncode:
            raise _refused("archive", done)
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder)


def _message(done: subprocess.CompletedProcess[bytes]) -> str:
    return done.stderr.decode(errors="replace").strip()


def _refused(command: str, done: subprocess.CompletedProcess[bytes]) -> UsageError:
    message = _message(done)
    fix = next((fix for words, fix in FIXES.items() if words in message.lower()), "run the command in a clone with full history")
    return UsageError(f"git {command} failed: {message}", fix)
