"""The parts that deployments and rollbacks share: the check of the state, and the record, report and incident at the end."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

from delivery.clients.checkpoint import Checkpoint, States, problems, workload
from delivery.clients.environment import Environment
from delivery.errors import DeliveryError, StateError, problem_of
from delivery.releases import backup_files, incidents, release_report
from delivery.releases.release import TIMESTAMP, Release
from delivery.releases.settings import Leaves, SettingsChange, digest, leaves_of
from delivery.releases.store import Releases
from delivery.state.history import last_update
from delivery.state.lease import Lease
from delivery.state.locks import remove_stale


def valid_state(environment: Environment, states: States, lease: Lease, warn: Callable[[str], None]) -> Checkpoint:
    """Remove stale engine locks and return the state. Raises ``StateError`` if the state is locked, outdated or not valid."""
    remove_stale(states, lease.taken_from, warn=warn)
    present = states.read()
    states.require_current(present)
    if wrong := problems(present):
        raise StateError(
            f"the state of {environment.name} is not valid: {wrong[0]}",
            f"dwcp state verify --environment {environment.name} prints the command that restores a valid version",
        )
    return present


def applied(states: States, present: Checkpoint, fencing: int, *, before: Leaves, planned: Leaves) -> dict[str, object]:
    """The fields of a release's record that describe the present state, which this function also remembers as the newest one.

    The settings are those of the engine's last update, or ``planned`` if the engine has recorded no update.
    """
    states.remember(present, fencing)
    settings = leaves_of(last_update(states).config) or planned
    return {
        "state_version": present.version,
        "manifests": workload(present),
        "settings": settings,
        "config_hash": digest(settings),
        "changed": SettingsChange.between(before, settings),
    }


@contextmanager
def only_warns(what: str, cause: BaseException | None, warn: Callable[[str], None]) -> Generator[None]:
    """If the block fails after ``cause``, print a warning instead of raising, because ``cause`` is the error to report."""
    try:
        yield
    except (DeliveryError, BotoCoreError, ClientError, OSError) as second:
        if cause is None:
            raise
        warn(f"{what} could not be recorded: {problem_of(second)}")


def finish(releases: Releases | None, release: Release, *, incident: bool, say: Callable[[str], None]) -> list[str]:
    """Write the record, report, backup file and GitHub step summary of a finished release, and with ``incident`` an incident.

    A release without manifests gets no backup file. Returns lines with the addresses of the report and the incident, and prints
    them with ``say``. If ``releases`` is ``None``, nothing is written.
    """
    if releases is None:
        return []
    releases.record(release)
    releases.attach(release, "report.md", release_report.markdown(release), "text/markdown")
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    try:
        if release.manifests and release.ended:
            backup_files.save(releases, release, release.ended.strftime(TIMESTAMP))
        if summary:
            with Path(summary).open("a") as file:
                file.write(release_report.markdown(release))
    except (BotoCoreError, ClientError, OSError, DeliveryError) as error:  # only a warning, because the record is in the bucket
        say(f"warning: {problem_of(error)}")
    lines = [f"report: s3://{releases.bucket}/{releases.key(release, 'report.md')}"]
    if incident:
        lines += incidents.record(releases, release)
    for line in lines:
        say(line)
    return lines
