"""The entry point of ``dwcp``: registers the commands of :mod:`delivery.cli`, and prints every error."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from rich.console import Console

from contract import DISTRIBUTION
from delivery.cli import compose, pipeline, state
from delivery.cli.ci import ci
from delivery.cli.deploy import deploy
from delivery.cli.doctor import doctor
from delivery.cli.drift import drift
from delivery.cli.images import images
from delivery.cli.policy import policy
from delivery.cli.preview import preview
from delivery.cli.releases import releases
from delivery.cli.render import render
from delivery.cli.rollback import rollback
from delivery.cli.rollout import rollout
from delivery.cli.status import status
from delivery.clients.proxies import bypass_for_local_addresses
from delivery.errors import DeliveryError, ExitCode
from program.errors import ProgramError

HELP = {"help_option_names": ["-h", "--help"]}
PIPE_CLOSED = 141
"""Exit code if the reader of the output has closed the pipe. As in shells, it is 128 plus 13, the number of SIGPIPE."""


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo("dwcp " + version(DISTRIBUTION))
        raise typer.Exit


app = typer.Typer(
    name="dwcp",
    no_args_is_help=True,
    context_settings=HELP,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # importing the rich help screens takes longer than running most commands
    help="Preview, deploy, roll out, roll back and diagnose the DWCP v3 platform.",
)

errors = Console(stderr=True)


@app.callback()
def options(
    context: typer.Context,
    _: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_version)] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the traceback of an error.")] = False,
) -> None:
    """The options that precede the name of a command."""
    context.obj = {"verbose": verbose}


for command in (preview, policy, images, deploy, rollout, rollback, releases, status, doctor, drift, render, ci):
    app.command(context_settings=HELP)(command)
app.add_typer(state.app, name="state", context_settings=HELP)
app.add_typer(compose.app, name="compose", context_settings=HELP)
app.add_typer(pipeline.app, name="pipeline", context_settings=HELP)


def main() -> None:
    """Run ``dwcp``. An error is printed as one message on standard error, with a traceback only if ``--verbose`` is set."""
    bypass_for_local_addresses(os.environ)
    try:
        _run()
    except SystemExit as end:
        if not _pipe_is_closed(end):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(PIPE_CLOSED)


def _run() -> None:
    try:
        app(prog_name="dwcp")
    except DeliveryError as error:
        _end(f"error: {error}", error.exit_code)
    except ProgramError as error:
        _end(f"error: {error}", ExitCode.FAILED)
    except KeyboardInterrupt:
        _end("interrupted", ExitCode.FAILED)
    except Exception as error:
        if isinstance(error, OSError) and error.filename:  # a file that cannot be used, or a program that is not installed
            _end(f"error: {error.filename}: {error.strerror}\n  fix: check the path, or install the program", ExitCode.FAILED)
        problem = f"dwcp has a bug: {type(error).__name__}: {error}"
        _end(f"error: {problem}\n  fix: run `dwcp --verbose COMMAND` and report its output", ExitCode.DEFECT)


def _pipe_is_closed(end: SystemExit) -> bool:
    """Whether the reader of the output has closed the pipe, as in ``dwcp releases -e staging | head -1``."""
    if isinstance(end.__context__, BrokenPipeError):  # Typer and rich replace this error with exit code 1
        return True
    try:
        sys.stdout.flush()  # at its own end, Python would print "Exception ignored" and exit with code 120
    except BrokenPipeError:
        return True
    return False


def _end(message: str, code: ExitCode) -> None:
    if "--verbose" in sys.argv:
        errors.print_exception()
    if os.environ.get("GITHUB_ACTIONS") == "true":  # a workflow command shows the message on the run's summary page too
        sys.stderr.write(f"::error::{message.removeprefix('error: ').replace(chr(10), '%0A')}\n")
    errors.print(message, markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)
