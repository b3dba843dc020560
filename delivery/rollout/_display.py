"""The output of a rollout: a live table on a terminal, plain lines in a pipeline, and with ``--json`` one line of JSON per event.

With ``--json``, a dry run prints one JSON document.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from delivery.clients.screens import table
from delivery.errors import ExitCode
from delivery.rollout._ending import Ending
from delivery.rollout._loop import Reporter
from delivery.rollout._printed_plan import EACH_STEP, present_index, steps_of, text_of
from delivery.rollout.actions import Action, Observation
from delivery.rollout.journal import Record
from delivery.rollout.plan import Plan, RolloutOutcome

REPEAT_SECONDS = 30
"""Minimum number of seconds between two plain lines about the same wait."""


def show_plan(plan: Plan, console: Console, *, as_json: bool, abort: Sequence[str] = ()) -> None:
    """Print the plan for a dry run, or with ``abort`` the steps of the abort."""
    if as_json:
        lines = [plan.model_dump_json(indent=1)] if not abort else [json.dumps({"abort": abort}, indent=1)]
    elif abort:
        lines = [f"{plan.environment}: abort the rollout of {plan.image}, roll back to {plan.previous_image}"]
        lines += [f"  {step}" for step in abort]
    else:
        lines = [f"{plan.environment}: {plan.previous_image} -> {plan.image}"]
        lines += [f"  {step.name:8} {step.detail}" for step in steps_of(plan)]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def show_nothing(console: Console, *, as_json: bool) -> None:
    """Print that there is nothing to do."""
    if as_json:
        JsonLines(console).say("end", result="nothing to do", exit_code=int(ExitCode.DONE), text="nothing to do")
    else:
        console.print("nothing to do", markup=False)


def show_end(record: Record, end: Ending, console: Console, *, as_json: bool) -> None:
    """Print the result of the rollout, after the live table is finished."""
    if as_json:
        JsonLines(console).say("end", result=end.result, exit_code=int(end.code), text=end.text, rollout=record.id)
    else:
        console.print(end.text, markup=False, highlight=False, soft_wrap=True)


class Lines(Reporter):
    """One line per event: for pipelines and logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._reported: tuple[str, float] = ("", 0)

    def begins(self, record: Record, *, resumed: bool) -> None:
        """Print the previous and the new image."""
        self._line(
            f"rollout {record.id} {'continues' if resumed else 'begins'}: {record.plan.previous_image} -> {record.plan.image}"
        )

    def enters(self, record: Record, text: str) -> None:
        """Print the new phase."""
        self._line(f"{_percentage(record)}{text}")

    def acts(self, record: Record, action: Action) -> None:
        """Print the action."""
        del record
        self._line(f"  {text_of(action)}")

    def waits(self, record: Record, observed: Observation, text: str) -> None:
        """Print a line at the first wait of a phase, and then a line at most every ``REPEAT_SECONDS``."""
        del observed
        now = datetime.now(UTC).timestamp()
        phase, at = self._reported
        if phase != f"{record.progress.phase}{record.progress.step}" or now - at > REPEAT_SECONDS:
            self._reported = f"{record.progress.phase}{record.progress.step}", now
            self._line(f"  {text}")

    def warns(self, text: str) -> None:
        """Print the warning."""
        self._line(f"warning: {text}")

    def notes(self, text: str) -> None:
        """Print the text."""
        self._line(text)

    def _line(self, text: str) -> None:
        at = datetime.now(UTC).strftime("%H:%M:%S")
        self._console.print(f"{at} {text}", markup=False, highlight=False, soft_wrap=True)


class JsonLines(Reporter):
    """One JSON object per event on standard output."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def begins(self, record: Record, *, resumed: bool) -> None:
        """Print the event ``begin`` with the whole plan."""
        self.say("begin", rollout=record.id, resumed=resumed, plan=record.plan.model_dump(mode="json"))

    def enters(self, record: Record, text: str) -> None:
        """Print the event ``phase`` with the progress in the journal."""
        self.say("phase", rollout=record.id, text=text, **record.progress.model_dump(mode="json"))

    def acts(self, record: Record, action: Action) -> None:
        """Print the event ``action``."""
        del record
        self.say("action", action=type(action).__name__, **vars(action))

    def waits(self, record: Record, observed: Observation, text: str) -> None:
        """Print the event ``wait`` with the observation."""
        self.say("wait", phase=str(record.progress.phase), text=text, observed=asdict(observed))

    def warns(self, text: str) -> None:
        """Print the event ``warning``."""
        self.say("warning", text=text)

    def notes(self, text: str) -> None:
        """Print the event ``note``."""
        self.say("note", text=text)

    def say(self, event: str, **fields: Any) -> None:
        """Print one event as a line of JSON."""
        line = json.dumps({"event": event, "at": datetime.now(UTC).isoformat(timespec="milliseconds"), **fields})
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


class LiveTable(Reporter):
    """A live table on a terminal with the finished, current and future steps."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._observed: Observation | None = None
        self._text = ""

    def begins(self, record: Record, *, resumed: bool) -> None:
        """Show the table for the first time."""
        self._show(record, "continues" if resumed else "begins")

    def enters(self, record: Record, text: str) -> None:
        """Show the new phase."""
        self._show(record, text)

    def acts(self, record: Record, action: Action) -> None:
        """Show the action."""
        self._show(record, text_of(action))

    def waits(self, record: Record, observed: Observation, text: str) -> None:
        """Show what the rollout waits for."""
        self._observed = observed
        self._show(record, text)

    def warns(self, text: str) -> None:
        """Print the warning above the table, where it stays visible."""
        self._live.console.print(f"warning: {text}", style="yellow", markup=False, highlight=False)

    def notes(self, text: str) -> None:
        """Print the text above the table, where it stays visible."""
        self._live.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _show(self, record: Record, text: str) -> None:
        self._live.update(Group(self._table(record, text), self._tracks()), refresh=True)

    def _table(self, record: Record, text: str) -> Table:
        plan, progress = record.plan, record.progress
        shown = table("", "step", "", title=f"{plan.environment}: {plan.previous_image} -> {plan.image}", title_justify="left")
        rows = list(steps_of(plan))
        present = present_index(rows, progress)
        for index, row in enumerate(rows):
            done = index < present or progress.outcome is RolloutOutcome.PROMOTED
            here = index == present and not progress.aborting
            mark = Text("✓", "green") if done else Text("●", "cyan") if here else Text("○", "dim")
            shown.add_row(mark, row.name, Text(text) if here and not done else Text(row.detail, "dim"))
        if progress.aborting:
            shown.add_row(Text("✗", "red"), "aborting", Text(f"{progress.aborting} ({text})", "red"))
        if progress.holding:
            shown.add_row(Text("‖", "yellow"), "on hold", Text(progress.holding, "yellow"))
        return shown

    def _tracks(self) -> Text:
        observed = self._observed
        if observed is None:
            return Text("")
        split = "no traffic split" if observed.split is None else f"traffic {100 - observed.split}:{observed.split}"
        stable, canary = observed.stable, observed.canary
        return Text(
            f"{split}  stable {stable.healthy}/{stable.replicas} healthy ({stable.image.rpartition(':')[2]})  "
            f"canary {canary.healthy}/{canary.replicas} healthy ({canary.image.rpartition(':')[2]})  flag {observed.flag} %",
            "dim",
        )


def _percentage(record: Record) -> str:
    return f"{record.plan.steps[record.progress.step]} %: " if record.progress.phase in EACH_STEP else ""


@contextmanager
def reporter(console: Console, *, as_json: bool, live: bool = True) -> Generator[Reporter]:
    """The reporter for the output: JSON lines with ``as_json``, a live table with ``live`` on a terminal, otherwise plain lines."""
    if as_json:
        yield JsonLines(console)
    elif live and console.is_terminal:
        with Live(console=console, auto_refresh=False) as shown:
            yield LiveTable(shown)
    else:
        yield Lines(console)
