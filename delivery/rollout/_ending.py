"""The result of a run of a rollout: a text, an exit code, and a value for JSON."""

from __future__ import annotations

from dataclasses import dataclass

from delivery.errors import ExitCode
from delivery.rollout.journal import Record
from delivery.rollout.plan import RolloutOutcome


@dataclass(frozen=True)
class Ending:
    """The result of a run."""

    text: str
    code: ExitCode
    result: str
    """``promoted``, ``reached``, ``held``, ``aborted`` or ``rolled back``."""


def ending(record: Record, running: str = "") -> Ending:
    """The result of a rollout that is done, that holds at the requested percentage, or that is on hold.

    ``running`` describes the running images if they differ from the result in the journal or cannot be read; otherwise it is empty.
    """
    end = _in_journal(record)
    if not running or record.progress.outcome is None:
        return end
    text = f"{end.result}, but {running}\n  look for the cause: dwcp doctor --environment {record.plan.environment}"
    return Ending(text, ExitCode.FAILED, end.result)


def _in_journal(record: Record) -> Ending:
    plan, progress = record.plan, record.progress
    environment = f"--environment {plan.environment}"
    onwards = "continue the rollback" if progress.aborting else "continue"
    commands = f"\n  {onwards}: dwcp rollout --image {plan.image} {environment}\n  roll back: dwcp rollout --abort {environment}"
    match progress.outcome:
        case RolloutOutcome.PROMOTED:
            what = f"{plan.image} gets all traffic of {plan.environment}"
            return Ending(
                what if plan.strategy == "weighted" else f"the flag of {plan.environment} is at 100 %", ExitCode.DONE, "promoted"
            )
        case RolloutOutcome.ABORTED | RolloutOutcome.ROLLED_BACK:
            verb = "aborted" if progress.outcome is RolloutOutcome.ABORTED else "rolled back"
            what = f"{plan.previous_image} gets all traffic of {plan.environment}"
            what = what if plan.strategy == "weighted" else f"the flag of {plan.environment} is at 0 %"
            return Ending(f"{verb} ({progress.aborting}): {what}", ExitCode.FAILED, verb)
        case None:
            step = plan.steps[progress.step]
    if progress.reached:
        return Ending(f"{plan.image} holds at {step} %{commands}", ExitCode.DONE, "reached")
    text = f"on hold in phase {progress.phase} (step {step} %): {progress.holding}{commands}"
    return Ending(text, ExitCode.HELD, "held")
