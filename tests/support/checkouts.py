"""Copies of this checkout, which use the checkout's Python environment and do not change it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from repositories import git

from program.checkout import CHECKOUT

PINS = ("uv.lock", "pyproject.toml", "requirements-uv.txt")
"""The files from which `make setup` installs the Python environment."""


def copy_files(folder: Path) -> None:
    """Copy the files that git tracks or would add, with uncommitted changes, and make the copy use this checkout's environment."""
    listed = ["git", "-C", str(CHECKOUT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split("\0"):
        if name and (source := CHECKOUT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / name)
    use_environment(folder)


def use_environment(folder: Path) -> None:
    """Make the copy use this checkout's Python environment.

    The files in ``PINS`` get an old time, so that `make setup` does nothing in the copy. Otherwise `make setup` would install the
    copy in the shared environment, and this checkout's commands would fail after the copy is removed.
    """
    (folder / ".venv").symlink_to(CHECKOUT / ".venv")
    for name in PINS:
        if (folder / name).exists():
            os.utime(folder / name, (0, 0))


def init_repository(folder: Path) -> None:
    """Make the copy a git repository that ignores the link ``.venv``.

    The pattern in .gitignore matches only a folder, not a link.
    """
    git(folder, "init", "--initial-branch", "main")
    (folder / ".git" / "info" / "exclude").write_text(".venv\n")
