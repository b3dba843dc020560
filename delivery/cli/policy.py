"""``dwcp policy``: checks what the program declares, or what is deployed, against the policies."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from contract import StackName
from delivery.cli._output import STACK, require_stacks, scope, working
from delivery.errors import DeliveryError, ExitCode, UsageError
from program.checkout import CHECKOUT, stacks_of

Format = Literal["table", "json", "sarif"]


def policy(
    environment: Annotated[
        list[str] | None, scope(*STACK, text="Check this stack; repeatable. Without it: all stacks, including account.")
    ] = None,
    state: Annotated[Path | None, typer.Option(help="Check what is deployed, from this file of `pulumi stack export`.")] = None,
    limits: Annotated[
        StackName | None,
        typer.Option("--limits", help="Use the limits, such as the budget, of this stack. Without it: those of the checked stack."),
    ] = None,
    pack_config: Annotated[
        Path | None,
        typer.Option("--config", help="Read levels and parameters from this file, as `pulumi --policy-pack-config` does."),
    ] = None,
    waivers: Annotated[Path | None, typer.Option(help="Read the waivers from this file instead of policies/waivers.yaml.")] = None,
    format_: Annotated[Format, typer.Option("--format", help="Print the report in this format.")] = "table",
    output: Annotated[Path | None, typer.Option("--output", help="Write the report to this file.")] = None,
) -> None:
    """Check what the program declares, or with --state what is deployed, against the policies. No cloud or credentials are needed.

    Without --state, the program is evaluated twice: with example values for the outputs of resources, and with unknown values as in
    a first preview.

    Exit code 0: no mandatory rule is violated; 1: a mandatory rule is violated or could not be evaluated; 2: the command line is
    wrong.
    """
    if state is not None and environment:
        raise UsageError("--state and --environment cannot be combined", "remove --environment")
    require_stacks(*environment or ())
    with working("evaluating the policies"):
        from rich.console import Console

        from delivery.policy import policy_report, sarif
        from delivery.policy.check import PolicyCheck
        from policies.waivers import WAIVER_FILE

        check = PolicyCheck(environment=limits, pack_config=pack_config, waivers=waivers or WAIVER_FILE)
        found = [check.state(state)] if state is not None else check.programs(environment or sorted(stacks_of(CHECKOUT)))
    if format_ == "table":
        stream = _created(output).open("w") if output else sys.stdout
        policy_report.show(found, Console(file=stream, width=None if output is None else 160))
        if output is not None:
            stream.close()
    else:
        text = policy_report.as_json(found) if format_ == "json" else sarif.as_sarif(found)
        if output is None:
            sys.stdout.write(text)
        else:
            _created(output).write_text(text)
    if any(each.blocked for each in found):
        raise typer.Exit(int(ExitCode.FAILED))


def _created(file: Path) -> Path:
    """Create the file if it does not exist, and return it. Raises ``DeliveryError`` if it cannot be written."""
    try:
        file.touch()
    except OSError as error:
        raise DeliveryError(f"{file} cannot be written: {error.strerror}", "give a file in a folder that exists") from error
    return file
