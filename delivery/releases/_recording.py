"""The end of a release: its record, its report, and an incident where it did not end well."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from delivery.clients.environment import Environment
from delivery.errors import DeliveryError
from delivery.releases import backup_files, incidents, report
from delivery.releases.release import TIMESTAMP, Release
from delivery.releases.store import Releases
from delivery.state.checkpoint import Checkpoint, States, problems
from delivery.state.errors import StateError
from delivery.state.lease import Lease
from delivery.state.locks import release_stranded


def problem_of(error: BaseException) -> str:
    """What went wrong, in one line."""
    if isinstance(error, KeyboardInterrupt):
        return "it was interrupted"
    return getattr(error, "problem", "") or f"{type(error).__name__}: {error}"


def sound_state(environment: Environment, states: States, lease: Lease, warn: Callable[[str], None]) -> Checkpoint:
    """The state, unlocked, current and whole, or ``StateError``."""
    for lock in release_stranded(states, lease.taken_from):
        warn(f"removed a lock that a dead engine had left: {lock}")
    present = states.read()
    states.require_current(present)
    if wrong := problems(present):
        raise StateError(
            f"the state of {environment.name} is not sound: {wrong[0]}",
            f"dwcp state verify --environment {environment.name} names a sound version",
        )
    return present


def finish(releases: Releases | None, release: Release, *, incident: bool, say: Callable[[str], None]) -> list[str]:
    """Record a release's end with its report, and an incident if it is one; returns where people find it."""
    if releases is None:
        return []
    releases.record(release)
    releases.attach(release, "report.md", report.markdown(release), "text/markdown")
    releases.attach(release, "report.html", report.page(release), "text/html")
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    try:
        if release.manifests and release.ended:
            backup_files.keep(releases, release, release.ended.strftime(TIMESTAMP))
        if summary:
            with Path(summary).open("a") as file:
                file.write(report.markdown(release))
    except (OSError, DeliveryError) as error:  # the release is what it is, and its record is in the bucket
        say(f"warning: {problem_of(error)}")
    said = [f"report: s3://{releases.bucket}/{releases.key(release, 'report.md')}"]
    if incident:
        said += incidents.record(releases, release)
    for line in said:
        say(line)
    return said
