"""Recovery after a failed run of the CD pipeline: reads the environment, decides on a rollback, and writes the incident's text.

The decision depends on the state of the environment, and not on the job that failed, because the job may have rolled back already,
or may have changed nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from contract import STABLE
from delivery.clients.environment import Environment
from delivery.clients.load_balancer import WeightedRule
from delivery.releases import Release, Releases
from delivery.rollout.journal import Journal, Record
from delivery.rollout.plan import RolloutOutcome

Outcome = Literal["success", "rolled-back", "stopped", "held", "failure"]
"""Outcome of a deployment.

``stopped``: the deployment ended before the release served traffic. ``held``: a person must decide. ``failure``: the deployment
failed and was not rolled back.
"""


class Need(StrEnum):
    """The action that a failed run requires."""

    ROLL_BACK = "roll-back"
    NOT_NEEDED = "not-needed"
    ROLLED_BACK = "rolled-back"
    """The deployment or rollout was rolled back automatically."""
    HELD = "held"
    """A rollout is on hold until a person decides."""
    IMPOSSIBLE = "impossible"
    """A rollback is needed, but neither a previous release nor an image before the first release is recorded."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The state of an environment after a run that should have deployed ``image``."""

    environment: str
    image: str
    serves: str
    """Image of the stable track, which gets the traffic that the canary does not get."""
    percent: int = 0
    """The canary's share of the traffic."""
    rollout: str = ""
    """Image of the open rollout; empty if none is open."""
    holds: str = ""
    """Why the open rollout is on hold; empty if the rollout was interrupted, or holds at the requested percentage."""
    ended: str = ""
    """The result in the record of :func:`newest_of`: ``running``, ``failed``, ``rolled back``...; empty without a record."""
    before: str = ""
    """The id of the release that ran before the pipeline's run; empty if no release ran, or if it is not known."""
    first_image: str = ""
    """The image before the first release; empty if a release ran before the pipeline's run, or if the image is not known."""


@dataclass(frozen=True)
class RecoveryDecision:
    """The required action, and its reason in one sentence."""

    need: Need
    reason: str


def decide(facts: Facts) -> RecoveryDecision:
    """The action that the facts require, and the reason."""
    where, image = facts.environment, facts.image
    serves_image = facts.serves == image
    if facts.rollout == image and facts.holds:
        return RecoveryDecision(Need.HELD, f"the rollout of {image} is on hold at {facts.percent} %: {facts.holds}")
    if facts.rollout == image:
        reason = f"the rollout of {image} was interrupted at {facts.percent} % of the traffic"
    elif serves_image:
        reason = f"{image} serves the traffic of {where}, and a later check failed"
    elif facts.rollout:
        return RecoveryDecision(Need.NOT_NEEDED, f"{facts.serves} serves, and the open rollout is that of {facts.rollout}")
    elif facts.percent:
        reason = f"the canary of {where} receives {facts.percent} % of the traffic"
    elif facts.ended in ("running", "failed"):
        reason = f"the deployment of {image} is unfinished"
    elif facts.ended == "rolled back":
        return RecoveryDecision(Need.ROLLED_BACK, f"{image} was rolled back automatically, and {facts.serves} serves")
    else:
        return RecoveryDecision(Need.NOT_NEEDED, f"{facts.serves} serves, as before")
    if not facts.before and not facts.first_image:
        return RecoveryDecision(Need.IMPOSSIBLE, f"{reason}, but no previous release is recorded")
    return RecoveryDecision(Need.ROLL_BACK, reason)


def look(environment: Environment, image: str, before: str = "") -> Facts:
    """Read the facts about ``environment``. The default of ``before`` is the previous release in the newest record of ``image``."""
    record = Journal(environment.kubernetes, environment.name).read()
    rollout = record if record is not None and record.is_open else None
    newest = newest_of(environment, image)
    before = before or ("" if newest is None else newest.previous)
    return Facts(
        environment=environment.name,
        image=image,
        serves=environment.tracks.read(STABLE).image,
        percent=WeightedRule(environment).weights().split or 0,
        rollout="" if rollout is None else rollout.plan.image,
        holds=_holds(rollout),
        ended="" if newest is None else newest.result,
        before=before,
        first_image="" if before else _first_image(Releases(environment), image),
    )


def _first_image(releases: Releases, image: str) -> str:
    """The image before the first release, if ``dwcp rollback`` without ``--to`` restores it; otherwise empty."""
    latest = releases.latest()
    if latest is not None and (latest.image != image or releases.before(latest) is not None):
        return ""
    return releases.image_before_first(latest)


def newest_of(environment: Environment, image: str) -> Release | None:
    """The newest release record of a deployment or rollout of ``image``; ``None`` if there is none."""
    return next((each for each in Releases(environment).all() if each.image == image and each.command != "rollback"), None)


def rollout_result(record: Record | None, image: str) -> tuple[str, str]:
    """The status of the rollout of ``image``, and the reason if the status is ``held`` or ``rolled-back``.

    ``promoted``: the image serves all traffic. ``open``: the rollout was interrupted, or holds at the requested percentage.
    ``held``: the rollout is on hold until a person decides. ``rolled-back``: it was rolled back. ``none``: the newest rollout is
    that of another image, or there is no rollout.
    """
    if record is None or record.plan.image != image:
        return "none", ""
    if record.progress.outcome is RolloutOutcome.PROMOTED:
        return "promoted", ""
    if record.progress.outcome is not None:
        return "rolled-back", record.progress.aborting
    return ("held", _holds(record)) if _holds(record) else ("open", "")


def _holds(record: Record | None) -> str:
    return "" if record is None or record.progress.reached else record.progress.holding


@dataclass(frozen=True)
class DeploymentEnd:
    """The outcome of a failed deployment for the metrics, and the first lines of its incident."""

    outcome: Outcome
    text: str


def ending(release: str, environment: str, *, need: str, reason: str, rollback: str) -> DeploymentEnd:
    """The end of a failed deployment. ``rollback`` is the result of the rollback step, for example ``success`` or ``skipped``."""
    failed = f"The deployment of `{release}` to {environment} failed"
    by_hand = f"Roll back by hand: `./dwcp rollback --environment {environment}`."
    if need == Need.ROLL_BACK and rollback == "success":
        return DeploymentEnd("rolled-back", f"{failed} and was rolled back; feature flags are at 0. Reason: {reason}.")
    if need == Need.ROLL_BACK:
        return DeploymentEnd("failure", f"{failed}, and so did the rollback. Reason for the rollback: {reason}. {by_hand}")
    if need == Need.ROLLED_BACK:
        return DeploymentEnd("rolled-back", f"{failed}: {reason}. No further rollback was needed.")
    if need == Need.NOT_NEEDED:
        return DeploymentEnd("stopped", f"{failed} before it served any traffic: {reason}. No rollback was needed.")
    if need == Need.HELD:
        return DeploymentEnd("held", f"The deployment of `{release}` to {environment} waits for a person: {reason}.")
    if need == Need.IMPOSSIBLE:
        return DeploymentEnd("failure", f"{failed} and cannot be rolled back: {reason}.")
    return DeploymentEnd("failure", f"{failed}. The environment's state could not be read, so nothing was rolled back. {by_hand}")
