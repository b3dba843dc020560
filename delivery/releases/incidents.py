"""The record of an incident, and an issue about it where a token allows one."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from typing import Any

from contract import APPLICATION
from delivery.releases.release import Release
from delivery.releases.report import incident, title
from delivery.releases.store import Releases

REQUEST_SECONDS = 10
LABELS = ("incident", APPLICATION)


def record(releases: Releases, release: Release) -> list[str]:
    """Write the incident beside the release and open an issue; returns where both are, or why there is no issue.

    Never raises: whatever failed before is what the user must hear about.
    """
    where = releases.key(release, "incident.md")
    text = incident(release, f"s3://{releases.bucket}/{releases.key(release, 'release.json')}")
    said: list[str] = []
    try:
        releases.attach(release, "incident.md", text, "text/markdown")
        said.append(f"incident: s3://{releases.bucket}/{where}")
    except Exception as error:
        said.append(f"the incident could not be recorded: {error}")
    said.append(open_issue(f"Incident: {title(release)}", text))
    return [each for each in said if each]


def open_issue(head: str, text: str) -> str:
    """Open an issue in the repository of this CI run; nothing to say where there is no token or no repository."""
    token = os.environ.get("GITHUB_TOKEN") or os.environ.get("GH_TOKEN")
    repository = os.environ.get("GITHUB_REPOSITORY")
    if not token or not repository:
        return ""
    api = os.environ.get("GITHUB_API_URL", "https://api.github.com")
    request = urllib.request.Request(
        f"{api}/repos/{repository}/issues",
        data=json.dumps({"title": head, "body": text, "labels": list(LABELS)}).encode(),
        headers={"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json", "Content-Type": "application/json"},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=REQUEST_SECONDS) as answer:
            content: dict[str, Any] = json.load(answer)
    except (OSError, urllib.error.URLError, ValueError) as error:
        return f"no issue could be opened in {repository}: {error}"
    return f"issue: {content.get('html_url', repository)}"
