"""What a rollout leaves behind: a release among the others, to go back to or to learn from."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime

from components.images import release_of
from delivery.environment import Environment
from delivery.releases.records import Release, Step, new_id
from delivery.releases.store import Releases
from delivery.rollout.journal import Record
from delivery.rollout.plan import Outcome


def configs(environment: Environment) -> dict[str, str]:
    """The stack files that the staged and the running release were made with, by image: a promotion changes nothing else."""
    releases = Releases(environment)
    found = (releases.staged(), releases.latest())
    return {each.image: each.config for each in found if each is not None and each.config}


def leave(environment: Environment, record: Record, fencing: int) -> Release | None:
    """Record how the rollout ended; one on hold has not, and the flag's is no release. Raises what the bucket says."""
    plan, progress = record.plan, record.progress
    if progress.outcome is None or plan.strategy == "flag":
        return None
    releases = Releases(environment)
    staged, running = releases.staged(), releases.latest()
    ended = datetime.now(UTC)
    tag = release_of(plan.image)
    began = datetime.fromisoformat(record.history[0].at) if record.history else ended
    basis = (staged if staged is not None and staged.image == plan.image else running) or Release(
        id="", environment=environment.name, command="rollout", image=plan.image, started=began
    )
    promoted = progress.outcome is Outcome.PROMOTED
    release = basis.model_copy(
        update={
            "id": new_id(tag, ended),
            "command": "rollout",
            "result": "deployed" if promoted else "rolled back",
            "image": plan.image,
            "tag": tag,
            "started": began,
            "ended": ended,
            "who": getpass.getuser(),
            "previous": "" if running is None else running.id,
            "restores": "" if promoted or running is None else running.id,
            "fencing": fencing,
            "reason": progress.aborting,
            "steps": [Step(name=entry.text[:200], result="done", detail=entry.at) for entry in record.history],
        }
    )
    releases.record(release)
    return release
