"""What a failed run of the CD pipeline has left in an environment, whether to go back, and what is said about it afterwards.

The decision is made from what serves, not from which job failed: a deployment or a rollout that fails goes back by itself, and
a job that was cancelled may have changed nothing.
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
"""Of a deployment: ``stopped`` before it served any traffic, ``held`` for a person, ``failure`` where going back failed too."""


class Need(StrEnum):
    """What there is to do after a failed run."""

    ROLL_BACK = "roll-back"
    NOT_NEEDED = "not-needed"
    WENT_BACK = "went-back"
    """A deployment or rollout of this version has gone back by itself."""
    HELD = "held"
    """A rollout is on hold: a person decides."""
    IMPOSSIBLE = "impossible"
    """Something is to be undone, and nothing is known to go back to."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is seen in an environment after a run that should have deployed ``image``."""

    environment: str
    image: str
    serves: str
    """The image of the stable track."""
    percent: int = 0
    """The canary's part of the traffic."""
    rollout: str = ""
    """Image of the open rollout; empty when none is open."""
    holds: str = ""
    """Why the open rollout waits for a person; empty when it was left in the middle, or holds as it was asked to."""
    ended: str = ""
    """How the newest record of ``image`` ended, which says whether a deployment was left unfinished."""
    before: str = ""
    """The release that ran before the run."""


@dataclass(frozen=True)
class RecoveryDecision:
    """What to do, and why, in one sentence."""

    need: Need
    reason: str


def decide(facts: Facts) -> RecoveryDecision:
    """Whether to go back."""
    where, image = facts.environment, facts.image
    ours = facts.serves == image
    if facts.rollout == image and facts.holds:
        return RecoveryDecision(Need.HELD, f"the rollout of {image} is on hold at {facts.percent} %: {facts.holds}")
    if facts.rollout == image:
        undo = f"the rollout of {image} was left open at {facts.percent} % of the traffic"
    elif ours:
        undo = f"{image} carries the traffic of {where}, and a later check failed"
    elif facts.rollout:
        return RecoveryDecision(Need.NOT_NEEDED, f"{facts.serves} serves, and the rollout that is open is of {facts.rollout}")
    elif facts.percent:
        undo = f"the canary of {where} receives {facts.percent} % of the traffic"
    elif facts.ended in ("running", "failed"):
        undo = f"the deployment of {image} was left unfinished"
    elif facts.ended == "rolled back":
        return RecoveryDecision(Need.WENT_BACK, f"it went back by itself, and {facts.serves} serves")
    else:
        return RecoveryDecision(Need.NOT_NEEDED, f"{facts.serves} serves, as before")
    if not facts.before:
        return RecoveryDecision(Need.IMPOSSIBLE, f"{undo}, and no release is recorded that ran before it")
    return RecoveryDecision(Need.ROLL_BACK, undo)


def look(environment: Environment, image: str, before: str = "") -> Facts:
    """The facts. Without ``before`` it is what the record of ``image`` says ran before it."""
    record = Journal(environment.kubernetes, environment.name).read()
    rollout = record if record is not None and record.is_open else None
    newest = newest_of(environment, image)
    return Facts(
        environment=environment.name,
        image=image,
        serves=environment.kubernetes.track(STABLE).image,
        percent=WeightedRule(environment).weights().split or 0,
        rollout="" if rollout is None else rollout.plan.image,
        holds=_holds(rollout),
        ended="" if newest is None else newest.result,
        before=before or ("" if newest is None else newest.previous),
    )


def newest_of(environment: Environment, image: str) -> Release | None:
    """The newest record of a deployment or rollout of ``image``."""
    return next((each for each in Releases(environment).all() if each.image == image and each.command != "rollback"), None)


def rollout_result(record: Record | None, image: str) -> tuple[str, str]:
    """How the rollout of ``image`` stands, and why: ``promoted``, ``held``, ``open``, ``went-back`` or ``none``."""
    if record is None or record.plan.image != image:
        return "none", ""
    if record.progress.outcome is RolloutOutcome.PROMOTED:
        return "promoted", ""
    if record.progress.outcome is not None:
        return "went-back", record.progress.aborting
    return ("held", _holds(record)) if _holds(record) else ("open", "")


def _holds(record: Record | None) -> str:
    return "" if record is None or record.progress.reached else record.progress.holding


@dataclass(frozen=True)
class DeploymentEnd:
    """How a failed deployment ended: for the figures, and as the first lines of its incident."""

    outcome: Outcome
    text: str


def ending(release: str, environment: str, *, need: str, reason: str, rollback: str) -> DeploymentEnd:
    """From the decision and the result of the rollback's step (``success``, ``failure``, ``cancelled``, ``skipped`` or nothing)."""
    failed = f"The deployment of `{release}` to {environment} failed"
    by_hand = f"Go back by hand: `./dwcp rollback --environment {environment}`."
    if need == Need.ROLL_BACK and rollback == "success":
        return DeploymentEnd("rolled-back", f"{failed} and was rolled back; feature flags are at 0. Why: {reason}.")
    if need == Need.ROLL_BACK:
        return DeploymentEnd("failure", f"{failed}, and the rollback did not succeed. Why it was needed: {reason}. {by_hand}")
    if need == Need.WENT_BACK:
        return DeploymentEnd("rolled-back", f"{failed}: {reason}. No further rollback was needed.")
    if need == Need.NOT_NEEDED:
        return DeploymentEnd("stopped", f"{failed} before it served any traffic: {reason}. No rollback was needed.")
    if need == Need.HELD:
        return DeploymentEnd("held", f"The deployment of `{release}` to {environment} waits for a person: {reason}.")
    if need == Need.IMPOSSIBLE:
        return DeploymentEnd("failure", f"{failed}, and could not be rolled back: {reason}.")
    return DeploymentEnd(
        "failure", f"{failed}, and what it has left could not be looked at, so that nothing was rolled back. {by_hand}"
    )
