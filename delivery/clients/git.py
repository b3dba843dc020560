"""Runs git in a work tree."""

from __future__ import annotations

import subprocess
from pathlib import Path

from delivery.errors import UsageError


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command of git. Raises ``UsageError`` if git is not installed."""
    try:
        return subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=False)
    except FileNotFoundError as error:
        raise UsageError("git is not installed", "install git") from error


def text(folder: Path, *arguments: str) -> str:
    """The output of a command of git without its last newline; empty if the command fails."""
    done = run(folder, *arguments)
    return "" if done.returncode else done.stdout.decode(errors="replace").rstrip("\n")
