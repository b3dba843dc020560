"""The lease has one owner at a time, under faults of owners, clocks and the table; with real processes, on moto."""

from __future__ import annotations

import ast
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from accounts import Account
from botocore.exceptions import ClientError
from command_lines import problem_of
from recording import ROOT

from delivery.errors import LeaseHeldError, LeaseLostError, StateError
from delivery.state import lease as module
from delivery.state.lease import EnvironmentLease, Lease
from delivery.state.locks import EngineLock
from delivery.state.owner import Owner, machine, run_has_ended, user_of_this_process

HOLD = """
import sys, time
sys.path[:0] = {path!r}
from accounts import Account
from delivery.state.lease import Lease
lease = Lease.take(Account(endpoint={endpoint!r}, name={name!r}), command="deploy", seconds={seconds})
print(lease.fencing, flush=True)
for line in sys.stdin:
    try:
        lease.check()
        print("held", flush=True)
    except Exception as error:
        print(type(error).__name__, flush=True)
"""


class Holder:
    """Another process that holds the lease until :meth:`end`."""

    def __init__(self, account: Account, seconds: float) -> None:
        code = HOLD.format(path=sys.path, endpoint=account.endpoint, name=account.name, seconds=seconds)
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.fencing = int(self.read_line())

    def read_line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def check(self) -> str:
        """`held`, or the name of the error of ``Lease.check``."""
        assert self.process.stdin is not None
        self.process.stdin.write("?\n")
        return self.read_line()

    def end(self) -> None:
        with self.process:  # closes its pipes
            self.process.kill()


def on_another_machine(holding: module.LeaseItem) -> module.LeaseItem:
    """The same holding by an owner on a machine that cannot be checked."""
    return replace(holding, owner=replace(holding.owner, machine="elsewhere", host="elsewhere", pid=1), token="other")


def lease_of_another_machine(account: Account, seconds: float, **changes: Any) -> module.LeaseItem:
    """A lease held on another machine, whose owner no longer runs."""
    with Lease.take(account, command="deploy", seconds=seconds):
        pass
    table = EnvironmentLease(account)
    before = table.read()
    assert before is not None
    holding = replace(on_another_machine(before), seconds=seconds, held=True, **changes)
    assert table.take(before, holding)
    return holding


def test_a_released_lease_is_taken_again_with_a_higher_fencing_number(account: Account) -> None:
    with Lease.take(account, command="deploy") as first:
        first.check()
    with pytest.raises(LeaseLostError):
        first.check()
    with Lease.take(account, command="rollout") as second:
        assert second.fencing > first.fencing
        assert second.taken_from is None


def test_the_refusal_names_the_owner_of_the_lease(account: Account) -> None:
    with Lease.take(account, command="deploy"), pytest.raises(LeaseHeldError) as refused:
        Lease.take(account, command="rollout")
    message = str(refused.value)
    assert f"{account.name} is being changed by `deploy` of " in message
    assert f"process {os.getpid()}" in message
    assert "--wait" in message


def test_a_second_command_waits_until_the_lease_is_released(account: Account) -> None:
    first = Lease.take(account, command="deploy")
    release = threading.Timer(0.5, first.release)
    release.start()
    with Lease.take(account, command="rollout", wait_seconds=30) as second:
        assert second.fencing > first.fencing
        assert second.taken_from is None
    release.join()


def test_the_lease_of_a_process_killed_on_this_machine_is_taken_at_once(account: Account) -> None:
    holder = Holder(account, seconds=3600)
    holder.end()
    with Lease.take(account, command="deploy") as lease:
        assert lease.taken_from is not None
        assert lease.taken_from.owner.pid == holder.process.pid


def test_a_lease_is_renewed_before_it_expires(account: Account) -> None:
    with Lease.take(account, command="deploy", seconds=3) as lease:
        time.sleep(4)
        lease.check()


def test_a_suspended_owner_loses_its_lease_when_it_expires(account: Account) -> None:
    """The owner is suspended, as by a closed laptop; when it continues, its lease has expired and fencing refuses it."""
    holder = Holder(account, seconds=1)
    try:
        holder.process.send_signal(signal.SIGSTOP)
        with Lease.take(account, command="rollback", wait_seconds=30) as lease:
            assert lease.fencing > holder.fencing
            holder.process.send_signal(signal.SIGCONT)
            assert holder.check() == "LeaseLostError"
            lease.check()
    finally:
        holder.end()


def test_the_lease_of_another_machine_is_taken_only_after_its_heartbeat_stops(account: Account) -> None:
    lease_of_another_machine(account, seconds=2)
    with pytest.raises(LeaseHeldError, match="elsewhere"):
        Lease.take(account, command="deploy", wait_seconds=0.5)
    with Lease.take(account, command="deploy", wait_seconds=10) as lease:
        assert lease.taken_from is not None


@pytest.mark.parametrize("since", ["2001-01-01T00:00:00+00:00", "2099-01-01T00:00:00+00:00"], ids=["behind", "ahead"])
def test_the_clock_of_another_machine_has_no_effect(account: Account, since: str) -> None:
    """The other machine's clock is years off: its lease is neither shortened nor extended."""
    lease_of_another_machine(account, seconds=1, since=since)
    with pytest.raises(LeaseHeldError):
        Lease.take(account, command="deploy")
    with Lease.take(account, command="deploy", wait_seconds=10):
        pass


def test_only_one_of_two_concurrent_commands_takes_the_lease(account: Account) -> None:
    table = EnvironmentLease(account)
    first = lease_of_another_machine(account, seconds=1)
    assert table.take(first, replace(first, token="a"))
    assert not table.take(first, replace(first, token="b"))


def check_repeatedly(lease: Lease) -> None:
    """Check the lease for up to 10 s."""
    for _ in range(200):
        lease.check()
        time.sleep(0.05)


def test_an_owner_detects_that_another_command_has_its_lease(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """At its next heartbeat, long before the lease would expire."""
    monkeypatch.setattr(module, "BEATS_PER_LEASE", 600)
    with Lease.take(account, command="deploy", seconds=60) as lease:
        table = EnvironmentLease(account)
        before = table.read()
        assert before is not None
        assert table.take(before, on_another_machine(before))
        with pytest.raises(LeaseLostError, match="was lost"):
            check_repeatedly(lease)
    now = EnvironmentLease(account).read()
    assert now is not None
    assert now.held, "the former owner must not release the lease of the new one"


def test_a_missing_table_is_reported_with_the_fix(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEASE_TABLE", "no-such-table")
    with pytest.raises(StateError, match=f"dwcp state bootstrap --environment {account.name}"):
        Lease.take(account, command="deploy")


def test_any_other_error_of_the_table_is_not_reported_as_a_held_lease(account: Account) -> None:
    table = EnvironmentLease(account)
    with pytest.raises(ClientError):
        table._update("t", "SET nonsense ===", {})  # pyright: ignore[reportPrivateUsage]


def test_a_reused_process_id_is_another_process() -> None:
    this = Owner.this()
    assert not this.gone()
    assert replace(this, started="1").gone()
    assert not replace(this, machine="elsewhere").gone()


def test_two_machines_with_the_same_host_name_are_different_machines_on_macos(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_proc(path: Path) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", no_proc)
    names: set[str] = set()
    for hardware in (1, 2):
        monkeypatch.setattr("uuid.getnode", lambda hardware=hardware: hardware)
        machine.cache_clear()
        names.add(machine())
    monkeypatch.undo()
    machine.cache_clear()
    assert len(names) == 2


def test_a_release_that_fails_does_not_hide_how_the_command_ended(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    def expired(_: EnvironmentLease, token: str) -> None:
        raise ClientError({"Error": {"Code": "ExpiredTokenException", "Message": "expired"}}, "UpdateItem")

    monkeypatch.setattr(EnvironmentLease, "release", expired)
    with pytest.raises(StateError, match="50 % on the canary"), Lease.take(account, command="rollout", seconds=5):
        raise StateError("stopped with 50 % on the canary", "run it again")


def test_a_lock_of_another_machine_with_the_same_host_name_is_not_stale() -> None:
    lock = EngineLock(key="k", host=socket.gethostname(), user=user_of_this_process(), pid=2**22, since="now", age=timedelta())
    here = replace(Owner.this(), pid=2**22)
    assert lock.stale(None)
    assert lock.stale(here)
    assert not lock.stale(replace(here, machine="another machine"))


def test_an_owner_in_ci_counts_as_running_if_github_cannot_be_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    monkeypatch.delenv("GH_TOKEN", raising=False)
    owner = replace(Owner.this(), machine="runner", run="novacron/novacron/123/1")
    assert not owner.gone()
    assert "novacron/novacron/actions/runs/123" in str(owner)


@pytest.mark.parametrize(("run", "gone"), [("123/1", True), ("123/2", True), ("124/1", False)])
def test_an_earlier_job_of_the_same_ci_run_counts_as_ended(monkeypatch: pytest.MonkeyPatch, run: str, gone: bool) -> None:
    """A deployment that was killed leaves its lease and the engine's lock to the rollback of its own run."""
    for name in ("GITHUB_TOKEN", "GH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"GITHUB_REPOSITORY": "novacron/novacron", "GITHUB_RUN_ID": "123", "GITHUB_RUN_ATTEMPT": "2"}.items():
        monkeypatch.setenv(name, value)
    assert replace(Owner.this(), machine="runner", run=f"novacron/novacron/{run}").gone() is gone


@pytest.mark.parametrize(("answer", "ended"), [({"status": "completed"}, True), ({"status": "in_progress"}, False), (None, False)])
def test_the_status_of_a_ci_run_is_read_from_github(github: Any, answer: dict[str, str] | None, ended: bool) -> None:
    """If GitHub answers 404, the run counts as running."""
    path = "/repos/novacron/novacron/actions/runs/123/attempts/1"
    github.answers[path] = answer
    assert run_has_ended("novacron/novacron/123/1") is ended
    assert [each[:2] for each in github.requests] == [("GET", path)]


def lease_takers() -> set[str]:
    """The commands that take the lease, as the product names them when it does."""
    trees = (ast.parse(file.read_text()) for file in sorted((ROOT / "delivery").rglob("*.py")))
    calls = (each for tree in trees for each in ast.walk(tree) if isinstance(each, ast.Call))
    named = (
        ast.unparse(keyword.value).lstrip("f").strip("'")
        for call in calls
        if ast.unparse(call.func) == "Lease.take"
        for keyword in call.keywords
        if keyword.arg == "command"
    )
    return {name.partition(":")[0] for name in named}


def test_every_command_that_takes_the_lease_accepts_the_option_that_the_refusal_prints(account: Account) -> None:
    """Only a wait shows that an owner on another machine no longer runs."""
    lease_of_another_machine(account, seconds=60)
    with pytest.raises(LeaseHeldError) as refused:
        Lease.take(account, command="rollout")
    [option] = re.findall(r"--wait \d+", refused.value.fix)
    takers = lease_takers()
    assert {"deploy", "rollback", "rollout", "state unlock", "state restore", "state lock"} <= takers
    assert {name: problem_of(f"{name} {option}", whole=False) for name in takers} == dict.fromkeys(takers, "")
