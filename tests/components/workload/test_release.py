"""The image of the stable track: that of the release if one is given, otherwise of the last update, otherwise of the settings."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest
from recording import run, run_platform, stack_config

from components.workload._release import stable_image
from program import _sdk

FIRST = "ghcr.io/novacron/dwcp-v3:v3.0.0"
LAST = "ghcr.io/novacron/dwcp-v3:v3.1.0"
NEXT = "ghcr.io/novacron/dwcp-v3:v3.2.0"


def exported_image(monkeypatch: pytest.MonkeyPatch, outputs: dict[str, Any], release: str | None, *, preview: bool) -> str:
    monkeypatch.setattr(_sdk.Providers, "published", outputs)
    graph = run(
        lambda: pulumi.export("image", stable_image(FIRST, release)), stack_config("local"), stack_name="local", preview=preview
    )
    return graph.exports["image"]


@pytest.mark.parametrize("preview", [False, True], ids=["up", "preview"])
@pytest.mark.parametrize(
    ("outputs", "release", "image"),
    [
        ({}, None, FIRST),
        ({"application": {}}, None, FIRST),
        ({"application": {"image": LAST}}, None, LAST),
        ({"application": {"image": LAST}}, NEXT, NEXT),
        ({}, NEXT, NEXT),
    ],
    ids=["first up", "outputs without an image", "up from git", "deploy", "first deploy"],
)
def test_the_image_is_that_of_the_release_or_the_last_update_or_the_settings(
    monkeypatch: pytest.MonkeyPatch, outputs: dict[str, Any], release: str | None, image: str, preview: bool
) -> None:
    assert exported_image(monkeypatch, outputs, release, preview=preview) == image


def test_both_tracks_have_the_image_and_its_label() -> None:
    graph = run_platform("local", application={"release": NEXT})
    for deployment in ("dwcp-v3-deployment", "dwcp-v3-canary-deployment"):
        template = graph.one("Deployment", deployment)["spec"]["template"]
        assert template["spec"]["containers"][0]["image"] == NEXT
        assert template["metadata"]["labels"]["version"] == "v3.2.0"
    assert graph.exports["application"]["image"] == NEXT
