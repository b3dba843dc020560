"""The generator of docker/compose.yaml and docker/config, which are the Docker stack with default settings."""

from __future__ import annotations

from pathlib import Path

from components.compose.compose_file import DEFAULTS, compose_file, config_files
from components.compose.services import stack
from components.settings import Settings

FOLDER = Path("docker")
CONFIG_FOLDER = FOLDER / "config"


def files(settings: Settings = DEFAULTS) -> dict[Path, str]:
    """The compose file and the files that it mounts, by their paths in the checkout."""
    services = stack(settings)
    texts = {FOLDER / "compose.yaml": compose_file(services, file=str(FOLDER / "compose.yaml"))}
    return texts | {CONFIG_FOLDER / path: text for path, text in config_files(services).items()}
