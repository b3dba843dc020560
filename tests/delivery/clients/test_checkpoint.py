"""States in moto's S3: truncated, older, inconsistent and locked ones are detected; backups and engine locks."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from accounts import Account
from state_files import STACK, state
from typer.testing import CliRunner

from delivery.cli.app import app
from delivery.clients.checkpoint import (
    Checkpoint,
    OlderStateError,
    States,
    TruncatedStateError,
    parse_state,
    problems,
    unfinished,
    workload,
)
from delivery.clients.work_folder import write
from delivery.errors import LeaseHeldError, LeaseLostError, StateError
from delivery.state.backups import BackupError, Backups
from delivery.state.lease import EnvironmentLease, Lease, LeaseItem
from delivery.state.locks import engine_locks, remove_stale
from delivery.state.owner import Owner, user_of_this_process


def checkpoint(*resources: dict[str, Any], **changes: Any) -> Checkpoint:
    return parse_state(state(resources=list(resources), **changes), "v", "here", "x")


def test_a_valid_state_is_read(states: States) -> None:
    read = states.read()
    assert problems(read) == []
    assert read.output("application", "image") == "app:v1.0.0"
    assert read.output("application", "nothing") is None
    assert read.version == states.versions()[0]


def test_a_truncated_state_is_reported_with_the_last_valid_version(states: States) -> None:
    [valid] = states.versions()
    text = state(time="2026-02-02T00:00:00Z")
    states.s3.put_object(Bucket=states.backend.bucket, Key=states.key, Body=text[: len(text) // 2].encode())
    with pytest.raises(TruncatedStateError, match=f"the state of {states.stack} .* is truncated"):
        states.read()
    assert states.last_valid() == valid


@pytest.mark.parametrize("text", ["{}", "[]", '{"checkpoint": null}'])
def test_complete_json_without_a_checkpoint_is_reported_as_no_state(states: States, text: str) -> None:
    states.s3.put_object(Bucket=states.backend.bucket, Key=states.key, Body=text.encode())
    with pytest.raises(TruncatedStateError, match=f"the state of {states.stack} .* is truncated or is not a state"):
        states.read()


def test_an_unknown_version_is_reported_with_the_command_that_prints_a_valid_one(states: States) -> None:
    with pytest.raises(StateError) as raised:
        states.read("no-such-version")
    assert raised.value.problem.endswith(" no-such-version")
    assert raised.value.fix == f"choose the version that this command prints: dwcp state verify --environment {states.stack}"


def test_a_missing_state_is_reported_with_the_fix(account: Account, states: States) -> None:
    with pytest.raises(StateError, match="dwcp state bootstrap --environment nowhere"):
        States(replace(account, name="nowhere"), states.backend).read()


@pytest.mark.parametrize(
    ("resources", "problem"),
    [
        ([{"type": "a"}], "a resource has no URN"),
        ([{"urn": "urn:a", "type": "a"}, {"urn": "urn:a", "type": "a"}], "urn:a occurs twice"),
        ([{"urn": "urn:a", "type": "a", "parent": STACK}], f"urn:a needs {STACK}, which is missing or comes later"),
        ([{"urn": "urn:a", "type": "a", "dependencies": ["urn:b"]}, {"urn": "urn:b", "type": "b"}], "urn:a needs urn:b"),
        ([{"urn": "urn:a", "type": "a", "provider": "urn:p::1"}], "urn:a needs urn:p"),
    ],
    ids=["no urn", "duplicate", "no parent", "dependency comes later", "no provider"],
)
def test_an_inconsistent_state_is_reported(resources: list[dict[str, Any]], problem: str) -> None:
    [found] = problems(checkpoint(*resources))
    assert found.startswith(problem)


def test_the_operations_of_an_interrupted_update_are_listed() -> None:
    pending = [{"type": "creating", "resource": {"urn": "urn:b"}}]
    assert unfinished(checkpoint(pending_operations=pending)) == ["creating urn:b"]


def test_a_restored_old_state_is_detected(states: States) -> None:
    first = states.read().text
    second = states.write(state(time="2026-01-03T00:00:00Z"))
    states.remember(second, 1)
    states.require_current(states.read())
    states.write(first)
    with pytest.raises(OlderStateError, match=f"--version {second.version}"):
        states.require_current(states.read())


def test_verify_of_an_old_state_prints_only_the_fix_that_restores_the_recorded_version(
    states: States, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old state in the bucket is valid, but it is not the last valid version."""
    monkeypatch.setattr("delivery.cli.state._states", lambda environment: states)
    first = states.read().text
    second = states.write(state(time="2026-01-03T00:00:00Z"))
    states.remember(second, 1)
    old = states.write(first)
    found = CliRunner().invoke(app, ["state", "verify", "--environment", "staging", "--json"])
    assert found.exit_code == 1
    assert f"--version {second.version}" in json.loads(found.output)["fix"]
    assert found.output.count("dwcp state restore") == 1
    assert old.version not in {json.loads(found.output).get("lastValidVersion"), json.loads(found.output)["fix"].split()[-1]}


def test_a_slow_clock_does_not_make_a_state_older(states: States) -> None:
    """The clock of the machine that wrote last is minutes behind, but its state is the newest."""
    states.remember(states.write(state(time="2026-01-03T00:10:00Z")), 1)
    states.write(state(time="2026-01-03T00:05:00Z", resources=[]))
    states.require_current(states.read())


def test_a_state_after_an_update_without_dwcp_is_current(states: States) -> None:
    states.remember(states.read(), 1)
    states.write(state(time="2026-01-04T00:00:00Z", resources=[]))
    states.require_current(states.read())


def test_times_of_different_time_zones_are_compared(states: States, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine writes the local time of its machine. Without the zone, every older version would be downloaded."""
    states.remember(states.write(state(time="2026-01-03T18:00:00.123456789Z")), 1)
    states.write(state(time="2026-01-03T11:00:00.5-08:00", resources=[]))
    monkeypatch.setattr(states, "versions", lambda: pytest.fail("the versions are not needed"))
    states.require_current(states.read())


def test_in_another_bucket_an_older_state_is_detected_by_its_time(states: States) -> None:
    states.remember(replace(states.read(), version="gone", time="2026-05-05T00:00:00Z", text="other"), 1)
    with pytest.raises(OlderStateError, match=r"an old state was restored without dwcp\n  fix: that version is not in the bucket"):
        states.require_current(states.read())


def test_a_command_that_lost_the_lease_cannot_record_the_state(states: States) -> None:
    states.remember(states.read(), 7)
    with pytest.raises(LeaseLostError):
        states.remember(states.read(), 6)


def test_the_workload_contains_only_what_the_program_owns() -> None:
    parent = "urn:pulumi:x::dwcp-v3::dwcp:platform:Application$"

    def resource(kind: str, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
        return {"urn": f"{parent}{kind}::{name}", "type": kind, "custom": True, "inputs": {**inputs, "metadata": {"name": name}}}

    deployment = {"kind": "Deployment", "spec": {"replicas": 3, "template": {"spec": {"containers": []}}}}
    found = workload(
        checkpoint(
            resource("kubernetes:apps/v1:Deployment", "dwcp-v3-deployment", deployment),
            resource("kubernetes:apps/v1:Deployment", "dwcp-v3-canary-deployment", deployment),
            resource("kubernetes:core/v1:ConfigMap", "dwcp-v3-rollout", {"kind": "ConfigMap", "data": {"percentage": "50"}}),
            resource("kubernetes:core/v1:Secret", "dwcp-v3-secret", {"kind": "Secret", "data": {"a": "c2VjcmV0"}}),
            {**resource("kubernetes:core/v1:ConfigMap", "replaced", {"kind": "ConfigMap"}), "delete": True},
        )
    )
    assert found == [
        {"kind": "Deployment", "metadata": {"name": "dwcp-v3-deployment"}, "spec": {"template": {"spec": {"containers": []}}}},
        {"kind": "ConfigMap", "metadata": {"name": "dwcp-v3-rollout"}, "data": {}},
    ]


def test_a_backup_is_restored(states: States) -> None:
    backups = Backups(states)
    key = backups.take()
    states.write(state(time="2026-03-03T00:00:00Z", resources=[]))
    written = backups.restore(backups.read(key), 3)
    assert states.read().text == state()
    assert len(states.versions()) == 3, "the replaced state is kept as an older version"
    states.require_current(written)


def test_a_backup_is_saved_to_a_file(states: States, tmp_path: Path) -> None:
    Backups(states).save(tmp_path / "backup.json")
    assert Backups(states).read(str(tmp_path / "backup.json")).text == state()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda text: text[:-200], "is damaged, or not a backup of a state"),
        (lambda text: text.replace("urn:a", "urn:b"), "is damaged: its SHA-256 is"),
        (lambda text: text.replace('"stack": "env', '"stack": "other-env'), "is a backup of dwcp-v3/other-env"),
        (lambda text: text.replace("backup/1", "backup/9"), "has the format dwcp-state-backup/9"),
        (lambda text: "[]", "is damaged, or not a backup"),
    ],
    ids=["truncated", "changed", "other environment", "other format", "other file"],
)
def test_a_damaged_or_foreign_backup_is_refused(states: States, tmp_path: Path, change: Any, problem: str) -> None:
    file = tmp_path / "backup.json"
    Backups(states).save(file)
    file.write_text(change(file.read_text()))
    with pytest.raises(BackupError, match=problem):
        Backups(states).read(str(file))
    assert states.read().text == state()


def test_a_missing_backup_is_reported_with_the_existing_ones(states: States) -> None:
    key = Backups(states).take()
    with pytest.raises(BackupError, match=key):
        Backups(states).read("no-such-backup")


def lock(states: States, *, host: str, pid: int, user: str = "") -> str:
    """A lock as the engine leaves it, by default of this user."""
    key = f"{states.backend.locks(states.stack)}/{pid}.json"
    content = {"pid": pid, "username": user or user_of_this_process(), "hostname": host, "timestamp": "2026-01-01T00:00:00Z"}
    states.s3.put_object(Bucket=states.backend.bucket, Key=key, Body=json.dumps(content).encode())
    return key


def dead_pid() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_the_lock_of_an_engine_that_has_ended_is_released(states: States) -> None:
    lock(states, host=socket.gethostname(), pid=dead_pid())
    [released] = remove_stale(states, None)
    assert f"{user_of_this_process()}@" in str(released)
    assert engine_locks(states) == []


def test_the_lock_of_another_user_is_kept(states: States) -> None:
    """Another person's machine can have the same host name."""
    lock(states, host=socket.gethostname(), pid=dead_pid(), user="alice")
    with pytest.raises(StateError, match="alice@"):
        remove_stale(states, None)


def test_a_lock_whose_process_id_was_reused_is_released(states: States) -> None:
    lock(states, host=socket.gethostname(), pid=os.getpid())
    assert remove_stale(states, None)


def test_the_lock_of_a_running_engine_is_released_only_by_force(states: States, tmp_path: Path) -> None:
    engine = tmp_path / "pulumi"
    engine.symlink_to(sys.executable)
    process = subprocess.Popen([engine, "-c", "import time; time.sleep(60)"])
    try:
        lock(states, host=socket.gethostname(), pid=process.pid)
        with pytest.raises(StateError, match=f"(?s)process {process.pid}.*--force"):
            remove_stale(states, None)
        assert remove_stale(states, None, force=True)
    finally:
        process.kill()
        process.wait()


def test_the_lock_of_another_machine_is_released_after_its_ci_run_has_ended(states: States, github: Any) -> None:
    lock(states, host="runner", pid=1, user="ci")
    with pytest.raises(StateError, match="ci@runner"):
        remove_stale(states, None)
    owner = replace(Owner.this(), host="runner", machine="runner", run="novacron/novacron/5/1")
    holding = LeaseItem(held=True, owner=owner, command="deploy", token="t", fencing=1, beat=0, seconds=60, since="")
    github.answers["/repos/novacron/novacron/actions/runs/5/attempts/1"] = {"status": "in_progress"}
    with pytest.raises(StateError):
        remove_stale(states, holding)
    github.answers["/repos/novacron/novacron/actions/runs/5/attempts/1"] = {"status": "completed"}
    assert remove_stale(states, holding)


def test_unlock_takes_over_the_lease_and_the_lock_of_a_killed_job_of_another_run(
    states: States, account: Account, github: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job was cancelled a moment ago, so its lease has not expired, and the next run starts on another runner."""
    monkeypatch.setattr("delivery.cli.state._states", lambda environment: states)
    for name, value in {"GITHUB_REPOSITORY": "novacron/novacron", "GITHUB_RUN_ID": "6", "GITHUB_RUN_ATTEMPT": "1"}.items():
        monkeypatch.setenv(name, value)
    owner = replace(Owner.this(), host="runner", machine="runner", run="novacron/novacron/5/1")
    holding = LeaseItem(held=True, owner=owner, command="deploy", token="t", fencing=1, beat=0, seconds=60, since="")
    assert EnvironmentLease(account).take(None, holding)
    lock(states, host="runner", pid=1, user="ci")
    unlock = ["state", "unlock", "--environment", "staging"]
    github.answers["/repos/novacron/novacron/actions/runs/5/attempts/1"] = {"status": "in_progress"}
    refused = CliRunner().invoke(app, unlock)
    assert isinstance(refused.exception, LeaseHeldError)
    github.answers["/repos/novacron/novacron/actions/runs/5/attempts/1"] = {"status": "completed"}
    done = CliRunner().invoke(app, unlock)
    assert "removed the engine's lock of ci@runner" in done.output
    assert engine_locks(states) == []
    Lease.take(account, command="deploy").release()


def test_a_restore_is_refused_while_an_engine_has_the_lock(states: States) -> None:
    backups = Backups(states)
    saved = backups.read(backups.take())
    lock(states, host="runner", pid=1, user="ci")
    with pytest.raises(StateError, match="ci@runner"):
        backups.restore(saved, 1)


def test_a_full_disk_leaves_the_old_file_unchanged(tmp_path: Path) -> None:
    """The kernel refuses every byte beyond the limit, as it does on a full disk."""
    file = tmp_path / "journal"
    write(file, "old")
    code = (
        "import resource, signal, sys; from pathlib import Path; from delivery.clients.work_folder import write\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "try: write(Path(sys.argv[1]), 'x' * 1000)\n"
        "except OSError as error: print(error.errno)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True)
    assert done.stdout.strip(), done.stderr
    assert file.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["journal"]
