"""Reads the sandbox's variables, so that ``--environment local`` needs no ``source .sandbox/env``."""

from __future__ import annotations

import os
import re
import shlex
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from program.checkout import CHECKOUT

FILE = CHECKOUT / ".sandbox" / "env"
BACKEND_VARIABLE = "PULUMI_BACKEND_URL"
ENDPOINT = "AWS_ENDPOINT_URL"
LOOPBACK = "127.0.0.1"
PROBE_SECONDS = 1.0
CALLER_WINS = "DWCP_"
"""Prefix of the variables for which the caller's value takes precedence over the sandbox's value."""


def command() -> str:
    """The command after which ``dwcp`` commands reach the sandbox: ``make up`` if the sandbox does not run.

    After a reboot, ``FILE`` exists, but nothing runs.
    """
    running = FILE.exists() and _answers(dict(_exports(FILE.read_text())))
    return "source .sandbox/env" if running else "make up"


def variables(caller: Mapping[str, str], file: Path | None = None) -> dict[str, str]:
    """The variables in ``file`` and ``monitoring/env``, and PATH. ``DWCP_`` variables that the caller sets are omitted.

    Empty if ``file`` does not exist, or if the caller's shell uses a backend other than this sandbox's. The shell's backend is
    ignored if it belongs to an earlier sandbox that has ended.
    """
    file = file or FILE
    if not file.is_file():
        return {}
    found = dict(_exports(file.read_text()))
    present = found.get(BACKEND_VARIABLE, "")
    backend = caller.get(BACKEND_VARIABLE, present)
    if backend != present and not (_is_a_sandbox(backend, present) and not _answers(caller)):
        return {}
    monitoring = file.parent / "monitoring" / "env"
    if monitoring.is_file():
        found |= dict(_exports(monitoring.read_text()))
    found["PATH"] = f"{file.parent / 'bin'}{os.pathsep}{caller.get('PATH', '')}"
    return {name: value for name, value in found.items() if not (name.startswith(CALLER_WINS) and name in caller)}


def _is_a_sandbox(backend: str, present: str) -> bool:
    """Whether ``backend`` is the URL of a sandbox's backend, that is, the present sandbox's URL except for the port."""
    return re.sub(r":\d+", "", backend) == re.sub(r":\d+", "", present)


def _answers(environment: Mapping[str, str]) -> bool:
    """Whether the AWS endpoint in the variables accepts connections; true if its host is not ``LOOPBACK``, or if it is missing."""
    address = urlsplit(environment.get(ENDPOINT, ""))
    if address.hostname != LOOPBACK or address.port is None:
        return True
    with socket.socket() as probe:
        probe.settimeout(PROBE_SECONDS)
        return probe.connect_ex((LOOPBACK, address.port)) == 0


def _exports(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if line.startswith("export "):
            for word in shlex.split(line.removeprefix("export ")):
                name, equals, value = word.partition("=")
                if equals:
                    yield name, value
