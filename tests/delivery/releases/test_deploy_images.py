"""A deployment looks up its images before the update; a script replaces the Docker client."""

from __future__ import annotations

import os
from concurrent.futures import Future
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from delivery.clients.environment import Environment
from delivery.errors import DeliveryError
from delivery.releases import Release
from delivery.releases.deploy import Deployment, DeployRequest
from delivery.releases.steps import Skipped, StepRunner

CLIENT = """#!/bin/sh
case "$*" in
  *absent*) echo "ERROR: not found" >&2; exit 1 ;;
  *private*) echo "ERROR: failed to authorize: 403 Forbidden" >&2; exit 1 ;;
  *) echo "sha256:$(printf %064d 7)" ;;
esac
"""


def pods(name: str, image: str) -> dict[str, Any]:
    containers = [{"name": "dwcp-v3", "image": image}]
    return {"kind": "Deployment", "metadata": {"name": name}, "spec": {"template": {"spec": {"containers": containers}}}}


def run_images_step(environment: str, *images: str, service: str = "a/app:v1", evaluated: str = "a/app:v1") -> Any:
    """The result of the step `images` for pods with these images, and tracks that will have the image ``service``."""
    deployment = Deployment(DeployRequest(environment=environment, tag="v3.1.0"), StepRunner.start())
    deployment.environment, deployment.image, deployment.mode = Environment.open(environment), service, "staged"
    at = datetime(2026, 1, 2, tzinfo=UTC)
    deployment.release = Release(id="1", environment=environment, command="deploy", image=service, started=at)
    deployment.evaluation = Future()
    tracks = [pods(name, evaluated) for name in ("dwcp-v3", "dwcp-v3-canary")]
    deployment.evaluation.set_result([*tracks, *(pods(f"other-{index}", image) for index, image in enumerate(images))])
    [step] = [each for each in deployment.steps(ExitStack()) if each.name == "images"]
    return step.run()


@pytest.fixture(autouse=True)
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Docker client whose registry lacks some images and refuses others."""
    program = tmp_path / "docker"
    program.write_text(CLIENT)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)


def test_a_missing_image_stops_a_deployment_before_the_update() -> None:
    with pytest.raises(DeliveryError, match="not found in their registries: a/absent:v1\n.*nothing was changed"):
        run_images_step("staging", "a/absent:v1")


def test_the_image_of_a_staged_deployment_is_looked_up_instead_of_that_of_the_settings() -> None:
    with pytest.raises(DeliveryError, match="not found in their registries: a/absent:v2\n"):
        run_images_step("production", service="a/absent:v2")
    assert run_images_step("production", service="a/app:v2", evaluated="a/absent:v1") == "1 images are in their registries"


def test_existing_images_are_counted_and_a_refusing_registry_skips_the_step() -> None:
    assert run_images_step("staging", "a/grafana:v1", "a/grafana:v1") == "2 images are in their registries"
    assert isinstance(run_images_step("staging", "a/private:v1"), Skipped)


def test_the_step_is_skipped_on_the_embedded_cloud() -> None:
    assert isinstance(run_images_step("local", "a/absent:v1"), Skipped)
