"""``dwcp rollout``: continues the open rollout or plans a new one, holds the lease, runs the state machine, records the result."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property

from rich.console import Console

from components.settings import RolloutSettings
from delivery.clients.checkpoint import States
from delivery.clients.environment import Environment
from delivery.clients.pulumi import EngineError
from delivery.confirmation import command_line, require_confirmation
from delivery.errors import DeliveryError, ExitCode, StateError, UsageError
from delivery.releases.configuration import present_stack_file
from delivery.releases.restore import updated
from delivery.releases.running_now import NotAsWantedError, require_image, sentence
from delivery.releases.stack_file import with_release
from delivery.releases.store import Releases
from delivery.rollout._display import reporter, show_end, show_nothing, show_plan
from delivery.rollout._ending import ending
from delivery.rollout._loop import Reporter, RolloutLoop
from delivery.rollout._printed_plan import abort_steps
from delivery.rollout._records import record_result
from delivery.rollout._signals import stop_requests
from delivery.rollout._start import continued, make_plan, unowned
from delivery.rollout.journal import Journal, Record
from delivery.rollout.machine import insisted
from delivery.rollout.options import RolloutRequest, settings_of
from delivery.rollout.plan import Phase, Plan, RolloutOutcome, RolloutProgress
from delivery.rollout.platform import Platform
from delivery.state.history import last_update
from delivery.state.lease import Lease
from delivery.state.locks import remove_stale


@dataclass
class Rollout:
    """One run of ``dwcp rollout``."""

    environment: Environment
    request: RolloutRequest
    console: Console
    abort: bool = False
    """Roll back the open rollout. If none is open, remove the canary's traffic and pods, which then belong to no rollout."""
    dry_run: bool = False
    yes: bool = False
    as_json: bool = False
    wait_seconds: float = 0
    """Seconds to wait for another command that holds the lease."""
    live: bool = True
    """Whether a terminal shows a live table; false for a rollout that is a step of another command."""
    interrupted: bool = field(init=False, default=False)
    """Whether SIGINT or SIGTERM arrived during the run."""

    def run(self) -> ExitCode:
        """Roll out, or with ``dry_run`` print the steps; return the exit code.

        Raises ``DeliveryError`` if the rollout cannot begin or continue.
        """
        self.request.check(self.settings)
        if not self.dry_run:
            what = "roll back the open rollout" if self.abort else f"roll out {self.request.image or 'the staged release'}"
            require_confirmation(self.environment, what=what, yes=self.yes)
        self.environment.require_aws()
        if self.dry_run:
            record = self._record()
            if record is not None:
                show_plan(record.plan, self.console, as_json=self.as_json, abort=self._abort_steps(record) if self.abort else ())
        else:
            with reporter(self.console, as_json=self.as_json, live=self.live) as events:
                record = self._rolled_out(events)
        if record is None:
            show_nothing(self.console, as_json=self.as_json)
        if record is None or self.dry_run:
            return ExitCode.DONE
        end = ending(record, self._unexpected_image(record))
        show_end(record, end, self.console, as_json=self.as_json)
        return end.code

    def _abort_steps(self, record: Record) -> list[str]:
        # In the phase PREPARE, the platform is observed without the gates, which an abort does not need.
        observed = self.platform.observe(record.plan, record.progress.to(Phase.PREPARE), seconds=0)
        return list(abort_steps(record.plan, record.progress, observed))

    def _unexpected_image(self, record: Record) -> str:
        """A message about the running image if it is not the result of the rollout or cannot be read; otherwise empty."""
        plan, promoted = record.plan, record.progress.outcome is RolloutOutcome.PROMOTED
        if plan.strategy == "flag" or record.progress.outcome is None:
            return ""
        try:
            require_image(self.environment, plan.image if promoted else plan.previous_image)
        except NotAsWantedError as error:
            return error.problem
        except DeliveryError:
            return sentence(self.environment)
        return ""

    @cached_property
    def settings(self) -> RolloutSettings:
        """The environment's settings of the group ``rollout``. An open rollout keeps the settings with which it began."""
        return settings_of(self.environment)

    @cached_property
    def journal(self) -> Journal:
        """The journal of the environment's rollout."""
        return Journal(self.environment.kubernetes, self.environment.name)

    @cached_property
    def platform(self) -> Platform:
        """The platform that the rollout reads and changes."""
        found = self.journal.read()
        # An abort without an open rollout needs the load balancer, because the canary can have traffic that belongs to no rollout.
        strategy = "weighted" if self.abort else self.request.with_defaults(self.settings).strategy
        strategy = found.plan.strategy if found is not None and found.is_open else strategy
        return Platform.of(self.environment, weighted=strategy == "weighted")

    def _rolled_out(self, events: Reporter) -> Record | None:
        """Run the rollout and return its last record; ``None`` if there was nothing to do."""
        self.journal.warn = events.warns
        platform, found = self.platform, self.journal.read()
        with ExitStack() as stack:
            lease = stack.enter_context(Lease.take(self.environment, command="rollout", wait_seconds=self.wait_seconds))
            stop = stack.enter_context(stop_requests())
            stack.callback(lambda: setattr(self, "interrupted", stop.interrupted))
            if found is not None:  # an earlier run can have been killed before it recorded its result
                self._record_result(events, found, lease)
            record = self._record()
            if record is None:
                return None
            if not record.id:
                record = self.journal.start(record.request, record.plan)
            if self.abort:
                stop.stop("aborted by `dwcp rollout --abort`")
            platform.stop = lambda: stop.reason
            platform.promote = lambda image: self._promote(image, lease, events)
            events.begins(record, resumed=record.sequence > 0)
            record = RolloutLoop(platform=platform, journal=self.journal, reporter=events, lease=lease, wake=stop.wake).run(record)
            self._record_result(events, record, lease)
        return record

    def _promote(self, image: str, lease: Lease, events: Reporter) -> None:
        """Run ``pulumi up`` with ``image`` as the release's image, so that the next update does not change the image.

        The update enforces the policies. It uses the program and the settings of the stack's last update, because a rollout changes
        only the image. A failed update is repeated once, because a throttled or restarting API must not end a good rollout.
        """
        states = States(self.environment)
        last = last_update(states)
        file = present_stack_file(self.environment, states, last)

        def update() -> None:
            # The lock is removed only here, because the command stops if the lock's owner may still run. At the start of the
            # command, this would prevent a change of the weights.
            remove_stale(states, lease.taken_from, warn=events.warns)
            updated(self.environment, with_release(file, image), lease, events.warns, program=last.commit)

        try:
            update()
        except (EngineError, StateError) as error:
            events.warns(f"{error.problem}; the update is repeated once")
            update()

    def _record_result(self, events: Reporter, record: Record, lease: Lease) -> None:
        record_result(self.environment, self.journal, record, lease.fencing, note=events.notes, warn=events.warns)

    def _record(self) -> Record | None:
        """The open rollout, or a new one without an id, which is not in the journal yet; ``None`` if there is nothing to do."""
        found = self.journal.read()
        if found is not None and found.is_open:
            if self.abort:
                return found.model_copy(update={"progress": insisted(found.progress)})
            return continued(found, self.request)
        if self.abort:
            plan = unowned(self.environment, self.platform, self.request, self.settings)
            return None if plan is None else self._new(plan)
        flag = self.request.with_defaults(self.settings).strategy == "flag"
        running = self.platform.tracks.read("stable").image
        image = self.request.image or (running if flag else self._staged())
        if not flag and running == image:
            return None
        return self._new(make_plan(self.environment, self.platform, self.request, self.settings, image))

    def _new(self, plan: Plan) -> Record:
        request = self.request.with_defaults(self.settings).model_copy(update={"image": plan.image})
        return Record(id="", cluster="", request=request, plan=plan, progress=RolloutProgress())

    def _staged(self) -> str:
        staged = Releases(self.environment).staged()
        if staged is None:
            name = self.environment.name
            raise UsageError(
                f"no release of {name} is staged, and no image was given",
                f"give an image: {command_line('--tag', 'v3.0.0')}\n"
                f"  or stage a release: dwcp deploy --environment {name} --tag v3.0.0",
            )
        return staged.image
