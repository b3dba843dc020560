"""``dwcp compose``: the Docker stack on this machine's engine, or on that of DOCKER_HOST."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from program.checkout import CHECKOUT

if TYPE_CHECKING:
    from delivery.clients.docker_compose import DockerStack

app = typer.Typer(no_args_is_help=True, help="The Docker stack of seven services, by `docker compose`.")
console = Console(highlight=False)

COMPOSE_FILE = CHECKOUT / "docker/compose.yaml"
File = Annotated[Path, typer.Option("--file", "-f", help="The compose file.")]


@app.command()
def up(file: File = COMPOSE_FILE) -> None:
    """Look for what may be in the way, then start all services and wait until they are healthy."""
    stack = _stack(file)
    stack.up()
    console.print("the Docker stack is up and healthy:")
    for name, service in stack.config["services"].items():
        for port in service.get("ports", []):
            console.print(f"  {name:14} http://{port.get('host_ip', 'localhost')}:{port['published']}")


@app.command()
def down(
    file: File = COMPOSE_FILE,
    volumes: Annotated[bool, typer.Option("--volumes", "-v", help="Remove the data too.")] = False,
) -> None:
    """Stop and remove the services and their networks."""
    _stack(file).down(volumes=volumes)
    console.print("the Docker stack is gone" + (", its data too" if volumes else "; its data stays (-v removes it)"))


@app.command()
def check(file: File = COMPOSE_FILE) -> None:
    """Look for what may be in the way of `up`, and start nothing."""
    _stack(file).check()
    console.print("nothing is in the way of the Docker stack")


@app.command()
def secrets(file: File = COMPOSE_FILE) -> None:
    """Make a random value for each secret that is missing."""
    made = _stack(file).make_secrets()
    for each in made:
        console.print(f"made {each}")
    if not made:
        console.print("every secret is there already")


def _stack(file: Path) -> DockerStack:
    from delivery.clients.docker_compose import DockerStack

    return DockerStack(file)
