"""``dwcp deploy``: deploys a release in several steps, and rolls back if the update or a later step fails.

The steps, and the checks before them, are in ``delivery/releases/deploy.py``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from delivery.cli._output import EnvironmentOption, HealthUrlOption, WaitOption, text
from delivery.errors import UsageError


def deploy(
    environment: EnvironmentOption,
    tag: Annotated[str | None, text("Deploy the image with this tag, such as v3.0.0; without it, the image that runs now.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the steps of the deployment, and change nothing.")] = False,
    skip_tests: Annotated[bool, typer.Option("--skip-tests", help="Do not run the tests first.")] = False,
    no_rollback: Annotated[bool, typer.Option("--no-rollback", help="Do not roll back a failed deployment.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation before changing production.")] = False,
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Allow replacing or deleting resources that contain data.")
    ] = False,
    wait: WaitOption = 0,
    health_url: HealthUrlOption = None,
    tests: Annotated[str | None, text("Run this command instead of the fast tests.")] = None,
    plan: Annotated[
        Path | None, typer.Option(help="Make only the changes in this plan, a file of `dwcp preview --engine --save-plan`.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the release's record as JSON on standard output.")] = False,
) -> None:
    """Deploy: checks, backup, tests, preview with policies, update, health, metrics; roll back if the update or a later step fails.

    Exit codes: 0 deployed, planned, or staged (waits at 0 % of the traffic for a rollout); 1 failed, and the previous release runs
    unless the message states otherwise; 2 wrong options, a missing prerequisite or no confirmation; nothing was changed.
    """
    from delivery.cli._release_command import run
    from delivery.releases.deploy import Deployment
    from delivery.releases.request import DeployRequest
    from delivery.releases.steps import StepRunner

    if skip_tests and tests is not None:
        raise UsageError("--skip-tests and --tests contradict each other", "give only one of them")
    options = DeployRequest(
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
    run(Deployment(options, StepRunner.start(json=as_json)), as_json=as_json)
