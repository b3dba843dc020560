"""A command as a list of named steps. A run records the result of each step. A dry run prints the steps as the plan."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rich.console import Console

from delivery.clients.screens import console
from delivery.errors import problem_of
from delivery.releases.release import StepRecord


@dataclass(frozen=True)
class Skipped:
    """The result of a step that was skipped, with the reason."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a command."""

    name: str
    detail: str
    """The text that the plan prints after the name, for example what the step does or which track it checks."""
    run: Callable[[], str | Skipped]
    """Performs the step; returns one line about the result."""
    changes_nothing: bool = False
    """Whether a dry run performs this step too, because the step changes nothing."""
    rolls_back: bool = False
    """Whether the command rolls back if this step fails."""


@dataclass
class StepRunner:
    """Runs steps, prints their progress and records their results for the report."""

    console: Console
    records: list[StepRecord] = field(default_factory=list[StepRecord])
    latest: Step | None = None
    """The step that runs now, or the last step that was run."""

    @classmethod
    def start(cls, *, json: bool = False) -> StepRunner:
        """A runner for a command; with ``json``, the runner prints to standard error."""
        return cls(console(stderr=json, soft_wrap=True))

    def run(self, steps: Sequence[Step]) -> None:
        """Run the steps in order; an exception marks the step as failed and is raised again."""
        for step in steps:
            self._run(step)

    def show(self, steps: Sequence[Step]) -> None:
        """Print the plan: the description of each step. Steps with ``changes_nothing`` are run too."""
        for number, step in enumerate(steps, 1):
            self.say(f"  {number}. {step.name}: {step.detail}")
            if step.changes_nothing:
                self._run(step)

    def say(self, text: str) -> None:
        """Print one line."""
        self.console.print(text, markup=False)

    def warn(self, text: str) -> None:
        """Print one highlighted line."""
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
            self._record(step.name, "failed", started, problem_of(error))
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
