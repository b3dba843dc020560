"""Runs `deploy` or `rollback` and prints the result in one line; with ``--json`` also the release record, even after a failure."""

from __future__ import annotations

import typer

from delivery.cli._signals import ends_as_interrupt
from delivery.releases import release_report
from delivery.releases.deploy import Deployment
from delivery.releases.rollback import Rollback


def run(command: Deployment | Rollback, *, as_json: bool) -> None:
    """Run ``command`` to its end, and print the result unless it is a dry run. Raises the ``DeliveryError`` of the command."""
    try:
        with ends_as_interrupt():
            release = command.run()
    finally:
        if as_json and hasattr(command, "release"):
            typer.echo(command.release.model_dump_json(exclude={"manifests"}))
    if not command.options.dry_run:
        command.runner.say(release_report.title(release))
