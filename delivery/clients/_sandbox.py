"""The sandbox's variables, found by themselves: ``--environment local`` needs no ``source .sandbox/env``."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from program.checkout import CHECKOUT

FILE = CHECKOUT / ".sandbox" / "env"
MARK = "PULUMI_BACKEND_URL"
OWN = "DWCP_"
"""What begins so is the caller's to choose, in the sandbox too."""


def variables(caller: Mapping[str, str], file: Path | None = None) -> dict[str, str]:
    """What ``source``-ing ``file`` would set; nothing where there is none, or the caller's shell points to another backend."""
    file = file or FILE
    if not file.is_file():
        return {}
    found = dict(_exports(file.read_text()))
    if caller.get(MARK, found.get(MARK)) != found.get(MARK):
        return {}
    monitoring = file.parent / "monitoring" / "env"
    if monitoring.is_file():
        found |= dict(_exports(monitoring.read_text()))
    found["PATH"] = f"{file.parent / 'bin'}{os.pathsep}{caller.get('PATH', '')}"
    return {name: value for name, value in found.items() if not (name.startswith(OWN) and name in caller)}


def _exports(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if line.startswith("export "):
            for word in shlex.split(line.removeprefix("export ")):
                name, equals, value = word.partition("=")
                if equals:
                    yield name, value
