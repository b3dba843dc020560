"""Records an incident, and opens a GitHub issue about the incident if there is a token."""

from __future__ import annotations

from contract import APPLICATION
from delivery.clients.github import GitHub
from delivery.errors import DeliveryError, UsageError
from delivery.releases.release import Release
from delivery.releases.release_report import incident, title
from delivery.releases.store import Releases

LABELS = ("incident", APPLICATION)


def record(releases: Releases, release: Release) -> list[str]:
    """Write the incident next to the release record, and open an issue if this is a CI run with a GitHub token.

    Returns lines with the addresses, or with the problems.

    Problems are not raised, because the user must see the error that caused the incident.
    """
    where = releases.key(release, "incident.md")
    text = incident(release, f"s3://{releases.bucket}/{releases.key(release, 'release.json')}")
    lines: list[str] = []
    try:
        releases.attach(release, "incident.md", text, "text/markdown")
        lines.append(f"incident: s3://{releases.bucket}/{where}")
    except Exception as error:
        lines.append(f"the incident could not be recorded: {error}")
    lines.append(_open_issue(f"Incident: {title(release)}", text))
    return [each for each in lines if each]


def _open_issue(title: str, text: str) -> str:
    """Open an issue in the repository of this CI run. Returns its address or the problem; empty outside CI or without a token."""
    try:
        return f"issue: {GitHub.from_environment().open_issue(title, text, LABELS)}"
    except UsageError:
        return ""
    except DeliveryError as error:
        return f"no issue could be opened: {error.problem}"
