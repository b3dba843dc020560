"""Comments and issues, against a server with the behaviour of GitHub's API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from recording import ROOT
from typer.testing import CliRunner

from delivery.cli.app import app
from delivery.clients.github import LIMIT, GitHub, GitHubError
from delivery.errors import UsageError
from delivery.preview.change import Drift, Foreign

MARKER = "<!-- dwcp-preview -->"


class Server(ThreadingHTTPServer):
    """One repository's comments and issues in memory."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.comments: list[dict[str, Any]] = []
        self.issues: list[dict[str, Any]] = []
        self.writes: list[tuple[str, str]] = []
        self.pulls: list[dict[str, Any]] = []
        self.asked: dict[str, list[str]] = {}
        self.status = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def answer(self, content: Any, status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        if self.server.status:
            self.answer({"message": "boom"}, self.server.status)
            return
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        page, size = int(query["page"][0]), int(query["per_page"][0])
        self.server.asked |= query
        kinds = {"comments": self.server.comments, "pulls": self.server.pulls}
        opened = [each for each in self.server.issues if each.get("state") != "closed"]
        items = kinds.get(url.path.rpartition("/")[2], opened)
        self.answer(items[(page - 1) * size : page * size])

    def write(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.writes.append((self.command, self.path))
        if self.command == "PATCH" and "/comments/" not in self.path:
            [found] = [each for each in self.server.issues if self.path.endswith(f"/issues/{each['number']}")]
            found.update(body)
        elif self.command == "PATCH":
            [found] = [each for each in self.server.comments if self.path.endswith(f"/comments/{each['id']}")]
            found.update(body)
        else:
            items = self.server.comments if self.path.endswith("/comments") else self.server.issues
            number = len(items) + 1
            found = {"id": number, "number": number, "html_url": f"https://github.example/{number}", **body}
            items.append(found)
        self.answer(found)

    def do_POST(self) -> None:
        self.write()

    def do_PATCH(self) -> None:
        self.write()

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@pytest.fixture
def github(server: Server) -> GitHub:
    return GitHub("novacron/novacron", "token", server.address)


def test_the_first_comment_is_made_and_the_next_one_edits_it(server: Server, github: GitHub) -> None:
    assert github.set_comment(7, MARKER, f"{MARKER}\none") == "made"
    assert github.set_comment(7, MARKER, f"{MARKER}\ntwo") == "edited"
    assert [each["body"] for each in server.comments] == [f"{MARKER}\ntwo"]


def test_a_comment_that_is_up_to_date_is_not_edited(server: Server, github: GitHub) -> None:
    github.set_comment(7, MARKER, f"{MARKER}\none")
    assert github.set_comment(7, MARKER, f"{MARKER}\none\n") == "already up to date"
    assert len(server.writes) == 1


def test_ours_is_found_behind_any_number_of_others(server: Server, github: GitHub) -> None:
    server.comments = [{"id": number, "body": "chat"} for number in range(1000, 1250)] + [{"id": 3, "body": f"{MARKER} old"}]
    assert github.set_comment(7, MARKER, f"{MARKER} new") == "edited"
    assert server.comments[-1]["body"] == f"{MARKER} new"


def test_an_empty_body_creates_no_comment(server: Server, github: GitHub) -> None:
    assert github.set_comment(7, MARKER, "", f"{MARKER} nothing") == "nothing to comment"
    assert server.writes == []


def test_nothing_left_to_say_is_said_in_the_comment_that_is_there(server: Server, github: GitHub) -> None:
    github.set_comment(7, MARKER, f"{MARKER} one")
    assert github.set_comment(7, MARKER, "", f"{MARKER} nothing") == "edited"
    assert server.comments[0]["body"] == f"{MARKER} nothing"


def test_two_topics_are_two_comments(server: Server, github: GitHub) -> None:
    github.set_comment(7, MARKER, f"{MARKER} one")
    github.set_comment(7, "<!-- other -->", "<!-- other --> two")
    assert len(server.comments) == 2


@pytest.mark.parametrize(
    ("body", "problem"), [("no marker", "does not contain the marker"), (f"{MARKER}{'x' * LIMIT}", "GitHub accepts at most")]
)
def test_a_body_that_would_be_lost_or_refused_is_not_sent(server: Server, github: GitHub, body: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        github.set_comment(7, MARKER, body)
    assert server.writes == []


def test_a_second_incident_is_added_to_the_open_issue(server: Server, github: GitHub) -> None:
    assert github.set_issue("<!-- a -->", "First", "text", ("incident",)) == "opened"
    assert github.set_issue("<!-- a -->", "Second", "more", ("incident",)) == "added to issue 1"
    assert github.set_issue("<!-- b -->", "Other", "text") == "opened"
    assert [each["title"] for each in server.issues] == ["First", "Other"]
    assert server.comments[0]["body"] == "**Second**\n\nmore"


def test_a_server_that_fails_is_named(server: Server, github: GitHub) -> None:
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


def test_a_pull_request_is_found_by_its_head_and_only_at_the_commit_that_the_text_is_about(server: Server, tmp_path: Path) -> None:
    server.pulls = [pull(7, "a" * 40)]
    (tmp_path / "preview.md").write_text(f"{MARKER}\n## Preview")
    done = dwcp(server, tmp_path, "comment", "preview.md", "--head", "contributor:change", "--sha", "a" * 40)
    assert (done.returncode, done.stdout) == (0, "comment: made\n"), done.stderr
    assert server.asked["head"] == ["contributor:change"]
    late = dwcp(server, tmp_path, "comment", "preview.md", "--head", "contributor:change", "--sha", "b" * 40)
    assert late.returncode == 0
    assert "has no open pull request at bbbbbbbbbbbb" in late.stdout
    assert len(server.comments) == 1


def test_an_issue_is_closed_with_a_comment_and_the_next_one_is_new(server: Server, github: GitHub) -> None:
    assert github.close_issue("<!-- a -->", "gone") == "no open issue"
    github.set_issue("<!-- a -->", "First", "text")
    assert github.close_issue("<!-- a -->", "gone") == "closed issue 1"
    assert server.issues[0]["state"] == "closed"
    assert server.comments[0]["body"] == "gone"
    assert github.set_issue("<!-- a -->", "Second", "text") == "opened"


@pytest.mark.parametrize(
    ("status", "fix"), [(401, "run the failed jobs again"), (403, "`permissions:`"), (404, "GITHUB_REPOSITORY")]
)
def test_what_github_rejects_is_named_with_the_fix(server: Server, github: GitHub, status: int, fix: str) -> None:
    server.status = status
    with pytest.raises(GitHubError, match=f"answered with {status}") as raised:
        github.set_comment(7, MARKER, MARKER)
    assert fix in raised.value.fix


@pytest.mark.parametrize(
    ("need", "rollback", "outcome", "says"),
    [
        ("roll-back", "success", "rolled-back", "was rolled back; feature flags are at 0"),
        ("roll-back", "failure", "failure", "so did the rollback"),
        ("not-needed", "skipped", "stopped", "No rollback was needed"),
        ("", "", "failure", "could not be read"),
    ],
)
def test_an_incident_says_what_happened_and_what_to_type(
    server: Server, tmp_path: Path, need: str, rollback: str, outcome: str, says: str
) -> None:
    given = ("--need", need, "--reason", "because", "--rollback", rollback, "--run", "42")
    done = dwcp(server, tmp_path, "incident", "--environment", "production", "--release", "v3.1.0", *given)
    assert done.returncode == 0, done.stderr
    assert f"outcome={outcome}\n" in done.stdout
    [issue] = server.issues
    assert issue["title"] == f"Deployment of v3.1.0 to production: {outcome}"
    assert issue["labels"] == ["incident"]
    assert says in issue["body"]
    assert "novacron/novacron/actions/runs/42" in issue["body"]
    assert "./dwcp doctor --environment production" in issue["body"]


@pytest.mark.parametrize(
    ("found", "code", "state", "said"),
    [
        (Drift(stack="staging"), 0, "closed", "closed issue 1"),
        (Drift(stack="staging", foreign=(Foreign(arn="arn:x", why="tags"),)), 1, "open", "added to issue 1"),
        (Drift(stack="staging", problems=("no permission",)), 5, "open", ""),
    ],
)
def test_the_issue_about_drift_follows_the_drift(
    server: Server, monkeypatch: pytest.MonkeyPatch, found: Drift, code: int, state: str, said: str
) -> None:
    monkeypatch.setattr("delivery.preview.drift.detect", lambda environment: found)
    for name, value in {"GITHUB_API_URL": server.address, "GITHUB_REPOSITORY": "a/b", "GITHUB_TOKEN": "t"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    server.issues = [{"id": 1, "number": 1, "body": "<!-- dwcp-drift-staging -->", "state": "open"}]
    result = CliRunner().invoke(app, ["pipeline", "drift", "--environment", "staging"])
    assert result.exit_code == code, result.output
    assert server.issues[0]["state"] == state
    assert said in result.output


def test_without_a_token_it_says_what_is_missing(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(MARKER)
    command = [sys.executable, "-m", "delivery", "pipeline", "comment", "a.md", "--head", "a:b", "--sha", "c"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GITHUB_")} | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "GITHUB_REPOSITORY and GITHUB_TOKEN not set" in done.stderr
    assert done.returncode == 2
