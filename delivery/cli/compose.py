"""``dwcp compose``: runs the Docker stack (docs/docker.md) on the Docker engine that the command ``docker`` uses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from program.checkout import CHECKOUT

if TYPE_CHECKING:
    from delivery.clients.docker_compose import ComposeStack

app = typer.Typer(no_args_is_help=True, help="Run the Docker stack of seven services with `docker compose`.")
console = Console(highlight=False)

COMPOSE_FILE = CHECKOUT / "docker/compose.yaml"
File = Annotated[Path, typer.Option("--file", "-f", help="Use this compose file.")]


@app.command()
def up(file: File = COMPOSE_FILE) -> None:
    """Check the prerequisites, then start all services and wait until they are healthy."""
    stack = _stack(file)
    stack.up()
    console.print("the Docker stack is up and healthy:")
    for name, service in stack.config["services"].items():
        for port in service.get("ports", []):
            console.print(f"  {name:14} http://{port.get('host_ip', 'localhost')}:{port['published']}")


@app.command()
def down(
    file: File = COMPOSE_FILE,
    volumes: Annotated[bool, typer.Option("--volumes", "-v", help="Also remove the data.")] = False,
) -> None:
    """Stop and remove the services and their networks."""
    _stack(file).down(volumes=volumes)
    console.print("the Docker stack is removed" + (" with its data" if volumes else "; its data is kept (-v removes it)"))


@app.command()
def check(file: File = COMPOSE_FILE) -> None:
    """Check the prerequisites of `up` without starting anything."""
    _stack(file).check()
    console.print("the Docker stack can start")


@app.command()
def secrets(file: File = COMPOSE_FILE) -> None:
    """Create a random value for each missing secret, and an empty file for each missing optional secret."""
    made = _stack(file).make_secrets()
    for each in made:
        console.print(f"created {each}")
    if not made:
        console.print("every secret exists already")


def _stack(file: Path) -> ComposeStack:
    from delivery.clients.docker_compose import ComposeStack

    return ComposeStack(file)
