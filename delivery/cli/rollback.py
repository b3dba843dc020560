"""``dwcp rollback``: rolls back to a release, a revision or a backup file."""

from __future__ import annotations

from typing import Annotated

import typer

from delivery.cli._output import EnvironmentOption, HealthUrlOption, WaitOption, text
from delivery.errors import UsageError


def rollback(
    environment: EnvironmentOption,
    to: Annotated[str | None, text("Roll back to this release id or backup file; by default, to the previous release.")] = None,
    to_revision: Annotated[
        int | None, typer.Option(help="Roll back to this revision of the Deployment in `kubectl rollout history`.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Write this reason to the release record and to the incident's report.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the steps of the rollback, and change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation before changing production.")] = False,
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Allow replacing or deleting resources that contain data.")
    ] = False,
    with_settings: Annotated[
        bool,
        typer.Option("--with-settings", help="Restore all settings of the release, and discard all later changes of settings."),
    ] = False,
    wait: WaitOption = 0,
    health_url: HealthUrlOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the release's record as JSON on standard output.")] = False,
) -> None:
    """Roll back, also weeks later: move all traffic to stable, set the feature flag to 0, restore the image, and verify the pods.

    Settings that later releases changed are restored too. Settings that `pulumi up` or a person changed are restored only with
    --with-settings. Credentials stay as they are, and volumes never get smaller. The command prints the restored settings, and the
    settings that still differ from those of the release.

    Exit codes: 0 the requested release runs and is healthy, or the steps were printed (--dry-run); 1 the rollback failed; 2 wrong
    options, a missing prerequisite or no confirmation; nothing was changed.
    """
    from delivery.cli._release_command import run
    from delivery.releases.rollback import Rollback, RollbackRequest
    from delivery.releases.steps import StepRunner

    if to_revision is not None and to_revision < 1:
        raise UsageError(f"--to-revision {to_revision} is not a revision: revisions start at 1", "for example --to-revision 2")
    options = RollbackRequest(
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
    run(Rollback(options, StepRunner.start(json=as_json)), as_json=as_json)
