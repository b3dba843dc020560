"""``dwcp deploy``: pre-checks, lease, backup, tests, manifests, preview with policies, up, health, metrics, report.

Whatever fails from the update on takes back what was done; whatever fails before it has changed nothing.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

from components.settings import EnvironmentSettings
from contract import DEPLOYMENTS
from delivery.clients.environment import Environment, UnreachableError
from delivery.clients.pulumi import Change, Engine
from delivery.clients.service import Service
from delivery.errors import DeliveryError
from delivery.releases import Release, Releases, Result, incidents, manifests, new_id, report, request, restore, stack_file
from delivery.releases import backup_files as mirror
from delivery.releases.loss import losses
from delivery.releases.metrics import verify
from delivery.releases.progress import Progress
from delivery.releases.release import TIMESTAMP
from delivery.rollout.journal import Journal
from delivery.state.backups import Backups
from delivery.state.checkpoint import Checkpoint, States, problems, unfinished, workload
from delivery.state.errors import LeaseLostError, StateError
from delivery.state.lease import Lease
from delivery.state.locks import release_stranded
from delivery.state.owner import Owner

TESTS_VARIABLE = "DWCP_TEST_COMMAND"
TESTS = f"{shlex.quote(sys.executable)} -m pytest -q -x -n auto -m 'not (cloud or docker or pipelines)'"
"""The program's own fast tests; ``DWCP_TEST_COMMAND`` names others, such as the service's."""


class DeployError(DeliveryError):
    """A deployment was stopped or taken back; the message says how it is now."""


@dataclass
class Deployment:
    """One run of ``dwcp deploy``."""

    asked: request.Request
    progress: Progress
    environment: Environment = field(init=False)
    states: States = field(init=False)
    image: str | None = field(init=False, default=None)
    mode: Literal["direct", "staged"] = field(init=False, default="direct")
    release: Release = field(init=False)
    said: list[str] = field(init=False, default_factory=list[str])

    def run(self) -> Release:
        """Deploy, or with ``dry_run`` print the plan; raises ``DeliveryError`` when it did not come to a good end."""
        self.check()
        if self.asked.dry_run:
            self._plan()
            return self.release
        request.require_confirmation(
            self.environment, yes=self.asked.yes, what=f"deploy {self._what()}", command=self.asked.command()
        )
        with Lease.take(self.environment, command="deploy", wait_seconds=self.asked.wait_seconds) as lease:
            return self._deploy(lease)

    def check(self) -> None:
        """Everything that can be refused before anything is touched."""
        with self.progress.step("pre-deployment checks") as note:
            self.environment = Environment.open(self.asked.environment)
            self.image = request.image_of(self.environment, self.asked)
            request.require_plan(self.asked)
            request.require_clean(self.environment, self.asked)
            request.require_tools(self.environment)
            self.mode = self.environment.settings("environment", EnvironmentSettings).deployment
            who = self.environment.require_aws()
            self.environment.kubernetes.request("GET", "/version")
            self.states = States(self.environment)
            present = self.states.read()
            note.detail = f"{self._what()} to {self.environment.name} ({self.mode}) as {who}"
        at = datetime.now(UTC)
        text = stack_file.committed(self.environment.name, self.asked.checkout)
        running = str(present.output("application", "image") or "")
        tag = self.asked.tag or running.rpartition(":")[2] or "first"
        self.release = Release(
            id=new_id(tag.partition("@")[0], at),
            environment=self.environment.name,
            command="deploy",
            image=self.image or running,
            tag=tag,
            commit=request.commit_of(self.asked.checkout),
            config_hash=stack_file.digest(text),
            config=stack_file.with_release(text, None),
            started=at,
            who=str(Owner.this()),
        )

    def _what(self) -> str:
        return self.image or "the program and its settings, with the image that runs now"

    def _applied(self) -> str:
        """The stack file of this run: a staged release leaves stable's image as it is."""
        return stack_file.with_release(self.release.config, None if self.mode == "staged" else self.image)

    def _deploy(self, lease: Lease) -> Release:
        try:
            before = self._begin(lease)
            self._prepare()
        except (Exception, KeyboardInterrupt) as error:
            self._end(lease, "failed", error)
            raise
        try:
            self._update(lease)
        except LeaseLostError as error:  # the environment is another's now: not even going back is ours
            self._end(lease, "failed", error)
            raise
        except (Exception, KeyboardInterrupt) as error:
            raise self._taken_back(lease, before, error) from error
        self._end(lease, "staged" if self.mode == "staged" else "deployed")
        return self.release

    def _begin(self, lease: Lease) -> restore.Former:
        """Judge the state, note the beginning, and keep what there is now; returns what to go back to."""
        with self.progress.step("state") as note:
            present = self._sound_state(lease)
            note.detail = f"{len(present.resources)} resources of {present.time}"
        self._require_no_rollout()
        releases = self._releases()
        latest = releases.latest() if releases else None
        self.release = self.release.model_copy(update={"fencing": lease.fencing, "previous": latest.id if latest else ""})
        self._record()
        with self.progress.step("backup") as note:
            key = Backups(self.states).take()
            note.detail = f"state: {key}"
            former = self._former(latest, present)
            if former.manifests and releases:
                kept = (latest or self.release).model_copy(
                    update={"manifests": list(former.manifests), "image": former.image, "config": former.config}
                )
                note.detail += f", deployment: {mirror.keep(releases, kept, self.release.timestamp, self.asked.checkout)}"
        return former

    def _sound_state(self, lease: Lease) -> Checkpoint:
        for lock in release_stranded(self.states, lease.taken_from):
            self.progress.warn(f"removed a lock that a dead engine had left: {lock}")
        present = self.states.read()
        self.states.require_current(present)
        if wrong := problems(present):
            raise StateError(
                f"the state of {self.environment.name} is not sound: {wrong[0]}",
                f"dwcp state verify --environment {self.environment.name} names a sound version",
            )
        for operation in unfinished(present):
            self.progress.warn(f"an interrupted update was at: {operation}; this one goes on from there")
        return present

    def _require_no_rollout(self) -> None:
        found = Journal(self.environment.kubernetes, self.environment.name).read()
        if found is not None and found.is_open:
            raise DeployError(
                f"a rollout of {found.plan.image} is open in {self.environment.name}",
                f"finish it (dwcp rollout --environment {self.environment.name}) or take it back (the same with --abort)",
            )

    def _former(self, latest: Release | None, present: Checkpoint) -> restore.Former:
        """What runs now, from the state; its configuration from the release that brought it."""
        image = str(present.output("application", "image") or "")
        config = latest.config if latest and latest.image == image else ""
        return restore.Former(
            name=latest.id if latest else "what ran before", image=image, config=config, manifests=workload(present)
        )

    def _prepare(self) -> None:
        """Tests, manifests, preview: all that can show a mistake without making one."""
        self._tests()
        with self.progress.step("manifests, judged by the API server") as note:
            note.detail = self._validate()
        with self.progress.step("preview with policies") as note:
            outcome = Engine(self.environment).preview(self._applied())
            note.detail = ", ".join(f"{count} {op}" for op, count in sorted(outcome.counts.items()))
            lost = losses(outcome)
        restore.require_accepted(lost, accept_loss=self.asked.accept_loss, what="this deployment", progress=self.progress)

    def _validate(self) -> str:
        cluster = self.environment.kubernetes
        return manifests.validate(cluster, manifests.declared(self.environment.name, self._applied(), self.asked.checkout))

    def _tests(self) -> None:
        with self.progress.step("tests") as note:
            if self.asked.skip_tests:
                note.skipped, note.detail = True, "--skip-tests"
                return
            command = self.asked.tests or os.environ.get(TESTS_VARIABLE) or TESTS
            done = subprocess.run(
                ["/bin/sh", "-c", command],
                cwd=self.asked.checkout,
                env=self.environment.variables,
                capture_output=True,
                text=True,
                check=False,
            )
            words = (done.stdout + done.stderr).strip().splitlines()
            if done.returncode:
                raise DeployError(f"the tests failed (`{command}`): {' / '.join(words[-3:])}", "mend them; nothing was changed")
            note.detail = words[-1] if words else ""

    def _update(self, lease: Lease) -> None:
        environment = self.environment
        with self.progress.step("update") as note:
            outcome = Engine(environment).up(self._applied(), lease, watch=self._watch, plan=self.asked.plan)
            note.detail = ", ".join(f"{count} {op}" for op, count in sorted(outcome.counts.items()))
        self.environment = environment = Environment.open(environment.name)  # its outputs may have changed
        if self.mode == "staged" and self.image:
            with self.progress.step("stage at 0 %") as note:
                lease.check()
                environment.kubernetes.set_image("canary", self.image)
                note.detail = f"promote it: dwcp rollout --environment {environment.name} --image {self.image}"
        service = Service.of(environment, "stable", self.asked.health_url)
        checks: list[tuple[str, Callable[[], str]]] = [
            ("health checks", service.require_health),
            ("smoke test", service.require_smoke),
            ("end-to-end test", service.require_end_to_end),
        ]
        for name, check in checks:
            with self.progress.step(name) as note:
                note.detail = check()
                note.skipped = not note.detail
        with self.progress.step("metrics verification") as note:
            note.detail, note.skipped = verify(environment)

    def _watch(self, change: Change) -> None:
        self.progress.say(f"        {change.op} {change.name}")

    def _taken_back(self, lease: Lease, former: restore.Former, error: BaseException) -> DeployError:
        """Go back automatically; the error that tells how that went."""
        problem = _problem(error)
        if self.asked.no_rollback or not former.image:
            self._end(lease, "failed", error)
            why = "--no-rollback" if self.asked.no_rollback else "nothing ran before"
            return DeployError(
                f"{problem}; {self.environment.name} was left as it is ({why})",
                f"go back by hand: dwcp rollback --environment {self.environment.name}",
            )
        try:
            restore.to_stable(self.environment, lease, self.progress)
            restore.service(self.environment, former, lease, self.progress, url=self.asked.health_url, restart=False)
            restore.state(self.environment, former, lease, self.progress, accept_loss=self.asked.accept_loss)
        except (Exception, KeyboardInterrupt) as second:
            self._end(lease, "failed", error)
            again = _problem(second)
            return DeployError(
                f"{problem}; and going back to {former.image} failed too: {again}",
                f"dwcp doctor --environment {self.environment.name}; then dwcp rollback --environment {self.environment.name}",
            )
        self._end(lease, "rolled back", error)
        return DeployError(
            f"{problem}; {former.image} runs again", "; ".join(["mend what it names, then deploy again", *self.said])
        )

    def _end(self, lease: Lease, result: Result, error: BaseException | None = None) -> None:
        """Record how it ended, with its report, and an incident where it did not end well."""
        reason = "" if error is None else _problem(error)
        changes: dict[str, object] = {
            "result": result,
            "ended": datetime.now(UTC),
            "reason": reason,
            "steps": list(self.progress.steps),
            "fencing": lease.fencing,
        }
        try:
            self._write_end(lease, changes, touched=any(each.name == "update" for each in self.progress.steps))
        except (DeliveryError, BotoCoreError, ClientError, OSError) as second:
            if error is None:
                raise
            self.progress.warn(f"how it ended could not be recorded: {_problem(second)}")

    def _write_end(self, lease: Lease, changes: dict[str, object], *, touched: bool) -> None:
        if touched:
            present = self.states.read()
            self.states.remember(present, lease.fencing)
            changes |= {"state_version": present.version, "manifests": workload(present), "digest": self._digest()}
            if self.mode == "direct":
                changes["image"] = self.image or str(present.output("application", "image") or "")
        self.release = self.release.model_copy(update=changes)
        self.said = finish(self._releases(), self.release, incident=touched and bool(changes["reason"]), say=self.progress.say)

    def _digest(self) -> str:
        """What the nodes pulled for stable, by a pod's own word."""
        cluster = self.environment.kubernetes
        try:
            pods = cluster.pods("stable")
        except DeliveryError:
            return ""  # a report must not fail for want of a detail
        statuses = [status for pod in pods for status in pod["status"].get("containerStatuses", [])]
        found = {
            str(status.get("imageID", "")).rpartition("@")[2] for status in statuses if status["name"] == DEPLOYMENTS["stable"]
        }
        return found.pop() if len(found) == 1 and next(iter(found)).startswith("sha256:") else ""

    def _record(self) -> None:
        if (releases := self._releases()) is not None:
            releases.begin(self.release)

    def _releases(self) -> Releases | None:
        """Where releases are kept; nowhere yet before the first update has made the bucket."""
        releases = Releases(self.environment)
        try:
            return releases if releases.bucket else None
        except UnreachableError:
            return None

    def _plan(self) -> None:
        """What would happen, as exactly as can be known without touching anything."""
        say = self.progress.say
        present = self.states.read()
        say(f"plan for {self.environment.name}: {present.output('application', 'image')} -> {self.release.image} ({self.mode})")
        steps = ["take the lease", "back up state and deployment", "tests" + " (skipped)" * self.asked.skip_tests]
        for number, text in enumerate(steps, 1):
            say(f"  {number}. {text}")
        with self.progress.step("manifests, judged by the API server") as note:
            note.detail = self._validate()
        with self.progress.step("preview with policies") as note:
            outcome = Engine(self.environment).preview(self._applied())
            note.detail = ", ".join(f"{count} {op}" for op, count in sorted(outcome.counts.items()))
        for change in outcome.changes:
            say(f"  4. {change.op} {change.name} ({change.type}){': ' if change.properties else ''}{', '.join(change.properties)}")
        for each in losses(outcome):
            self.progress.warn(str(each))
        for number, text in enumerate(["health, smoke and end-to-end checks", "metrics verification", "record and report"], 5):
            say(f"  {number}. {text}")
        say(f"  on failure: {'leave it (--no-rollback)' if self.asked.no_rollback else 'back to what runs now'}")
        say("nothing was changed")


def _problem(error: BaseException) -> str:
    """What went wrong, in one line."""
    if isinstance(error, KeyboardInterrupt):
        return "it was interrupted"
    return getattr(error, "problem", "") or f"{type(error).__name__}: {error}"


def finish(releases: Releases | None, release: Release, *, incident: bool, say: Callable[[str], None]) -> list[str]:
    """Record a release's end with its report, and an incident if it is one; returns where people find it."""
    if releases is None:
        return []
    releases.record(release)
    releases.attach(release, "report.md", report.markdown(release), "text/markdown")
    releases.attach(release, "report.html", report.page(release), "text/html")
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    try:
        if release.manifests and release.ended:
            mirror.keep(releases, release, release.ended.strftime(TIMESTAMP))
        if summary:
            with Path(summary).open("a") as file:
                file.write(report.markdown(release))
    except (OSError, DeliveryError) as error:  # the release is what it is, and its record is in the bucket
        say(f"warning: {_problem(error)}")
    said = [f"report: s3://{releases.bucket}/{releases.key(release, 'report.md')}"]
    if incident:
        said += incidents.record(releases, release)
    for line in said:
        say(line)
    return said
