"""The sandbox's variables, found by themselves: ``--environment local`` needs no ``source .sandbox/env``."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from program.evaluation import CHECKOUT

FILE = CHECKOUT / ".sandbox" / "env"
MARK = "PULUMI_BACKEND_URL"


def adopt(file: Path = FILE) -> None:
    """Take over what ``file`` exports, unless the caller's shell already points to a backend."""
    if MARK in os.environ or not file.is_file():
        return
    for each in (file, file.parent / "monitoring" / "env"):
        if each.is_file():
            _take_over(each.read_text())
    os.environ["PATH"] = f"{file.parent / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"


def _take_over(exports: str) -> None:
    for line in exports.splitlines():
        if line.startswith("export "):
            for word in shlex.split(line.removeprefix("export ")):
                name, equals, value = word.partition("=")
                if equals:
                    os.environ.setdefault(name, value)
