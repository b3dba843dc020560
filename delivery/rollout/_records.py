"""Records a finished rollout as a release, and an aborted rollout also as an incident."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

from components.settings.types import version_label
from delivery.clients.environment import Environment
from delivery.errors import DeliveryError, problem_of
from delivery.releases import incidents
from delivery.releases.release import Release, StepRecord, new_id
from delivery.releases.settings import SettingsChange
from delivery.releases.store import Releases
from delivery.rollout.journal import Journal, Record
from delivery.rollout.plan import RolloutOutcome
from delivery.state.owner import Owner


def record_result(
    environment: Environment,
    journal: Journal,
    record: Record,
    fencing: int,
    *,
    note: Callable[[str], None],
    warn: Callable[[str], None],
) -> None:
    """Record a finished rollout as a release, and an aborted rollout also as an incident.

    ``warn`` prints a warning if a write failed, and ``note`` the addresses of the incident and its issue.

    An open rollout and a rollout with the strategy ``flag`` are not recorded. The journal stores whether the release is recorded.
    If a command was killed before it recorded the release, the next ``dwcp rollout`` records it. A failed write raises
    no error, because the traffic is already at its destination.
    """
    if record.is_open or record.recorded or record.plan.strategy == "flag":
        return
    releases = Releases(environment)
    try:
        release = _release(environment, releases, record, fencing)
        releases.record(release)
    except (DeliveryError, BotoCoreError, ClientError) as error:
        warn(f"the release could not be recorded: {problem_of(error)}")
        return
    try:
        journal.write(record.model_copy(update={"sequence": record.sequence + 1, "recorded": True}))
    except DeliveryError as error:
        warn(f"the release is recorded, but the journal does not show this, so the next rollout records it again: {error.problem}")
    if record.progress.aborting:
        for line in incidents.record(releases, release):
            note(line)


def _release(environment: Environment, releases: Releases, record: Record, fencing: int) -> Release:
    plan, progress = record.plan, record.progress
    staged, running = releases.staged(), releases.latest()
    if staged is not None and staged.image != plan.image:
        staged = None  # the rollout promotes another image
    ended = datetime.now(UTC)
    tag = version_label(plan.image)
    began = datetime.fromisoformat(record.history[0].at) if record.history else ended
    basis = staged or running or Release(id="", environment=environment.name, command="rollout", image=plan.image, started=began)
    promoted = progress.outcome is RolloutOutcome.PROMOTED
    return basis.model_copy(
        update={
            "id": new_id(tag, ended),
            "command": "rollout",
            "result": "deployed" if promoted else "rolled back",
            "image": plan.image,
            "changed": staged.changed if staged else SettingsChange(),
            "replaced": plan.previous_image,
            "replaced_program": staged.replaced_program if staged else "",
            "digest": "",
            "state_version": "",
            "tag": tag,
            "started": began,
            "ended": ended,
            "who": str(Owner.this()),
            "previous": "" if running is None else running.id,
            "restores": "" if promoted or running is None else running.id,
            "fencing": fencing,
            "reason": progress.aborting,
            "steps": [StepRecord(name=entry.text[:200], result="done", detail=entry.at) for entry in record.history],
        }
    )
