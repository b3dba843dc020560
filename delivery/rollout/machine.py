"""What to do next, as a pure function of the plan, the progress and what is seen: no clock, no network, no state of its own.

Every action may be repeated, and is asked for only while what is seen differs from what is wanted; so a rollout that was killed
at any point goes on from its journal. What holds on every path, and is tested as such: a track gets traffic only while it has
enough healthy targets; nothing is scaled down or replaced in a track before its weight is read back as 0 and its drain is over;
every path ends with all traffic on one version, or on hold with a reason.
"""

from __future__ import annotations

from collections.abc import Callable

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
)
from delivery.rollout.plan import Phase, Plan, RolloutOutcome, RolloutProgress
from delivery.rollout.sizing import beyond, carrying, for_step


def decide(plan: Plan, progress: RolloutProgress, seen: Observation) -> Decision:
    """What is next. A progress that holds or is done stays as it is."""
    if progress.holding or progress.phase is Phase.DONE:
        return Decision(progress)
    if not progress.aborting:
        if reason := _sick(plan, progress, seen):
            return _abort(progress, seen, reason, at_once=True)
        if reason := _given_up(plan, progress, seen):
            return _abort(progress, seen, reason)
    return _with_room_to_return(plan, progress, seen, _PHASES[progress.phase](plan, progress, seen))


def _with_room_to_return(plan: Plan, progress: RolloutProgress, seen: Observation, decision: Decision) -> Decision:
    """The decision, and where it only waits, stable kept as large as all of the traffic needs: its way back is then open."""
    need = min(carrying(plan, seen), seen.stable.ceiling)
    may_return = plan.strategy == "weighted" and progress.phase in _CANARY_IS_NEW and not (progress.aborting or progress.promoted)
    if may_return and decision.action is None and decision.waiting_for and seen.stable.floor < need:
        return Decision(decision.progress, RaiseFloor(need), decision.waiting_for)
    return decision


def resumed(progress: RolloutProgress) -> RolloutProgress:
    """A held rollout, told to go on where it is: its measurement begins anew."""
    return progress.but(holding="", reached=False, window_start=None)


def insisted(progress: RolloutProgress) -> RolloutProgress:
    """A rollout, told to go back. One that already holds on its way back no longer waits for stable's size."""
    return resumed(progress).but(at_once=progress.at_once or bool(progress.aborting and progress.holding))


def _sick(plan: Plan, progress: RolloutProgress, seen: Observation) -> str:
    """Why the canary with the new image is the worse place for the traffic; or nothing."""
    if plan.strategy != "weighted" or progress.phase not in _CANARY_IS_NEW:
        return ""
    if seen.canary.trouble_seconds > plan.settings.grace_seconds:
        return f"the canary is in trouble: {seen.canary.trouble}"
    measured = progress.phase in (Phase.PROPAGATE, Phase.ANALYSE, Phase.PROMOTE)
    if measured and seen.canary.short_seconds > plan.settings.grace_seconds:
        return f"only {seen.canary.healthy} of the canary's {plan.size(progress.step)} targets are healthy"
    return ""


def _given_up(plan: Plan, progress: RolloutProgress, seen: Observation) -> str:
    """Why else the rollout cannot go on, in phases where it still can be taken back; or nothing."""
    if progress.phase is Phase.RETIRE:
        return ""
    if seen.stop:
        return seen.stop
    grace = plan.settings.grace_seconds
    if progress.phase in (*_STABLE_IS_NEW, Phase.PROMOTE) and progress.promoted and seen.stable.trouble_seconds > grace:
        return f"stable lost its health: {seen.stable.trouble}"
    if progress.phase in _STABLE_IS_NEW and progress.promoted and seen.stable.short_seconds > grace:
        return f"only {seen.stable.healthy} of stable's {plan.replicas} targets are healthy"
    if progress.phase is Phase.PROMOTE and seen.promotion.startswith("failed"):
        return f"stable could not be given the new image: {seen.promotion.removeprefix('failed: ')}"
    return ""


_CANARY_IS_NEW = (Phase.SCALE, Phase.SHIFT, Phase.PROPAGATE, Phase.ANALYSE, Phase.PROMOTE)
_STABLE_IS_NEW = (Phase.TO_STABLE, Phase.DRAIN, Phase.STANDBY, Phase.BAKE)


def _abort(progress: RolloutProgress, seen: Observation, reason: str, *, at_once: bool = False) -> Decision:
    """The way back from where it is."""
    given_up = progress.but(aborting=reason, at_once=at_once)
    if not progress.promoted:
        return Decision(given_up.to(Phase.TO_STABLE))
    if seen.split == 100:  # stable has the new image, but no traffic
        return Decision(given_up.to(Phase.RESTORE))
    # It has the traffic: the canary takes the previous image, idle as it is or will be after its drain, and then the traffic.
    return Decision(given_up.to(Phase.STANDBY) if progress.phase is Phase.BAKE else given_up)


def _hold(progress: RolloutProgress, reason: str) -> Decision:
    return Decision(progress.but(holding=reason))


def _prepare(plan: Plan, progress: RolloutProgress, seen: Observation) -> Decision:
    if plan.strategy == "flag":
        return Decision(progress.to(Phase.SHIFT))
    if seen.split != 0:
        return _hold(progress, f"the canary receives {seen.split} % of the traffic before this rollout gave it any")
    if problem := beyond("stable", seen.stable, plan.replicas) or beyond("the canary", seen.canary, plan.replicas):
        return _hold(progress, problem)
    if seen.stable.floor < plan.replicas:
        return Decision(progress, RaiseFloor(plan.replicas))
    if seen.canary.image != plan.image:
        return Decision(progress, LoadCanary(plan.image))
    return Decision(progress.to(Phase.SCALE))


def _scale(plan: Plan, progress: RolloutProgress, seen: Observation) -> Decision:
    need = for_step(plan, seen, progress.step)
    if seen.canary.image != plan.image:
        return _hold(progress, f"the canary was given another image from outside this rollout: {seen.canary.image}")
    if problem := beyond("the canary", seen.canary, need):
        return _hold(progress, problem)
    if seen.canary.carries(need):
        return Decision(progress.to(Phase.SHIFT))
    if seen.seconds > plan.settings.ready_seconds:
        reason = f"the canary did not get ready: {seen.canary.ready} pods and {seen.canary.healthy} targets of {need}"
        return _abort(progress, seen, reason + (f", {seen.canary.trouble}" if seen.canary.trouble else ""))
    if seen.canary.replicas < need or seen.canary.floor < need:
        return Decision(progress, SizeCanary(max(need, seen.canary.replicas)))
    return Decision(progress, None, f"{seen.canary.ready} pods ready, {seen.canary.healthy} targets healthy of {need}")


def _shift(plan: Plan, progress: RolloutProgress, seen: Observation) -> Decision:
    wanted = plan.steps[progress.step]
    weighted = plan.strategy == "weighted"
    if (not weighted or seen.split == wanted) and seen.flag == wanted:
        return Decision(progress.to(Phase.PROPAGATE))
    if weighted and wanted and not seen.canary.carries(for_step(plan, seen, progress.step)):
        return Decision(progress.to(Phase.SCALE))
    if seen.seconds > plan.settings.weight_readback_seconds:
        reason = f"the weight does not take: set to {wanted} %, read back {seen.split} % (flag {seen.flag} %)"
        return _abort(progress, seen, reason)
    return Decision(progress, Route(wanted, wanted))


def _propagate(plan: Plan, progress: RolloutProgress, seen: Observation) -> Decision:
    if seen.seconds < plan.settings.propagation_seconds:
        return Decision(progress, None, f"{plan.settings.propagation_seconds:g} s for the weight to spread")
    return Decision(progress.to(Phase.ANALYSE))


def _analyse(plan: Plan, progress: RolloutProgress, seen: Observation) -> Decision:
    wanted, wait = plan.steps[progress.step], plan.waits[progress.step]
    if (moved := seen.split if plan.strategy == "weighted" else seen.flag) != wanted:
        return _hold(progress, f"the traffic was moved from outside this rollout: {moved} % instead of {wanted} %")
    if wanted == 0:  # staged: nothing to measure
        return _passed(plan, progress)
    if seen.analysis is None:
        return Decision(progress.but(window_start=progress.window_start or seen.now), None, "the first measurement")
    decided = _judged(plan, progress, seen, seen.analysis, over=seen.seconds - wait)
    if decided is not None:
        return decided
    if seen.seconds < wait or seen.analysis.outcome is not GateOutcome.PASSED:
        left = max(0, wait - seen.seconds)
        return Decision(progress, None, f"{seen.analysis.outcome} so far, {left:.0f} s left: {seen.analysis.reason}")
    return _passed(plan, progress)


def _judged(plan: Plan, progress: RolloutProgress, seen: Observation, analysis: Analysis, *, over: float) -> Decision | None:
    """What an analysis ends at once; ``over`` is how many seconds the wait has been over."""
    match analysis.outcome:
        case GateOutcome.FAILED:
            return _abort(progress, seen, analysis.reason, at_once=True)
        case GateOutcome.UNMEASURED if analysis.unmeasured >= plan.settings.unmeasured_limit:
            reason = f"could not measure {analysis.unmeasured} times in a row: {analysis.reason}"
            if plan.settings.on_unmeasured == "abort":
                return _abort(progress, seen, reason)
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
        return Decision(progress.but(holding=f"{plan.steps[-1]} % reached, as asked for", reached=True))
    if plan.strategy == "flag":
        return Decision(progress.to(Phase.DONE, outcome=RolloutOutcome.PROMOTED))
    return Decision(progress.to(Phase.PROMOTE))


def _promote(plan: Plan, progress: RolloutProgress, seen: Observation) -> Decision:
    if seen.split != 100:
        return _hold(progress, f"the traffic was moved from outside this rollout: {seen.split} % instead of 100 %")
    return _stable_gets(plan, progress, seen, plan.image)


def _restore(plan: Plan, progress: RolloutProgress, seen: Observation) -> Decision:
    if seen.split != 100:
        return _hold(progress, f"the traffic was moved from outside this rollout: {seen.split} % instead of 100 %")
    if seen.promotion.startswith("failed"):
        return _hold(progress, f"stable could not be given {plan.previous_image}: {seen.promotion.removeprefix('failed: ')}")
    return _stable_gets(plan, progress, seen, plan.previous_image)


def _stable_gets(plan: Plan, progress: RolloutProgress, seen: Observation, image: str) -> Decision:
    """Stable runs ``image``, ready and with healthy targets, before it gets traffic; it has none now."""
    new = image == plan.image
    waited = plan.waits[-1] if new else 0
    if seen.seconds < plan.drain - waited:
        return Decision(progress, None, f"{plan.drain:g} s for stable's open requests to end")
    need = carrying(plan, seen)
    if problem := beyond("stable", seen.stable, need):
        return _hold(progress, problem)
    if progress.promoted != new:
        return Decision(progress.but(promoted=new))  # written down before it is ordered
    if seen.stable.floor < need:
        return Decision(progress, RaiseFloor(need))
    late = seen.seconds > plan.drain + plan.settings.ready_seconds
    if seen.promotion == "running":
        if late:
            return _hold(progress, f"the engine has been giving stable {image} for {seen.seconds:.0f} s and does not end")
        return Decision(progress, None, f"stable to run {image}: {seen.stable.ready} pods ready of {need}")
    if seen.promotion != "done":  # also where stable runs it already: a killed order may have left it half recorded
        return Decision(progress, Promote(image))
    if seen.stable.image != image:
        return _hold(progress, f"stable was given another image from outside this rollout: {seen.stable.image}")
    if seen.stable.settled and seen.stable.carries(need):
        return Decision(progress.to(Phase.TO_STABLE))
    if seen.seconds > plan.drain + plan.settings.ready_seconds:
        reason = f"stable did not get ready with {image}: {seen.stable.ready} pods, {seen.stable.healthy} targets of {need}"
        return _abort(progress, seen, reason) if new else _hold(progress, reason)
    return Decision(progress, None, f"{seen.stable.ready} pods ready, {seen.stable.healthy} targets healthy of {need}")


def _to_stable(plan: Plan, progress: RolloutProgress, seen: Observation) -> Decision:
    flag = 0 if progress.aborting else 100
    if plan.strategy == "flag":
        if seen.flag == flag:
            return Decision(progress.to(Phase.DONE, outcome=RolloutOutcome.ABORTED))
        arrived = False
    else:
        arrived = seen.split == 0
        if arrived and seen.flag == flag:
            return Decision(progress.to(Phase.DRAIN, was_promoted=progress.promoted or progress.was_promoted))
    # Any healthy target of stable is better than a canary that is sick or fails its gates; and when neither has one, the version
    # that was deployed on purpose is the place to be. A person who stops a rollout does not have such a canary.
    whole = min(carrying(plan, seen), seen.stable.ceiling)
    untouched = bool(progress.aborting) and not progress.was_promoted
    sick = progress.at_once or seen.canary.trouble_seconds > plan.settings.grace_seconds
    need = 1 if untouched and sick else whole
    dead = seen.canary.healthy == 0 and not progress.promoted
    if plan.strategy == "weighted" and not (arrived or seen.stable.healthy >= need or dead):
        if seen.seconds > plan.settings.ready_seconds:
            way = ", and `dwcp rollout --abort` moves it all the same" if untouched and seen.stable.healthy else ""
            return _hold(
                progress, f"stable has {seen.stable.healthy} healthy targets of {need}; the traffic stays where it is{way}"
            )
        if seen.stable.floor < need:
            return Decision(progress, RaiseFloor(need))
        return Decision(progress, None, f"stable: {seen.stable.healthy} targets healthy of {need}")
    if seen.seconds > max(plan.settings.weight_readback_seconds, plan.settings.ready_seconds if seen.stable.healthy < need else 0):
        return _hold(progress, f"the weight does not take: set to 0 %, read back {seen.split} % (flag {seen.flag} %)")
    return Decision(progress, Route(0, flag))


def _drain(plan: Plan, progress: RolloutProgress, seen: Observation) -> Decision:
    if seen.split != 0:
        return Decision(progress.to(Phase.TO_STABLE))
    # Traffic that was taken back at once finds stable as large as the canary's part of the load had made the canary.
    need = min(carrying(plan, seen), seen.stable.ceiling)
    if progress.aborting and seen.stable.floor < need:
        return Decision(progress, RaiseFloor(need))
    if seen.seconds < plan.drain:
        return Decision(progress, None, f"{plan.drain:g} s for the canary's open requests to end")
    if progress.promoted and (progress.aborting or plan.settings.bake_seconds):
        return Decision(progress.to(Phase.STANDBY))
    return Decision(progress.to(Phase.RETIRE))


def _standby(plan: Plan, progress: RolloutProgress, seen: Observation) -> Decision:
    if seen.split != 0:
        return _hold(progress, f"the traffic was moved from outside this rollout: {seen.split} % instead of 0 %")
    need = min(carrying(plan, seen), seen.canary.ceiling)
    if seen.canary.image == plan.previous_image and seen.canary.settled and seen.canary.carries(need):
        return Decision(progress.to(Phase.FLIP if progress.aborting else Phase.BAKE))
    if seen.seconds > plan.settings.ready_seconds:
        if progress.aborting:
            return _hold(progress, f"the previous image {plan.previous_image} does not get ready on the canary either")
        return Decision(progress.to(Phase.BAKE))  # going back would then take as long as starting it
    if seen.canary.image != plan.previous_image:
        return Decision(progress, LoadCanary(plan.previous_image))
    if seen.canary.replicas < need or seen.canary.floor < need:
        return Decision(progress, SizeCanary(max(need, seen.canary.replicas)))
    return Decision(progress, None, f"the previous image to stand by: {seen.canary.healthy} targets healthy of {need}")


def _bake(plan: Plan, progress: RolloutProgress, seen: Observation) -> Decision:
    if seen.split != 0:
        return _hold(progress, f"the traffic was moved from outside this rollout: {seen.split} % instead of 0 %")
    need = min(carrying(plan, seen), seen.canary.ceiling)
    if seen.canary.image == plan.previous_image and 0 < seen.canary.replicas < need:
        return Decision(progress, SizeCanary(need))  # it stands by for the load of now
    if seen.analysis is None:
        return Decision(progress.but(window_start=progress.window_start or seen.now), None, "the first measurement")
    over = seen.seconds - plan.settings.bake_seconds
    decided = _judged(plan, progress, seen, seen.analysis, over=over)
    if decided is not None:
        return decided
    if over < 0 or seen.analysis.outcome is GateOutcome.UNMEASURED:
        return Decision(progress, None, f"{seen.analysis.outcome} so far, {max(0, -over):.0f} s left: {seen.analysis.reason}")
    return Decision(progress.to(Phase.RETIRE))


def _flip(plan: Plan, progress: RolloutProgress, seen: Observation) -> Decision:
    if seen.split == 100 and seen.flag == 0:
        return Decision(progress.to(Phase.RESTORE))
    need = min(carrying(plan, seen), seen.canary.ceiling)
    if not seen.canary.carries(need) or seen.canary.image != plan.previous_image:
        return Decision(progress.to(Phase.STANDBY)) if seen.split == 0 else _hold(progress, "the canary lost its health as well")
    if seen.seconds > plan.settings.weight_readback_seconds:
        return _hold(progress, f"the weight does not take: set to 100 %, read back {seen.split} % (flag {seen.flag} %)")
    return Decision(progress, Route(100, 0))


def _retire(plan: Plan, progress: RolloutProgress, seen: Observation) -> Decision:
    if seen.split != 0:
        return Decision(progress.to(Phase.TO_STABLE))
    if seen.canary.replicas or seen.stable.floor != plan.stable_floor or seen.canary.floor != plan.canary_floor:
        return Decision(progress, Retire())
    gone_back = RolloutOutcome.ROLLED_BACK if progress.was_promoted else RolloutOutcome.ABORTED
    return Decision(progress.to(Phase.DONE, outcome=gone_back if progress.aborting else RolloutOutcome.PROMOTED))


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
