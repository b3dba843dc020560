"""The steps of a plan as the dry run and the live table print them. Each step covers phases of the state machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from delivery.rollout.plan import Phase, Plan, RolloutProgress

EACH_STEP = frozenset({Phase.SCALE, Phase.SHIFT, Phase.PROPAGATE, Phase.ANALYSE})
"""The phases that every percentage passes through."""
_BAKE = frozenset({Phase.DRAIN, Phase.STANDBY, Phase.BAKE, Phase.FLIP, Phase.RESTORE})


@dataclass(frozen=True)
class PlannedStep:
    """One line of a printed plan."""

    name: str
    does: str
    phases: frozenset[Phase]
    index: int | None = None
    """The percentage's index in the plan; ``None`` if the phases occur once."""

    def covers(self, progress: RolloutProgress) -> bool:
        """Whether the rollout is at this line."""
        return progress.phase in self.phases and self.index in (None, progress.step)


def steps_of(plan: Plan) -> Iterator[PlannedStep]:
    """The lines of a plan, in the order in which the machine passes through their phases."""
    settings, weighted = plan.settings, plan.strategy == "weighted"
    gates = f"errors up to {100 * plan.error_threshold:g} %, with at least {settings.minimum_requests} requests"
    if weighted:
        does = f"stable keeps at least {plan.replicas} pods; the canary gets {plan.image}"
        yield PlannedStep("prepare", does, frozenset({Phase.PREPARE}))
    for index, (step, wait) in enumerate(zip(plan.steps, plan.waits, strict=True)):
        pods = f"{plan.size(index)} canary pods ready and healthy, then " if weighted else ""
        routed = f"{'weight and flag' if weighted else 'flag'} set to {step} % and read back"
        does = f"{pods}{routed}, {settings.propagation_seconds:g} s to take effect, {wait:g} s of analysis ({gates})"
        first = frozenset({Phase.PREPARE}) if index == 0 and not weighted else frozenset[Phase]()
        yield PlannedStep(f"{step} %", does, EACH_STEP | first, index)
    if not plan.promotes:
        yield PlannedStep("hold", f"at {plan.steps[-1]} % until the next command", frozenset())
        return
    if weighted:
        does = f"after a drain of {plan.drain:g} s, stable gets {plan.image}, and then all traffic"
        yield PlannedStep("promote", does, frozenset({Phase.PROMOTE, Phase.TO_STABLE}))
        if settings.bake_seconds:
            does = f"{settings.bake_seconds:g} s of analysis of stable, with {plan.previous_image} on standby in the canary"
            yield PlannedStep("bake", f"after a drain of {plan.drain:g} s, {does}", _BAKE)
        after = "" if settings.bake_seconds else f"after a drain of {plan.drain:g} s, "
        does = f"{after}the canary is scaled to 0 pods, the minimum of stable's autoscaler is {plan.stable_floor} again"
        last = {Phase.RETIRE, Phase.DONE}
        yield PlannedStep("retire", does, frozenset(last) if settings.bake_seconds else _BAKE | last)


def at(rows: list[PlannedStep], progress: RolloutProgress) -> int:
    """The index of the line for the present phase of a rollout.

    It is the last index if the rollout holds at the requested percentage, or if no line has the phase.
    """
    found = (index for index, row in enumerate(rows) if row.covers(progress) and not progress.reached)
    return next(found, len(rows) - 1)
