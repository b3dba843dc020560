"""How `deploy` and `rollback` end: the record as JSON, also after a failure, or a line for people."""

from __future__ import annotations

import typer

from delivery.cli._signals import ends_as_interrupt
from delivery.releases import report
from delivery.releases.deploy import Deployment
from delivery.releases.rollback import Rollback


def run(command: Deployment | Rollback, *, as_json: bool) -> None:
    """Run ``command`` to its end and show what became of it. Raises ``DeliveryError`` as the command does."""
    try:
        with ends_as_interrupt():
            release = command.run()
    finally:
        if as_json and hasattr(command, "release"):
            typer.echo(command.release.model_dump_json(exclude={"manifests"}))
    if not command.asked.dry_run:
        command.runner.say(report.title(release))
