"""``python -m sandbox up|down|monitoring|status|logs|tools``: start, inspect and stop the embedded cloud of this checkout."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Generator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from filelock import FileLock, Timeout
from rich.console import Console
from rich.table import Column, Table

from contract import NO_PROXY_HOSTS
from embedded_cloud.cloud import SERVICES, Cloud, remove
from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.toolchain.listing import catalogue
from sandbox._applying import INTERRUPTED, Expected, apply
from sandbox._summary import print_monitoring, print_platform
from sandbox.errors import SandboxError
from sandbox.monitoring import SandboxMonitoring
from sandbox.project import FOLDER, PROJECT, TOOLCHAIN
from sandbox.real_pods import export, print_real, project_in
from sandbox.stacks import STACKS, bootstrap_state, command_of, folder_of, open_stack, prepare, project_of, stack_processes

LOAD = 1000
"""Requests per second: enough that no throughput alert fires shortly after the start."""
SCREEN = "DWCP_SCREEN"
"""Environment variable with the path of an SVG file, to which ``up`` saves its output for the tutorial. `dwcp` reads this variable
too."""


class Pods(StrEnum):
    """How pods run: simulated, or as real containers."""

    SIMULATED = "simulated"
    REAL = "real"


console = Console(record=True, width=100) if os.environ.get(SCREEN) else Console()
app = typer.Typer(no_args_is_help=True, add_completion=False, help="Start, inspect and stop the embedded cloud of this checkout.")


@app.command()
def up(
    stack: Annotated[str, typer.Option(help=f"one of {', '.join(STACKS)}")] = PROJECT.stack,
    pods: Annotated[Pods, typer.Option(help="`simulated`, or `real`: containers (needs Linux and root)")] = Pods.SIMULATED,
) -> None:
    """Start the embedded cloud and apply the platform; for simulated pods, also start load, and Prometheus if it is built."""
    project_of(stack)
    FOLDER.mkdir(exist_ok=True)
    try:
        with FileLock(FOLDER / "lock", timeout=0):
            _up(stack, real_pods=pods is Pods.REAL)
    except Timeout as error:
        fix = "wait until it ends, or press Ctrl-C in its terminal and run `make down`"
        raise SandboxError("another `make up` runs in this checkout", fix) from error
    except KeyboardInterrupt:
        running = ", ".join(str(each) for each in stack_processes() if each.pid) or "nothing"
        console.print(f"interrupted; running processes: {running}", highlight=False)
        again = command_of(stack) + (" PODS=real" if pods is Pods.REAL else "")
        console.print(f"  continue:          {again}\n  stop and remove:   make down", highlight=False)
        raise typer.Exit(INTERRUPTED) from None


def _up(stack: str, *, real_pods: bool) -> None:
    expected = Expected(stack)
    cloud = open_stack(stack, real_pods=real_pods)
    with _shown("starting the embedded cloud"):
        options = prepare(cloud)
    apply(cloud, console, expected, options)
    watched = True
    if cloud.nodes:
        with _shown("preparing deployments: lease table, variables of dwcp"):
            bootstrap_state(cloud)
            export(cloud)
    else:
        watching = SandboxMonitoring(cloud=cloud, requests_per_second=LOAD)
        with _shown("preparing deployments: lease table, simulated load, metrics"):
            if stack == PROJECT.stack:  # for other stacks, `prepare` has done this
                bootstrap_state(cloud)
            watched = watching.start(build=False)
            if watched:  # before the first scrape, the doctor would report missing targets
                watching.scrape_all()
    print_platform(cloud, console, watched=watched)
    if cloud.nodes:
        print_real(cloud, console)
    if file := os.environ.get(SCREEN):
        svg = console.export_svg(title="make up")
        # Remove the web fonts, because a browser would load them from another host.
        Path(file).write_text(re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL))


@contextmanager
def _shown(what: str) -> Generator[None]:
    """Show that a step is running: live on a terminal, otherwise as a line."""
    if console.is_terminal:
        with console.status(what):
            yield
    else:
        console.print(f"{what} ...", highlight=False)
        yield


@app.command()
def down() -> None:
    """Stop every process and remove every file of the embedded cloud."""
    for stack in reversed(STACKS):  # the folder of `local` contains the other folders, so it is removed last
        remove(project_of(stack), folder_of(stack))
    console.print("stopped the embedded cloud and removed its files")


@app.command()
def monitoring() -> None:
    """Start the simulated load and a real Prometheus, unless they run, and load the deployed configuration into Prometheus."""
    if project_in(FOLDER).pods:
        raise SandboxError(
            "the pods are real, and `make monitoring` would simulate their load",
            "use the Prometheus in the cluster, or run `make down`, `make up` and `make monitoring`",
        )
    if not PROJECT.processes(FOLDER).running().keys() >= set(SERVICES):
        raise SandboxError("a process of the embedded cloud does not run", "run `make up` first")
    watching = SandboxMonitoring(cloud=Cloud.open(PROJECT, FOLDER), requests_per_second=LOAD)
    with _shown("starting simulator and Prometheus, and waiting for the first scrapes"):
        watching.start()
        watching.scrape_all()
    print_monitoring(watching, console)


@app.command()
def status() -> None:
    """Show the processes. The exit code is 1 if a process that the embedded cloud needs does not run."""
    found = list(stack_processes())
    table = Table("stack", "process", "pid", Column("log", overflow="fold"))
    for part in found:
        table.add_row(part.stack, part.name, str(part.pid or "[red]not running"), os.path.relpath(part.log))
    console.print(table)
    if any(part.pid is None for part in found):
        raise typer.Exit(1)


@app.command()
def logs(name: Annotated[str, typer.Argument(help="name of a process; by default, all processes")] = "*") -> None:
    """Print the last lines of the processes' logs."""
    every = [file for stack in STACKS for file in sorted((folder_of(stack) / "logs").glob("*.log"))]
    files = [file for file in every if name in ("*", file.stem)]
    if not files:
        found = sorted({file.stem for file in every})
        missing = f"no log of {name!r}" if found else "there is no log: nothing has been started yet"
        raise SandboxError(missing, f"choose from {', '.join(found)}" if found else "run `make up` first")
    for file in files:
        console.rule(os.path.relpath(file))
        console.print("\n".join(file.read_text(errors="replace").splitlines()[-20:]), markup=False, highlight=False)


@app.command()
def tools(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME...", help="programs to build; by default, all except those that only real pods or benchmarks need"
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="list the programs, and which of them are built")] = False,
) -> None:
    """Build missing programs of the toolchain, and print their paths."""
    if show:
        console.print(catalogue(TOOLCHAIN))
        return
    usual = [name for bundle in TOOLCHAIN.bundles if not bundle.only_when_named for name in bundle.names]
    for path in TOOLCHAIN.ensure(*(names or usual)).values():
        print(path)


def _bypass_proxy() -> None:
    """Exclude this machine from the proxy, because the whole embedded cloud runs on this machine."""
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), *NO_PROXY_HOSTS)))


if __name__ == "__main__":
    _bypass_proxy()
    try:
        app(standalone_mode=True)
    except EmbeddedCloudError as error:
        sys.exit(f"error: {error}")
    except BrokenPipeError:  # the reader of the output has exited
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        sys.exit(
            f"error: {error.filename or FOLDER}: {error.strerror or error}\n  fix: free disk space, or correct the permissions"
        )
