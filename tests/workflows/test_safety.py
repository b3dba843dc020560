"""What no pipeline may do: judged by actionlint and zizmor, and by rules of our own where they have none."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from recording import ROOT

from delivery.github.workflow import FOLDER, Job, jobs, load
from sandbox.project import TOOLCHAIN

ALL = list(jobs(ROOT))
each_job = pytest.mark.parametrize("job", ALL, ids=lambda job: f"{job.workflow}/{job.name}")
FILES = sorted((ROOT / FOLDER).glob("*.yml"))
APPLIES = re.compile(r"dwcp (deploy|rollout|rollback)\b|pulumi (up|destroy)\b")


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_zizmor_finds_nothing_even_as_an_auditor() -> None:
    done = run(Path(sys.executable).parent / "zizmor", "--offline", "--no-progress", "--persona", "auditor", ROOT / ".github")
    assert "No findings to report" in done.stdout + done.stderr, done.stdout
    assert done.returncode == 0


def test_actionlint_finds_nothing() -> None:
    done = run(TOOLCHAIN.ensure("actionlint")["actionlint"], *FILES)
    assert (done.returncode, done.stdout) == (0, "")


def test_every_action_is_pinned_by_commit_and_names_its_version() -> None:
    for file in FILES:
        for line in file.read_text().splitlines():
            if "uses:" in line:
                assert re.search(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_one_action_has_one_version() -> None:
    found: dict[str, set[str]] = {}
    for file in FILES:
        for action, commit in re.findall(r"uses: ([\w./-]+)@([0-9a-f]{40})", file.read_text()):
            found.setdefault(action, set()).add(commit)
    assert {action: commits for action, commits in found.items() if len(commits) > 1} == {}


@pytest.mark.parametrize("workflow", load(ROOT).values(), ids=load(ROOT))
def test_a_workflow_has_no_permission_of_its_own(workflow: dict[str, Any]) -> None:
    assert workflow["permissions"] == {}


@each_job
def test_a_job_has_least_permissions_and_an_end(job: Job) -> None:
    permissions = dict(job.content["permissions"])
    assert permissions.pop("contents", "read") == "read"
    assert set(permissions) <= {"id-token", "packages", "security-events", "pull-requests", "issues"}
    assert job.content["timeout-minutes"] <= 180


@each_job
def test_an_update_is_never_cancelled(job: Job) -> None:
    if APPLIES.search(str(job.steps)):
        assert job.content["concurrency"]["cancel-in-progress"] is False
        assert load(ROOT)[job.workflow]["concurrency"]["cancel-in-progress"] is False


@each_job
def test_two_updates_of_one_environment_never_run_at_once(job: Job) -> None:
    if APPLIES.search(str(job.steps)):
        assert job.content["concurrency"]["group"] == f"up-{job.content['environment']['name']}"


@each_job
def test_nobody_writes_with_a_pull_requests_code(job: Job) -> None:
    """A job that may run for a pull request and checks its code out holds neither a role nor the right to write."""
    ref = next((step["with"].get("ref", "") for step in job.steps if "checkout" in step.get("uses", "")), "")
    if job.workflow != "infrastructure" or "base.sha" in ref:
        return
    own = "head.repo.full_name == github.repository" in job.content.get("if", "")
    assert own or not {"id-token", "pull-requests", "issues", "packages"} & set(job.content["permissions"])


@each_job
def test_steps_call_commands_and_hold_no_logic(job: Job) -> None:
    for step in job.steps:
        script = step.get("run", "")
        assert "\n" not in script.strip(), script
        assert "${{" not in script, "an expression in a script is an injection"
        assert not re.search(r"\b(if|for|while|case)\b .*[;\n]", script)


@each_job
def test_credentials_do_not_stay_in_the_checkout(job: Job) -> None:
    for step in job.steps:
        if "actions/checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


def test_roles_differ_between_previews_staging_and_production() -> None:
    """By the environment alone: its variables name the role, and the role's trust policy names the environment."""
    roles = {
        (job.content["environment"]["name"], step["with"]["role-to-assume"])
        for job in ALL
        for step in job.steps
        if "configure-aws-credentials" in step.get("uses", "")
    }
    assert {environment for environment, _ in roles} == {"preview", "staging", "production"}
    assert all(("PREVIEW" in role) is (environment == "preview") for environment, role in roles)
