"""``dwcp doctor``: prints the problems of an environment, each with its evidence and the next command."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from delivery.cli._output import EnvironmentOption, JsonOption, console, working
from delivery.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from delivery.clients.environment import Environment
    from delivery.doctor.findings import Finding, Report

LEAST_WATCH_SECONDS = 5
LONGEST_TIMEOUT_SECONDS = 3600
ANSWER_SECONDS = 20.0
"""Default time limit for each source except drift. A healthy platform answers within two seconds."""


def doctor(
    environment: EnvironmentOption = "production",
    output: Annotated[
        Literal["table", "markdown", "json"], typer.Option("--format", help="Print the report in this format.")
    ] = "table",
    watch: Annotated[
        int, typer.Option("--watch", help="Repeat the check after this many seconds (at least 5); 0 checks once.")
    ] = 0,
    quick: Annotated[bool, typer.Option("--quick", help="Skip the slow check: drift.")] = False,
    as_json: JsonOption = False,
    timeout: Annotated[
        float, typer.Option("--timeout", help="Wait at most this many seconds for each source except drift.")
    ] = ANSWER_SECONDS,
) -> None:
    """Check an environment for common problems without changing anything.

    Exit code 0: nothing found; 1: something critical; 4: warnings only; 5: nothing found, but not everything could be checked.
    """
    if watch and watch < LEAST_WATCH_SECONDS:
        raise UsageError(f"--watch {watch} is below {LEAST_WATCH_SECONDS}", f"for example --watch {LEAST_WATCH_SECONDS}")
    if not 0 < timeout <= LONGEST_TIMEOUT_SECONDS:
        problem = f"--timeout {timeout:g} is not above 0 and at most {LONGEST_TIMEOUT_SECONDS}"
        raise UsageError(problem, f"for example --timeout {ANSWER_SECONDS:g}")
    from delivery.clients.environment import Environment
    from delivery.doctor.doctor_report import UnreachableEnvironmentError

    output = "json" if as_json else output
    opened = Environment.open(environment)
    shown = console()
    skipped = {"drift": f"skipped by --quick; run `dwcp drift --environment {environment}`"} if quick else {}
    report = _look(opened, timeout, skipped, shown, output)
    while watch:
        time.sleep(watch)
        # Drift detection reads every resource. If it ran each time, the AWS APIs could throttle it.
        skipped = skipped or {"drift": f"checked only at the start of --watch; run `dwcp drift --environment {environment}`"}
        if output == "table":
            shown.clear()
        try:
            report = _look(opened, timeout, skipped, shown, output)
        except UnreachableEnvironmentError as error:  # for example, the network is interrupted once
            shown.print(str(error), markup=False, highlight=False)
    raise typer.Exit(int(report.exit_code))


def _look(environment: Environment, timeout: float, skipped: dict[str, str], console: Console, output: str) -> Report:
    from delivery.clients.environment import Environment
    from delivery.doctor import doctor_report
    from delivery.doctor.diagnosis import diagnose
    from delivery.doctor.drifted import changes_of
    from delivery.doctor.reading import observe
    from delivery.doctor.sources import Sources

    # A new object for each check, because an `Environment` caches what it reads.
    sources = Sources(Environment(name=environment.name), lambda: changes_of(environment))
    with working(f"checking {environment.name}"):
        snapshots = observe(sources, seconds=timeout, skip=skipped)
        seen = next(snapshots)
    report = diagnose(seen)
    if output == "table" and (problem := doctor_report.unreachable(seen, report)):
        raise problem
    printed: tuple[Finding, ...] = ()
    if "drift" not in skipped:
        if output == "table" and report.findings:  # a person on call must not wait for minutes until drift is read
            doctor_report.print_table(report, console, select_cluster=environment.select_cluster)
            printed = report.findings
        with working("comparing the state with the real resources"):
            report = diagnose(next(snapshots))
    if output == "json":
        sys.stdout.write(json.dumps(doctor_report.to_json(report), indent=2) + "\n")
    elif output == "markdown":
        sys.stdout.write(doctor_report.to_markdown(report))
    else:
        doctor_report.print_table(report, console, select_cluster=environment.select_cluster, printed=printed)
    sys.stdout.flush()
    return report
