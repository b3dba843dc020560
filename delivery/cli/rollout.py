"""``dwcp rollout``: moves traffic to a new release step by step, and rolls back if the release does not meet an objective."""

from __future__ import annotations

from typing import Annotated

import typer

from delivery.cli._output import EnvironmentOption, WaitOption, console, text
from delivery.errors import UsageError


def rollout(
    image: Annotated[
        str | None,
        text(
            "Roll out this image. Default: the image of --tag, of the open rollout, or of the staged release; with "
            "--strategy flag, the running image."
        ),
    ] = None,
    tag: Annotated[str | None, text("Roll out the image of this tag in the repository of the setting `application.image`.")] = None,
    environment: EnvironmentOption = "production",
    percentage: Annotated[
        int | None,
        typer.Option(help="Move this percentage of the traffic to the canary. Below 100, hold there; 100 promotes the release."),
    ] = None,
    wait_time: Annotated[
        str | None,
        text("Measure each step for this many seconds; also one number per step: 60,60,120. Default: the environment's setting."),
    ] = None,
    error_threshold: Annotated[
        float | None,
        typer.Option(help="Roll back if more than this percentage of requests fails; default: the environment's setting."),
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(help="Use this strategy. weighted: the load balancer splits traffic. flag: only the feature flag changes."),
    ] = None,
    abort: Annotated[
        bool, typer.Option("--abort", help="Abort the open rollout and roll it back. Options for a new rollout have no effect.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the steps of the rollout, and change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation before changing production.")] = False,
    wait: WaitOption = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per event on standard output.")] = False,
) -> None:
    """Roll out a release gradually: by default 10 % -> 50 % -> 100 % of the traffic, each step measured; roll back on failure.

    The settings `rollout` in the environment's stack file define the steps, waits and thresholds.

    Exit codes: 0 done, or held at --percentage; 1 aborted or rolled back, or the command could not start or continue the rollout;
    2 wrong options, a missing prerequisite or no confirmation (nothing was changed); 3 on hold until a person decides. Ctrl-C rolls
    back; a second Ctrl-C stops at once and changes nothing more. After that, the same command continues the rollback.
    """

    from delivery.clients.environment import Environment
    from delivery.rollout.flow import Rollout
    from delivery.rollout.options import RolloutRequest, image_of, strategy_of

    target = Environment.open(environment)
    request = RolloutRequest(
        image=image_of(target, image, tag),
        strategy=strategy_of(strategy),
        percentage=percentage,
        waits=_seconds(wait_time),
        error_threshold_percent=error_threshold,
    )
    rolling = Rollout(target, request, console(), abort=abort, dry_run=dry_run, yes=yes, as_json=as_json, wait_seconds=wait)
    raise typer.Exit(rolling.run())


def _seconds(text: str | None) -> tuple[float, ...] | None:
    try:
        return None if text is None else tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(f"--wait-time {text} is not a list of numbers", "for example --wait-time 300") from error
