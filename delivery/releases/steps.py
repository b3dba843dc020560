"""A command as a list of named steps: run and recorded, or printed as the plan of a dry run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rich.console import Console

from delivery.clients.screens import console
from delivery.releases.release import StepRecord


@dataclass(frozen=True)
class Skipped:
    """A step that had nothing to do, and why."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a command."""

    name: str
    does: str
    """For the plan."""
    run: Callable[[], str | Skipped]
    """Do it; returns what was found or done."""
    only_looks: bool = False
    """Whether a dry run runs it as well, since it changes nothing."""
    goes_back: bool = False
    """Whether what was done is taken back when this step fails."""


@dataclass
class StepRunner:
    """Runs steps, shows them as they go (live on a terminal, as lines in CI) and keeps how they ended for the report."""

    console: Console
    records: list[StepRecord] = field(default_factory=list[StepRecord])
    latest: Step | None = None
    """The step that runs, or ran last."""

    @classmethod
    def start(cls, *, json: bool = False) -> StepRunner:
        """For a command; with ``json`` standard output stays free."""
        return cls(console(stderr=json, soft_wrap=True))

    def run(self, steps: Sequence[Step]) -> None:
        """One after the other; what a step raises ends it as failed and goes on up."""
        for step in steps:
            self._run(step)

    def show(self, steps: Sequence[Step]) -> None:
        """The plan: what each step does. Those that only look are run."""
        for number, step in enumerate(steps, 1):
            self.say(f"  {number}. {step.name}: {step.does}")
            if step.only_looks:
                self._run(step)

    def say(self, text: str) -> None:
        """One line."""
        self.console.print(text, markup=False)

    def warn(self, text: str) -> None:
        """One line that stands out."""
        self.console.print(f"warning: {text}", markup=False, style="yellow")

    def _run(self, step: Step) -> None:
        self.latest, started = step, time.monotonic()
        try:
            if self.console.is_terminal:
                with self.console.status(step.name):
                    ended = step.run()
            else:
                self.say(f"{step.name} ...")
                ended = step.run()
        except BaseException as error:
            self._record(step.name, "failed", started, getattr(error, "problem", "") or type(error).__name__)
            raise
        if isinstance(ended, Skipped):
            self._record(step.name, "skipped", started, ended.reason)
        else:
            self._record(step.name, "done", started, ended)

    def _record(self, name: str, result: str, started: float, detail: str) -> None:
        seconds = time.monotonic() - started
        step = StepRecord.model_validate({"name": name, "result": result, "seconds": round(seconds, 2), "detail": detail})
        self.records.append(step)
        mark = {"done": "ok", "failed": "FAILED", "skipped": "skipped"}[result]
        first = detail.splitlines()[0] if detail else ""
        self.say(f"{mark:8}{name} ({seconds:.1f} s){f': {first}' if first else ''}")
