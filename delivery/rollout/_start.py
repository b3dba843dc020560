"""Determines which rollout a request starts or continues, or raises an error with the fix."""

from __future__ import annotations

from components.settings import RolloutSettings
from delivery.clients.environment import Environment
from delivery.errors import DeliveryError
from delivery.rollout.journal import Record
from delivery.rollout.machine import resumed
from delivery.rollout.options import RolloutRequest
from delivery.rollout.plan import Phase, Plan
from delivery.rollout.platform import Platform


class RolloutRefusedError(DeliveryError):
    """The rollout cannot begin or continue with this request in the present state. Nothing was changed."""


def make_plan(environment: Environment, platform: Platform, request: RolloutRequest, settings: RolloutSettings, image: str) -> Plan:
    """The plan of a new rollout of ``image``. Nothing is changed.

    Raises ``RolloutRefusedError`` if stable is not healthy. With the strategy ``weighted``, stable must also have all of the
    traffic; with the strategy ``flag``, stable must run ``image``.
    """
    stable = platform.tracks.read("stable")
    healthy = len(stable.ready if platform.rule is None else stable.ready & platform.rule.healthy("stable"))
    if platform.rule is not None and (split := platform.rule.weights().split) != 0:
        who = f"the canary of {environment.name} receives {split} %" if split is not None else "neither track receives any"
        raise RolloutRefusedError(
            f"{who} of the traffic, and no rollout is open",
            f"move all traffic to stable first: dwcp rollout --abort --environment {environment.name}",
        )
    if stable.replicas < 1 or healthy < stable.replicas:
        raise RolloutRefusedError(
            f"stable of {environment.name} is not healthy: {healthy} of {stable.replicas} pods",
            f"look for the cause: dwcp doctor --environment {environment.name}",
        )
    if platform.rule is None and stable.image != image:
        raise RolloutRefusedError(
            f"stable of {environment.name} runs {stable.image}, and the strategy flag changes only the flag",
            f"deploy {image} first, or give --strategy weighted",
        )
    return _plan(environment, platform, request, settings, image)


def unowned(environment: Environment, platform: Platform, request: RolloutRequest, settings: RolloutSettings) -> Plan | None:
    """The plan for an abort that removes traffic and pods of a canary that belongs to no open rollout. Nothing is changed.

    ``None`` if stable has all of the traffic and the canary has no pods.
    """
    canary = platform.tracks.read("canary")
    if platform.rule is not None and platform.rule.weights().split == 0 and not canary.replicas:
        return None
    return _plan(environment, platform, request, settings, canary.image)


def _plan(environment: Environment, platform: Platform, request: RolloutRequest, settings: RolloutSettings, image: str) -> Plan:
    stable, canary = platform.tracks.read("stable"), platform.tracks.read("canary")
    steps, waits = request.schedule(settings)
    return Plan(
        environment=environment.name,
        strategy="flag" if platform.rule is None else "weighted",
        image=image,
        previous_image=stable.image,
        replicas=max(1, stable.replicas),
        stable_floor=stable.floor,
        canary_floor=canary.floor,
        steps=steps,
        waits=waits,
        error_threshold=error_threshold(request, settings),
        scrape_interval=platform.scrape_interval,
        drain=0 if platform.rule is None else platform.rule.drain_seconds(),
        settings=settings,
    )


def error_threshold(request: RolloutRequest, settings: RolloutSettings) -> float:
    """The highest accepted ratio of failed requests, from the request or else from the settings."""
    return (request.error_threshold_percent or settings.error_threshold_percent) / 100


def continued(record: Record, request: RolloutRequest) -> Record:
    """The record with which the open rollout continues. Raises ``RolloutRefusedError`` if the request differs from the rollout.

    A rollout that holds at the requested percentage accepts other options, but no other image.
    """
    plan, progress = record.plan, record.progress
    open_rollout = f"a rollout of {plan.image} is open at {_place(record)}"
    environment = f"--environment {plan.environment}"
    choices = f"finish it (dwcp rollout --image {plan.image} {environment}) or roll it back (dwcp rollout --abort {environment})"
    if request.image not in (None, plan.image):
        raise RolloutRefusedError(f"{open_rollout}, and this command has another image: {request.image}", choices)
    if progress.reached and not progress.aborting:
        return _to_next_percentage(record, request)
    if changed := request.changed_from(record.request):
        problem = f"{open_rollout}, and this command has another {', '.join(changed)}"
        raise RolloutRefusedError(problem, f"remove the option, or {choices}")
    return record.model_copy(update={"progress": resumed(progress)})


def _to_next_percentage(record: Record, request: RolloutRequest) -> Record:
    """The record of a rollout that holds at a percentage, changed so that it continues to the percentage of ``request``."""
    plan, at = record.plan, record.plan.steps[record.progress.step]
    request.check(plan.settings)
    steps, waits = request.schedule(plan.settings, above=at)
    if steps[-1] == at:
        return record
    following = plan.model_copy(update={"steps": steps, "waits": waits, "error_threshold": error_threshold(request, plan.settings)})
    progress = resumed(record.progress).to(Phase.SCALE if plan.strategy == "weighted" else Phase.SHIFT, step=0)
    request = request.with_defaults(plan.settings).model_copy(update={"image": plan.image, "strategy": plan.strategy})
    return record.model_copy(update={"plan": following, "progress": progress, "request": request})


def _place(record: Record) -> str:
    progress = record.progress
    step = f"{record.plan.steps[progress.step]} %"
    return f"{step} ({progress.holding or progress.phase})"
