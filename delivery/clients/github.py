"""A client for GitHub: a comment per pull request and topic, an open issue per topic, workflow runs, environments and rulesets."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, cast

import requests

from delivery.errors import DeliveryError, UsageError

TIMEOUT_SECONDS = 30
PAGE = 100
"""The maximum number of items per page."""
LIMIT = 65_536
"""The maximum number of characters in the body of a comment or issue."""

AUTHOR = "github-actions[bot]"
"""The author of every comment and issue that a job writes with its `GITHUB_TOKEN`."""

FIXES = {
    401: "the token has expired or is not valid: run all jobs again; GitHub then creates a new token",
    403: "add the missing permission to the job's `permissions:`",
    404: "check GITHUB_REPOSITORY, that the object in the URL exists, and that the token has access to the repository",
}
"""The fix for a refused request, by HTTP status."""


class GitHubError(DeliveryError):
    """GitHub rejected a request or did not answer."""


class GitHub:
    """A client for one repository, with one token. ``api`` is the server's URL."""

    def __init__(self, repository: str, token: str, api: str = "https://api.github.com") -> None:
        self._repository = repository
        self._api = api.rstrip("/")
        self._session = requests.Session()
        self._session.headers.update(
            {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        )

    @classmethod
    def from_environment(cls, repository: str = "") -> GitHub:
        """A client with the token and the repository in the job's variables. A given ``repository`` replaces the job's repository.

        Raises ``UsageError`` if a variable is missing, or if the token is not valid.
        """
        token = (os.environ.get("GITHUB_TOKEN") or os.environ.get("GH_TOKEN") or "").strip()
        repository = repository or os.environ.get("GITHUB_REPOSITORY", "")
        missing = [name for name, value in (("GITHUB_REPOSITORY", repository), ("GITHUB_TOKEN", token)) if not value]
        if missing:
            raise UsageError(
                f"{' and '.join(missing)} not set", "run the command in a workflow, with `GITHUB_TOKEN: ${{ github.token }}`"
            )
        if not re.fullmatch(r"[!-~]+", token):  # an error of the HTTP client would print the token
            raise UsageError("GITHUB_TOKEN contains a space or a control character", "set GITHUB_TOKEN to the token alone")
        return cls(repository, token, os.environ.get("GITHUB_API_URL", "https://api.github.com"))

    def set_comment(self, number: int, marker: str, body: str, nothing: str = "") -> str:
        """Create the comment with ``marker`` on a pull request, or edit it if it exists; return what was done.

        An empty ``body`` creates no comment, and replaces the text of an existing comment with ``nothing``.
        """
        _check(marker, body or nothing)
        existing = next((each for each in self._comments(number) if _is_ours(each, marker)), None)
        if existing is None and not body:
            return "nothing to comment"
        if existing is None:
            self._call("POST", f"issues/{number}/comments", {"body": body})
            return "created"
        if existing["body"].strip() == (body or nothing).strip():
            return "already up to date"
        self._call("PATCH", f"issues/comments/{existing['id']}", {"body": body or nothing})
        return "edited"

    def pull_request(self, head: str, sha: str) -> int | None:
        """The number of the open pull request from ``head`` (``OWNER:BRANCH``) whose newest commit is ``sha``, or ``None``."""
        found = self._pages("pulls", {"state": "open", "head": head})
        return next((int(each["number"]) for each in found if each["head"]["sha"] == sha), None)

    def run_has_ended(self, run: str, attempt: str) -> bool:
        """Whether this attempt of a workflow run is completed."""
        return self._call("GET", f"actions/runs/{run}/attempts/{attempt}").get("status") == "completed"

    def has_reviewers(self, environment: str) -> bool:
        """Whether an environment has required reviewers. Raises ``GitHubError`` if the environment does not exist."""
        rules = self._call("GET", f"environments/{environment}").get("protection_rules", [])
        return any(each["type"] == "required_reviewers" for each in rules)

    def restricts_tags(self, pattern: str) -> bool:
        """Whether active rulesets restrict who may create and who may move every tag that matches ``pattern`` (``refs/tags/...``).

        A ruleset counts only if it includes exactly ``pattern`` or all tags, and excludes none. The rulesets of the organization
        count too. A token needs only `metadata: read` for this, which every token of a job has.
        """
        restricted: set[str] = set()
        for each in self._pages("rulesets", {"targets": "tag", "includes_parents": "true"}):
            ruleset = self._call("GET", f"rulesets/{each['id']}", query={"includes_parents": "true"})
            names = ruleset["conditions"]["ref_name"]
            if ruleset["enforcement"] == "active" and {pattern, "~ALL"} & set(names["include"]) and not names["exclude"]:
                restricted |= {rule["type"] for rule in ruleset["rules"]}
        return restricted >= {"creation", "update"}

    def open_issue(self, title: str, body: str, labels: tuple[str, ...] = ()) -> str:
        """Open an issue and return its address."""
        return str(self._call("POST", "issues", {"title": title, "body": body, "labels": list(labels)})["html_url"])

    def set_issue(self, marker: str, title: str, body: str, labels: tuple[str, ...] = ()) -> str:
        """Open an issue with ``marker`` and ``body``, or add the comment ``body`` to the open issue with ``marker``.

        Returns what was done.
        """
        text = f"{marker}\n{body}"
        _check(marker, text)
        existing = self._issue(marker, labels)
        if existing is None:
            self.open_issue(title, text, labels)
            return "opened"
        self._call("POST", f"issues/{existing['number']}/comments", {"body": f"**{title}**\n\n{body}"})
        return f"added to issue {existing['number']}"

    def close_issue(self, marker: str, body: str, labels: tuple[str, ...] = ()) -> str:
        """Add the comment ``body`` to the open issue with ``marker`` and close the issue; return what was done."""
        existing = self._issue(marker, labels)
        if existing is None:
            return "no open issue"
        self._call("POST", f"issues/{existing['number']}/comments", {"body": body})
        self._call("PATCH", f"issues/{existing['number']}", {"state": "closed", "state_reason": "completed"})
        return f"closed issue {existing['number']}"

    def _issue(self, marker: str, labels: tuple[str, ...]) -> dict[str, Any] | None:
        issues = self._pages("issues", {"state": "open", "labels": ",".join(labels)})
        return next((each for each in issues if _is_ours(each, marker) and "pull_request" not in each), None)

    def _comments(self, number: int) -> Iterator[dict[str, Any]]:
        return self._pages(f"issues/{number}/comments", {})

    def _pages(self, path: str, query: dict[str, str]) -> Iterator[dict[str, Any]]:
        page = 1
        while True:
            found = cast("list[dict[str, Any]]", self._call("GET", path, query=query | {"per_page": str(PAGE), "page": str(page)}))
            yield from found
            if len(found) < PAGE:
                return
            page += 1

    def _call(self, method: str, path: str, body: Any = None, query: dict[str, str] | None = None) -> Any:
        url = f"{self._api}/repos/{self._repository}/{path}"
        try:
            answer = self._session.request(method, url, json=body, params=query, timeout=TIMEOUT_SECONDS)
        except requests.RequestException as error:
            raise GitHubError(f"{self._api} does not answer: {error}", "run the command again") from error
        if not answer.ok:
            problem = f"{url} answered with {answer.status_code} to {method}: {answer.text[:300]}"
            raise GitHubError(problem, FIXES.get(answer.status_code, "check the request"))
        return answer.json()


def _is_ours(found: dict[str, Any], marker: str) -> bool:
    """Whether a job wrote this comment or issue.

    The marker alone is no proof, because everyone can write it. The user is missing if GitHub deleted the account.
    """
    author = cast("dict[str, Any]", found.get("user") or {})
    return marker in str(found.get("body") or "") and author.get("login") == AUTHOR


def _check(marker: str, body: str) -> None:
    if body and marker not in body:
        problem = f"the text does not contain the marker {marker}, with which the next run finds the text"
        raise UsageError(problem, "put the marker on the first line")
    if len(body) > LIMIT:
        raise UsageError(f"the text has {len(body)} characters, and GitHub accepts at most {LIMIT}", "shorten the text")
