"""``dwcp rollout``: find the open rollout or plan a new one, hold the lease, run the machine, leave a record."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property

from rich.console import Console

from components.settings import RolloutSettings
from delivery.clients.environment import Environment
from delivery.confirmation import require_confirmation
from delivery.errors import DeliveryError, ExitCode, UsageError
from delivery.releases.configuration import present
from delivery.releases.restore import updated
from delivery.releases.stack_file import with_release
from delivery.releases.store import Releases
from delivery.releases.world import NotAsWantedError, now, require
from delivery.rollout._display import NOTHING, reporter, show_end, show_plan
from delivery.rollout._ending import ending
from delivery.rollout._records import leave
from delivery.rollout._signals import stop_requests
from delivery.rollout._start import continued, make_plan, stray
from delivery.rollout.journal import Journal, Record
from delivery.rollout.loop import Reporter, RolloutLoop
from delivery.rollout.machine import insisted
from delivery.rollout.plan import RolloutOutcome, RolloutProgress
from delivery.rollout.platform import Platform
from delivery.rollout.request import RolloutRequest, settings_of
from delivery.state.checkpoint import States
from delivery.state.lease import Lease


@dataclass
class Rollout:
    """One run of ``dwcp rollout``."""

    environment: Environment
    asked: RolloutRequest
    console: Console
    abort: bool = False
    """Take the open rollout back, or traffic that no rollout accounts for."""
    dry_run: bool = False
    yes: bool = False
    as_json: bool = False
    wait_seconds: float = 0
    """For another command that holds the lease."""
    live: bool = True
    """Whether a terminal shows a table; not where another command shows its own steps around this."""
    interrupted: bool = field(init=False, default=False)
    """Whether a signal came in the meantime."""

    def run(self) -> ExitCode:
        """Roll out, or with ``dry_run`` print the steps; raises ``DeliveryError`` where it cannot begin or go on."""
        self.asked.check(self.settings)
        if not self.dry_run:
            what = "take the open rollout back" if self.abort else f"roll out {self.asked.image or 'the staged release'}"
            require_confirmation(self.environment, what=what, yes=self.yes, command=self._command())
        self.environment.require_aws()
        if self.dry_run:
            record = self._record(only_look=True)
            show_plan(None if record is None else record.plan, self.console, as_json=self.as_json)
            return ExitCode.DONE
        with reporter(self.console, as_json=self.as_json, live=self.live) as says:
            record = self._rolled_out(says)
        if record is None:
            self.console.print(NOTHING, markup=False)
            return ExitCode.DONE
        end = ending(record, self._otherwise(record))
        show_end(record, end, self.console, as_json=self.as_json)
        return end.code

    def _otherwise(self, record: Record) -> str:
        """What runs now, where that is not the image that the record says; nothing where it is, or cannot be told from here."""
        plan, promoted = record.plan, record.progress.outcome is RolloutOutcome.PROMOTED
        if plan.strategy == "flag" or record.progress.outcome is None:
            return ""
        try:
            require(self.environment, plan.image if promoted else plan.previous_image)
        except NotAsWantedError as error:
            return error.problem
        except DeliveryError:
            return now(self.environment)
        return ""

    @cached_property
    def settings(self) -> RolloutSettings:
        """The environment's; an open rollout keeps those that it began with."""
        return settings_of(self.environment)

    @cached_property
    def journal(self) -> Journal:
        """The environment's."""
        return Journal(self.environment.kubernetes, self.environment.name)

    @cached_property
    def platform(self) -> Platform:
        """What the rollout, open or new, looks at and acts on."""
        found = self.journal.read()
        strategy = found.plan.strategy if found is not None and found.is_open else self.asked.over(self.settings).strategy
        return Platform.of(self.environment, weighted=strategy == "weighted")

    def _command(self) -> str:
        """The command line, for a message."""
        options = [*self.asked.options(), *["--abort"] * self.abort, f"--environment {self.environment.name}"]
        return " ".join(["dwcp rollout", *options])

    def _rolled_out(self, says: Reporter) -> Record | None:
        """How far it came; ``None`` where there was nothing to do."""
        self.journal.warn = says.warns
        platform, found = self.platform, self.journal.read()
        with ExitStack() as stack:
            lease = stack.enter_context(Lease.take(self.environment, command="rollout", wait_seconds=self.wait_seconds))
            stop = stack.enter_context(stop_requests())
            stack.callback(lambda: setattr(self, "interrupted", stop.interrupted))
            if found is not None:  # a former one may have been killed just before this
                self._leave(says, found, lease)
            record = self._record(only_look=False)
            if record is None:
                return None
            if self.abort:
                stop.ask("taken back by `dwcp rollout --abort`")
            platform.stop = lambda: stop.reason
            platform.promote = lambda image: self._promote(image, lease, says)
            says.begins(record, resumed=record.sequence > 0)
            record = RolloutLoop(platform=platform, journal=self.journal, reporter=says, lease=lease, wake=stop.wake).run(record)
            self._leave(says, record, lease)
        return record

    def _promote(self, image: str, lease: Lease, says: Reporter) -> None:
        """One `pulumi up`, policies enforced, with ``image`` as the release: so the next one keeps it.

        Its settings are those that the stack has by then: a rollout moves an image, forwards or back, and nothing else.
        """
        file = present(self.environment, States(self.environment))
        updated(self.environment, with_release(file, image), lease, says.warns)

    def _leave(self, says: Reporter, record: Record, lease: Lease) -> None:
        for text in leave(self.environment, self.journal, record, lease.fencing):
            says.warns(text)

    def _record(self, *, only_look: bool) -> Record | None:
        """The open rollout, or a new one; ``None`` where there is nothing to do."""
        found = self.journal.read()
        if found is not None and found.is_open:
            if self.abort:
                return found.model_copy(update={"progress": insisted(found.progress)})
            return continued(found, self.asked)
        if self.abort:
            return None if only_look else stray(self.environment, self.platform, self.journal, self.asked, self.settings)
        flag = self.asked.over(self.settings).strategy == "flag"
        running = self.platform.cluster.track("stable").image
        image = self.asked.image or (running if flag else self._staged())
        if not flag and running == image:
            return None
        plan = make_plan(self.environment, self.platform, self.asked, self.settings, image)
        request = self.asked.over(self.settings).model_copy(update={"image": image})
        if only_look:
            return Record(id="", cluster="", request=request, plan=plan, progress=RolloutProgress())
        return self.journal.start(request, plan)

    def _staged(self) -> str:
        staged = Releases(self.environment).staged()
        if staged is None:
            name = self.environment.name
            raise UsageError(
                f"no release of {name} is staged, and no image was given",
                f"name one: {self._command()} --tag v3.0.0; or stage one: dwcp deploy --environment {name} --tag v3.0.0",
            )
        return staged.image
