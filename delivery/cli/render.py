"""``dwcp render``: writes the guide's files under ``deployments/``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def render(
    stack: Annotated[str, typer.Option("--stack", "-s", help="Use the settings of this stack.")] = "production",
    into: Annotated[Path, typer.Option("--into", help="Write to this folder.")] = Path("deployments"),
) -> None:
    """Write the guide's Dockerfile, compose file and Kubernetes manifests, for scripts that name them."""
    from delivery.releases import guide_files as rendering

    texts = rendering.render(stack)
    rendering.write(texts, into)
    console = Console(highlight=False)
    for path in sorted(texts):
        console.print(str(into / path), soft_wrap=True)
