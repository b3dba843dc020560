"""The record of an incident, and an issue about it where a token allows one."""

from __future__ import annotations

from contract import APPLICATION
from delivery.clients.github import GitHub
from delivery.errors import DeliveryError, UsageError
from delivery.releases.release import Release
from delivery.releases.report import incident, title
from delivery.releases.store import Releases

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
    said.append(_open_issue(f"Incident: {title(release)}", text))
    return [each for each in said if each]


def _open_issue(title: str, text: str) -> str:
    """The new issue in the repository of this CI run, or why there is none; empty outside CI."""
    try:
        return f"issue: {GitHub.from_environment().open_issue(title, text, LABELS)}"
    except UsageError:
        return ""
    except DeliveryError as error:
        return f"no issue could be opened: {error.problem}"
