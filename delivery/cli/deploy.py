"""``dwcp deploy``: the guide's deployment script as one chain that survives failure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from delivery.cli._output import EnvironmentOption
from delivery.errors import UsageError


def deploy(
    environment: EnvironmentOption,
    tag: Annotated[str | None, typer.Option(help="Release to deploy, v3.0.0; without it the image that runs now.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the exact plan; touch nothing.")] = False,
    skip_tests: Annotated[bool, typer.Option("--skip-tests", help="Do not run the tests first.")] = False,
    no_rollback: Annotated[bool, typer.Option("--no-rollback", help="Leave a failed deployment as it is.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before production is changed.")] = False,
    accept_loss: Annotated[bool, typer.Option("--accept-loss", help="What holds data may be replaced or deleted.")] = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait for another command that changes the environment.")] = 0,
    health_url: Annotated[str | None, typer.Option(help="Where the service answers; {track} in it is filled in.")] = None,
    tests: Annotated[str | None, typer.Option(help="Command that tests before anything is changed.")] = None,
    plan: Annotated[
        Path | None, typer.Option(help="Do nothing that is not in this file of `dwcp preview --engine --save-plan`.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The release's record as JSON on standard output.")] = False,
) -> None:
    """Deploy: checks, backup, tests, preview with policies, update, health, metrics; back by itself when one fails.

    Exit codes: 0 deployed, staged or planned; 1 failed, and what ran before runs again unless the message says otherwise; 2 wrong
    options, nothing was touched.
    """
    from delivery.cli._release_command import run
    from delivery.releases.deploy import Deployment
    from delivery.releases.request import DeployRequest
    from delivery.releases.steps import StepRunner

    if wait < 0:
        raise UsageError(f"--wait {wait:g} is below 0", "for example --wait 120")
    asked = DeployRequest(
        environment=environment,
        tag=tag,
        dry_run=dry_run,
        skip_tests=skip_tests,
        no_rollback=no_rollback,
        yes=yes,
        accept_loss=accept_loss,
        wait_seconds=wait,
        health_url=health_url,
        tests=tests,
        plan=plan,
    )
    run(Deployment(asked, StepRunner.start(json=as_json)), as_json=as_json)
