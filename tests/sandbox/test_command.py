"""`make up`, `down`, `status` and `logs`: their output and exit codes, in a sandbox of the tests."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from filelock import FileLock
from typer.testing import CliRunner

from embedded_cloud.cloud import MOTO, SERVICES, Cloud
from embedded_cloud.control_plane import Ports
from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.processes import free_ports
from program.checkout import CHECKOUT
from sandbox import __main__ as sandbox_command
from sandbox import stacks
from sandbox.errors import SandboxError
from sandbox.project import PROJECT


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"DWCP_SANDBOX_FOLDER": str(folder), "COLUMNS": "200"}
    command = [sys.executable, "-m", "sandbox", *arguments]
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return done


@contextmanager
def listening() -> Iterator[int]:
    """A port on which another program listens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "sandbox"
    folder.mkdir()
    yield folder
    PROJECT.processes(folder).stop()


def test_status_lists_the_services_that_do_not_run(tmp_path: Path) -> None:
    done = run(tmp_path, "status")
    assert done.returncode == 1
    assert done.stdout.count("not running") == len(SERVICES)


def test_logs_of_a_service_that_was_not_started_are_refused_with_a_fix(tmp_path: Path) -> None:
    done = run(tmp_path, "logs", "etcd")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: there is no log: nothing has been started yet\n  fix: run `make up` first\n"


def test_the_fix_for_a_wrong_name_lists_the_logs_that_exist(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    for name in ("moto", "up"):
        (tmp_path / "logs" / f"{name}.log").touch()
    assert run(tmp_path, "logs", "etcd").stderr == "error: no log of 'etcd'\n  fix: choose from moto, up\n"
    assert run(tmp_path, "logs", "/etc/passwd").stderr == "error: no log of '/etc/passwd'\n  fix: choose from moto, up\n"


@pytest.mark.parametrize(
    ("stack", "name", "command"), [("local", "etcd", "make up"), ("staging", "etcd of staging", "make up STACK=staging")]
)
def test_ctrl_c_in_up_prints_what_runs_and_how_to_resume_or_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stack: str, name: str, command: str
) -> None:
    monkeypatch.setattr(stacks, "FOLDER", tmp_path)
    processes = stacks.project_of(stack).processes(stacks.folder_of(stack))
    processes.start("etcd", [sys.executable, "-c", "import time; time.sleep(600)"])

    def interrupted(_: str, *, real_pods: bool) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sandbox_command, "FOLDER", tmp_path)
    monkeypatch.setattr(sandbox_command, "_up", interrupted)
    try:
        done = CliRunner().invoke(sandbox_command.app, ["up", "--stack", stack])
    finally:
        processes.stop()
    assert done.exit_code == 130
    assert (
        done.output == f"interrupted; running processes: {name}\n  continue:          {command}\n  stop and remove:   make down\n"
    )


def test_status_and_logs_of_one_stack_name_it_and_the_account_of_all_stacks(tmp_path: Path) -> None:
    (tmp_path / "staging" / "etcd").mkdir(parents=True)
    processes = stacks.project_of("staging").processes(tmp_path / "staging")
    processes.start("etcd", [sys.executable, "-c", "print('elected', flush=True); import time; time.sleep(600)"])
    try:
        status, logs = run(tmp_path, "status"), run(tmp_path, "logs", "etcd")
    finally:
        processes.stop()
    rows = [[cell.strip() for cell in line.split("│")[1:4]] for line in status.stdout.splitlines() if line.startswith("│")]
    assert {(stack, name) for stack, name, _ in rows} == {("local" if name == MOTO else "staging", name) for name in SERVICES}
    assert [name for _, name, pid in rows if pid.isdecimal()] == ["etcd"]
    assert status.returncode == 1
    assert "elected" in logs.stdout
    assert "staging/logs/etcd.log" in logs.stdout


def test_a_second_up_in_one_checkout_is_refused(tmp_path: Path) -> None:
    with FileLock(tmp_path / "lock"):
        done = run(tmp_path, "up")
    assert done.returncode == 1
    fix = "wait until it ends, or press Ctrl-C in its terminal and run `make down`"
    assert done.stderr == f"error: another `make up` runs in this checkout\n  fix: {fix}\n"


def test_monitoring_of_real_pods_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nodes").mkdir()
    monkeypatch.setattr(sandbox_command, "FOLDER", tmp_path)
    with pytest.raises(SandboxError, match="the pods are real, and `make monitoring` would simulate their load"):
        sandbox_command.monitoring()


def test_a_folder_that_cannot_be_written_is_reported_in_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run(tmp_path / "file", "up")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {tmp_path / 'file'}: File exists\n  fix:")


def test_down_without_a_sandbox_succeeds(tmp_path: Path) -> None:
    assert run(tmp_path, "down").returncode == 0
    assert not tmp_path.exists()


@pytest.mark.cloud
@pytest.mark.parametrize(
    ("port", "use"),
    [
        ("moto", "moto"),
        ("etcd_peer", "etcd"),
        ("api", "kube-apiserver"),
        ("controller_manager", "kube-controller-manager"),
        ("scheduler", "kube-scheduler"),
        ("kubelet", "kwok"),
    ],
)
def test_a_port_in_use_is_reported_before_a_process_starts(folder: Path, port: str, use: str) -> None:
    names = ("moto", *(each.name for each in fields(Ports)))
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    with listening() as taken:
        (folder / "ports.json").write_text(json.dumps(ports | {port: taken}))
        with pytest.raises(EmbeddedCloudError, match=f"port {taken}, which {use} uses in this embedded cloud, is taken") as error:
            Cloud.open(PROJECT, folder).start()
    assert "make down" in error.value.fix
    assert not PROJECT.processes(folder).every()


@pytest.mark.cloud
def test_status_and_logs_show_a_started_cloud_and_down_removes_it(folder: Path) -> None:
    cloud = Cloud.open(PROJECT, folder)
    cloud.start()
    status = run(folder, "status")
    assert status.returncode == 0, status.stdout
    assert "kube-apiserver" in run(folder, "logs").stdout
    pids = [process.pid for process in cloud.processes.every()]
    assert len(pids) >= len(SERVICES)
    assert run(folder, "down").returncode == 0
    assert not cloud.processes.every()
    assert not folder.exists()


@pytest.mark.cloud
def test_two_sandboxes_use_different_ports(cloud: Cloud, tmp_path: Path) -> None:
    other = Cloud.open(PROJECT, tmp_path)
    ours = {cloud.moto_port, *vars(cloud.control_plane.ports).values()}
    assert ours.isdisjoint({other.moto_port, *vars(other.control_plane.ports).values()})
    assert not other.processes.every()


def test_the_account_stack_is_applied_once_for_all_stacks_and_again_after_a_failed_first_update(tmp_path: Path) -> None:
    calls: list[str] = []

    def pulumi(verb: str, *arguments: str, **_: Any) -> str:
        calls.append(verb)
        if calls == ["stack", "stack", "up"]:
            raise EmbeddedCloudError("the update failed", "make up again")
        return json.dumps([{"name": "account"}] if "up" in calls else []) if "ls" in arguments else ""

    account, staging, production = (
        cast("Cloud", SimpleNamespace(folder=tmp_path / name, engine=SimpleNamespace(pulumi=pulumi)))
        for name in (".", "staging", "production")
    )
    with pytest.raises(EmbeddedCloudError):
        stacks.bootstrap(staging, account)
    stacks.bootstrap(production, account)
    stacks.bootstrap(staging, account)
    assert calls == ["stack", "stack", "up", "stack", "up", "stack"]
