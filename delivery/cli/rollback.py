"""``dwcp rollback``: back to a release, a revision or a backup file."""

from __future__ import annotations

from typing import Annotated

import typer

from delivery.cli._output import EnvironmentOption
from delivery.errors import UsageError


def rollback(
    environment: EnvironmentOption,
    to: Annotated[str | None, typer.Option(help="A release's id, or a backup file; without it the release before.")] = None,
    to_revision: Annotated[int | None, typer.Option(help="A revision of the Deployment, as kubectl counts them.")] = None,
    reason: Annotated[str, typer.Option(help="Why, for the record and the incident.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the exact plan; touch nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before production is changed.")] = False,
    accept_loss: Annotated[bool, typer.Option("--accept-loss", help="What holds data may be replaced or deleted.")] = False,
    with_settings: Annotated[
        bool, typer.Option("--with-settings", help="Bring the release's settings back too, and undo what others set since.")
    ] = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait for another command that changes the environment.")] = 0,
    health_url: Annotated[str | None, typer.Option(help="Where the service answers; {track} in it is filled in.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The release's record as JSON on standard output.")] = False,
) -> None:
    """Go back, also long after a success: traffic to stable, flags to 0, the image restored, restarted, verified.

    What the releases since have changed of the settings goes back too; credentials, the size of volumes and what others have set
    stay as they are, and what differs is shown.

    Exit codes: 0 what was asked for runs and is healthy; 1 it does not; 2 wrong options, nothing was touched.
    """
    from delivery.cli._release_command import run
    from delivery.releases.rollback import Rollback, RollbackRequest
    from delivery.releases.steps import StepRunner

    if wait < 0:
        raise UsageError(f"--wait {wait:g} is below 0", "for example --wait 120")
    if to_revision is not None and to_revision < 1:
        raise UsageError(f"--to-revision {to_revision} is not a revision: they count from 1", "for example --to-revision 2")
    asked = RollbackRequest(
        environment=environment,
        to=to,
        to_revision=to_revision,
        reason=reason,
        dry_run=dry_run,
        yes=yes,
        accept_loss=accept_loss,
        with_settings=with_settings,
        wait_seconds=wait,
        health_url=health_url,
    )
    run(Rollback(asked, StepRunner.start(json=as_json)), as_json=as_json)
