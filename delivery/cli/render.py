"""``dwcp render``: writes the files of the guide (docs/guide.md) to a folder, by default ``deployments``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from delivery.cli._output import STACK, require_stacks, scope, working


def render(
    environment: Annotated[str, scope(*STACK, text="Write the Kubernetes manifests of this environment.")] = "production",
    into: Annotated[Path, typer.Option("--into", help="Write to this folder, and replace its folder docker/config.")] = Path(
        "deployments"
    ),
) -> None:
    """Write the guide's Dockerfile, compose file and Kubernetes manifests (docs/guide.md), for scripts that use these files.

    The manifests contain no Secrets. The compose file has the default settings, and not those of the environment.
    """
    require_stacks(environment)
    with working(f"evaluating the program for {environment}"):
        from delivery.releases import guide_files

        texts = guide_files.render(environment, into)
    guide_files.write(texts, into)
    console = Console(highlight=False)
    for path in sorted(texts):
        console.print(str(into / path), soft_wrap=True)
