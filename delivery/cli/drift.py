"""``dwcp drift``: finds resources that were changed outside Pulumi, and resources of the project that are not in the state."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from delivery.cli._output import JsonOption, console, scope, working

if TYPE_CHECKING:
    from delivery.preview.change import Drift


def drift(
    environment: Annotated[
        list[str] | None,
        scope(text="Check this environment; repeatable. Without it: staging and production."),
    ] = None,
    output: Annotated[
        Literal["table", "markdown", "json"], typer.Option("--format", help="Print the report in this format.")
    ] = "table",
    as_json: JsonOption = False,
) -> None:
    """Find resources that differ from the state, and resources of the project that the state lacks, without changing anything.

    Exit code 0: no drift; 1: drift; 5: no drift found, but not everything could be checked.
    """
    from delivery.clients.environment import Environment
    from delivery.errors import ExitCode
    from delivery.preview import drift_report
    from delivery.preview.drift import detect

    found: list[Drift] = []
    for opened in [Environment.open(name) for name in environment or ("staging", "production")]:
        with working(f"reading every resource of {opened.name}"):
            found.append(detect(opened))
    if as_json or output == "json":
        sys.stdout.write(json.dumps([each.to_json() for each in found], indent=2) + "\n")
    elif output == "markdown":
        sys.stdout.write(drift_report.to_markdown(found))
    else:
        drift_report.print_table(found, console())
    codes = {each.exit_code for each in found}
    order = (ExitCode.FAILED, ExitCode.UNCHECKED)
    raise typer.Exit(int(next((each for each in order if each in codes), ExitCode.DONE)))
