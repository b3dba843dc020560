"""The pipelines have every trigger and every job of the guide's chapter, in its order, with all steps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
from recording import ROOT, stack_config

from components.settings import RedisSettings
from delivery.github.workflow import Job, find, jobs, load

WORKFLOWS = load(ROOT)


@dataclass(frozen=True)
class Row:
    """One job of the guide: the required content of its steps, and the jobs before it."""

    workflow: str
    job: str
    title: str
    steps: tuple[str, ...]
    after: tuple[str, ...] = ()


ROWS = (
    Row(
        "dwcp-v3-ci",
        "quality",
        "Code Quality & Linting",
        ("npm run lint", "npm run format:check", "npm run typecheck", "npm audit"),
    ),
    Row("dwcp-v3-ci", "unit", "Unit Tests", ("npm run test:unit", "actions/upload-artifact"), ("quality",)),
    Row("dwcp-v3-ci", "integration", "Integration Tests", ("npm run test:integration", "actions/upload-artifact"), ("quality",)),
    Row(
        "dwcp-v3-ci", "components", "DWCP v3 Component Tests", ("npm run test:components", "actions/upload-artifact"), ("quality",)
    ),
    # Uploads of the guide's test and scanner jobs, in separate jobs, because these have an identity and must not run the code.
    Row("dwcp-v3-ci", "coverage", "Coverage to Codecov", ("codecov/codecov-action",), ("unit", "components")),
    Row("dwcp-v3-ci", "findings", "Findings to Code Scanning", ("github/codeql-action/upload-sarif",), ("security",)),
    Row("dwcp-v3-ci", "performance", "Performance Tests", ("npm run bench", "npm run bench:check", "actions/upload-artifact")),
    Row(
        "dwcp-v3-ci",
        "security",
        "Security Scanning",
        ("aquasecurity/trivy-action", "actions/upload-artifact", "npm audit"),
    ),
    Row(
        "dwcp-v3-ci",
        "build",
        "Build Verification",
        ("npm run build", "pipeline verify", "actions/upload-artifact"),
        ("unit", "integration", "components"),
    ),
    Row(
        "dwcp-v3-ci",
        "docker",
        "Docker Build Test",
        ("docker/build-push-action", "pipeline image-contract", "aquasecurity/trivy-action"),
        ("build",),
    ),
    Row("dwcp-v3-cd", "release", "What This Run Releases", ("pipeline target",)),
    Row("dwcp-v3-cd", "ci", "CI", (), ("release",)),
    Row("dwcp-v3-cd", "approval", "Approval for Production", (), ("staging-smoke",)),
    Row(
        "dwcp-v3-cd",
        "image",
        "Build and Push Docker Image",
        ("docker/login-action", "docker/build-push-action", "aquasecurity/trivy-action", "pipeline reference"),
        ("release", "ci"),
    ),
    Row("dwcp-v3-cd", "staging", "Deploy to Staging", ("dwcp deploy --environment staging",), ("image",)),
    # The guide's smoke tests and their rollback, in separate jobs, because a job with a role must not run the code of the service.
    Row("dwcp-v3-cd", "staging-smoke", "Smoke Tests of Staging", ("npm run smoke",), ("staging",)),
    Row("dwcp-v3-cd", "staging-rollback", "Rollback of Staging", ("dwcp rollback --environment staging",), ("staging-smoke",)),
    Row("dwcp-v3-cd", "production-smoke", "Smoke Tests of Production", ("npm run smoke",), ("production",)),
    Row(
        "dwcp-v3-cd",
        "production",
        "Deploy to Production",
        ("dwcp deploy --environment production", "pipeline health --environment production --track canary"),
        ("approval",),
    ),
    Row("dwcp-v3-cd", "rollout", "Feature Flag Rollout", ("dwcp rollout",), ("production-smoke",)),
    Row(
        "dwcp-v3-cd",
        "rollback",
        "Automatic Rollback",
        ("dwcp rollback", "pipeline incident", "pipeline metrics"),
        ("production", "production-smoke", "rollout", "validation"),
    ),
    Row("dwcp-v3-cd", "validation", "Post-Deployment Validation", ("npm run test:e2e",), ("rollout",)),
    Row("dwcp-v3-cd", "report", "Report and Delivery Figures", ("pipeline report", "pipeline metrics"), ("validation",)),
)

TRIGGERS: dict[str, dict[str, Any]] = {
    "dwcp-v3-ci": {
        "push": {"branches": ["main", "develop", "feature/**", "dwcp-v3/**"]},
        "pull_request": {"branches": ["main", "develop"]},
        "workflow_dispatch": None,
        "workflow_call": {
            "inputs": {
                "release": {
                    "description": "Whether this workflow runs as a part of the CD pipeline.",
                    "type": "boolean",
                    "default": False,
                }
            }
        },
    },
    "dwcp-v3-cd": {"push": {"branches": ["main"], "tags": ["v*"]}, "workflow_dispatch": None},
}


def text(job: Job) -> str:
    return "\n".join(str(step.get("run", step.get("uses"))) for step in job.steps)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.workflow}/{row.job}")
def test_a_job_has_the_title_steps_and_order_of_the_guide(row: Row) -> None:
    job = find(ROOT, f"{row.workflow}/{row.job}")
    assert job.title == row.title
    assert [each for each in row.steps if not re.search(rf"{re.escape(each)}(?![\w:-])", text(job))] == []
    assert set(row.after) <= set(job.needs)


@pytest.mark.parametrize("workflow", TRIGGERS)
def test_the_pipelines_have_the_jobs_and_triggers_of_the_guide(workflow: str) -> None:
    assert {each.name for each in jobs(ROOT) if each.workflow == workflow} == {row.job for row in ROWS if row.workflow == workflow}
    assert WORKFLOWS[workflow][True] == TRIGGERS[workflow]


@pytest.mark.parametrize(
    ("job", "variants"),
    [
        ("unit", [{"node": "18"}, {"node": "20"}]),
        (
            "components",
            [{"component": name} for name in ("codec", "framing", "connection", "multiplexing", "flow-control", "reliability")],
        ),
    ],
)
def test_the_matrices_are_those_of_the_guide(job: str, variants: list[dict[str, str]]) -> None:
    assert find(ROOT, job).variants() == variants


def test_benchmark_results_are_kept_for_30_days() -> None:
    [upload] = [step for step in find(ROOT, "performance").steps if "upload-artifact" in step.get("uses", "")]
    assert upload["with"]["retention-days"] == 30


def test_images_have_an_sbom_and_provenance_and_use_no_shared_cache() -> None:
    builds = [step["with"] for step in find(ROOT, "image").steps if "build-push-action" in step.get("uses", "")]
    assert [build["file"] for build in builds] == ["docker/Dockerfile.dwcp-v3", "docker/Dockerfile.grafana"]
    for build in builds:
        assert (build["sbom"], build["provenance"], build["push"]) == (True, "mode=max", True)
        assert "cache-from" not in build


def test_integration_tests_use_the_redis_image_of_the_clusters() -> None:
    """By digest; the default in the settings has only the version, because substitutes have other digests."""
    image = find(ROOT, "integration").content["services"]["redis"]["image"]
    assert re.fullmatch(rf"{re.escape(RedisSettings().image)}@sha256:[0-9a-f]{{64}}", image)
    for environment in ("staging", "production"):
        assert stack_config(environment)["dwcp-v3:redis"]["image"] == image


@pytest.mark.parametrize(
    ("job", "environment"),
    [
        ("staging", "staging"),
        ("staging-smoke", "staging"),
        ("staging-rollback", "staging"),
        ("approval", "production-approval"),
        ("production", "production"),
        ("rollout", "production"),
        ("rollback", "production"),
        ("production-smoke", "production"),
        ("validation", "production"),
        ("report", "production"),
    ],
)
def test_each_deployment_job_has_its_environment(job: str, environment: str) -> None:
    """The trust policy of the role requires the environment; the approval has a separate one."""
    assert find(ROOT, job).environment == environment


def test_the_approval_has_no_permissions_and_no_variables() -> None:
    approval = find(ROOT, "approval")
    assert approval.content["permissions"] == {}
    assert "vars." not in str(approval.content)


@pytest.mark.parametrize(("deploys", "back"), [("staging", "staging-rollback"), ("production", "rollback")])
def test_a_rollback_returns_to_the_release_before_the_deployment(deploys: str, back: str) -> None:
    """A failed deployment may have rolled back already; a second rollback would select an unintended release."""
    steps = [step.get("run", "") for step in find(ROOT, deploys).steps]
    [query] = [index for index, script in enumerate(steps) if "pipeline running" in script]
    [deploy] = [index for index, script in enumerate(steps) if "dwcp deploy" in script]
    assert query < deploy
    [rollback] = [step for step in find(ROOT, back).steps if "dwcp rollback" in step.get("run", "")]
    assert '--to "$BEFORE"' in rollback["run"]
    assert rollback["env"]["BEFORE"] == "${{ steps.recovery.outputs.before }}"
    [recovery] = [step for step in find(ROOT, back).steps if step.get("id") == "recovery"]
    assert '--before "$BEFORE"' in recovery["run"]
    assert find(ROOT, back).content["env"]["BEFORE"] == f"${{{{ needs.{deploys}.outputs.before }}}}"
    assert find(ROOT, deploys).content["outputs"] == {"before": "${{ steps.before.outputs.release }}"}


def test_commands_that_record_incidents_have_no_github_token() -> None:
    for job in jobs(ROOT):
        for step in job.steps:
            if any(f"dwcp {name}" in step.get("run", "") for name in ("deploy", "rollout", "rollback")):
                assert "GITHUB_TOKEN" not in {**job.env, **job.content.get("env", {}), **step.get("env", {})}


def test_a_job_that_changes_an_environment_first_removes_the_lock_of_a_run_that_has_ended() -> None:
    """The lease and the engine's lock of a killed job stay; only GitHub knows that the job's run has ended."""
    for job in jobs(ROOT):
        scripts = [step.get("run", "") for step in job.steps]
        changes = [index for index, each in enumerate(scripts) if re.search(r"dwcp (deploy|rollout|rollback)\b", each)]
        if changes:
            unlock = job.steps[scripts.index(f"./dwcp state unlock --environment {job.environment}")]
            assert job.steps.index(unlock) < changes[0]
            assert unlock["env"] == {"GITHUB_TOKEN": "${{ github.token }}"}
            assert unlock.get("if") == job.steps[changes[0]].get("if")
            assert job.content["permissions"]["actions"] == "read"


def test_every_variable_and_environment_of_the_workflows_is_in_the_setup_table() -> None:
    text = "".join(file.read_text() for file in (ROOT / ".github/workflows").glob("*.yml"))
    environments = {job.environment for job in jobs(ROOT) if job.environment}
    page = (ROOT / "docs/ci.md").read_text()
    table = page[page.index("## Setup in GitHub") : page.index("## Updates")]
    assert "production-approval" in environments
    assert {name for name in environments | set(re.findall(r"vars\.(\w+)", text)) if f"`{name}`" not in table} == set()
