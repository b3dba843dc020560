"""Runs the Docker client, which has the user's credentials for registries and connects to the engine that the user has chosen."""

from __future__ import annotations

import subprocess

from delivery.errors import UsageError

ANSWER_SECONDS = 60
"""Time limit of a request to the Docker engine or a registry. The engine is slow while it pulls images."""


def run(*arguments: str, seconds: float = ANSWER_SECONDS, program: str = "docker") -> subprocess.CompletedProcess[str]:
    """Run a command of the Docker client. After a timeout, the result has exit code 1, and the reason in ``stderr``.

    Raises ``UsageError`` if there is no Docker client.
    """
    command = [program, *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no answer within {seconds:.0f} s")
    except FileNotFoundError as error:
        raise UsageError(f"there is no `{program}` command on PATH", "install Docker's client") from error
