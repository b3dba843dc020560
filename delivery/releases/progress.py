"""How a command shows what it is at: live on a terminal, in plain lines in CI, on standard error when standard output is JSON."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console

from delivery.releases.release import Step


@dataclass
class Note:
    """What a step has to say at its end."""

    detail: str = ""
    skipped: bool = False


@dataclass
class Progress:
    """The steps of one command, shown as they go and kept for its report."""

    console: Console
    steps: list[Step] = field(default_factory=list[Step])

    @classmethod
    def start(cls, *, json: bool = False) -> Progress:
        """For a command; with ``json`` standard output stays free."""
        return cls(Console(stderr=json, highlight=False, soft_wrap=True))

    @contextmanager
    def step(self, name: str) -> Generator[Note]:
        """Run one step; what it raises ends it as failed and goes on up."""
        note = Note()
        started = time.monotonic()
        try:
            if self.console.is_terminal:
                with self.console.status(name):
                    yield note
            else:
                self.say(f"{name} ...")
                yield note
        except BaseException as error:
            self._end(name, "failed", started, getattr(error, "problem", "") or type(error).__name__)
            raise
        self._end(name, "skipped" if note.skipped else "done", started, note.detail)

    def say(self, text: str) -> None:
        """One line."""
        self.console.print(text, markup=False)

    def warn(self, text: str) -> None:
        """One line that stands out."""
        self.console.print(f"warning: {text}", markup=False, style="yellow")

    def _end(self, name: str, result: str, started: float, detail: str) -> None:
        seconds = time.monotonic() - started
        step = Step.model_validate({"name": name, "result": result, "seconds": round(seconds, 2), "detail": detail})
        self.steps.append(step)
        mark = {"done": "ok", "failed": "FAILED", "skipped": "skipped"}[result]
        first = detail.splitlines()[0] if detail else ""
        self.say(f"{mark:8}{name} ({seconds:.1f} s){f': {first}' if first else ''}")
