"""The loop around the state machine: observe, decide, write to the journal, act, until the rollout is done, on hold or stopped."""

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
from delivery.rollout.journal import HistoryLine, Journal, JournalError, Record
from delivery.rollout.machine import decide
from delivery.rollout.plan import Phase, RolloutProgress
from delivery.rollout.platform import POLL_SECONDS, Platform
from delivery.state.lease import Lease

LONGEST_RETRY_SECONDS = 5.0

Answer = TypeVar("Answer")


class Reporter(Protocol):
    """Reports the events of a rollout."""

    def begins(self, record: Record, *, resumed: bool) -> None:
        """Report that a rollout begins or continues."""
        ...

    def enters(self, record: Record, text: str) -> None:
        """Report that the rollout enters a new phase, is put on hold, or is aborted."""
        ...

    def acts(self, record: Record, action: Action) -> None:
        """Report an action before it is performed. An action that is repeated at once is reported only the first time."""
        ...

    def waits(self, record: Record, observed: Observation, text: str) -> None:
        """Report that the rollout waits, because there is no action to perform now."""
        ...

    def warns(self, text: str) -> None:
        """Report a problem that does not stop the rollout."""
        ...

    def notes(self, text: str) -> None:
        """Report a fact, for example the address of an incident."""
        ...


class StoppedError(DeliveryError):
    """The command stopped, and a person must fix the cause. In the journal, the rollout stays open."""


@dataclass
class RolloutLoop:
    """One run of a rollout, from the progress in its record."""

    platform: Platform
    journal: Journal
    reporter: Reporter
    lease: Lease
    wake: SimpleQueue[str] = field(default_factory=SimpleQueue[str])
    """An item in this queue ends a wait early.

    The type is a queue, because setting a ``threading.Event`` in a signal handler can deadlock.
    """
    clock: Callable[[], float] = time.monotonic
    _last: Action | None = None
    _entered: float = 0
    _split: int | None = None
    """The canary's share of the traffic, in percent, when it was last read.

    ``None`` before the first read, for the strategy ``flag``, or if both weights of the load balancer are 0.
    """

    def run(self, record: Record) -> Record:
        """Continue until the rollout is done or on hold, and return the last record.

        Raises ``StoppedError`` if the cluster or the load balancer refuses a call or stays unreachable, and ``LeaseLostError`` if
        the lease is lost. Raises ``JournalError`` if the journal accepts no entry, except during an abort.
        """
        self._entered = self.clock()
        while record.progress.phase is not Phase.DONE and not record.progress.holding:
            plan = record.plan
            self.lease.check()
            phase_and_step = (record.progress.phase, record.progress.step)
            decision = self._retry(record, lambda r=record: self._decide(r))
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
        observed = self.platform.observe(record.plan, record.progress, self.clock() - self._entered)
        self._split = observed.split
        decision = decide(record.plan, record.progress, observed)
        if decision.action is None and decision.waiting_for:
            self.reporter.waits(record, observed, decision.waiting_for)
        return decision

    def _act(self, record: Record, action: Action) -> None:
        """Perform the action. Pause first if it is the same as the last action, because its effect may not be visible yet."""
        if action == self._last:
            self._sleep(POLL_SECONDS)
        else:
            self.reporter.acts(record, action)
        self._last = action

        def perform() -> None:
            self.lease.check()  # an observation or a pause can have lasted longer than the lease
            self.platform.perform(record.plan, action)

        self._retry(record, perform)

    def _retry(self, record: Record, call: Callable[[], Answer]) -> Answer:
        """The result of ``call``, which is repeated while the cluster or the load balancer is unreachable, throttled or restarting.

        The time of failed calls does not count against the phase's deadlines, because no action is possible during that time.
        Raises ``StoppedError`` if the call is refused, or still fails after the time in the setting ``unreachable_seconds``.
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
                if not error.transient or gone > record.plan.settings.unreachable_seconds:
                    raise StoppedError(
                        f"the rollout stopped in phase {record.progress.phase}, {self._last_seen()}: {error.problem}",
                        "fix the cause and run the same command again, which continues the rollout; or roll it back: "
                        f"dwcp rollout --abort --environment {record.plan.environment}",
                    ) from error
                self.reporter.warns(f"{error.problem}; retrying")
                self._sleep(pause)
                pause = min(2 * pause, LONGEST_RETRY_SECONDS)

    def _last_seen(self) -> str:
        """A text with the canary's share of the traffic when it was last read; with the strategy ``flag`` there is none."""
        return "with an unknown traffic split" if self._split is None else f"with {self._split} % on the canary when last read"

    def _write(self, record: Record, progress: RolloutProgress) -> Record:
        """Write the next record to the journal and return it.

        During an abort, a failed write is only a warning, because the traffic must not wait for the journal.
        """
        text = _change(record.progress, progress)
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        following = record.next(progress, HistoryLine(at=at, text=text) if text else None)
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
    """The line to print for the change from ``before`` to ``after``; empty if there is nothing to print."""
    if after.holding:
        return f"on hold: {after.holding}"
    if after.outcome is not None:
        return str(after.outcome)
    if after.aborting != before.aborting:
        return f"aborting: {after.aborting}"
    return str(after.phase) if (after.phase, after.step) != (before.phase, before.step) else ""
