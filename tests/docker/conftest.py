"""One Docker engine for the session, with substitutes for the images; tests are skipped with the reason if it cannot start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
from docker_engine import substitutes
from docker_engine.engine import DockerEngine, UnavailableError, missing, started
from docker_engine.substitutes import APP, DOCKERFILE, IMAGES, node_image
from reaping import remove_after_session

from components.compose.services import APPLICATION
from sandbox.project import TOOLCHAIN


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "engine" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.docker)


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerEngine]:
    """A running engine with every image of the stack except the service's, which the tests build."""
    if reason := missing():
        pytest.skip(f"the Docker stack was not tried: {reason}")
    compose = TOOLCHAIN.ensure("docker-compose")["docker-compose"]
    folder = Path(mkdtemp(prefix="dwcp-docker-"))
    remove_after_session(folder)
    try:
        with started(folder, compose) as engine:
            images = {name: image for name, image in IMAGES.items() if name != APPLICATION}
            substitutes.ensure(engine, images | {"node": node_image()})
            yield engine
    except UnavailableError as error:
        pytest.skip(f"the Docker stack was not tried: {error}")


@pytest.fixture(scope="session")
def app_image(engine: DockerEngine) -> str:
    """The service's image, built with its Dockerfile from a substitute for Node's image."""
    image = IMAGES[APPLICATION]
    build = ("docker", "build", "--network", "none", "--file", DOCKERFILE, "--build-arg", "VERSION=3.0.0", "--build-arg")
    engine.run(*build, "REVISION=0123abc", "--tag", image, APP)
    return image
