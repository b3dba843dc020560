"""`dwcp compose` without a Docker engine; tests/docker runs it on a real one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from recording import ROOT


def dwcp(*arguments: str, path: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": str(path), "DOCKER_HOST": "unix:///nowhere/docker.sock"}
    command = [sys.executable, "-m", "delivery", "compose", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def executable(folder: Path, name: str, script: str) -> None:
    """Write a substitute for a program."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize("command", ["up", "down", "check", "secrets"])
def test_missing_docker_is_reported(tmp_path: Path, command: str) -> None:
    done = dwcp(command, path=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: there is no `docker` command on PATH\n  fix: install Docker")


def test_an_engine_that_does_not_answer_is_reported(tmp_path: Path) -> None:
    executable(tmp_path, "docker", 'echo "Cannot connect to the Docker daemon at $DOCKER_HOST." >&2; exit 1')
    done = dwcp("up", path=tmp_path)
    assert done.returncode == 1
    assert "no Docker engine answers at unix:///nowhere/docker.sock: Cannot connect" in done.stderr
    assert "fix: start the engine" in done.stderr


def test_an_old_compose_is_reported(tmp_path: Path) -> None:
    executable(tmp_path, "docker", 'test "$1" = version && echo 28.0.0')
    executable(tmp_path, "docker-compose", "echo 1.29.2")
    done = dwcp("up", path=tmp_path)
    assert done.returncode == 1
    assert "neither `docker compose` nor `docker-compose` of version 2 is installed" in done.stderr


def test_a_compose_file_that_compose_refuses_is_reported(tmp_path: Path) -> None:
    executable(tmp_path, "docker", 'test "$1" = version && echo 28.0.0')
    executable(tmp_path, "docker-compose", 'test "$1" = version && echo 2.40.3 || { echo "yaml: line 3: mapping" >&2; exit 1; }')
    done = dwcp("up", path=tmp_path)
    assert done.returncode == 1
    assert "docker/compose.yaml: yaml: line 3: mapping" in done.stderr
    assert "make generate" in done.stderr
