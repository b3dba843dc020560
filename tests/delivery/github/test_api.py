"""Comments and issues, against a server that answers as GitHub's API does."""

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

from delivery.errors import UsageError
from delivery.github.api import LIMIT, GitHub, GitHubError

MARKER = "<!-- dwcp-preview -->"


class Server(ThreadingHTTPServer):
    """One repository's comments and issues in memory."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.comments: list[dict[str, Any]] = []
        self.issues: list[dict[str, Any]] = []
        self.writes: list[tuple[str, str]] = []
        self.read_only = False
        self.broken = False

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
        if self.server.broken:
            self.answer({"message": "boom"}, 502)
            return
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        page, size = int(query["page"][0]), int(query["per_page"][0])
        items = self.server.comments if url.path.endswith("/comments") else self.server.issues
        self.answer(items[(page - 1) * size : page * size])

    def write(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.read_only:
            self.answer({"message": "Resource not accessible by integration"}, 403)
            return
        self.server.writes.append((self.command, self.path))
        if self.command == "PATCH":
            [found] = [each for each in self.server.comments if self.path.endswith(f"/comments/{each['id']}")]
            found.update(body)
        else:
            items = self.server.comments if self.path.endswith("/comments") else self.server.issues
            items.append({"id": len(items) + 1, "number": len(items) + 1, **body})
        self.answer({})

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


def test_a_comment_that_says_it_already_is_left_alone(server: Server, github: GitHub) -> None:
    github.set_comment(7, MARKER, f"{MARKER}\none")
    assert github.set_comment(7, MARKER, f"{MARKER}\none\n") == "says it already"
    assert len(server.writes) == 1


def test_ours_is_found_behind_any_number_of_others(server: Server, github: GitHub) -> None:
    server.comments = [{"id": number, "body": "chat"} for number in range(1000, 1250)] + [{"id": 3, "body": f"{MARKER} old"}]
    assert github.set_comment(7, MARKER, f"{MARKER} new") == "edited"
    assert server.comments[-1]["body"] == f"{MARKER} new"


def test_nothing_to_say_makes_no_comment(server: Server, github: GitHub) -> None:
    assert github.set_comment(7, MARKER, "", f"{MARKER} nothing") == "nothing to say"
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
    ("body", "problem"), [("no marker", "does not hold the marker"), (f"{MARKER}{'x' * LIMIT}", "GitHub takes")]
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
    server.broken = True
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


def test_a_forks_comment_goes_to_the_summary_and_nothing_fails(server: Server, tmp_path: Path) -> None:
    server.read_only = True
    (tmp_path / "preview.md").write_text(f"{MARKER}\n## Preview")
    done = dwcp(server, tmp_path, "comment", "preview.md", "--number", "7")
    assert done.returncode == 0, done.stderr
    assert "may not POST" in done.stdout
    assert (tmp_path / "summary.md").read_text().strip() == f"{MARKER}\n## Preview"


def test_an_incident_names_the_release_and_what_to_type(server: Server, tmp_path: Path) -> None:
    done = dwcp(server, tmp_path, "incident", "--environment", "production", "--release", "v3.1.0", "--run", "42")
    assert done.returncode == 0, done.stderr
    [issue] = server.issues
    assert issue["title"] == "Deployment of v3.1.0 to production failed"
    assert issue["labels"] == ["incident"]
    assert "novacron/novacron/actions/runs/42" in issue["body"]
    assert "./dwcp doctor --environment production" in issue["body"]


def test_without_a_token_it_says_what_is_missing(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(MARKER)
    command = [sys.executable, "-m", "delivery", "pipeline", "comment", "a.md", "--number", "7"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GITHUB_")} | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "GITHUB_REPOSITORY and GITHUB_TOKEN not set" in done.stderr
    assert done.returncode == 2
