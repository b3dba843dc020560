"""requirements.txt and requirements-uv.txt, exported from uv.lock: what `pulumi` and the first step of ``make setup`` read."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from uv import find_uv_bin

from program.checkout import CHECKOUT

EXPORTS = {
    Path("requirements.txt"): ("--no-default-groups",),
    Path("requirements-uv.txt"): ("--only-group", "installer"),
}
"""The options of ``uv export`` by the file that it makes."""

COMMON = ("--quiet", "--locked", "--offline", "--no-config", "--no-header", "--no-emit-project")

HEADER = "# Made by `make lock` from uv.lock: change pyproject.toml.\n"


def files() -> dict[Path, str]:
    """The text of each file; raises ``SystemExit`` when uv.lock is older than what pyproject.toml asks for."""
    return {path: HEADER + _exported(options) for path, options in EXPORTS.items()}


def _exported(options: tuple[str, ...]) -> str:
    # The lock names the public index. Another one, which this machine is configured for, would make it look out of date.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
    command = [find_uv_bin(), "export", *COMMON, *options]
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit("error: uv.lock does not pin what pyproject.toml asks for\n  fix: make lock")
    return done.stdout
