"""Workflow jobs run locally with GitHub's behaviour: expressions, conditions and files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws
from recording import ROOT
from repositories import git
from typer.testing import CliRunner

from delivery.cli.app import app
from delivery.errors import DeliveryError, UsageError
from delivery.github import metrics
from delivery.github.expressions import Contexts, ExpressionError, condition, fill, value_of
from delivery.github.image_tags import tags_of
from delivery.github.runner import Result, Runner
from delivery.github.workflow import find
from delivery.releases import Releases

SHA = "0123456789abcdef0123456789abcdef01234567"
CONTEXTS = Contexts(
    values={
        "github": {
            "event_name": "pull_request",
            "event": {"pull_request": {"head": {"repo": {"full_name": "a/b"}}}},
            "repository": "A/B",
        },
        "needs": {"image": {"result": "failure", "outputs": {"release": "v3.0.0"}}},
        "matrix": {"node": "20"},
        "vars": {},
    }
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("github.event_name == 'pull_request'", True),
        ("github.event_name != 'push' && 'yes' || 'no'", "yes"),
        ("github.event.pull_request.head.repo.full_name == github.repository", True),
        ("needs.image.result == 'failure' || needs.other.result == 'failure'", True),
        ("!(matrix.node == '20')", False),
        ("vars.NAME || 'other'", "other"),
        ("needs.missing.outputs.at.all", None),
        ("github.event_name == 'PULL_REQUEST'", True),
        ("vars.NONE != 'false'", True),
        ("vars.NONE == ''", True),
        ("'it''s'", "it's"),
    ],
)
def test_an_expression_is_evaluated(text: str, value: Any) -> None:
    assert value_of(text, CONTEXTS) == value


@pytest.mark.parametrize("text", ["a ==", "(a", "a b", "unknown()", "a ? b", "always(", "a.", "matrix.node == 20"])
def test_an_unsupported_expression_is_reported(text: str) -> None:
    with pytest.raises(ExpressionError, match="the expression "):
        value_of(text, CONTEXTS)


def test_expressions_in_a_text_are_replaced() -> None:
    assert fill("node ${{ matrix.node }} of ${{ needs.image.outputs.release }}${{ vars.NONE }}", CONTEXTS) == "node 20 of v3.0.0"


@pytest.mark.parametrize(
    ("text", "after_success", "after_failure"),
    [
        (None, True, False),
        ("always()", True, True),
        ("failure()", False, True),
        ("matrix.node == '20'", True, False),
        ("failure() && matrix.node == '20'", False, True),
        ("always() && matrix.node == '18'", False, False),
        (True, True, False),
    ],
)
def test_a_condition_depends_on_earlier_failures(text: str | None, after_success: bool, after_failure: bool) -> None:
    failed = Contexts(values=CONTEXTS.values, failed=True)
    assert (condition(text, CONTEXTS), condition(text, failed)) == (after_success, after_failure)


@pytest.mark.parametrize(
    ("text", "runs"),
    [(None, False), ("success()", False), ("failure()", False), ("matrix.node == '20'", False), ("always()", True)],
)
def test_after_a_cancellation_only_steps_with_always_run(text: str | None, runs: bool) -> None:
    assert condition(text, Contexts(values=CONTEXTS.values, failed=True, cancelled=True)) is runs


@pytest.mark.parametrize(
    ("ref", "release", "others"),
    [
        ("refs/tags/v3.0.0", "v3.0.0", ("v3.0", "sha-0123456789ab")),
        ("refs/tags/v3.1.0-rc.1", "v3.1.0-rc.1", ("sha-0123456789ab",)),
        ("refs/heads/main", "sha-0123456789ab", ("main",)),
    ],
)
def test_the_tags_of_an_image_follow_the_git_ref(ref: str, release: str, others: tuple[str, ...]) -> None:
    found = tags_of(ref, SHA)
    assert (found.release, found.others) == (release, others)
    assert found.references("ghcr.io/novacron/dwcp-v3")[0] == f"ghcr.io/novacron/dwcp-v3:{release}"


@pytest.mark.parametrize(
    ("ref", "sha", "problem"),
    [
        ("refs/tags/3.0.0", SHA, "'3.0.0' is not a release"),
        ("refs/tags/v3", SHA, "'v3' is not a release"),
        ("refs/tags/v3.0.0-", SHA, "'v3.0.0-' is not a release"),
        ("refs/tags/v3.0.0-a..b", SHA, "'v3.0.0-a..b' is not a release"),
        ("refs/tags/sha-0123456789ab", SHA, "'sha-0123456789ab' is not a release"),
        ("refs/tags/latest", SHA, "'latest' is not a release"),
        ("refs/heads/latest", SHA, "neither main nor a tag"),
        ("refs/pull/1/merge", SHA, "neither main nor a tag"),
        ("refs/heads/main", "0123", "'0123' is not a commit"),
    ],
)
def test_an_invalid_ref_or_commit_is_refused(ref: str, sha: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        tags_of(ref, sha)


@mock_aws
def test_a_deployment_is_recorded_in_cloudwatch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    metrics.record("production", "success", datetime(2026, 11, 24, 11, tzinfo=UTC), "us-east-1", now)
    metrics.record("production", "rolled-back", now, "us-east-1")
    found = boto3.client("cloudwatch", region_name="us-east-1").list_metrics(Namespace=metrics.NAMESPACE)["Metrics"]
    assert sorted(each["MetricName"] for each in found) == ["Deployments", "Deployments", "LeadTimeSeconds"]
    outcomes = {each["Value"] for metric in found for each in metric["Dimensions"] if each["Name"] == "Outcome"}
    assert outcomes == {"success", "rolled-back"}


def workflow(root: Path, text: str) -> None:
    folder = root / ".github" / "workflows"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "own.yml").write_text(text)


def run(root: Path, text: str, **given: Any) -> tuple[Result, str]:
    """Run a job with this YAML text; return its result and what it printed."""
    workflow(root, f"on: push\nenv:\n  WHERE: here\njobs:\n  job:\n{text}")
    printed: list[str] = []
    job = find(root, "job")
    return Runner(job, root, printed.append, **given).run(job.variants()[0]), "\n".join(printed)


def test_later_steps_get_the_outputs_and_variables_of_a_step(tmp_path: Path) -> None:
    result, printed = run(
        tmp_path,
        """
    outputs:
      seen: ${{ steps.second.outputs.seen }}
    steps:
      - id: first
        run: echo "value=one" >> "$GITHUB_OUTPUT" && echo "LATER=two" >> "$GITHUB_ENV"
      - id: second
        env:
          VALUE: ${{ steps.first.outputs.value }}
        run: echo "seen=$WHERE $VALUE $LATER" | tee -a "$GITHUB_STEP_SUMMARY" >> "$GITHUB_OUTPUT"
""",
    )
    assert result.outputs == {"seen": "here one two"}
    assert "seen=here one two" in printed


def test_after_a_failed_step_only_steps_with_failure_run(tmp_path: Path) -> None:
    result, printed = run(
        tmp_path,
        """
    steps:
      - run: "false"
      - run: touch skipped
      - if: failure()
        run: touch cleaned
""",
    )
    assert result.failed == ["false"]
    assert [(tmp_path / name).exists() for name in ("skipped", "cleaned")] == [False, True]
    assert "touch skipped: skipped by its condition" in printed


@pytest.mark.parametrize(("shell", "fails"), [("", False), ("        shell: bash\n", True)])
def test_a_step_has_pipefail_only_if_it_names_bash_as_on_github(tmp_path: Path, shell: str, fails: bool) -> None:
    assert bool(run(tmp_path, f'    steps:\n      - run: "false | cat"\n{shell}')[0].failed) is fails


def test_an_unsupported_default_shell_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="the shell 'pwsh' is not supported"):
        run(tmp_path, '    defaults: {run: {shell: pwsh}}\n    steps:\n      - run: "true"\n')


def test_a_job_that_calls_another_workflow_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="runs the workflow other"):
        run(tmp_path, "    uses: ./.github/workflows/other.yml\n")


def test_an_artifact_of_a_skipped_action_may_be_missing(tmp_path: Path) -> None:
    scan = "      - uses: aquasecurity/trivy-action@v1\n"
    upload = "      - uses: actions/upload-artifact@v4\n        with: {path: trivy.sarif}\n"
    result, printed = run(tmp_path, f"    steps:\n{scan}{upload}")
    assert not result.failed
    assert "missing trivy.sarif" in printed


def test_the_outcome_of_a_skipped_step_is_skipped(tmp_path: Path) -> None:
    steps = """
    steps:
      - id: a
        if: failure()
        run: "true"
      - if: steps.a.outcome == 'skipped'
        run: touch seen
"""
    run(tmp_path, steps)
    assert (tmp_path / "seen").exists()


def test_a_step_fails_at_its_time_limit(tmp_path: Path) -> None:
    result, printed = run(tmp_path, "    steps:\n      - run: sleep 60\n        timeout-minutes: 0.005\n")
    assert result.failed == ["sleep 60"]
    assert "timeout after" in printed


def test_a_missing_artifact_fails_the_step(tmp_path: Path) -> None:
    step = "    steps:\n      - uses: actions/upload-artifact@v4\n        with: {path: out/*.txt}\n"
    assert run(tmp_path, step)[0].failed
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.txt").touch()
    assert not run(tmp_path, step)[0].failed


def test_an_action_that_runs_only_on_github_is_skipped(tmp_path: Path) -> None:
    result, printed = run(tmp_path, "    steps:\n      - name: Scan\n        uses: aquasecurity/trivy-action@v1\n")
    assert result.skipped == ["Scan"]
    assert "runs on GitHub only" in printed


def test_later_steps_get_the_outputs_and_variables_of_a_substitute(tmp_path: Path) -> None:
    def role(given: Mapping[str, str], env: dict[str, str]) -> dict[str, str]:
        env["ROLE"] = given["role-to-assume"]
        return {"account": "111122223333"}

    steps = """
    outputs:
      seen: ${{ steps.seen.outputs.seen }}
    steps:
      - id: role
        uses: aws-actions/configure-aws-credentials@v5
        with: {role-to-assume: "deploy-${{ env.WHERE }}"}
      - id: seen
        run: echo "seen=$ROLE ${{ steps.role.outputs.account }}" >> "$GITHUB_OUTPUT"
"""
    result, _ = run(tmp_path, steps, actions={"aws-actions/configure-aws-credentials": role})
    assert result.outputs == {"seen": "deploy-here 111122223333"}
    assert not result.skipped


def test_a_substitute_that_raises_fails_its_step(tmp_path: Path) -> None:
    def fail(given: Mapping[str, str], env: dict[str, str]) -> dict[str, str]:
        raise DeliveryError("the token has expired", "log in again")

    steps = """
    steps:
      - id: a
        uses: x/y@v1
      - if: failure() && steps.a.outcome == 'failure'
        run: touch seen
"""
    result, printed = run(tmp_path, steps, actions={"x/y": fail})
    assert result.failed == ["x/y@v1"]
    assert "the token has expired" in printed
    assert (tmp_path / "seen").exists()


def test_a_step_has_the_variables_of_github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_REF", "GITHUB_REPOSITORY"):
        monkeypatch.delenv(name, raising=False)
    steps = '    steps:\n      - run: test "$GITHUB_REF $GITHUB_REPOSITORY${GITHUB_TOKEN:-}" = "refs/tags/v3.1.0 a/b"\n'
    result, printed = run(tmp_path, steps, context={"ref": "refs/tags/v3.1.0", "repository": "a/b", "token": "secret"})
    assert not result.failed, printed


def test_a_service_without_a_substitute_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="the service 'postgres' has no local substitute"):
        run(tmp_path, '    services:\n      postgres: {image: postgres, ports: ["5432:5432"]}\n    steps: []\n')


@pytest.mark.parametrize(
    ("arguments", "problem", "code"),
    [
        (["ci", "nothing"], "no workflow has a job 'nothing'", 2),
        (["ci", "unit", "--matrix", "node=17"], "no variant of unit has node=17", 2),
        (["ci", "unit", "--matrix", "node"], "'node' is not of the form NAME=VALUE", 2),
        (["pipeline", "comment", "missing.md", "--head", "a:b", "--sha", "c"], "missing.md cannot be read", 2),
        (["pipeline", "variables", "--environment", "x"], "the GitHub environment 'x' is unknown or has no variables", 2),
        (["pipeline", "variables", "--environment", "staging"], "ROLE_ARN is not set", 2),
        (["pipeline", "explain", "x"], "there is no explanation of 'x'", 2),
        (["pipeline", "target", "--image", "i", "--ref", "refs/tags/v3", "--sha", SHA], "'v3' is not a release", 2),
        (["pipeline", "target", "--image", "i", "--ref", "refs/heads/main", "--sha", SHA], f"there is no commit {SHA}", 2),
        (["pipeline", "verify", "."], "main.js is missing or empty", 1),
    ],
)
def test_invalid_input_is_reported_without_a_traceback(arguments: list[str], problem: str, code: int) -> None:
    done = subprocess.run([sys.executable, "-m", "delivery", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert problem in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == code


def test_a_program_that_is_not_installed_is_named(tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "main.js").write_text("let a = 1\n")
    command = [sys.executable, "-m", "delivery", "pipeline", "verify", str(tmp_path)]
    environment = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == "error: node: No such file or directory\n  fix: check the path, or install the program\n"
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("program", "output", "error"),
    [
        (
            "let a = ;\n",
            "",
            "error: {}/main.js is not valid JavaScript: SyntaxError: Unexpected token ';'\n  fix: correct the build\n",
        ),
        ("let a = 1;\n", "{}: 1 files, 11 bytes\n", ""),
    ],
    ids=["syntax error", "valid"],
)
def test_a_build_is_described_or_its_error_is_reported(tmp_path: Path, program: str, output: str, error: str) -> None:
    (dist := tmp_path / "dist").mkdir()
    (dist / "main.js").write_text(program)
    command = [sys.executable, "-m", "delivery", "pipeline", "verify", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (output.format(dist), error.format(dist))


def test_a_tag_on_a_commit_outside_main_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    commits: list[str] = []
    for message in ("on main", "not reviewed"):
        git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", message)
        commits.append((tmp_path / ".git/refs/heads/main").read_text().strip())
    git(tmp_path, "update-ref", "refs/remotes/origin/main", commits[0])
    monkeypatch.setattr("delivery.cli.pipeline.CHECKOUT", tmp_path)
    monkeypatch.delenv("GITHUB_OUTPUT", raising=False)
    allowed, refused = (
        CliRunner().invoke(app, ["pipeline", "target", "--image", "i", "--ref", "refs/tags/v3.1.0", "--sha", sha])
        for sha in commits
    )
    assert (allowed.exit_code, allowed.stdout.startswith("release=v3.1.0\n")) == (0, True)
    assert isinstance(refused.exception, UsageError)
    assert refused.exception.problem == f"the tag v3.1.0 is at {commits[1][:12]}, which is not a commit of main"
    assert "git push --delete origin v3.1.0" in refused.exception.fix
    assert refused.stdout == ""


@pytest.mark.parametrize(("latest", "output"), [("v3.0.0-1", "release=v3.0.0-1\n"), (None, "release=\n")])
def test_the_running_release_is_an_output(monkeypatch: pytest.MonkeyPatch, latest: str | None, output: str) -> None:
    monkeypatch.setattr(Releases, "__init__", lambda self, environment: None)
    monkeypatch.setattr(Releases, "latest", lambda self: None if latest is None else SimpleNamespace(id=latest))
    monkeypatch.delenv("GITHUB_OUTPUT", raising=False)
    result = CliRunner().invoke(app, ["pipeline", "running", "--environment", "production"])
    assert (result.exit_code, result.stdout) == (0, output)


@pytest.mark.parametrize(("approved", "present"), [("1", "2"), ("", ""), ("", "1"), ("x", "x")])
def test_only_an_approval_of_the_present_attempt_counts(approved: str, present: str) -> None:
    result = CliRunner().invoke(app, ["pipeline", "approved", "--attempt", approved, "--present", present])
    assert isinstance(result.exception, UsageError)
    assert "nothing was deployed" in str(result.exception)
