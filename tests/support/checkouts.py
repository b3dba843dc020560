"""Copies of this checkout that use its Python environment and do not change it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from program.checkout import CHECKOUT

PINS = ("uv.lock", "pyproject.toml", "requirements-uv.txt")
"""The files from which `make setup` installs the Python environment."""


def copy_files(folder: Path) -> None:
    """Copy the files that git knows or would add, with their uncommitted changes, and use this checkout's environment."""
    listed = ["git", "-C", str(CHECKOUT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split("\0"):
        if name and (source := CHECKOUT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / name)
    use_environment(folder)


def use_environment(folder: Path) -> None:
    """Make the copy use this checkout's Python environment.

    `make setup` has nothing to do in the copy. It would otherwise install the copy in the environment that both use, and this
    checkout's commands would fail after the copy is removed.
    """
    (folder / ".venv").symlink_to(CHECKOUT / ".venv")
    for name in PINS:
        if (folder / name).exists():
            os.utime(folder / name, (0, 0))


def init_repository(folder: Path) -> None:
    """Make the copy a git repository that ignores its link to the environment, which the pattern for a folder does not match."""
    subprocess.run(["git", "init", "--quiet", "--initial-branch", "main"], cwd=folder, check=True)
    (folder / ".git" / "info" / "exclude").write_text(".venv\n")
