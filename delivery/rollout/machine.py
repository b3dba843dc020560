"""The state machine of a rollout: a pure function from the plan, the progress and the observation to the next action.

The function uses no clock and no network, and stores nothing. Every action can be repeated, and is chosen only while the
observation differs from the goal. For this reason, a rollout that was killed at any point continues from its journal. Tests verify
these invariants of every path:

- A track gets traffic only while it has enough healthy targets. The only exception is stable in an abort (see the comment in
  ``_to_stable``).
- A track is scaled down or replaced only after its weight was read back as 0 and its drain is over.
- Every path ends with all traffic on one image, or on hold with a reason.
"""

from __future__ import annotations

from collections.abc import Callable

from delivery.rollout._sizing import canary_pods, stable_pods, too_many, total_pods
from delivery.rollout.actions import (
    Analysis,
    Decision,
    GateOutcome,
    LoadCanary,
    Observation,
    Promote,
    RaiseFloor,
    Retire,
    Route,
    SizeCanary,
    TrackState,
    share,
)
from delivery.rollout.plan import Phase, Plan, RolloutOutcome, RolloutProgress

REPLACEMENT_SECONDS = 180.0
"""Time for the replacement of one evicted pod: a new node, the pull and the start of the image, and the load balancer's checks."""


def decide(plan: Plan, progress: RolloutProgress, observed: Observation) -> Decision:
    """The next decision. A rollout that is on hold or done does not change."""
    if progress.holding or progress.phase is Phase.DONE:
        return Decision(progress)
    if not progress.aborting:
        if reason := _canary_problem(plan, progress, observed):
            return _abort(progress, observed, reason, at_once=True)
        if reason := _abort_reason(plan, progress, observed):
            return _abort(progress, observed, reason)
    return _with_large_stable(plan, progress, observed, _PHASES[progress.phase](plan, progress, observed))


def _with_large_stable(plan: Plan, progress: RolloutProgress, observed: Observation, decision: Decision) -> Decision:
    """The decision, or ``RaiseFloor`` if the minimum of stable's autoscaler is too small for all of the traffic.

    Until the promotion, the minimum is raised before the canary gets more pods or traffic, and while the rollout waits. An abort
    then does not have to wait for pods. ``_sizing.total_pods`` includes this minimum, so the need does not decrease later.
    """
    need = min(total_pods(plan, observed), observed.stable.ceiling)
    can_abort = plan.strategy == "weighted" and progress.phase in _CANARY_IS_NEW and not (progress.aborting or progress.promoted)
    waits = decision.action is None and bool(decision.waiting_for)
    if can_abort and observed.stable.floor < need and (waits or isinstance(decision.action, SizeCanary | Route)):
        return Decision(decision.progress, RaiseFloor(need), decision.waiting_for)
    return decision


def resumed(progress: RolloutProgress) -> RolloutProgress:
    """The progress with which an open rollout continues: not on hold, and with a new measurement window."""
    return progress.replace(holding="", reached=False, window_start=None)


def insisted(progress: RolloutProgress) -> RolloutProgress:
    """The progress of a rollout that a person aborts.

    If the rollout is already aborting and on hold, the traffic no longer waits until stable is large enough.
    """
    return resumed(progress).replace(at_once=progress.at_once or bool(progress.aborting and progress.holding))


def _canary_problem(plan: Plan, progress: RolloutProgress, observed: Observation) -> str:
    """The reason why the canary with the new image is unhealthy, or an empty string. Traffic must leave such a canary at once."""
    if plan.strategy != "weighted" or progress.phase not in _CANARY_IS_NEW:
        return ""
    if observed.canary.trouble_seconds > plan.settings.grace_seconds:
        return f"the canary has a problem: {observed.canary.trouble}"
    measured = progress.phase in (Phase.PROPAGATE, Phase.ANALYSE, Phase.PROMOTE)
    if measured and _is_short(observed.canary, plan.size(progress.step), plan.settings.grace_seconds):
        return f"only {observed.canary.healthy} of the canary's {plan.size(progress.step)} targets are healthy"
    return ""


def _abort_reason(plan: Plan, progress: RolloutProgress, observed: Observation) -> str:
    """A reason to abort, or an empty string. The canary is not checked here. A rollout in the phase RETIRE is not aborted."""
    if progress.phase is Phase.RETIRE:
        return ""
    if observed.stop:
        return observed.stop
    grace = plan.settings.grace_seconds
    if progress.phase in (*_STABLE_IS_NEW, Phase.PROMOTE) and progress.promoted and observed.stable.trouble_seconds > grace:
        return f"stable became unhealthy: {observed.stable.trouble}"
    if progress.phase in _STABLE_IS_NEW and progress.promoted and _is_short(observed.stable, plan.replicas, grace):
        return f"only {observed.stable.healthy} of stable's {plan.replicas} targets are healthy"
    if progress.phase is Phase.PROMOTE and observed.promotion.startswith("failed"):
        return f"stable could not be updated to the new image: {observed.promotion.removeprefix('failed: ')}"
    return ""


def _is_short(track: TrackState, need: int, grace_seconds: float) -> bool:
    """Whether a track has had too few healthy targets for too long.

    If only one of several targets is missing, more time is allowed, because the pod of a drained node needs time to be replaced.
    """
    one_is_missing = 0 < track.healthy == need - 1
    return track.short_seconds > (max(REPLACEMENT_SECONDS, grace_seconds) if one_is_missing else grace_seconds)


_CANARY_IS_NEW = (Phase.SCALE, Phase.SHIFT, Phase.PROPAGATE, Phase.ANALYSE, Phase.PROMOTE)
_STABLE_IS_NEW = (Phase.TO_STABLE, Phase.DRAIN, Phase.STANDBY, Phase.BAKE)


def _abort(progress: RolloutProgress, observed: Observation, reason: str, *, at_once: bool = False) -> Decision:
    """The decision that begins the rollback from the present phase."""
    aborted = progress.replace(aborting=reason, at_once=at_once)
    if not progress.promoted:
        return Decision(aborted.to(Phase.TO_STABLE))
    if observed.split == 100:  # the update of stable to the new image has begun, and stable has no traffic
        return Decision(aborted.to(Phase.RESTORE))
    # Stable has the traffic. The canary gets the previous image, if necessary after its drain, and then the traffic.
    return Decision(aborted.to(Phase.STANDBY) if progress.phase is Phase.BAKE else aborted)


def _hold(progress: RolloutProgress, reason: str) -> Decision:
    return Decision(progress.replace(holding=reason))


def _changed(progress: RolloutProgress, observed: Observation, wanted: int) -> Decision:
    return _hold(progress, f"another command changed the traffic: {share(observed.split)} instead of {wanted} %")


def _no_effect(plan: Plan, observed: Observation, split: int, flag: int) -> str:
    if plan.strategy == "flag" or observed.split == split:
        return f"the flag has no effect: set to {flag} %, read back {observed.flag} %"
    return f"the weight has no effect: set to {split} %, read back {share(observed.split)}"


def _prepare(plan: Plan, progress: RolloutProgress, observed: Observation) -> Decision:
    if plan.strategy == "flag":
        return Decision(progress.to(Phase.SHIFT))
    if observed.split != 0:
        return _changed(progress, observed, 0)
    if problem := too_many("stable", observed.stable, plan.replicas) or too_many("the canary", observed.canary, plan.replicas):
        return _hold(progress, problem)
    if observed.stable.floor < plan.replicas:
        return Decision(progress, RaiseFloor(plan.replicas))
    if observed.canary.image != plan.image:
        return Decision(progress, LoadCanary(plan.image))
    return Decision(progress.to(Phase.SCALE))


def _scale(plan: Plan, progress: RolloutProgress, observed: Observation) -> Decision:
    need = canary_pods(plan, observed, progress.step)
    if observed.canary.image != plan.image:
        return _hold(progress, f"another command changed the canary's image: {observed.canary.image}")
    if problem := too_many("the canary", observed.canary, need):
        return _hold(progress, problem)
    if observed.canary.carries(need):
        return _stable_scale(plan, progress, observed)
    if observed.seconds > plan.settings.ready_seconds:
        reason = f"the canary did not become ready: {observed.canary.ready} pods and {observed.canary.healthy} targets of {need}"
        return _abort(progress, observed, reason + (f", {observed.canary.trouble}" if observed.canary.trouble else ""))
    if observed.canary.replicas < need or observed.canary.floor < need:
        return Decision(progress, SizeCanary(max(need, observed.canary.replicas)))
    ready, healthy = observed.canary.ready, observed.canary.healthy
    return Decision(progress, None, f"the canary has {ready} ready pods and {healthy} healthy targets of {need}")


def _stable_scale(plan: Plan, progress: RolloutProgress, observed: Observation) -> Decision:
    """The second part of SCALE: wait until stable is large enough for the traffic that a lower percentage returns to it."""
    need = stable_pods(plan, observed, progress.step)
    if observed.stable.carries(need):
        return Decision(progress.to(Phase.SHIFT))
    if problem := too_many("stable", observed.stable, need):
        return _hold(progress, problem)
    if observed.seconds > plan.settings.ready_seconds:
        return _hold(progress, f"stable has {observed.stable.healthy} healthy targets of {need}; the traffic stays where it is")
    return Decision(progress, None, f"stable has {observed.stable.healthy} healthy targets of {need}")


def _shift(plan: Plan, progress: RolloutProgress, observed: Observation) -> Decision:
    wanted = plan.steps[progress.step]
    weighted = plan.strategy == "weighted"
    if (not weighted or observed.split == wanted) and observed.flag == wanted:
        return Decision(progress.to(Phase.PROPAGATE))
    canary_carries = not wanted or observed.canary.carries(canary_pods(plan, observed, progress.step))
    if weighted and not (canary_carries and observed.stable.carries(stable_pods(plan, observed, progress.step))):
        return Decision(progress.to(Phase.SCALE))
    if observed.seconds > plan.settings.weight_readback_seconds:
        return _abort(progress, observed, _no_effect(plan, observed, wanted, wanted))
    return Decision(progress, Route(wanted, wanted))


def _propagate(plan: Plan, progress: RolloutProgress, observed: Observation) -> Decision:
    if observed.seconds < plan.settings.propagation_seconds:
        return Decision(progress, None, f"waiting {plan.settings.propagation_seconds:g} s until the change takes effect")
    return Decision(progress.to(Phase.ANALYSE))


def _analyse(plan: Plan, progress: RolloutProgress, observed: Observation) -> Decision:
    wanted, wait = plan.steps[progress.step], plan.waits[progress.step]
    if plan.strategy == "weighted" and observed.split != wanted:
        return _changed(progress, observed, wanted)
    if plan.strategy == "flag" and observed.flag != wanted:
        return _hold(progress, f"another command changed the flag: {observed.flag} % instead of {wanted} %")
    if wanted == 0:  # staged: nothing to measure
        return _passed(plan, progress)
    if observed.analysis is None:
        return Decision(progress.replace(window_start=progress.window_start or observed.now), None, "the measurement begins")
    decided = _concluded(plan, progress, observed, observed.analysis, over=observed.seconds - wait)
    if decided is not None:
        return decided
    if observed.seconds < wait or observed.analysis.outcome is not GateOutcome.PASSED:
        left = max(0, wait - observed.seconds)
        return Decision(progress, None, f"{observed.analysis.outcome} so far, {left:.0f} s left: {observed.analysis.reason}")
    return _passed(plan, progress)


def _concluded(plan: Plan, progress: RolloutProgress, observed: Observation, analysis: Analysis, *, over: float) -> Decision | None:
    """The decision if the analysis ends the phase, otherwise ``None``. ``over``: seconds since the end of the wait."""
    match analysis.outcome:
        case GateOutcome.FAILED:
            return _abort(progress, observed, analysis.reason, at_once=True)
        case GateOutcome.UNMEASURED if analysis.unmeasured >= plan.settings.unmeasured_limit:
            reason = f"could not measure {analysis.unmeasured} times in a row: {analysis.reason}"
            if plan.settings.on_unmeasured == "abort":
                return _abort(progress, observed, reason)
            return _hold(progress, reason)
        case GateOutcome.LITTLE_TRAFFIC if over > plan.settings.extend_seconds and progress.phase is Phase.ANALYSE:
            return _hold(progress, f"too little traffic: {analysis.reason}")
        case _:
            return None


def _passed(plan: Plan, progress: RolloutProgress) -> Decision:
    if progress.step + 1 < len(plan.steps):
        following = Phase.SHIFT if plan.strategy == "flag" else Phase.SCALE
        return Decision(progress.to(following, step=progress.step + 1))
    if not plan.promotes:
        return Decision(progress.replace(holding=f"{plan.steps[-1]} % reached, as requested", reached=True))
    if plan.strategy == "flag":
        return Decision(progress.to(Phase.DONE, outcome=RolloutOutcome.PROMOTED))
    return Decision(progress.to(Phase.PROMOTE))


def _promote(plan: Plan, progress: RolloutProgress, observed: Observation) -> Decision:
    if observed.split != 100:
        return _changed(progress, observed, 100)
    return _stable_gets(plan, progress, observed, plan.image)


def _restore(plan: Plan, progress: RolloutProgress, observed: Observation) -> Decision:
    if observed.split != 100:
        return _changed(progress, observed, 100)
    if observed.promotion.startswith("failed"):
        return _hold(
            progress, f"stable could not be updated to {plan.previous_image}: {observed.promotion.removeprefix('failed: ')}"
        )
    return _stable_gets(plan, progress, observed, plan.previous_image)


def _stable_gets(plan: Plan, progress: RolloutProgress, observed: Observation, image: str) -> Decision:
    """Update stable, which has no traffic, to ``image``, and wait until it is ready with healthy targets."""
    new = image == plan.image
    waited = plan.waits[-1] if new else 0  # stable already had no traffic during the analysis of the last step
    if observed.seconds < plan.drain - waited:
        return Decision(progress, None, f"waiting {plan.drain:g} s until stable's open requests have ended")
    need = total_pods(plan, observed)
    if problem := too_many("stable", observed.stable, need):
        return _hold(progress, problem)
    if progress.promoted != new:
        return Decision(progress.replace(promoted=new))  # the journal stores this before the update starts
    if observed.stable.floor < need:
        return Decision(progress, RaiseFloor(need))
    late = observed.seconds > plan.drain + plan.settings.ready_seconds
    if observed.promotion == "running":
        if late:
            return _hold(progress, f"the engine has been updating stable to {image} for {observed.seconds:.0f} s and does not end")
        return Decision(progress, None, f"the engine updates stable to {image}: {observed.stable.ready} of {need} pods are ready")
    if observed.promotion != "done":  # even if stable already runs the image, because a killed update can leave an incomplete state
        return Decision(progress, Promote(image))
    if observed.stable.image != image:
        return _hold(progress, f"another command changed stable's image: {observed.stable.image}")
    if observed.stable.settled and observed.stable.carries(need):
        return Decision(progress.to(Phase.TO_STABLE))
    if observed.seconds > plan.drain + plan.settings.ready_seconds:
        reason = (
            f"stable did not become ready with {image}: {observed.stable.ready} pods, {observed.stable.healthy} targets of {need}"
        )
        return _abort(progress, observed, reason) if new else _hold(progress, reason)
    ready, healthy = observed.stable.ready, observed.stable.healthy
    return Decision(progress, None, f"stable has {ready} ready pods and {healthy} healthy targets of {need}")


def _to_stable(plan: Plan, progress: RolloutProgress, observed: Observation) -> Decision:
    flag = 0 if progress.aborting else 100
    if plan.strategy == "flag":
        if observed.flag == flag:
            return Decision(progress.to(Phase.DONE, outcome=RolloutOutcome.ABORTED))
        arrived = False
    else:
        arrived = observed.split == 0
        if arrived and observed.flag == flag:
            return Decision(progress.to(Phase.DRAIN, was_promoted=progress.promoted or progress.was_promoted))
    # The traffic moves when stable has enough healthy targets:
    # - 0 if the canary has no healthy target, and the last update of stable was not to the new image (`dead`);
    # - 1 in an urgent abort, if stable has not served the new image. An abort is urgent if the canary is unhealthy or has failed
    #   a gate, or if a person has repeated the abort;
    # - otherwise as many as all of the traffic needs, but not more than the maximum of stable's autoscaler.
    unhealthy = progress.at_once or observed.canary.trouble_seconds > plan.settings.grace_seconds
    unchanged = bool(progress.aborting) and not progress.was_promoted
    need = 1 if unchanged and unhealthy else min(total_pods(plan, observed), observed.stable.ceiling)
    dead = observed.canary.healthy == 0 and not progress.promoted
    if plan.strategy == "weighted" and not (arrived or observed.stable.healthy >= need or dead):
        if observed.seconds > plan.settings.ready_seconds:
            reason = f"stable has {observed.stable.healthy} healthy targets of {need}; the traffic stays where it is"
            can_insist = unchanged and observed.stable.healthy
            command = f"dwcp rollout --abort --environment {plan.environment}"
            return _hold(progress, f"{reason}, and `{command}` moves it anyway" if can_insist else reason)
        if observed.stable.floor < need:
            return Decision(progress, RaiseFloor(need))
        return Decision(progress, None, f"stable has {observed.stable.healthy} healthy targets of {need}")
    if observed.seconds > max(
        plan.settings.weight_readback_seconds, plan.settings.ready_seconds if observed.stable.healthy < need else 0
    ):
        return _hold(progress, _no_effect(plan, observed, 0, flag))
    return Decision(progress, Route(0, flag))


def _drain(plan: Plan, progress: RolloutProgress, observed: Observation) -> Decision:
    if observed.split != 0:
        return Decision(progress.to(Phase.TO_STABLE))
    # In an abort, the traffic can have moved before stable was large enough.
    need = min(total_pods(plan, observed), observed.stable.ceiling)
    if progress.aborting and observed.stable.floor < need:
        return Decision(progress, RaiseFloor(need))
    if observed.seconds < plan.drain:
        return Decision(progress, None, f"waiting {plan.drain:g} s until the canary's open requests have ended")
    if progress.promoted and (progress.aborting or plan.settings.bake_seconds):
        return Decision(progress.to(Phase.STANDBY))
    return Decision(progress.to(Phase.RETIRE))


def _standby(plan: Plan, progress: RolloutProgress, observed: Observation) -> Decision:
    if observed.split != 0:
        return _changed(progress, observed, 0)
    need = min(total_pods(plan, observed), observed.canary.ceiling)
    if observed.canary.image == plan.previous_image and observed.canary.settled and observed.canary.carries(need):
        return Decision(progress.to(Phase.FLIP if progress.aborting else Phase.BAKE))
    if observed.seconds > plan.settings.ready_seconds:
        if progress.aborting:
            return _hold(progress, f"the previous image {plan.previous_image} does not become ready on the canary")
        return Decision(progress.to(Phase.BAKE))  # the standby is not ready, so a rollback would first have to start its pods
    if observed.canary.image != plan.previous_image:
        return Decision(progress, LoadCanary(plan.previous_image))
    if observed.canary.replicas < need or observed.canary.floor < need:
        return Decision(progress, SizeCanary(max(need, observed.canary.replicas)))
    return Decision(progress, None, f"the canary with the previous image has {observed.canary.healthy} healthy targets of {need}")


def _bake(plan: Plan, progress: RolloutProgress, observed: Observation) -> Decision:
    if observed.split != 0:
        return _changed(progress, observed, 0)
    need = min(total_pods(plan, observed), observed.canary.ceiling)
    if observed.canary.image == plan.previous_image and 0 < observed.canary.replicas < need:
        return Decision(progress, SizeCanary(need))  # the standby must be able to handle the present load
    if observed.analysis is None:
        return Decision(progress.replace(window_start=progress.window_start or observed.now), None, "the measurement begins")
    over = observed.seconds - plan.settings.bake_seconds
    decided = _concluded(plan, progress, observed, observed.analysis, over=over)
    if decided is not None:
        return decided
    if over < 0 or observed.analysis.outcome is GateOutcome.UNMEASURED:
        return Decision(
            progress, None, f"{observed.analysis.outcome} so far, {max(0, -over):.0f} s left: {observed.analysis.reason}"
        )
    return Decision(progress.to(Phase.RETIRE))


def _flip(plan: Plan, progress: RolloutProgress, observed: Observation) -> Decision:
    if observed.split == 100 and observed.flag == 0:
        return Decision(progress.to(Phase.RESTORE))
    need = min(total_pods(plan, observed), observed.canary.ceiling)
    if not observed.canary.carries(need) or observed.canary.image != plan.previous_image:
        return (
            Decision(progress.to(Phase.STANDBY)) if observed.split == 0 else _hold(progress, "the canary became unhealthy as well")
        )
    if observed.seconds > plan.settings.weight_readback_seconds:
        return _hold(progress, _no_effect(plan, observed, 100, 0))
    return Decision(progress, Route(100, 0))


def _retire(plan: Plan, progress: RolloutProgress, observed: Observation) -> Decision:
    if observed.split != 0:
        return Decision(progress.to(Phase.TO_STABLE))
    if observed.canary.replicas or observed.stable.floor != plan.stable_floor or observed.canary.floor != plan.canary_floor:
        return Decision(progress, Retire())
    rolled_back = RolloutOutcome.ROLLED_BACK if progress.was_promoted else RolloutOutcome.ABORTED
    return Decision(progress.to(Phase.DONE, outcome=rolled_back if progress.aborting else RolloutOutcome.PROMOTED))


_PHASES: dict[Phase, Callable[[Plan, RolloutProgress, Observation], Decision]] = {
    Phase.PREPARE: _prepare,
    Phase.SCALE: _scale,
    Phase.SHIFT: _shift,
    Phase.PROPAGATE: _propagate,
    Phase.ANALYSE: _analyse,
    Phase.PROMOTE: _promote,
    Phase.TO_STABLE: _to_stable,
    Phase.DRAIN: _drain,
    Phase.STANDBY: _standby,
    Phase.BAKE: _bake,
    Phase.FLIP: _flip,
    Phase.RESTORE: _restore,
    Phase.RETIRE: _retire,
}
