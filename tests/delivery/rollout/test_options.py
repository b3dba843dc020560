"""What the command line may say, and what it is refused with before anything is touched."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from delivery.cli.app import app
from delivery.errors import UsageError
from delivery.rollout.start import Options, repository

IMAGE = "ghcr.io/novacron/dwcp-v3:v3.1.0"


@pytest.mark.parametrize(
    ("arguments", "problem", "fix"),
    [
        (["--environment", "prod"], "there is no environment 'prod'", "--environment staging"),
        (["--image", "ghcr.io/novacron/dwcp-v3:latest"], "never `latest`", "--image ghcr.io/novacron/dwcp-v3:v3.0.0"),
        (["--image", "ghcr.io/novacron/dwcp-v3"], "must name one release", "--image ghcr.io/novacron/dwcp-v3:v3.0.0"),
        (["--image", "evil.example.com/dwcp-v3:v3.1.0"], "is not in ghcr.io/novacron/dwcp-v3", "--image"),
        (["--image", IMAGE, "--tag", "v3"], "--image and --tag both", "one of them"),
        (["--percentage", "101"], "--percentage 101 is not within 0 and 100", "--percentage 50"),
        (["--percentage", "-1"], "--percentage -1 is not within 0 and 100", "--percentage 50"),
        (["--wait-time", "-5"], "--wait-time -5 is below 0", "--wait-time 300"),
        (["--wait-time", "soon"], "--wait-time soon is no list of numbers", "--wait-time 300"),
        (["--wait-time", "1,2"], "has 2 times for 3 steps", "one for each step"),
        (["--error-threshold", "0"], "--error-threshold 0 is no percentage", "--error-threshold 5"),
        (["--error-threshold", "100"], "--error-threshold 100 is no percentage", "--error-threshold 5"),
        (["--steps", "50,10"], "--steps 50,10 do not ascend", "--steps 10,50,100"),
        (["--steps", "10,50,110"], "do not ascend within 1 and 100", "--steps 10,50,100"),
        (["--strategy", "canary"], "--strategy canary is none of weighted, flag", "--strategy weighted"),
        (["--on-unmeasured", "retry"], "is none of hold, abort", "--on-unmeasured hold"),
        (["--bake-time", "-1"], "--bake-time -1 is below 0", "--bake-time 10"),
        (["--minimum-requests", "-1"], "--minimum-requests -1 is below 0", "--minimum-requests 100"),
        (["--image", IMAGE], "in production, and nobody can be asked", "--yes"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_way_out(arguments: list[str], problem: str, fix: str) -> None:
    result = CliRunner().invoke(app, ["rollout", *arguments])
    assert isinstance(result.exception, UsageError)
    assert problem in result.exception.problem
    assert fix in result.exception.fix


@pytest.mark.parametrize(
    ("options", "above", "ways"),
    [
        (Options(), 0, ((10, 50, 100), (300, 300, 300))),
        (Options(percentage=50), 0, ((10, 50), (300, 300))),
        (Options(percentage=30, waits=(1, 2, 3)), 0, ((10, 30), (1, 3))),
        (Options(percentage=5), 0, ((5,), (300,))),
        (Options(percentage=0), 0, ((0,), (300,))),
        (Options(percentage=100), 0, ((10, 50, 100), (300, 300, 300))),
        (Options(steps=(1, 100), waits=(60, 600)), 0, ((1, 100), (60, 600))),
        (Options(), 50, ((100,), (300,))),
        (Options(percentage=20), 50, ((20,), (300,))),
    ],
)
def test_a_percentage_is_gone_to_over_the_steps_below_it(
    options: Options, above: int, ways: tuple[tuple[int, ...], tuple[float, ...]]
) -> None:
    assert options.ways(above) == ways


@pytest.mark.parametrize(
    ("image", "name"),
    [
        (IMAGE, "ghcr.io/novacron/dwcp-v3"),
        ("localhost:5000/app:1", "localhost:5000/app"),
        ("app@sha256:" + "0" * 64, "app"),
        ("host:1/a/b", "host:1/a/b"),
    ],
)
def test_an_images_repository_is_its_name(image: str, name: str) -> None:
    assert repository(image) == name
