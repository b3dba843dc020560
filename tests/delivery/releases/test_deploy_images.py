"""A deployment looks up its images before the update; a script replaces the Docker client."""

from __future__ import annotations

import os
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from delivery.clients.environment import Environment
from delivery.errors import DeliveryError
from delivery.releases.deploy import Deployment, DeployRequest
from delivery.releases.steps import Skipped, StepRunner

CLIENT = """#!/bin/sh
case "$*" in
  *absent*) echo "ERROR: not found" >&2; exit 1 ;;
  *private*) echo "ERROR: failed to authorize: 403 Forbidden" >&2; exit 1 ;;
  *) echo "sha256:$(printf %064d 7)" ;;
esac
"""


def run_images_step(environment: str, *images: str) -> Any:
    """The result of the step `images` for pods with these images."""
    deployment = Deployment(DeployRequest(environment=environment, tag="v3.1.0"), StepRunner.start())
    deployment.environment, deployment.image, deployment.mode = Environment.open(environment), "app:v3.1.0", "direct"
    deployment.evaluation = Future()
    pods = [{"spec": {"template": {"spec": {"containers": [{"image": image}]}}}} for image in images]
    deployment.evaluation.set_result([{"kind": "Deployment", **pod} for pod in pods])
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
        run_images_step("staging", "a/app:v1", "a/absent:v1")


def test_existing_images_are_counted_and_a_refusing_registry_skips_the_step() -> None:
    assert run_images_step("staging", "a/app:v1", "a/grafana:v1", "a/app:v1") == "2 images are in their registries"
    assert isinstance(run_images_step("staging", "a/private:v1"), Skipped)


def test_the_step_is_skipped_on_the_embedded_cloud() -> None:
    assert isinstance(run_images_step("local", "a/absent:v1"), Skipped)
