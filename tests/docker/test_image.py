"""The service's image on a real engine: its content, and a container that runs with the platform's restrictions."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from docker.models.containers import Container
from docker_engine.engine import DockerEngine, eventually
from docker_engine.substitutes import ROOT

from components.compose.services import APPLICATION_STOP_SECONDS


@pytest.fixture(scope="module")
def container(engine: DockerEngine, app_image: str) -> Iterator[Container]:
    """A container of the started service, in which only /tmp is writable, without Redis."""
    container = engine.client.containers.run(
        app_image,
        detach=True,
        network_mode="none",
        read_only=True,
        tmpfs={"/tmp": "size=16m"},
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        environment={"PORT": "8081"},
    )
    try:
        eventually(lambda: container.exec_run(health_check(container)).exit_code == 0, "the service has started")
        yield container
    finally:
        container.remove(force=True)


def health_check(container: Container) -> list[str]:
    """The command of the image's health check."""
    return container.attrs["Config"]["Healthcheck"]["Test"][1:]


def test_the_labels_are_those_of_the_contract(engine: DockerEngine, app_image: str) -> None:
    labels: dict[str, str] = engine.client.images.get(app_image).labels
    assert labels["dwcp.contract"] == "1"
    assert labels["org.opencontainers.image.version"] == "3.0.0"
    assert labels["org.opencontainers.image.revision"] == "0123abc"
    described = {"title", "description", "licenses", "source", "created"}
    assert all(labels[f"org.opencontainers.image.{name}"] for name in described)


def test_the_image_contains_only_production_files(engine: DockerEngine, app_image: str) -> None:
    script = "test -d node_modules/prom-client && test ! -e node_modules/typescript && test ! -e src && test ! -w dist/main.js"
    engine.client.containers.run(app_image, entrypoint=["sh", "-c"], command=[script], network_mode="none", remove=True)


def test_the_image_passes_the_contract_check_of_the_pipeline(engine: DockerEngine, app_image: str) -> None:
    done = engine.run(sys.executable, "-m", "delivery", "pipeline", "image-contract", app_image, cwd=ROOT)
    assert done.stdout.count("ok  ") == 4


def test_docker_starts_the_service_without_a_shell(engine: DockerEngine, app_image: str) -> None:
    config: dict[str, Any] = engine.client.images.get(app_image).attrs["Config"]
    assert config["Entrypoint"] == ["/usr/bin/dumb-init", "--"]
    assert config["Cmd"] == ["node", "dist/main.js"]
    assert config["Healthcheck"]["Test"][:2] == ["CMD", "node"]


def test_the_service_runs_as_1001_under_dumb_init(container: Container) -> None:
    assert container.exec_run(["id", "-u"]).output == b"1001\n"
    assert b"dumb-init" in container.exec_run(["cat", "/proc/1/cmdline"]).output


def test_the_health_check_passes_on_another_port(container: Container) -> None:
    assert container.exec_run(health_check(container)).exit_code == 0


def test_the_service_is_healthy_but_not_ready_without_redis(container: Container) -> None:
    script = "Promise.all(['health', 'ready'].map((path) => fetch('http://127.0.0.1:8081/' + path)))" + (
        ".then((answers) => console.log(answers.map((answer) => answer.status).join(' ')))"
    )
    assert container.exec_run(["node", "-e", script]).output == b"200 503\n"


def test_sigterm_stops_the_service_within_its_grace_period(container: Container) -> None:
    container.stop(timeout=APPLICATION_STOP_SECONDS)
    container.reload()
    assert container.attrs["State"]["ExitCode"] == 0  # 137 if it had to be killed
    assert b'"stopped"' in container.logs()
