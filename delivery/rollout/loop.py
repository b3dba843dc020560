"""The loop of the state machine: look, decide, write down, act, until the rollout is done, on hold or stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Protocol, TypeVar

from delivery.clients.kubernetes import ClusterError
from delivery.clients.load_balancer import LoadBalancerError
from delivery.errors import DeliveryError
from delivery.rollout.actions import Action, Decision, Observation
from delivery.rollout.journal import Entry, Journal, JournalError, Record
from delivery.rollout.machine import decide
from delivery.rollout.plan import Phase, RolloutProgress
from delivery.rollout.platform import POLL_SECONDS, Platform
from delivery.state.lease import Lease

LONGEST_RETRY_SECONDS = 5.0

Answer = TypeVar("Answer")


class Reporter(Protocol):
    """Who is told what happens."""

    def begins(self, record: Record, *, resumed: bool) -> None:
        """A rollout begins, or goes on."""
        ...

    def enters(self, record: Record, text: str) -> None:
        """Another phase, or another state of this one; written down already."""
        ...

    def acts(self, record: Record, action: Action) -> None:
        """Something is about to be changed."""
        ...

    def waits(self, record: Record, seen: Observation, text: str) -> None:
        """Nothing to do for now."""
        ...

    def warns(self, text: str) -> None:
        """Something is not as it should be, and the rollout goes on."""
        ...


class StoppedError(DeliveryError):
    """The rollout cannot go on by itself from here; its journal stays open."""


@dataclass
class RolloutLoop:
    """One run of a rollout, from its record on."""

    platform: Platform
    journal: Journal
    reporter: Reporter
    lease: Lease
    wake: SimpleQueue[str] = field(default_factory=SimpleQueue[str])
    """What comes in ends a wait early. Not an event: setting one in a signal handler may wait for what it has interrupted."""
    clock: Callable[[], float] = time.monotonic
    _last: Action | None = None
    _entered: float = 0
    _split: int | None = None
    """The canary's part of the traffic when it was last read."""

    def run(self, record: Record) -> Record:
        """Go on until the record is done or on hold; return the last one.

        Raises ``StoppedError`` when cluster or load balancer stay away, ``LeaseLostError`` when another command has the lease.
        """
        self._entered = self.clock()
        while record.progress.phase is not Phase.DONE and not record.progress.holding:
            plan = record.plan
            self.lease.check()
            phase_and_step = (record.progress.phase, record.progress.step)
            decision = self._patiently(record, lambda r=record: self._decide(r))
            if decision.progress != record.progress:
                record = self._write(record, decision.progress)
            if (record.progress.phase, record.progress.step) != phase_and_step:
                self._entered, self._last = self.clock(), None
            if decision.action is not None:
                self._act(record, decision.action)
            elif decision.waiting_for:
                measures = record.progress.phase in (Phase.ANALYSE, Phase.BAKE)
                self._sleep(plan.settings.interval_seconds if measures else POLL_SECONDS)
        return record

    def _decide(self, record: Record) -> Decision:
        seen = self.platform.observe(record.plan, record.progress, self.clock() - self._entered)
        self._split = seen.split
        decision = decide(record.plan, record.progress, seen)
        if decision.action is None and decision.waiting_for:
            self.reporter.waits(record, seen, decision.waiting_for)
        return decision

    def _act(self, record: Record, action: Action) -> None:
        """Do it; the same thing again only after a while, so that what was done can show."""
        if action == self._last:
            self._sleep(POLL_SECONDS)
        else:
            self.reporter.acts(record, action)
        self._last = action
        self._patiently(record, lambda: self.platform.perform(record.plan, action))

    def _patiently(self, record: Record, call: Callable[[], Answer]) -> Answer:
        """The answer of ``call``, asked again while cluster or load balancer are away, throttled or restarting.

        That time does not count against the phase's deadlines: nothing was tried in it.
        """
        started, pause = self.clock(), POLL_SECONDS
        while True:
            began = self.clock()
            try:
                answer = call()
                self._entered += began - started
                return answer
            except (ClusterError, LoadBalancerError) as error:
                gone = self.clock() - started
                if not error.passing or gone > record.plan.settings.unreachable_seconds:
                    raise StoppedError(
                        f"the rollout stopped in phase {record.progress.phase}, {self._last_seen()}: {error.problem}",
                        "once that is fixed, run the same command again: it goes on from there; or `dwcp rollout --abort`",
                    ) from error
                self.reporter.warns(f"{error.problem}; asking again")
                self._sleep(pause)
                pause = min(2 * pause, LONGEST_RETRY_SECONDS)

    def _last_seen(self) -> str:
        """Where the traffic was when it could be read; by now it may be elsewhere."""
        return "without a look at the traffic" if self._split is None else f"with {self._split} % on the canary when last read"

    def _write(self, record: Record, progress: RolloutProgress) -> Record:
        """Write the next entry down. On the way back the traffic comes before the journal."""
        text = _change(record.progress, progress)
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        following = record.next(progress, Entry(at=at, text=text) if text else None)
        try:
            self.journal.write(following)
        except JournalError as error:
            if not progress.aborting:
                raise
            self.reporter.warns(error.problem)
        if text:
            self.reporter.enters(following, text)
        return following

    def _sleep(self, seconds: float) -> None:
        with suppress(Empty):
            self.wake.get(timeout=seconds)


def _change(before: RolloutProgress, after: RolloutProgress) -> str:
    """One line for people on what became of ``before``; empty where people need not know."""
    if after.holding:
        return f"on hold: {after.holding}"
    if after.outcome is not None:
        return str(after.outcome)
    if after.aborting != before.aborting:
        return f"giving up: {after.aborting}"
    return str(after.phase) if (after.phase, after.step) != (before.phase, before.step) else ""
