"""The pipeline builds and pushes every image of this repository that a stack runs, before it deploys the stack."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from recording import ROOT, run_platform

from delivery.github.workflow import find, load
from program.pod_images import images_of

Step = Mapping[str, Any]
DEPLOYED = {"staging": "staging", "production": "production"}
"""Job -> stack that it deploys."""
TAGS = re.compile(r"\$\{\{ needs\.release\.outputs\.([\w-]+) \}\}")
GRAFANA = "docker/Dockerfile.grafana"


def own() -> str:
    """The repository of the service's image, which the repositories of our other images begin with."""
    return load(ROOT)["dwcp-v3-cd"]["env"]["IMAGE"]


@cache
def outputs() -> dict[str, list[str]]:
    """The outputs of the job that names the release, as its command writes them for a commit of main."""
    sha = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "outputs"
        run = {"GITHUB_REF": "refs/heads/main", "GITHUB_SHA": sha, "GITHUB_OUTPUT": str(file)}
        command = [sys.executable, "-m", "delivery", "pipeline", "target", "--image", own()]
        subprocess.run(command, cwd=ROOT, env=os.environ | run, check=True, capture_output=True)
        text = file.read_text()
    return {name: value.split() for name, value in re.findall(r"^([\w-]+)<<END-OF-VALUE\n(.*?)\nEND-OF-VALUE$", text, re.M | re.S)}


def repository(image: str) -> str:
    return image.partition("@")[0].rpartition(":")[0]


def pushed(steps: list[Step]) -> Iterator[str]:
    """The repositories to which the steps of a job push an image."""
    for inputs in (step["with"] for step in steps if "docker/build-push-action@" in step.get("uses", "")):
        if inputs.get("push"):
            for output in TAGS.findall(inputs["tags"]):
                yield from map(repository, outputs()[output])


def not_built(stack: str, steps: list[Step]) -> list[str]:
    """The images of this repository that the stack runs and these steps do not push."""
    wanted = {image for each in images_of(run_platform(stack)) if (image := repository(each)).startswith(own())}
    assert wanted >= {own()}
    return [f"{stack} runs {image}, which no job builds and pushes" for image in sorted(wanted - set(pushed(steps)))]


@pytest.mark.parametrize(("job", "stack"), DEPLOYED.items())
def test_the_images_of_a_stack_are_pushed_before_it_is_deployed(job: str, stack: str) -> None:
    assert not_built(stack, find(ROOT, "image").steps) == []
    before = {name for need in find(ROOT, job).needs for name in (need, *find(ROOT, need).needs)}
    assert "image" in before


PUT_BACK: dict[str, Callable[[Step], Step | None]] = {
    "no step builds it": lambda _: None,
    "it is built and not pushed": lambda step: {**step, "with": {**step["with"], "push": False}},
    "it is pushed under the name of the service": lambda step: {
        **step,
        "with": {**step["with"], "tags": "${{ needs.release.outputs.image-tags }}"},
    },
}


@pytest.mark.parametrize("defect", PUT_BACK)
def test_grafanas_image_that_nothing_builds_is_named(defect: str) -> None:
    def changed(step: Step) -> Step | None:
        return PUT_BACK[defect](step) if step.get("with", {}).get("file") == GRAFANA else step

    steps = [step for each in find(ROOT, "image").steps if (step := changed(each)) is not None]
    assert not_built("production", steps) == [f"production runs {own()}-grafana, which no job builds and pushes"]
