"""The steps of a rollout and the steps of an abort, as a dry run prints them. The live table also shows the steps of a rollout."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from delivery.rollout import actions as model
from delivery.rollout.actions import Action, Observation, TrackState
from delivery.rollout.machine import decide
from delivery.rollout.plan import Phase, Plan, RolloutProgress

EACH_STEP = frozenset({Phase.SCALE, Phase.SHIFT, Phase.PROPAGATE, Phase.ANALYSE})
"""The phases of each percentage of the plan. A rollout with the strategy ``flag`` omits SCALE."""
_AFTER_PROMOTION = frozenset({Phase.DRAIN, Phase.STANDBY, Phase.BAKE, Phase.FLIP, Phase.RESTORE})


@dataclass(frozen=True)
class PlannedStep:
    """One line of a printed plan."""

    name: str
    detail: str
    phases: frozenset[Phase]
    index: int | None = None
    """The percentage's index in the plan; ``None`` for phases that occur once in a rollout."""

    def covers(self, progress: RolloutProgress) -> bool:
        """Whether the rollout is at this line."""
        return progress.phase in self.phases and self.index in (None, progress.step)


def steps_of(plan: Plan) -> Iterator[PlannedStep]:
    """The lines of a plan, in the order in which the rollout passes through their phases."""
    settings, weighted = plan.settings, plan.strategy == "weighted"
    gates = f"errors up to {100 * plan.error_threshold:g} %, latency gates, with at least {settings.minimum_requests} requests"
    if weighted:
        detail = f"stable keeps at least {plan.replicas} pods; the canary gets {plan.image}"
        yield PlannedStep("prepare", detail, frozenset({Phase.PREPARE}))
    for index, (step, wait) in enumerate(zip(plan.steps, plan.waits, strict=True)):
        pods = f"{plan.size(index)} canary pods ready and healthy, then " if weighted else ""
        routed = f"{'weight and flag' if weighted else 'flag'} set to {step} % and read back"
        detail = f"{pods}{routed}, {settings.propagation_seconds:g} s to take effect, {wait:g} s of analysis ({gates})"
        first = frozenset({Phase.PREPARE}) if index == 0 and not weighted else frozenset[Phase]()
        yield PlannedStep(f"{step} %", detail, EACH_STEP | first, index)
    if not plan.promotes:
        yield PlannedStep("hold", f"at {plan.steps[-1]} % until the next command", frozenset())
        return
    if weighted:
        detail = f"after a drain of {plan.drain:g} s, stable gets {plan.image}, and then all traffic"
        yield PlannedStep("promote", detail, frozenset({Phase.PROMOTE, Phase.TO_STABLE}))
        if settings.bake_seconds:
            detail = f"{settings.bake_seconds:g} s of analysis of stable, with {plan.previous_image} on standby in the canary"
            yield PlannedStep("bake", f"after a drain of {plan.drain:g} s, {detail}", _AFTER_PROMOTION)
        after = "" if settings.bake_seconds else f"after a drain of {plan.drain:g} s, "
        detail = f"{after}the canary is scaled to 0 pods, the minimum of stable's autoscaler is {plan.stable_floor} again"
        last = {Phase.RETIRE, Phase.DONE}
        yield PlannedStep("retire", detail, frozenset(last) if settings.bake_seconds else _AFTER_PROMOTION | last)


def present_index(rows: list[PlannedStep], progress: RolloutProgress) -> int:
    """The index of the line for the present phase of a rollout.

    The result is the last index if the rollout holds at the requested percentage, or if no line has the phase.
    """
    found = (index for index, row in enumerate(rows) if row.covers(progress) and not progress.reached)
    return next(found, len(rows) - 1)


def abort_steps(plan: Plan, progress: RolloutProgress, observed: Observation) -> Iterator[str]:
    """The actions and waits of an abort from the present state. Every action is assumed to succeed, and every pod to become ready.

    The state machine chooses the actions, so a dry run prints the same actions that the abort performs.
    """
    observed = replace(observed, stable=_running(observed.stable), seconds=0, stop=observed.stop or "aborted")
    while progress.phase is not Phase.DONE and not progress.holding:
        decision, phase = decide(plan, progress, observed), progress.phase
        progress = decision.progress
        if decision.action is not None:
            yield text_of(decision.action)
            observed = _after(decision.action, plan, observed)
        elif decision.waiting_for:
            yield decision.waiting_for
            later = plan.drain if observed.seconds < plan.drain else math.inf
            observed = replace(observed, canary=_running(observed.canary), seconds=later)
        if progress.phase is not phase:
            observed = replace(observed, seconds=0)
    if progress.holding:
        yield f"then the rollout goes on hold: {progress.holding}"


def text_of(action: Action) -> str:
    """The text that describes an action."""
    match action:
        case model.LoadCanary(image):
            return f"canary gets {image}"
        case model.RaiseFloor(replicas):
            return f"stable keeps at least {replicas} pods"
        case model.SizeCanary(replicas):
            return f"canary is scaled to {replicas} {'pod' if replicas == 1 else 'pods'}"
        case model.Route(split, flag):
            return f"canary gets {split} % of the traffic, flag is set to {flag} %"
        case model.Promote(image):
            return f"stable gets {image}"
        case model.Retire():
            return "canary is scaled to 0 pods, the autoscalers' minimums are restored"


def _after(action: Action, plan: Plan, observed: Observation) -> Observation:
    stable, canary = observed.stable, observed.canary
    match action:
        case model.LoadCanary(image):
            return replace(observed, canary=_running(replace(canary, image=image)))
        case model.RaiseFloor(replicas):
            return replace(observed, stable=_running(replace(stable, floor=replicas)))
        case model.SizeCanary(replicas):
            return replace(observed, canary=_running(replace(canary, replicas=replicas, floor=replicas)))
        case model.Route(split, flag):
            return replace(observed, split=split if plan.strategy == "weighted" else None, flag=flag)
        case model.Promote(image):
            return replace(observed, stable=_running(replace(stable, image=image)), promotion="done")
        case model.Retire():
            canary = replace(canary, replicas=0, ready=0, healthy=0, floor=plan.canary_floor)
            return replace(observed, canary=canary, stable=replace(stable, floor=plan.stable_floor))


def _running(track: TrackState) -> TrackState:
    """The track when all of its pods are ready."""
    pods = max(track.replicas, track.floor) if track.replicas else 0
    return replace(track, replicas=pods, ready=pods, healthy=pods, settled=True, trouble="", trouble_seconds=0, short_seconds=0)
