"""The CD workflow's commands on the embedded cloud: deployment, rollout, validation and rollback of a release.

The environment `local` replaces production, and rollouts are shorter; the commands are those of the workflow file.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from live_platform import REPOSITORY, LivePlatform
from recording import ROOT

from components.settings.types import version_label
from delivery.errors import ExitCode
from delivery.github.workflow import find

pytestmark = pytest.mark.cloud


class Pipeline:
    """Runs steps of the CD workflow with the commands of its file."""

    def __init__(self, live: LivePlatform, folder: Path) -> None:
        self.live = live
        self.folder = folder

    def step(self, job: str, text: str, *more: str, code: int = 0, **variables: str) -> dict[str, str]:
        """Run the one step of ``job`` whose command contains ``text``; return its outputs."""
        [script] = [each["run"] for each in find(ROOT, f"dwcp-v3-cd/{job}").steps if text in each.get("run", "")]
        script = re.sub(r"\$\{(\w+):\+([^}]+)\}", lambda found: found[2] if variables[found[1]] else "", script)
        words = [re.sub(r"\$(\w+)", lambda found: variables[found[1]], word) for word in shlex.split(script)]
        arguments = ["local" if word == "production" else word for word in words[1:]]
        if "--environment" not in arguments:
            arguments += ["--environment", "local"]
        outputs = self.folder / f"{job}-{len(list(self.folder.iterdir()))}"
        environment = {
            "GITHUB_OUTPUT": str(outputs),
            "DWCP_SERVICE_URL": f"{self.live.monitoring.simulator_url}/tracks/{{track}}",
            "DWCP_METRICS_WINDOW_SECONDS": "3",
            **variables,
        }
        run = self.live.start(*arguments, *more, more=environment)
        run.end(code)
        found = re.findall(
            r"^(\w+)<<END-OF-VALUE\n(.*?)\nEND-OF-VALUE", outputs.read_text() if outputs.exists() else "", re.M | re.S
        )
        return dict(found)

    def recovery(self, image: str, before: str = "") -> dict[str, str]:
        return self.step("rollback", "pipeline recovery", REFERENCE=image, BEFORE=before)


@pytest.fixture
def pipeline(live: LivePlatform, tmp_path: Path) -> Pipeline:
    return Pipeline(live, tmp_path)


def test_a_release_is_promoted_reported_and_rolled_back(pipeline: Pipeline, tmp_path: Path) -> None:
    live = pipeline.live
    # The pipeline names an image by tag and digest.
    old, new = (f"{live.new_image()}@sha256:{character * 64}" for character in "ab")
    live.start(
        "deploy",
        "--tag",
        old.removeprefix(f"{REPOSITORY}:"),
        "--skip-tests",
        "--environment",
        "local",
        more={"DWCP_SERVICE_URL": f"{live.monitoring.simulator_url}/tracks/{{track}}", "DWCP_METRICS_WINDOW_SECONDS": "3"},
    ).end(0)
    before = pipeline.step("production", "pipeline running")["release"]
    assert version_label(old) in before
    assert pipeline.recovery(new, before) == {"need": "not-needed", "reason": f"{old} serves, as before", "before": before}

    live.rollout(new, "--percentage", "0").end(0)
    pipeline.step("production", "pipeline health", DWCP_SERVICE_URL="")  # as on AWS: through a forwarded port
    assert live.split == 0
    assert pipeline.step("rollout", "pipeline rollout-result", REFERENCE=new)["result"] == "open"
    assert pipeline.recovery(new, before)["need"] == "roll-back"

    live.rollout(new).end(0)
    assert pipeline.step("rollout", "pipeline rollout-result", REFERENCE=new)["result"] == "promoted"
    report = tmp_path / "report.md"
    [script] = [each["run"] for each in find(ROOT, "report").steps if "pipeline report" in each.get("run", "")]
    assert script.endswith("--output report.md")
    live.start("pipeline", "report", "--environment", "local", "--image", new, "--output", str(report)).end(0)
    assert new in report.read_text()
    other = live.start("pipeline", "report", "--environment", "local", "--image", old, "--output", str(report))
    other.end(1)
    assert f"not {old}" in other.full_output()

    found = pipeline.recovery(new)
    assert (found["need"], found["before"]) == ("roll-back", before)
    pipeline.step("rollback", "dwcp rollback", BEFORE=found["before"], REASON=found["reason"])
    assert live.stable["image"] == old
    assert pipeline.recovery(new, before)["need"] == "not-needed"


def test_a_rollout_on_hold_is_not_rolled_back(pipeline: Pipeline) -> None:
    live = pipeline.live
    image = live.new_image()
    live.monitoring.control("load", "PUT", requestsPerSecond=0)
    live.rollout(image).end(ExitCode.HELD)
    assert pipeline.step("rollout", "pipeline rollout-result", REFERENCE=image)["result"] == "held"
    found = pipeline.recovery(image)
    assert found["need"] == "held"
    assert "on hold at 10 %" in found["reason"]
    live.start("rollout", "--abort", "--environment", "local").end()


def test_the_first_release_is_rolled_back_to_the_image_of_pulumi_up(pipeline: Pipeline) -> None:
    live = pipeline.live
    s3 = live.aws("s3")
    [bucket] = [each["Name"] for each in s3.list_buckets()["Buckets"] if "artifacts" in each["Name"]]
    for each in s3.list_objects_v2(Bucket=bucket, Prefix="releases/local/").get("Contents", []):
        s3.delete_object(Bucket=bucket, Key=each["Key"])
    old, new = live.stable["image"], live.new_image()
    before = pipeline.step("production", "pipeline running")["release"]
    live.rollout(new).end(0)
    found = pipeline.recovery(new, before)
    assert (before, found["need"], found["before"]) == ("", "roll-back", "")
    live.kubectl("scale", "deployment/dwcp-v3-canary", "--replicas=2")  # pods that belong to no rollout
    pipeline.step("rollback", "dwcp rollback", BEFORE=found["before"], REASON=found["reason"])
    assert (live.stable["image"], live.canary_replicas) == (old, 0)
    assert pipeline.recovery(new)["need"] == "not-needed"
