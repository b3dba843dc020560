"""The options of `dwcp rollout`, and the errors for invalid ones before any change."""

from __future__ import annotations

import io

import pytest
import typer
from plans import plan
from rich.console import Console
from typer.testing import CliRunner

from components.settings import RolloutSettings
from delivery.cli.app import app
from delivery.clients.environment import Environment
from delivery.errors import UsageError
from delivery.rollout._display import show_plan
from delivery.rollout._printed_plan import steps_of
from delivery.rollout.options import SETTINGS_VARIABLE, RolloutRequest, settings_of

IMAGE = "ghcr.io/novacron/dwcp-v3:v3.1.0"
SETTINGS = RolloutSettings()
TWO_STEPS = RolloutSettings(steps=(1, 100), wait_seconds=60)


@pytest.mark.parametrize(
    ("arguments", "problem", "fix"),
    [
        (
            ["--image", IMAGE, "--percentage", "50", "--wait-time", "60,60,60", "--wait", "9", "--json"],
            "there is no terminal to confirm it",
            f"dwcp rollout --image {IMAGE} --percentage 50 --wait-time 60,60,60 --wait 9 --json --yes",
        ),
        (["--abort"], "this would roll back the open rollout in production", "dwcp rollout --abort --yes"),
        (["--environment", "prod"], "there is no environment 'prod'", "--environment staging"),
        (["--image", "ghcr.io/novacron/dwcp-v3:latest"], "never `latest`", "--image ghcr.io/novacron/dwcp-v3:v3.0.0"),
        (["--image", "ghcr.io/novacron/dwcp-v3"], "must name one release", "--image ghcr.io/novacron/dwcp-v3:v3.0.0"),
        (["--image", "evil.example.com/dwcp-v3:v3.1.0"], "is not in ghcr.io/novacron/dwcp-v3", "--image"),
        (["--image", IMAGE, "--tag", "v3"], "--image and --tag both", "one of them"),
        (["--tag", "latest"], "--tag latest must name one release", "for example --tag v3.0.0"),
        (["--tag", "v3 0"], "--tag 'v3 0' must be", "for example --tag v3.0.0"),
        (["--tag", ""], "the value of --tag is empty", "omit the option"),
        (["--image", " "], "the value of --image is empty", "omit the option"),
        (["--wait-time", "inf"], "--wait-time inf is not a number of seconds", "--wait-time 300"),
        (["--wait-time", "nan"], "--wait-time nan is not a number of seconds", "--wait-time 300"),
        (["--wait-time", ""], "the value of --wait-time is empty", "omit the option"),
        (["--wait", "nan"], "--wait nan is not a number of seconds", "--wait 120"),
        (["--percentage", "101"], "--percentage 101 is not between 0 and 100", "--percentage 50"),
        (["--percentage", "-1"], "--percentage -1 is not between 0 and 100", "--percentage 50"),
        (["--wait-time", "-5"], "--wait-time -5 is not a number of seconds that is 0 or larger", "--wait-time 300"),
        (["--wait-time", "soon"], "--wait-time soon is not a list of numbers", "--wait-time 300"),
        (["--wait-time", "1,2"], "has 2 numbers for 3 steps", "one for each step"),
        (["--error-threshold", "0"], "--error-threshold 0.0 is not a percentage", "--error-threshold 5"),
        (["--error-threshold", "100"], "--error-threshold 100.0 is not a percentage", "--error-threshold 5"),
        (["--wait", "-1"], "--wait -1 is not a number of seconds (0 or more)", "--wait 120"),
        (["--strategy", "canary"], "--strategy canary is not one of weighted, flag", "--strategy weighted"),
        (
            ["--image", IMAGE],
            f"this would roll out {IMAGE} in production, and there is no terminal to confirm it",
            f"dwcp rollout --image {IMAGE} --yes",
        ),
    ],
)
def test_invalid_options_are_refused_with_the_fix(
    arguments: list[str], problem: str, fix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["dwcp", "rollout", *arguments])
    result = CliRunner().invoke(app, ["rollout", *arguments])
    assert isinstance(result.exception, UsageError), result.output
    assert problem in result.exception.problem
    assert fix in result.exception.fix


def test_a_rollout_has_twelve_options() -> None:
    command = typer.main.get_command(app).commands["rollout"]  # type: ignore[attr-defined]
    options = {option for each in command.params for option in each.opts if option.startswith("--")}
    guide = {"--image", "--percentage", "--wait-time", "--error-threshold"}
    assert options - {"--help"} == guide | {
        *("--environment", "--tag", "--strategy", "--abort", "--dry-run", "--yes", "--wait", "--json")
    }


def test_the_help_of_tag_names_the_setting_whose_repository_is_used() -> None:
    """A fork has another repository."""
    command = typer.main.get_command(app).commands["rollout"]  # type: ignore[attr-defined]
    [tag] = [each for each in command.params if each.name == "tag"]
    assert "`application.image`" in tag.help


@pytest.mark.parametrize(
    ("wanted", "settings", "above", "schedule"),
    [
        (RolloutRequest(), SETTINGS, 0, ((10, 50, 100), (300, 300, 300))),
        (RolloutRequest(percentage=50), SETTINGS, 0, ((10, 50), (300, 300))),
        (RolloutRequest(percentage=30, waits=(1, 2, 3)), SETTINGS, 0, ((10, 30), (1, 3))),
        (RolloutRequest(percentage=5), SETTINGS, 0, ((5,), (300,))),
        (RolloutRequest(percentage=0), SETTINGS, 0, ((0,), (300,))),
        (RolloutRequest(percentage=100), SETTINGS, 0, ((10, 50, 100), (300, 300, 300))),
        (RolloutRequest(waits=(60, 600)), TWO_STEPS, 0, ((1, 100), (60, 600))),
        (RolloutRequest(), TWO_STEPS, 0, ((1, 100), (60, 60))),
        (RolloutRequest(), SETTINGS, 50, ((100,), (300,))),
        (RolloutRequest(percentage=20), SETTINGS, 50, ((20,), (300,))),
    ],
)
def test_a_percentage_is_reached_by_the_configured_steps_below_it(
    wanted: RolloutRequest, settings: RolloutSettings, above: int, schedule: tuple[tuple[int, ...], tuple[float, ...]]
) -> None:
    assert wanted.schedule(settings, above) == schedule


@pytest.mark.parametrize(
    ("first", "second", "changed"),
    [
        (RolloutRequest(waits=(60,)), RolloutRequest(), []),
        (RolloutRequest(percentage=50), RolloutRequest(), []),
        (RolloutRequest(), RolloutRequest(waits=(300,), error_threshold_percent=5, strategy="weighted"), []),
        (RolloutRequest(waits=(60,)), RolloutRequest(waits=(30,)), ["--wait-time"]),
        (RolloutRequest(), RolloutRequest(percentage=50, strategy="flag"), ["--strategy", "--percentage"]),
        (RolloutRequest(error_threshold_percent=2), RolloutRequest(error_threshold_percent=3), ["--error-threshold"]),
    ],
)
def test_options_that_differ_from_the_open_rollout_are_listed(
    first: RolloutRequest, second: RolloutRequest, changed: list[str]
) -> None:
    assert second.changed_from(first.with_defaults(SETTINGS)) == changed


def test_a_dry_run_prints_the_steps_of_the_rollout() -> None:
    two_steps = plan(environment="staging", steps=(10, 100), waits=(60, 300), scrape_interval=30, drain=30, settings=SETTINGS)
    file = io.StringIO()
    show_plan(two_steps, Console(file=file), as_json=False)
    head, *lines = file.getvalue().splitlines()
    assert head == "staging: app:v1 -> app:v2"
    assert [line.split(maxsplit=1)[0] for line in lines] == ["prepare", "10", "100", "promote", "bake", "retire"]
    assert [line.strip() for line in lines] == [f"{step.name:8} {step.detail}" for step in steps_of(two_steps)]
    assert "60 s of analysis (errors up to 5 %, latency gates, with at least 100 requests)" in lines[1]


def test_settings_of_one_run_override_the_stack_file(monkeypatch: pytest.MonkeyPatch) -> None:
    staging = Environment.open("staging")
    assert settings_of(staging) == RolloutSettings()
    monkeypatch.setenv(SETTINGS_VARIABLE, '{"waitSeconds": 0.5, "steps": [100]}')
    assert settings_of(staging) == RolloutSettings(wait_seconds=0.5, steps=(100,))


@pytest.mark.parametrize(
    ("text", "problem"),
    [("{", "Expecting"), ("[1]", "is not a JSON object"), ('{"waits": 1}', "waits"), ('{"steps": [50, 10]}', "must ascend")],
)
def test_invalid_settings_of_one_run_are_refused(monkeypatch: pytest.MonkeyPatch, text: str, problem: str) -> None:
    monkeypatch.setenv(SETTINGS_VARIABLE, text)
    with pytest.raises(UsageError) as error:
        settings_of(Environment.open("staging"))
    assert f"{SETTINGS_VARIABLE}={text}" in error.value.problem
    assert problem in error.value.problem
    assert "waitSeconds" in error.value.fix
