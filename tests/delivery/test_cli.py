"""Properties of every command: help, version, completion, the option for JSON, and a pipe that is closed early."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from recording import ROOT
from typer.testing import CliRunner

from delivery.cli._output import environments, table
from delivery.cli.app import app
from delivery.cli.ci import _names  # pyright: ignore[reportPrivateUsage]
from delivery.clients.screens import console

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


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_json_output_has_the_same_option(path: tuple[str, ...]) -> None:
    """``--format`` may offer more; ``policy`` and ``preview`` write files instead."""
    options = {name: each for each in COMMANDS[path].params for name in each.opts}
    if "--format" in options and path[0] not in ("policy", "preview"):
        assert "--json" in options


def test_the_version_is_printed() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.output.split()[0]) == (0, "dwcp")


def test_names_of_environments_and_jobs_are_completed() -> None:
    assert environments("") == ["local", "staging", "production"]
    assert environments("st") == ["staging"]
    assert "build" in _names("")
    scoped = [each for command in COMMANDS.values() for each in command.params if "-e" in each.opts]
    completing = [each for each in scoped if each._custom_shell_complete is not None]
    assert len(completing) >= len(scoped) - 2, "all but those of the policies and the pipelines' own steps"


def test_the_identity_of_a_release_is_not_truncated(capsys: pytest.CaptureFixture[str]) -> None:
    rows = table("release", "image", "why")
    rows.add_row("20261126T182625Z-v3.1.0-rc.1", LONG, "because " * 40)
    console().print(rows)
    assert LONG in capsys.readouterr().out, "in a pipe a line is as long as it needs"
    console(force_terminal=True, width=80, no_color=True).print(rows)
    shown = capsys.readouterr().out
    assert "\u2026" not in shown
    cells = [line.split("\u2502")[2].strip() for line in shown.splitlines() if line.count("\u2502") > 3]
    assert LONG in "".join(cells)


def test_a_reader_that_stops_reading_is_not_an_error() -> None:
    """As in `dwcp ci | head -1`."""
    command = f"{sys.executable} -m delivery ci | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)
    assert "Errno" not in done.stderr
    assert "defect" not in done.stderr
    assert done.stdout.splitlines()[-1] in ("0", "1", "141")
