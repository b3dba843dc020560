"""The events, errors and end of the engine, with a script as the Pulumi CLI; releases/test_live.py runs the real one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from delivery.clients import pulumi
from delivery.clients.engine_events import EngineStep, UpdateResult
from delivery.clients.environment import Environment
from delivery.clients.pulumi import GRACE_SECONDS, Engine, EngineError, Tail
from delivery.clients.waiting import wait_until
from delivery.errors import LeaseLostError
from delivery.releases.restore import losses

FILE = "config: {}\n"
DEPLOYMENT = "urn:pulumi:local::dwcp-v3::kubernetes:apps/v1:Deployment::dwcp-v3-deployment"
CLAIM = "urn:pulumi:local::dwcp-v3::kubernetes:core/v1:PersistentVolumeClaim::dwcp-v3-redis"


def lease_time(until: Path | None = None) -> Callable[[], float]:
    """A function that returns the seconds left of the lease: 60, or only the grace period after the file ``until`` exists."""
    return lambda: GRACE_SECONDS if until is not None and until.exists() else 60.0


def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Engine:
    """An engine whose CLI is ``script``, which finds the event log in $EVENTS."""
    program = tmp_path / "bin" / "pulumi"
    program.parent.mkdir()
    find_log = 'while [ $# -gt 0 ]; do [ "$1" = --event-log ] && EVENTS=$2; shift; done'
    program.write_text(f"#!/bin/sh\n{find_log}\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return Engine(Environment.open("local"), folder=tmp_path / "work")


def resource(op: str, urn: str) -> dict[str, object]:
    metadata = {"op": op, "urn": urn, "type": urn.split("::")[2], "detailedDiff": {"spec.b": {}, "spec.a": {}}}
    return {"resourcePreEvent": {"metadata": metadata}}


def line(event: dict[str, object]) -> str:
    return f"printf '%s\\n' '{json.dumps(event)}' >> $EVENTS"


def test_steps_are_reported_as_they_happen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary: dict[str, object] = {"summaryEvent": {"resourceChanges": {"same": 3, "read": 1, "update": 1}}}
    reported = tmp_path / "reported"
    first, *others = map(line, (resource("same", CLAIM), resource("update", DEPLOYMENT), summary))
    wait = f"n=0; until [ -e {reported} ] || [ $n = 600 ]; do sleep 0.05; n=$((n+1)); done; [ -e {reported} ] || exit 1"
    seen: list[object] = []

    def watch(step: object) -> None:
        seen.append(step)
        reported.touch()

    outcome = engine(tmp_path, monkeypatch, "\n".join([first, wait, *others])).up(FILE, lease_time(), watch=watch)
    steps = [(each.op, each.name, each.is_change) for each in seen if isinstance(each, EngineStep)]
    assert steps == [("same", "dwcp-v3-redis", False), ("update", "dwcp-v3-deployment", True)]
    assert outcome.changed == 1
    assert outcome.changes[0].properties == ("spec.a", "spec.b")
    assert losses(outcome) == []


SECRETS = "error: getting stack configuration: get stack secrets manager: passphrase must be set with PULUMI_CONFIG_PASSPHRASE"


def test_a_stack_file_without_the_key_of_the_secrets_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_key = engine(tmp_path, monkeypatch, f"echo '{SECRETS}' >&2; exit 255")
    with pytest.raises(EngineError, match=r"Pulumi\.local\.yaml does not contain the key of the stack's secrets"):
        without_key.up(FILE, lease_time())
    with pytest.raises(EngineError, match=r"Pulumi\.local\.yaml does not contain the key[^\n]*\n  fix: use the file in which"):
        without_key.preview_refresh(seconds=20)


def test_deleted_resources_are_listed_as_losses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = "\n".join(
        map(line, (resource("replace", CLAIM), resource("create-replacement", CLAIM), resource("delete", DEPLOYMENT)))
    )
    [loss] = losses(engine(tmp_path, monkeypatch, script).preview(FILE))
    assert "dwcp-v3-redis" in loss
    assert "the data on its volume" in loss


def test_data_that_an_update_in_place_deletes_is_listed_as_a_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group = "urn:pulumi:local::dwcp-v3::aws:cloudwatch/logGroup:LogGroup::dwcp-v3-logs"
    event = resource("update", group)
    old_and_new = {version: {"inputs": {"retentionInDays": days}} for version, days in (("old", 365), ("new", 7))}
    cast("Any", event)["resourcePreEvent"]["metadata"].update(old_and_new)
    [loss] = losses(engine(tmp_path, monkeypatch, line(event)).preview(FILE))
    assert loss == "update dwcp-v3-logs (aws:cloudwatch/logGroup:LogGroup): log events older than 7 days"


def test_the_engine_is_stopped_when_the_lease_expires(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lease is still valid for the seconds that the engine needs to stop."""
    started = tmp_path / "pid"
    stopped = engine(tmp_path, monkeypatch, f"echo $$ > {started}.new; mv {started}.new {started}; exec sleep 60")
    with pytest.raises(LeaseLostError, match="the engine was stopped because the lease of local was not renewed in time"):
        stopped.up(FILE, lease_time(started))
    assert not psutil.pid_exists(int(started.read_text()))


def test_a_preview_that_was_suspended_for_long_names_no_lease(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi, "WITHOUT_LEASE_SECONDS", 0)
    with pytest.raises(EngineError, match="the engine was stopped because this process was suspended"):
        engine(tmp_path, monkeypatch, "exec sleep 60").preview(FILE)


def test_an_engine_that_ends_while_the_lease_is_read_has_not_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The remaining time is then written to a process that has ended. Before, the close of this pipe failed the update."""
    quick = engine(tmp_path, monkeypatch, "exit 0")
    before = psutil.Process().children()

    def ended() -> bool:
        return any(each.status() == psutil.STATUS_ZOMBIE for each in psutil.Process().children() if each not in before)

    def remaining() -> float:
        assert wait_until(ended, seconds=30, pause=0.05)
        return 60.0

    assert quick.up(FILE, remaining).changed == 0


def test_the_error_lists_mandatory_violations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def violation(number: int) -> dict[str, object]:
        details = {"policyName": f"rule-{number}", "enforcementLevel": "mandatory", "resourceUrn": DEPLOYMENT, "message": "no"}
        return {"policyEvent": details}

    script = "\n".join([*map(line, map(violation, range(7))), "exit 1"])
    with pytest.raises(EngineError, match="policies forbid the preview of local") as error:
        engine(tmp_path, monkeypatch, script).preview(FILE)
    assert "rule-0 on dwcp-v3-deployment: no" in error.value.problem
    assert "and 2 more" in error.value.problem


def test_the_error_contains_the_message_of_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    event: dict[str, object] = {"diagnosticEvent": {"severity": "error", "message": "quota exceeded\n"}}
    with pytest.raises(EngineError, match="the up of local failed: quota exceeded"):
        engine(tmp_path, monkeypatch, f"{line(event)}\nexit 255").up(FILE, lease_time())
    with pytest.raises(EngineError, match="the preview of local failed: error: no stack"):
        _engine_with(tmp_path, "echo 'error: no stack'; exit 255").preview(FILE)


def _engine_with(tmp_path: Path, script: str) -> Engine:
    (tmp_path / "bin/pulumi").write_text(f"#!/bin/sh\n{script}\n")
    return Engine(Environment.open("local"), folder=tmp_path / "work")


def test_the_stack_file_is_in_the_work_folder_and_the_event_log_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cli = engine(tmp_path, monkeypatch, "exit 0")
    cli.preview("config: {a: b}\n")
    assert (cli.folder / "Pulumi.local.yaml").read_text() == "config: {a: b}\n"
    assert not list(cli.folder.glob("*.events")), "an event log contains the properties of the resources"


def test_an_incomplete_line_is_read_when_it_is_complete(tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_text('{"a": 1}\n{"b"')
    tail = Tail(file)
    assert list(tail.read()) == [{"a": 1}]
    with file.open("a") as more:
        more.write(": 2}\n")
    assert list(tail.read()) == [{"b": 2}]


def test_a_result_without_events_has_no_changes() -> None:
    assert UpdateResult().changed == 0
