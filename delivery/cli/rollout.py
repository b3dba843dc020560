"""``dwcp rollout``: traffic to a new release step by step, and back by itself when it is not good."""

from __future__ import annotations

from typing import Annotated

import typer

from contract import IMAGE_REPOSITORY
from delivery.cli._output import EnvironmentOption, console
from delivery.errors import UsageError


def rollout(
    image: Annotated[str | None, typer.Option(help="Image to roll out. Without it: --tag, else the newest staged release.")] = None,
    tag: Annotated[str | None, typer.Option(help=f"The same by its tag in {IMAGE_REPOSITORY}.")] = None,
    environment: EnvironmentOption = "production",
    percentage: Annotated[int | None, typer.Option(help="Go to this part of the traffic and hold there.")] = None,
    wait_time: Annotated[
        str | None, typer.Option(help="Seconds of analysis at each step, or one number per step; else the environment's setting.")
    ] = None,
    error_threshold: Annotated[
        float | None, typer.Option(help="Percent of failed requests above which it goes back; else the environment's setting.")
    ] = None,
    strategy: Annotated[
        str | None, typer.Option(help="weighted: the load balancer splits the traffic. flag: only the flag moves.")
    ] = None,
    abort: Annotated[bool, typer.Option("--abort", help="Take the open rollout back.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before production is changed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per event on standard output.")] = False,
) -> None:
    """Roll a release out gradually: 10 % -> 50 % -> 100 % of the traffic, each step measured; back by itself on failure.

    Steps, waits and thresholds are the settings `rollout` of the environment's stack file.

    Exit codes: 0 done, or held at --percentage as asked; 1 aborted, rolled back or refused; 2 wrong options; 3 on hold, a person
    has to decide. Ctrl-C takes it back; a second one leaves everything as it is. Run again, it goes on.
    """

    from delivery.clients.environment import Environment
    from delivery.rollout.flow import Rollout
    from delivery.rollout.request import RolloutRequest, image_of, strategy_of

    target = Environment.open(environment)
    asked = RolloutRequest(
        image=image_of(target, image, tag),
        strategy=strategy_of(strategy),
        percentage=percentage,
        waits=_seconds(wait_time),
        error_threshold_percent=error_threshold,
    )
    rolling = Rollout(target, asked, console(), abort=abort, dry_run=dry_run, yes=yes, as_json=as_json)
    raise typer.Exit(rolling.run())


def _seconds(text: str | None) -> tuple[float, ...] | None:
    try:
        return None if text is None else tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(f"--wait-time {text} is not a list of numbers", "for example --wait-time 300") from error
