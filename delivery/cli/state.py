"""``dwcp state``: manages the backend and the backups of the engine's state, and the lease (the lock) of each environment."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from delivery.cli._output import EnvironmentOption, JsonOption, WaitOption, working
from delivery.errors import DeliveryError, ExitCode, UsageError

if TYPE_CHECKING:
    from delivery.clients.checkpoint import States
    from delivery.clients.environment import Environment

app = typer.Typer(
    no_args_is_help=True, help="Manage the backend and the backups of the state, and the lease (the lock) of each environment."
)

LOOK_SECONDS = 0.2
"""Seconds between two checks of a manually held lease."""


def _opened(environment: str) -> Environment:
    from delivery.clients.environment import Environment

    target = Environment.open(environment)
    with working(f"opening the state of {environment}"):
        target.require_aws()
    return target


def _states(environment: str) -> States:
    from delivery.clients.checkpoint import States

    return States(_opened(environment))


@app.command()
def bootstrap(
    environment: EnvironmentOption,
    check: Annotated[bool, typer.Option("--check", help="Only report problems; exit code 1 if there are any.")] = False,
) -> None:
    """Create the missing parts of the backend (bucket, keys, lease table), and fix the bucket's settings."""
    from contract import secrets_alias
    from delivery.clients.state_backend import Backend, bootstrap, problems

    target = _opened(environment)
    backend = Backend.of(target)
    if check:
        found = problems(target, backend)
        for problem in found:
            typer.echo(problem)
        if found:
            raise DeliveryError(
                f"the backend of {environment} is not configured correctly", f"dwcp state bootstrap --environment {environment}"
            )
        typer.echo(f"the backend of {environment} is configured correctly")
        return
    done: list[str] = []
    bootstrap(target, backend, lambda text: (done.append(text), typer.echo(f"done: {text}"))[1])
    typer.echo(f"{len(done)} changes" if done else "nothing to do")
    typer.echo(f"export PULUMI_BACKEND_URL='{backend.url}'")
    secrets = f"awskms://{secrets_alias(environment)}?region={target.region}&awssdk=v2"
    typer.echo(f"next, once: pulumi stack init {environment} --secrets-provider '{secrets}'")


@app.command()
def verify(
    environment: EnvironmentOption,
    accept: Annotated[
        bool,
        typer.Option("--accept", help="Accept the state in the bucket as current, even if it is older than the last recorded one."),
    ] = False,
    wait: WaitOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Check that the state is complete, consistent and current (exit code 1 if not), and print the engine's locks."""
    from delivery.clients.checkpoint import OlderStateError, problems, unfinished
    from delivery.errors import StateError
    from delivery.state.lease import Lease
    from delivery.state.locks import engine_locks

    states = _states(environment)
    findings: dict[str, Any] = {"environment": environment, "problems": [], "notes": []}
    try:
        present = states.read()
        findings |= {"version": present.version, "time": present.time, "resources": len(present.resources)}
        findings["problems"] += problems(present)
        findings["notes"] += [f"an interrupted update did not finish: {each}" for each in unfinished(present)]
        if accept and not findings["problems"]:
            with Lease.take(states.environment, command="state verify --accept", wait_seconds=wait) as lease:
                states.remember(present, lease.fencing)
        else:
            states.require_current(present)
    except OlderStateError as error:  # `last_valid()` would return this old state; the error has the fix
        findings["problems"].append(error.problem)
        findings["fix"] = error.fix
    except StateError as error:
        findings["problems"].append(str(error))
    findings["notes"] += [f"the engine's lock is held by {each}" for each in engine_locks(states)]
    if findings["problems"] and "fix" not in findings:
        findings["lastValidVersion"] = states.last_valid()
        findings["fix"] = _fix(states, findings["lastValidVersion"])
    if as_json:
        typer.echo(json.dumps(findings, indent=1))
    else:
        for note in findings["notes"]:
            typer.echo(f"note: {note}")
        for problem in findings["problems"]:
            typer.echo(f"problem: {problem}")
        if findings["problems"]:
            typer.echo(findings["fix"])
        else:
            typer.echo(f"valid: {findings['resources']} resources, written {findings['time']}, version {findings['version']}")
    if findings["problems"]:
        raise typer.Exit(ExitCode.FAILED)


def _fix(states: States, last_valid: str | None) -> str:
    """The command that restores a valid state."""
    from delivery.state.backups import Backups

    restore = f"dwcp state restore --environment {states.stack}"
    if last_valid is not None:
        return f"restore the last valid version: {restore} --version {last_valid}"
    if backups := Backups(states).keys():
        return f"no version of the state is valid; restore the newest backup: {restore} --backup {backups[0]}"
    return "no version of the state is valid, and the bucket contains no backup: import the resources (docs/importing.md)"


@app.command()
def backup(
    environment: EnvironmentOption,
    output: Annotated[Path | None, typer.Option(help="Write to this local file instead of the state's bucket.")] = None,
) -> None:
    """Back up the state, with a checksum that proves that the backup is complete."""
    from delivery.state.backups import Backups

    backups = Backups(_states(environment))
    if output is None:
        typer.echo(backups.take())
    else:
        backups.save(output)
        typer.echo(str(output))


@app.command()
def restore(
    environment: EnvironmentOption,
    source: Annotated[
        str | None, typer.Option("--backup", help="Restore this backup: a local file, or a key in the state's bucket.")
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="Restore this S3 version of the state, as `dwcp state verify` prints it.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    wait: WaitOption = 0,
) -> None:
    """Restore a state, but change no resources. The state lacks later changes of resources until `pulumi refresh` reads them."""
    from delivery.clients.environment import Environment
    from delivery.confirmation import require_confirmation
    from delivery.state.backups import Backups
    from delivery.state.lease import Lease
    from delivery.state.locks import remove_stale

    if (source is None) == (version is None):
        raise UsageError("exactly one of --backup and --version is needed", "give --backup FILE or --version VERSION")
    states = _states(environment)
    backups = Backups(states)
    checkpoint = states.read(version) if source is None else backups.read(source)
    require_confirmation(
        Environment.open(environment),
        what=f"replace the present state with the state of {checkpoint.time} ({len(checkpoint.resources)} resources)",
        yes=yes,
        always=True,
    )
    with Lease.take(states.environment, command="state restore", wait_seconds=wait) as lease:
        remove_stale(states, lease.taken_from, warn=typer.echo)
        written = backups.restore(checkpoint, lease.fencing)
    typer.echo(f"restored as version {written.version}; now check the differences: pulumi refresh --preview-only -s {environment}")


@app.command()
def lock(
    environment: EnvironmentOption,
    show: Annotated[bool, typer.Option("--show", help="Only print the owner of the lease.")] = False,
    seconds: Annotated[float, typer.Option(help="Release the lease after this many seconds; default: on Ctrl-C.")] = 0,
    reason: Annotated[str, typer.Option(help="Show this reason to other users.")] = "held by hand",
    wait: WaitOption = 0,
) -> None:
    """Hold the lease of an environment, so that no other command changes the environment. With --show, print the lease's owner."""
    from delivery.cli._signals import ends_as_interrupt
    from delivery.clients.waiting import wait_until
    from delivery.state.lease import EnvironmentLease, Lease

    if seconds < 0:
        raise UsageError(f"--seconds {seconds:g} is below 0", "for example --seconds 600")
    states = _states(environment)
    if show:
        holding = EnvironmentLease(states.environment).read()
        held = holding is not None and holding.held
        typer.echo(f"`{holding.command}` of {holding.owner} since {holding.since}" if holding and held else "not held")
        return
    with Lease.take(states.environment, command=f"state lock: {reason}", wait_seconds=wait) as lease:
        typer.echo(f"the lease of {environment} is held (fencing number {lease.fencing}); Ctrl-C releases it")
        with suppress(KeyboardInterrupt), ends_as_interrupt():
            wait_until(lease.check, lambda _: False, seconds=seconds or math.inf, pause=LOOK_SECONDS)
    typer.echo(f"the lease of {environment} is released")


@app.command()
def unlock(
    environment: EnvironmentOption,
    force: Annotated[
        bool, typer.Option("--force", help="Also remove locks whose owner may still run; first check that the owner does not run.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation with --force.")] = False,
    wait: WaitOption = 0,
) -> None:
    """Remove the lease and the engine's locks if their owners no longer run.

    If an owner may still run, the command fails and keeps its lease or lock, unless --force is given.
    """
    from delivery.clients.environment import Environment
    from delivery.confirmation import require_confirmation
    from delivery.state.lease import EnvironmentLease, Lease
    from delivery.state.locks import remove_stale

    states = _states(environment)
    if force:
        require_confirmation(
            Environment.open(environment),
            what="remove the locks of owners that may still run",
            yes=yes,
            always=True,
        )
        EnvironmentLease(states.environment).break_open()
    with Lease.take(states.environment, command="state unlock", wait_seconds=wait) as lease:
        if lease.taken_from is not None:
            typer.echo(f"the previous owner of the lease, {lease.taken_from.owner}, no longer runs or did not renew the lease")
        removed = remove_stale(states, lease.taken_from, force=force)
        lease.release()  # the end of the `with` block would ignore a failure, and this command must report it
    for each in removed:
        typer.echo(f"removed the engine's lock of {each}")
    typer.echo(f"{environment} is unlocked")
