"""Writes the compose file and its configuration where users look for them."""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath

from components.compose.compose_file import compose_file, config_files
from components.compose.services import stack
from components.settings import EnvironmentSettings, Settings

DEFAULTS = Settings.model_construct(environment=EnvironmentSettings(name="production"))
"""What docker/compose.yaml is made of. What production also needs on AWS is not checked: there is none of it here."""


def rendered(settings: Settings = DEFAULTS) -> dict[PurePosixPath, str]:
    """The text of each file, by its path from the folder ``docker``."""
    services = stack(settings)
    texts = {PurePosixPath("compose.yaml"): compose_file(services, file="docker/compose.yaml")}
    return texts | {PurePosixPath("config") / path: text for path, text in config_files(services).items()}


def write(folder: Path, settings: Settings = DEFAULTS) -> None:
    """Write all files into ``folder``; what is in its ``config`` by other names goes."""
    shutil.rmtree(folder / "config", ignore_errors=True)
    for path, text in rendered(settings).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
