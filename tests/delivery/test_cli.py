"""Properties of every command: help, version, completion, the option for JSON, and a pipe that is closed early."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pkgutil import resolve_name
from typing import Any

import pytest
import typer
from plans import plan
from recording import ROOT
from rich.console import Console
from rich.live import Live
from typer.testing import CliRunner

from contract import DISTRIBUTION
from delivery.cli._output import environments, table
from delivery.cli.app import PIPE_CLOSED, app
from delivery.cli.ci import _names  # pyright: ignore[reportPrivateUsage]
from delivery.clients.screens import console
from delivery.doctor import doctor_report
from delivery.doctor.findings import Finding, FindingSeverity, Report
from delivery.errors import DeliveryError
from delivery.preview.change import Drift, Kind, PropertyChange, Replaces, ResourceChange
from delivery.preview.drift_report import print_table
from delivery.rollout._display import LiveTable
from delivery.rollout.journal import Record
from delivery.rollout.options import RolloutRequest
from delivery.rollout.plan import Phase, RolloutProgress

LONG = "ghcr.io/novacron/dwcp-v3:v3.1.0-rc.1@sha256:" + "a" * 64


def commands(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    command = command or typer.main.get_command(app)
    if hasattr(command, "commands"):
        for name, each in command.commands.items():
            yield from commands(each, (*path, name))
    else:
        yield path, command


COMMANDS = dict(commands())


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_short_and_long_help(path: tuple[str, ...]) -> None:
    short, long = (CliRunner().invoke(app, [*path, option]) for option in ("-h", "--help"))
    assert (short.exit_code, short.output) == (0, long.output)


def test_an_error_in_a_job_of_github_is_an_annotation_and_leaves_the_json_output_empty() -> None:
    command = [sys.executable, "-m", "delivery", "releases", "--environment", "staging", "--limit", "0", "--json"]
    environment = {**os.environ, "GITHUB_ACTIONS": "true"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert done.stderr.startswith("::error::--limit 0 is below 1%0A  fix: ")


def test_the_commands_for_scripts_have_the_option_json() -> None:
    """Also those with ``--format``, except ``policy`` and ``preview``, which write files instead."""
    with_json = {" ".join(path) for path, each in COMMANDS.items() if any("--json" in option.opts for option in each.params)}
    assert with_json == {"deploy", "rollout", "rollback", "releases", "status", "doctor", "drift", "state verify"}


def test_the_version_is_printed() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.output.split()) == (0, ["dwcp", version(DISTRIBUTION)])


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_the_same_option_for_the_environment(path: tuple[str, ...]) -> None:
    """``--stack`` is only an alias of it, and ``-e`` has no other meaning."""
    for option in COMMANDS[path].params:
        about = {"--environment", "-e", "--stack", "-s"} & set(option.opts)
        assert not about or {"--environment", "-e"} <= about, option.opts
        assert option.name not in ("stack", "stacks")


def test_the_alias_stack_is_accepted_by_commands_that_evaluate_a_stack() -> None:
    with_alias = {path for path, each in COMMANDS.items() for option in each.params if {"--stack", "-s"} <= set(option.opts)}
    assert with_alias == {("preview",), ("policy",), ("images",), ("render",)}


@pytest.mark.parametrize(
    ("line", "slow"),
    [
        ("preview", "delivery.preview.from_program.preview"),
        ("preview --engine", "delivery.preview.from_engine.preview"),
        ("policy", "delivery.policy.check.PolicyCheck.programs"),
        ("images -e staging", "program.evaluation.evaluate"),
        ("render", "delivery.releases.guide_files.render"),
        ("drift -e staging", "delivery.preview.drift.detect"),
        ("doctor -e staging", "delivery.doctor.reading.observe"),
        ("status -e staging", "delivery.cli.status._facts"),
        ("releases -e staging", "delivery.releases.store.Releases.all"),
        ("state verify -e staging", "delivery.clients.environment.Environment.require_aws"),
        ("state backup -e staging", "delivery.clients.environment.Environment.require_aws"),
        ("state unlock -e staging", "delivery.clients.environment.Environment.require_aws"),
    ],
)
def test_a_slow_operation_is_announced_before_it_begins(
    line: str, slow: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    printed: list[str] = []

    def begin(*_: Any, **__: Any) -> None:
        printed.append(capsys.readouterr().err)
        raise DeliveryError("stopped by the test", "none")

    module, _, name = slow.rpartition(".")
    monkeypatch.setattr(resolve_name(module), name, begin)
    with pytest.raises(DeliveryError, match="stopped by the test"):
        app(line.split(), standalone_mode=False)
    assert printed[0].endswith(" ...\n")


def test_shell_completion_lists_environments_and_jobs() -> None:
    assert environments("") == ["local", "staging", "production"]
    assert environments("st") == ["staging"]
    assert "build" in _names("")
    scoped = [each for command in COMMANDS.values() for each in command.params if "-e" in each.opts]
    completing = [each for each in scoped if each._custom_shell_complete is not None]
    assert completing == scoped


def releases(screen: Console) -> None:
    rows = table("release", "image", "why")
    rows.add_row("20261126T182625Z-v3.1.0-rc.1", LONG, "because " * 40)
    screen.print(rows)


def drift(screen: Console) -> None:
    changed = PropertyChange(path="spec.template.spec.containers[0].image", before="", after=LONG, replaces=Replaces.NO)
    change = ResourceChange(kind=Kind.UPDATE, urn="", type="kubernetes:apps/v1:Deployment", name="dwcp-v3", properties=(changed,))
    print_table([Drift(stack="local", resources_read=214, changes=(change,))], screen)


def doctor(screen: Console) -> None:
    subject = "Deployment/dwcp-v3"
    finding = Finding(
        check="image", severity=FindingSeverity.CRITICAL, subject=subject, evidence=(LONG,), cause="because", command="look"
    )
    report = Report(environment="local", at=datetime.now(UTC), findings=(finding,), unchecked=(), passed=())
    doctor_report.print_table(report, screen)


def rollout(screen: Console) -> None:
    progress = RolloutProgress(phase=Phase.SCALE, holding=f"the canary was given another image from outside this rollout: {LONG}")
    record = Record(id="1", cluster="1", request=RolloutRequest(), plan=plan(image=LONG), progress=progress)
    with Live(console=screen, auto_refresh=False) as live:
        LiveTable(live).begins(record, resumed=False)


@pytest.mark.parametrize("show", [releases, drift, doctor, rollout])
def test_the_identity_of_a_release_is_not_truncated(
    show: Callable[[Console], None], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    show(console())
    assert LONG in capsys.readouterr().out, "in a pipe a line is as long as it needs"
    show(console(force_terminal=True, width=80, no_color=True))
    shown = capsys.readouterr().out
    assert "\u2026" not in shown
    rows = [line.split("\u2502")[1:-1] for line in shown.splitlines() if line.count("\u2502") > 2]
    columns = zip(*rows, strict=True)
    assert any(LONG in "".join(cell.strip() for cell in column) for column in columns), shown


def test_no_printed_command_is_broken_into_two_lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    drift(console(force_terminal=True, width=40, no_color=True))
    lines = capsys.readouterr().out.splitlines()
    assert [each.endswith(("--policy-pack policies", "pulumi refresh -s local")) for each in lines if each.startswith("to ")] == [
        True
    ] * 2


@pytest.mark.parametrize("arguments", ["ci", "--version"])
def test_a_closed_pipe_is_not_an_error(arguments: str) -> None:
    """The reader of the output has already ended, as in `dwcp releases | true`."""
    reader, writer = os.pipe()
    os.close(reader)
    # Without a buffer, the first write fails, and not the flush at the end of Python.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-m", "delivery", *arguments.split()]
    with os.fdopen(writer) as output:
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (PIPE_CLOSED, "")
