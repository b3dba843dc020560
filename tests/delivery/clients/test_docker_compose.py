"""`dwcp compose` without a Docker engine; tests/docker runs it on a real one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from recording import ROOT

from delivery.clients.docker_compose import ComposeStack


def dwcp(*arguments: str, path: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": str(path), "DOCKER_HOST": "unix:///nowhere/docker.sock"}
    command = [sys.executable, "-m", "delivery", "compose", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def executable(folder: Path, name: str, script: str) -> None:
    """Write a substitute for a program."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize("command", ["up", "down", "secrets"])
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
    assert "neither `docker compose` nor `docker-compose` of version 2.21 or newer is installed" in done.stderr


@pytest.mark.parametrize(
    ("version", "is_accepted"),
    [
        *(("1.29.2", False), ("2.20.3", False), ("v2.9.0", False), ("unknown", False), ("", False)),
        *(("2.21.0", True), ("v2.40.3-desktop.1", True), ("2.37.1+ds1-0ubuntu2", True), ("5.0.1", True), ("v10.1.0", True)),
    ],
)
def test_every_compose_from_the_minimum_version_on_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, is_accepted: bool
) -> None:
    executable(tmp_path, "docker-compose", f"echo {version}")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bool(ComposeStack(Path("compose.yaml"))._compose_command) == is_accepted  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize(
    ("host", "is_checked"), [("", True), (None, True), ("unix:///run/docker.sock", True), ("tcp://10.0.0.1:2376", False)]
)
def test_ports_are_checked_if_the_engine_runs_on_this_machine(
    monkeypatch: pytest.MonkeyPatch, host: str | None, is_checked: bool
) -> None:
    """An empty DOCKER_HOST means the default socket, as for the docker command."""
    if host is None:
        monkeypatch.delenv("DOCKER_HOST", raising=False)
    else:
        monkeypatch.setenv("DOCKER_HOST", host)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        stack = ComposeStack(Path("compose.yaml"))
        port = {"host_ip": "127.0.0.1", "published": str(taken.getsockname()[1])}
        stack.__dict__["config"] = {"services": {"redis": {"ports": [port]}}}
        monkeypatch.setattr(ComposeStack, "_published", lambda _: set())
        problems = [problem for problem, _ in stack._taken_ports()]  # pyright: ignore[reportPrivateUsage]
    assert bool(problems) == is_checked


def test_the_fix_for_a_missing_secret_names_the_compose_file(tmp_path: Path) -> None:
    stack = ComposeStack(tmp_path / "my stack.yml")
    stack.__dict__["config"] = {"secrets": {"redis_password": {"file": str(tmp_path / "secrets/redis_password")}}}
    [(_, fix)] = stack._missing_secrets()  # pyright: ignore[reportPrivateUsage]
    assert f"run `./dwcp compose secrets --file '{tmp_path}/my stack.yml'`" in fix


def test_a_compose_file_that_compose_refuses_is_reported(tmp_path: Path) -> None:
    executable(tmp_path, "docker", 'test "$1" = version && echo 28.0.0')
    executable(tmp_path, "docker-compose", 'test "$1" = version && echo 2.40.3 || { echo "yaml: line 3: mapping" >&2; exit 1; }')
    done = dwcp("up", path=tmp_path)
    assert done.returncode == 1
    assert "docker/compose.yaml: yaml: line 3: mapping" in done.stderr
    assert "make generate" in done.stderr
