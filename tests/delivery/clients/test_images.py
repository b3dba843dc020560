"""`dwcp images` looks up the images of a stack in their registries; a script replaces the Docker client."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from delivery.cli.app import app
from delivery.clients.images import RegistryError, digest_of
from delivery.errors import DeliveryError, UsageError
from program.checkout import CHECKOUT
from program.evaluation import evaluate
from program.pod_images import images_of

CLIENT = """#!/bin/sh
image=$(eval echo \\${$#})
case "$image" in
  *MISSING*) echo "ERROR: $image: not found" >&2; exit 1 ;;
  *refused*) echo "ERROR: failed to authorize: 403 Forbidden" >&2; exit 1 ;;
  *) echo "sha256:$(printf %064d 7)" ;;
esac
"""


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Docker client that finds every image, except those that ``CLIENT`` refuses."""
    program = tmp_path / "docker"
    program.write_text(CLIENT)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return program


def test_all_images_of_a_stack_are_looked_up(client: Path) -> None:
    done = CliRunner().invoke(app, ["images", "-e", "staging"])
    assert done.exit_code == 0, done.output
    graph = evaluate(["staging"], CHECKOUT, preview=True)["staging"]
    assert not isinstance(graph, Exception)
    assert len(images_of(graph)) >= 8
    assert all(image in done.output for image in images_of(graph))


def test_a_missing_image_is_reported_with_the_fix(client: Path) -> None:
    client.write_text(CLIENT.replace("MISSING", "-grafana"))
    done = CliRunner().invoke(app, ["images", "-e", "staging"])
    assert isinstance(done.exception, DeliveryError)
    assert "not found in their registries: ghcr.io/novacron/dwcp-v3-grafana:v3.0.0\n  fix: build and push" in str(done.exception)


def test_a_registry_that_refuses_is_not_a_missing_image(client: Path) -> None:
    with pytest.raises(RegistryError, match=r"failed to authorize: 403 Forbidden\n  fix: docker login a.example"):
        digest_of("a.example/refused:1")


@pytest.mark.parametrize("said", ["docker: unknown command: docker buildx", "unknown flag: --format"])
def test_a_docker_client_without_buildx_is_reported(client: Path, said: str) -> None:
    client.write_text(f"#!/bin/sh\necho '{said}' >&2; exit 125\n")
    with pytest.raises(UsageError, match="this Docker client has no buildx plugin"):
        digest_of("redis:7")


def test_a_missing_docker_client_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UsageError, match="there is no `docker` command on PATH"):
        digest_of("redis:7")
