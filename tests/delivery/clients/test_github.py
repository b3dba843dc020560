"""Comments and issues, against a server with the behaviour of GitHub's API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from github_server import BOT, Server, serving
from recording import ROOT
from typer.testing import CliRunner

from delivery.cli.app import app
from delivery.clients.github import LIMIT, GitHub, GitHubError
from delivery.errors import UsageError
from delivery.preview.change import Drift, Foreign

MARKER = "<!-- dwcp-preview -->"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


@pytest.fixture
def github(server: Server) -> GitHub:
    return GitHub("novacron/novacron", "token", server.address)


def test_the_first_comment_is_created_and_later_edited(server: Server, github: GitHub) -> None:
    assert github.set_comment(7, MARKER, f"{MARKER}\none") == "created"
    assert github.set_comment(7, MARKER, f"{MARKER}\ntwo") == "edited"
    assert [each["body"] for each in server.comments] == [f"{MARKER}\ntwo"]


def test_a_comment_that_is_up_to_date_is_not_edited(server: Server, github: GitHub) -> None:
    github.set_comment(7, MARKER, f"{MARKER}\none")
    assert github.set_comment(7, MARKER, f"{MARKER}\none\n") == "already up to date"
    assert len(server.writes) == 1


def test_our_comment_is_found_after_many_others(server: Server, github: GitHub) -> None:
    server.comments = [{"id": number, "body": "chat"} for number in range(1000, 1250)] + [
        {"id": 3, "body": f"{MARKER} old", "user": {"login": BOT}}
    ]
    assert github.set_comment(7, MARKER, f"{MARKER} new") == "edited"
    assert server.comments[-1]["body"] == f"{MARKER} new"


@pytest.mark.parametrize("author", [{"login": "contributor"}, {"login": "github-actions"}, None])
def test_a_comment_of_another_author_with_the_marker_is_not_ours(
    server: Server, github: GitHub, author: dict[str, str] | None
) -> None:
    """Anyone can write the marker into a comment. Its author could then change our text, or GitHub would refuse our change."""
    theirs = f"{MARKER}\nall checks passed"
    server.comments = [{"id": 1000, "body": theirs, "user": author}]
    assert github.set_comment(7, MARKER, "", f"{MARKER} nothing") == "nothing to comment"
    assert github.set_comment(7, MARKER, f"{MARKER}\none") == "created"
    assert github.set_comment(7, MARKER, f"{MARKER}\ntwo") == "edited"
    assert [each["body"] for each in server.comments] == [theirs, f"{MARKER}\ntwo"]


def test_an_issue_of_another_author_with_the_marker_is_not_ours(server: Server, github: GitHub) -> None:
    """Incidents would be hidden in the issue of a stranger, which the author can close."""
    server.issues = [{"id": 1000, "number": 1000, "body": "<!-- a -->", "state": "open", "user": {"login": "contributor"}}]
    assert github.close_issue("<!-- a -->", "gone") == "no open issue"
    assert github.set_issue("<!-- a -->", "First", "text") == "opened"
    assert github.set_issue("<!-- a -->", "Second", "more") == "added to issue 2"


def test_an_empty_body_creates_no_comment(server: Server, github: GitHub) -> None:
    assert github.set_comment(7, MARKER, "", f"{MARKER} nothing") == "nothing to comment"
    assert server.writes == []


def test_an_empty_body_updates_an_existing_comment(server: Server, github: GitHub) -> None:
    github.set_comment(7, MARKER, f"{MARKER} one")
    assert github.set_comment(7, MARKER, "", f"{MARKER} nothing") == "edited"
    assert server.comments[0]["body"] == f"{MARKER} nothing"


def test_two_markers_create_two_comments(server: Server, github: GitHub) -> None:
    github.set_comment(7, MARKER, f"{MARKER} one")
    github.set_comment(7, "<!-- other -->", "<!-- other --> two")
    assert len(server.comments) == 2


@pytest.mark.parametrize(
    ("body", "problem"), [("no marker", "does not contain the marker"), (f"{MARKER}{'x' * LIMIT}", "GitHub accepts at most")]
)
def test_an_invalid_body_is_not_sent(server: Server, github: GitHub, body: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        github.set_comment(7, MARKER, body)
    assert server.writes == []


def test_a_second_incident_is_added_to_the_open_issue(server: Server, github: GitHub) -> None:
    assert github.set_issue("<!-- a -->", "First", "text", ("incident",)) == "opened"
    assert github.set_issue("<!-- a -->", "Second", "more", ("incident",)) == "added to issue 1"
    assert github.set_issue("<!-- b -->", "Other", "text") == "opened"
    assert [each["title"] for each in server.issues] == ["First", "Other"]
    assert server.comments[0]["body"] == "**Second**\n\nmore"


def test_a_server_error_is_reported(server: Server, github: GitHub) -> None:
    server.status = 502
    with pytest.raises(GitHubError, match="answered with 502"):
        github.set_comment(7, MARKER, MARKER)


def dwcp(server: Server, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "GITHUB_API_URL": server.address,
        "GITHUB_REPOSITORY": "novacron/novacron",
        "GITHUB_TOKEN": "token",
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "delivery", "pipeline", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def pull(number: int, sha: str) -> dict[str, Any]:
    return {"number": number, "head": {"sha": sha}}


def test_a_comment_is_created_only_if_the_pull_request_is_at_the_given_commit(server: Server, tmp_path: Path) -> None:
    server.pulls = [pull(7, "a" * 40)]
    (tmp_path / "preview.md").write_text(f"{MARKER}\n## Preview")
    done = dwcp(server, tmp_path, "comment", "preview.md", "--head", "contributor:change", "--sha", "a" * 40)
    assert (done.returncode, done.stdout) == (0, "comment: created\n"), done.stderr
    assert server.asked["head"] == ["contributor:change"]
    late = dwcp(server, tmp_path, "comment", "preview.md", "--head", "contributor:change", "--sha", "b" * 40)
    assert late.returncode == 0
    assert "has no open pull request at bbbbbbbbbbbb" in late.stdout
    assert len(server.comments) == 1


def test_an_issue_is_closed_with_a_comment_and_a_new_one_can_be_opened(server: Server, github: GitHub) -> None:
    assert github.close_issue("<!-- a -->", "gone") == "no open issue"
    github.set_issue("<!-- a -->", "First", "text")
    assert github.close_issue("<!-- a -->", "gone") == "closed issue 1"
    assert server.issues[0]["state"] == "closed"
    assert server.comments[0]["body"] == "gone"
    assert github.set_issue("<!-- a -->", "Second", "text") == "opened"


@pytest.mark.parametrize(("status", "fix"), [(401, "run all jobs again"), (403, "`permissions:`"), (404, "GITHUB_REPOSITORY")])
def test_a_rejected_request_is_reported_with_the_fix(server: Server, github: GitHub, status: int, fix: str) -> None:
    server.status = status
    with pytest.raises(GitHubError, match=f"answered with {status}") as raised:
        github.set_comment(7, MARKER, MARKER)
    assert fix in raised.value.fix


@pytest.mark.parametrize(
    ("need", "rollback", "outcome", "description"),
    [
        ("roll-back", "success", "rolled-back", "was rolled back; feature flags are at 0"),
        ("roll-back", "failure", "failure", "so did the rollback"),
        ("not-needed", "skipped", "stopped", "No rollback was needed"),
        ("", "", "failure", "could not be read"),
    ],
)
def test_an_incident_describes_the_outcome_and_the_next_command(
    server: Server, tmp_path: Path, need: str, rollback: str, outcome: str, description: str
) -> None:
    given = ("--need", need, "--reason", "because", "--rollback", rollback, "--run", "42")
    done = dwcp(server, tmp_path, "incident", "--environment", "production", "--release", "v3.1.0", *given)
    assert done.returncode == 0, done.stderr
    assert f"outcome={outcome}\n" in done.stdout
    [issue] = server.issues
    assert issue["title"] == f"Deployment of v3.1.0 to production: {outcome}"
    assert issue["labels"] == ["incident"]
    assert description in issue["body"]
    assert "novacron/novacron/actions/runs/42" in issue["body"]
    assert "./dwcp doctor --environment production" in issue["body"]


@pytest.mark.parametrize(
    ("found", "code", "state", "message"),
    [
        (Drift(stack="staging"), 0, "closed", "closed issue 1"),
        (Drift(stack="staging", foreign=(Foreign(arn="arn:x", why="tags"),)), 1, "open", "added to issue 1"),
        (Drift(stack="staging", problems=("no permission",)), 5, "open", ""),
    ],
)
def test_the_drift_issue_follows_the_drift_check(
    server: Server, monkeypatch: pytest.MonkeyPatch, found: Drift, code: int, state: str, message: str
) -> None:
    monkeypatch.setattr("delivery.preview.drift.detect", lambda environment: found)
    for name, value in {"GITHUB_API_URL": server.address, "GITHUB_REPOSITORY": "a/b", "GITHUB_TOKEN": "t"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    server.issues = [{"id": 1, "number": 1, "body": "<!-- dwcp-drift-staging -->", "state": "open", "user": {"login": BOT}}]
    result = CliRunner().invoke(app, ["pipeline", "drift", "--environment", "staging"])
    assert result.exit_code == code, result.output
    assert server.issues[0]["state"] == state
    assert message in result.output
    assert bool(server.writes) == bool(message)


def test_an_environment_without_required_reviewers_is_refused(server: Server, tmp_path: Path) -> None:
    """In a private repository without GitHub Enterprise no environment has reviewers, and GitHub approves each job at once."""
    assert dwcp(server, tmp_path, "reviewers", "--environment", "production-approval").returncode == 0
    server.reviewers.clear()
    done = dwcp(server, tmp_path, "reviewers", "--environment", "production-approval")
    assert done.returncode == 2
    assert "the GitHub environment production-approval has no required reviewers; nothing was deployed" in done.stderr
    assert "GitHub Enterprise" in done.stderr
    server.status = 404
    assert dwcp(server, tmp_path, "reviewers", "--environment", "production-approval").returncode == 1


RULESET = json.loads((ROOT / ".github/release-tags.json").read_text()) | {"id": 1}
ALL_TAGS = {"ref_name": {"include": ["~ALL"], "exclude": []}}


@pytest.mark.parametrize(
    ("rulesets", "restricted"),
    [
        ([RULESET], True),
        ([RULESET | {"conditions": ALL_TAGS}], True),
        ([RULESET | {"rules": [{"type": kind}], "id": index} for index, kind in enumerate(("creation", "update"))], True),
        ([], False),
        ([RULESET | {"enforcement": "evaluate"}], False),
        ([RULESET | {"rules": [{"type": "creation"}]}], False),
        ([RULESET | {"rules": [{"type": "update"}, {"type": "deletion"}]}], False),
        ([RULESET | {"conditions": {"ref_name": {"include": ["refs/tags/v3.*"], "exclude": []}}}], False),
        ([RULESET | {"conditions": {"ref_name": {"include": ["~ALL"], "exclude": ["refs/tags/v*"]}}}], False),
    ],
)
def test_release_tags_that_everyone_may_create_or_move_are_refused(
    server: Server, tmp_path: Path, rulesets: list[dict[str, Any]], restricted: bool
) -> None:
    """The workflow of a tag comes from the tagged commit, so a person who moves a tag can take the role of production."""
    server.rulesets = rulesets
    done = dwcp(server, tmp_path, "release-tags")
    assert server.asked["targets"] == ["tag"]
    assert server.asked["includes_parents"] == ["true"]
    assert done.returncode == (0 if restricted else 2), done.stderr
    if not restricted:
        assert "no ruleset restricts who may create and move the tags v*; nothing was deployed" in done.stderr
        assert "gh api --method POST repos/novacron/novacron/rulesets --input .github/release-tags.json" in done.stderr


@pytest.mark.parametrize("status", [403, 404])
def test_rulesets_that_cannot_be_read_are_a_failure_with_a_fix(server: Server, tmp_path: Path, status: int) -> None:
    server.status = status
    done = dwcp(server, tmp_path, "release-tags")
    assert done.returncode == 1
    assert f"answered with {status}" in done.stderr
    assert "GitHub Team or Enterprise" in done.stderr


def test_missing_github_variables_are_reported(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(MARKER)
    command = [sys.executable, "-m", "delivery", "pipeline", "comment", "a.md", "--head", "a:b", "--sha", "c"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GITHUB_")} | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "GITHUB_REPOSITORY and GITHUB_TOKEN not set" in done.stderr
    assert done.returncode == 2


def test_a_token_with_a_control_character_is_refused_and_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", "a/b")
    monkeypatch.setenv("GITHUB_TOKEN", "hidden\nvalue")
    with pytest.raises(UsageError, match="GITHUB_TOKEN contains") as refused:
        GitHub.from_environment()
    assert "hidden" not in str(refused.value)
    monkeypatch.setenv("GITHUB_TOKEN", "hidden\n")
    assert GitHub.from_environment()
