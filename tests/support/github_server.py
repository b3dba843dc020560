"""A server that behaves like GitHub's API for comments, issues, environments and ended runs."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from recording import ROOT

BOT = "github-actions[bot]"
"""The author of what a job writes with its token."""


class Server(ThreadingHTTPServer):
    """The comments and issues of one repository, in memory."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.comments: list[dict[str, Any]] = []
        self.issues: list[dict[str, Any]] = []
        self.writes: list[tuple[str, str]] = []
        self.pulls: list[dict[str, Any]] = []
        self.asked: dict[str, list[str]] = {}
        self.reviewers = {"production-approval"}
        """The environments with required reviewers. Other environments have only a rule for branches."""
        self.rulesets: list[dict[str, Any]] = [{"id": 1, **json.loads((ROOT / ".github/release-tags.json").read_text())}]
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
        if "/attempts/" in url.path:
            self.answer({"status": "completed"})
            return
        if "/environments/" in url.path:
            types = ["branch_policy", *(["required_reviewers"] if url.path.rpartition("/")[2] in self.server.reviewers else [])]
            self.answer({"protection_rules": [{"id": 1, "type": each} for each in types]})
            return
        query = parse_qs(url.query)
        if "/rulesets/" in url.path:
            self.answer(next(each for each in self.server.rulesets if str(each["id"]) == url.path.rpartition("/")[2]))
            return
        page, size = int(query["page"][0]), int(query["per_page"][0])
        self.server.asked |= query
        summaries = [{key: each[key] for key in ("id", "target", "enforcement")} for each in self.server.rulesets]
        kinds = {"comments": self.server.comments, "pulls": self.server.pulls, "rulesets": summaries}
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
            found = {"id": number, "number": number, "html_url": f"https://github.example/{number}", "user": {"login": BOT}, **body}
            items.append(found)
        self.answer(found)

    def do_POST(self) -> None:
        self.write()

    def do_PATCH(self) -> None:
        self.write()

    def log_message(self, format: str, *args: Any) -> None: ...


@contextmanager
def serving() -> Iterator[Server]:
    """Run a server on this machine."""
    with Server() as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.shutdown()
        thread.join()
