"""The security of the pipelines, checked by actionlint, zizmor and the rules in this file."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from recording import ROOT

from delivery.github.expressions import Contexts, value_of
from delivery.github.workflow import FOLDER, Job, find, jobs, load
from sandbox.project import TOOLCHAIN
from tools.ci_scenarios import SCENARIOS, Scenario

ALL = list(jobs(ROOT))
each_job = pytest.mark.parametrize("job", ALL, ids=lambda job: f"{job.workflow}/{job.name}")
FILES = sorted((ROOT / FOLDER).glob("*.yml"))
REPORTS = re.compile(r"dwcp pipeline (metrics|report)\b|actions/upload-artifact@")
APPLIES = re.compile(r"dwcp (deploy|rollout|rollback)\b|pulumi (up|destroy)\b")
FOLLOWS_A_FAILURE = re.compile(r"failure\(\) && needs\.([\w-]+)\.result == 'failure'")
"""The condition of a job that starts if another job fails, but not if that job is cancelled."""
OPENS_THE_CLUSTER = re.compile(
    r"dwcp (deploy|rollout|rollback|drift|preview --engine)\b"
    r"|dwcp pipeline (drift|health|recovery|report|rollout-result|running)\b"
)
SERVICE_CODE = re.compile(
    r"\b(npm|npx|node)\b|actions/setup-node@|docker (run|compose)\b|dwcp (ci|compose|pipeline (verify|image-contract))\b"
    r"|dwcp deploy (?!.*--skip-tests)"
)
"""A step that runs the service's code, its packages or its image on the runner.

An image build is not such a step: its commands run in containers of the builder, which get no variable of the job.
"""


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_zizmor_reports_nothing_for_its_strictest_persona() -> None:
    done = run(Path(sys.executable).parent / "zizmor", "--offline", "--no-progress", "--persona", "auditor", ROOT / ".github")
    assert "No findings to report" in done.stdout + done.stderr, done.stdout
    assert done.returncode == 0


def test_actionlint_reports_nothing() -> None:
    done = run(TOOLCHAIN.ensure("actionlint")["actionlint"], "-config-file", ROOT / ".github/actionlint.yaml", *FILES)
    assert (done.returncode, done.stdout) == (0, "")


def test_every_action_is_pinned_by_commit_with_its_version_in_a_comment() -> None:
    for file in FILES:
        for line in file.read_text().splitlines():
            if "uses:" in line and "uses: ./" not in line:
                assert re.search(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_each_action_is_used_in_one_version() -> None:
    found: dict[str, set[str]] = {}
    for file in FILES:
        for action, commit in re.findall(r"uses: ([\w./-]+)@([0-9a-f]{40})", file.read_text()):
            found.setdefault(action, set()).add(commit)
    assert {action: commits for action, commits in found.items() if len(commits) > 1} == {}


@pytest.mark.parametrize("workflow", load(ROOT).values(), ids=load(ROOT))
def test_a_workflow_has_no_permissions_by_default(workflow: dict[str, Any]) -> None:
    assert workflow["permissions"] == {}


@each_job
def test_a_job_has_least_permissions_and_a_timeout(job: Job) -> None:
    permissions = dict(job.content["permissions"])
    assert permissions.pop("contents", "read") == "read"
    allowed = {"id-token", "packages", "security-events", "pull-requests", "issues", "attestations", "actions"}
    assert set(permissions) <= allowed
    assert permissions.get("actions", "read") == "read"
    assert job.called_workflow or job.content["timeout-minutes"] <= 120


@each_job
def test_the_code_of_the_service_runs_without_credentials(job: Job) -> None:
    """Every step of a job can use the job's role and identity token. On our own runner, it could reach those of other jobs too."""
    scripts = [f"{step.get('run', '')} {step.get('uses', '')}" for step in job.steps]
    if any(SERVICE_CODE.search(script) for script in scripts) or job.content.get("container"):
        assert job.content["permissions"] == {"contents": "read"}
        assert not re.search(r"github\.token|secrets\.|ROLE|configure-aws-credentials", str(job.content))
        assert job.content["runs-on"] == "ubuntu-24.04"


def test_the_jobs_of_a_release_that_run_the_code_of_the_service_are_known() -> None:
    """The rule above would hold for a pattern that finds nothing."""
    found = {job.name for job in ALL if job.workflow == "dwcp-v3-cd" and SERVICE_CODE.search(str(job.steps))}
    assert found == {"staging-smoke", "production-smoke", "validation"}


def test_the_patterns_of_the_rules_find_their_jobs() -> None:
    """The rules below would hold for patterns that find nothing."""
    applies = {(job.workflow, job.name) for job in ALL if APPLIES.search(str(job.steps))}
    assert applies == {("dwcp-v3-cd", name) for name in ("staging", "staging-rollback", "production", "rollout", "rollback")}
    follows = {job.name: FOLLOWS_A_FAILURE.findall(str(job.content.get("if"))) for job in ALL}
    assert {name: causes for name, causes in follows.items() if causes} == {"staging-rollback": ["staging-smoke"]}


@each_job
def test_a_job_whose_failure_starts_another_job_fails_if_its_command_hangs(job: Job) -> None:
    """A job that exceeds its own time limit has the result `cancelled`. A step that exceeds its limit fails."""
    for name in FOLLOWS_A_FAILURE.findall(str(job.content.get("if"))):
        cause = load(ROOT)[job.workflow]["jobs"][name]
        limits = [step.get("timeout-minutes", cause["timeout-minutes"]) for step in cause["steps"] if "run" in step]
        assert sum(limits) < cause["timeout-minutes"], name


def test_a_failed_report_cannot_cause_a_rollback() -> None:
    content = load(ROOT)["dwcp-v3-cd"]["jobs"]
    reports = {name for name, job in content.items() if REPORTS.search(str(job.get("steps")))}
    assert reports == {"report", "rollback"}
    assert "report" not in content["rollback"]["needs"]


@each_job
def test_production_does_not_change_by_an_approval_of_an_earlier_attempt(job: Job) -> None:
    """Anyone with write permission can run one job of a run again for 30 days; the jobs before it keep their outputs."""
    if APPLIES.search(str(job.steps)) and job.environment == "production":
        check = next((step for step in job.steps if step.get("run") == './dwcp pipeline approved --attempt "$APPROVED"'), None)
        if check is None:
            assert "needs.approval.outputs.attempt == github.run_attempt" in job.content["if"]
        else:
            assert check["env"] == {"APPROVED": "${{ needs.approval.outputs.attempt }}"}
            assert "if" not in check
            role = next(index for index, step in enumerate(job.steps) if "configure-aws-credentials" in step.get("uses", ""))
            assert job.steps.index(check) < role
        assert "approval" in job.needs


@each_job
def test_a_newer_run_does_not_cancel_an_update(job: Job) -> None:
    if APPLIES.search(str(job.steps)):
        assert job.content["concurrency"]["cancel-in-progress"] is False
        assert load(ROOT)[job.workflow]["concurrency"]["cancel-in-progress"] is False


@each_job
def test_updates_of_one_environment_do_not_run_concurrently(job: Job) -> None:
    if APPLIES.search(str(job.steps)):
        assert job.content["concurrency"]["group"] == f"up-{job.content['environment']['name']}"


PULL_REQUESTS = [
    scenario for scenario in SCENARIOS if scenario.event.name == "pull_request" or scenario.title == "a push to `feature/x`"
]


@pytest.mark.parametrize("scenario", PULL_REQUESTS, ids=lambda scenario: scenario.title)
def test_the_code_of_a_pull_request_gets_no_role_identity_or_write_permission(scenario: Scenario) -> None:
    """A job of a pull request that has more than read permissions runs no code."""
    for name in scenario.play().ran():
        job = find(ROOT, f"{scenario.workflow}/{name}")
        assert job.content.get("environment") is None
        if set(job.content["permissions"].values()) != {"read"}:
            assert not [step for step in job.steps if "run" in step], f"{name} may write, and runs code"


def test_the_workflow_that_comments_on_forks_checks_out_none_of_their_code() -> None:
    job = find(ROOT, "preview-comment/comment")
    for step in job.steps:
        if "checkout" in step.get("uses", ""):
            assert not {"ref", "repository"} & set(step["with"])


@pytest.mark.parametrize("workflow", load(ROOT).values(), ids=load(ROOT))
def test_no_pipe_hides_a_failure(workflow: dict[str, Any]) -> None:
    """GitHub sets pipefail only if the shell is set to bash explicitly (GitHub: Workflow syntax, shell)."""
    assert workflow["defaults"]["run"]["shell"] == "bash"


def test_jobs_that_need_the_cluster_run_on_the_configured_runner() -> None:
    cluster_jobs = [job for job in ALL if OPENS_THE_CLUSTER.search(str(job.steps))]
    assert {job.content["runs-on"] for job in cluster_jobs} == {"${{ vars.DEPLOY_RUNNER || 'ubuntu-24.04' }}"}
    assert {job.name for job in cluster_jobs} == {
        "staging",
        "staging-rollback",
        "production",
        "rollout",
        "rollback",
        "report",
        "drift",
        "engine",
    }


def test_the_pulumi_cli_has_the_locked_version() -> None:
    installed = {step["with"]["pulumi-version"] for job in ALL for step in job.steps if "pulumi/actions" in step.get("uses", "")}
    assert installed == set(re.findall(r"^pulumi==([\d.]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    for job in ALL:
        if re.search(r"dwcp (deploy|rollout|rollback)\b|pipeline drift|preview --engine", str(job.steps)):
            assert "pulumi/actions" in str(job.steps), job.name


def test_vulnerability_scans_of_images_and_lock_files_fail_the_run() -> None:
    scans = [(job.name, step["with"]) for job in ALL for step in job.steps if "trivy-action" in step.get("uses", "")]
    assert [name for name, _ in scans] == ["image", "image", "security", "docker"]
    for _, inputs in scans:
        assert inputs["exit-code"] == "1"
        assert inputs.get("limit-severities-for-sarif", inputs.get("format") != "sarif")


def test_each_upload_to_code_scanning_is_one_run_of_one_tool_with_its_own_category() -> None:
    """Code scanning refuses two runs of one tool with the same category, so no upload is a folder."""
    uploads = [(job, step["with"]) for job in ALL for step in job.steps if "codeql-action/upload-sarif" in step.get("uses", "")]
    for job, inputs in uploads:
        written = {
            step["with"]["path"]
            for each in ALL
            if each.name in job.needs and each.workflow == job.workflow
            for step in each.steps
            if "upload-artifact" in step.get("uses", "")
        }
        assert Path(inputs["sarif_file"]).name in written
    categories = [inputs["category"] for _, inputs in uploads]
    assert sorted(categories) == ["policies", "trivy-files", "trivy-image"]
    assert {"actions", "contents", "security-events"} == {name for job, _ in uploads for name in job.content["permissions"]}
    assert all("vars.CODE_SCANNING != 'false'" in job.content["if"] for job, _ in uploads)


@each_job
def test_a_called_workflow_asks_for_no_permission_that_its_caller_lacks(job: Job) -> None:
    """GitHub refuses to start such a run."""
    called = [each for each in ALL if job.called_workflow and each.workflow == job.called_workflow]
    missing = {
        (each.name, name, level)
        for each in called
        for name, level in each.content["permissions"].items()
        if job.content["permissions"].get(name) not in (level, "write")
    }
    assert missing == set()


@each_job
def test_packages_are_installed_from_a_current_list_and_do_not_replace_docker(job: Job) -> None:
    """Docker, containerd and runc of GitHub's image are Docker's packages, with which Ubuntu's packages conflict."""
    scripts = [step.get("run", "") for step in job.steps]
    for index, script in enumerate(scripts):
        if "apt-get install" in script:
            assert "sudo apt-get update" in scripts[:index]
            assert not {"docker.io", "containerd", "runc"} & set(script.split())


@each_job
def test_the_model_understands_every_expression(job: Job) -> None:
    texts = re.findall(r"\$\{\{.*?\}\}", str(job.content))
    conditions = [each["if"] for each in (job.content, *job.steps) if "if" in each]
    for text in (*texts, *conditions):
        value_of(text.replace("\\'", "'"), Contexts())


@each_job
def test_each_step_runs_one_command_without_logic(job: Job) -> None:
    for step in job.steps:
        script = step.get("run", "")
        assert "\n" not in script.strip(), script
        assert not re.search(r"[|;&]", script), "a step runs one command"
        assert "${{" not in script, "an expression in a script permits an injection"


@each_job
def test_checkouts_do_not_keep_credentials(job: Job) -> None:
    for step in job.steps:
        if "actions/checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


def test_roles_differ_between_previews_staging_and_production() -> None:
    """The environment determines the role: its variables name the role, and the role's trust policy names the environment."""
    roles = {
        (job.content["environment"]["name"], step["with"]["role-to-assume"])
        for job in ALL
        for step in job.steps
        if "configure-aws-credentials" in step.get("uses", "")
    }
    assert {environment for environment, _ in roles} == {"preview", "staging", "production"}
    assert all(("PREVIEW" in role) is (environment == "preview") for environment, role in roles)


@each_job
def test_a_job_that_can_roll_back_has_the_history_of_the_repository(job: Job) -> None:
    """A rollback applies the program of an earlier commit, and a clone of only the newest commit does not have it."""
    if re.search(r"dwcp (deploy|rollout|rollback)\b", str([each.get("run", "") for each in job.steps])):
        [checkout] = [each for each in job.steps if "actions/checkout@" in each.get("uses", "")]
        assert checkout["with"]["fetch-depth"] == 0
