"""``dwcp rollback``: restores a release, revision or backup file, and reverts settings and programs of later releases."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

from contract import APP_LABEL, APPLICATION, BACKUPS_FOLDER, DEPLOYMENTS, TRACK_LABEL
from delivery.clients.checkpoint import States, workload
from delivery.clients.environment import Environment
from delivery.clients.kubernetes import ClusterError, Manifest
from delivery.clients.tracks import service_container
from delivery.confirmation import command_line, require_confirmation
from delivery.errors import DeliveryError, UsageError, problem_of
from delivery.releases import (
    Release,
    ReleaseError,
    Releases,
    Result,
    backup_files,
    configuration,
    new_id,
    request,
    restore,
    stack_file,
)
from delivery.releases._recording import applied, finish, only_warns, valid_state
from delivery.releases.settings import Leaves, differing, digest, leaves_of, never_smaller, reverted, shown
from delivery.releases.steps import Skipped, Step, StepRunner
from delivery.rollout.flow import Rollout
from delivery.rollout.journal import Journal
from delivery.rollout.options import RolloutRequest
from delivery.state.backups import Backups
from delivery.state.history import last_update
from delivery.state.lease import Lease
from delivery.state.owner import Owner
from program.evaluation import CHECKOUT

REVISION = "deployment.kubernetes.io/revision"


@dataclass(frozen=True, kw_only=True)
class RollbackRequest:
    """The options of ``dwcp rollback``."""

    environment: str
    to: str | None = None
    """The id of a release, or the path of a backup file.

    ``None`` means the newest deployed release if a later change exists: a staged release, an open rollout, or another image of
    stable. Without a later change, it means the newest earlier release that has another image or other settings. If there is no
    such release, it means the deployment before the first release.
    """
    to_revision: int | None = None
    reason: str = ""
    dry_run: bool = False
    yes: bool = False
    accept_loss: bool = False
    with_settings: bool = False
    """Whether all settings of the release are restored. Then changes that were made outside releases are reverted too."""
    wait_seconds: float = 0.0
    health_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class RollbackTarget:
    """The target of a rollback."""

    name: str
    image: str
    release: Release | None = None
    """The record of the target; ``None`` if only the image is known."""
    first: bool = False
    """Whether the target is the deployment before the first release."""

    @classmethod
    def of(cls, release: Release) -> RollbackTarget:
        """The target for a release that has a record."""
        return cls(name=release.id, image=release.image, release=release)


@dataclass
class Rollback:
    """One run of ``dwcp rollback``."""

    options: RollbackRequest
    runner: StepRunner
    environment: Environment = field(init=False)
    states: States = field(init=False)
    former: restore.Former = field(init=False)
    release: Release = field(init=False)
    before: Leaves = field(init=False)
    """The stack's settings now."""
    after: Leaves = field(init=False)
    """The stack's settings after the rollback."""
    replaced_program: str = field(init=False)
    """The commit of the program that the stack's last update applied; empty if it is not known."""
    lease: Lease = field(init=False)
    begun: bool = field(init=False, default=False)
    """Whether the release record of the rollback exists."""

    def run(self) -> Release:
        """Roll back, or with ``dry_run`` print the plan. Raises ``DeliveryError`` if the service is not restored."""
        if self.options.to is not None and self.options.to_revision is not None:
            raise UsageError("--to and --to-revision both name a target", "give only one of them")
        self.runner.run([Step(name="target", detail="the release, revision or file to restore", run=self._prepare)])
        if self.options.dry_run:
            self.runner.say(f"plan for {self.environment.name}: roll back to {self.former.name} ({self.former.image})")
            self.runner.show(self.steps(ExitStack()))
            self.runner.say("nothing was changed")
            return self.release
        require_confirmation(self.environment, what=f"roll back to {self.former.image}", yes=self.options.yes)
        with ExitStack() as stack:
            try:
                self.runner.run(self.steps(stack))
            except (Exception, KeyboardInterrupt) as error:
                if self.begun:
                    self._end("failed", problem_of(error), error)
                raise
            self._end("deployed", self.options.reason or f"rollback to {self.former.name}")
        return self.release

    def steps(self, stack: ExitStack) -> list[Step]:
        """The steps in order. When ``stack`` is closed, it releases the lease that the step ``lease`` takes."""
        restoration = restore.Restoration(
            environment=self.environment,
            former=self.former,
            runner=self.runner,
            lease=lambda: self.lease,
            command=command_line(),
            url=self.options.health_url,
            restart=True,
            accept_loss=self.options.accept_loss,
            dry_run=self.options.dry_run,
        )
        return [
            Step(name="abort the open rollout", detail="drain its canary, then scale the canary to 0", run=self._end_rollout),
            Step(name="lease", detail="so that no other command changes the environment", run=lambda: self._take_lease(stack)),
            Step(name="state", detail="check that it is valid, current and unlocked; back it up", run=self._state),
            *restoration.steps(),
            Step(name="canary", detail="scale it to 0 pods, if no rollout has done so", run=self._stop_canary),
        ]

    def _prepare(self) -> str:
        self.environment = Environment.open(self.options.environment)
        self.environment.require_aws()
        self.environment.kubernetes.require_namespace()
        self.states = States(self.environment)
        releases = Releases(self.environment)
        latest = releases.latest()
        target = self._target(releases, latest)
        self.former = self._former(target, releases)
        self.release = self._planned(latest)
        return f"{self.former.name}: {self.former.image}"

    def _former(self, target: RollbackTarget, releases: Releases) -> restore.Former:
        """The release to restore: the target's image, and the present settings without the changes of later releases.

        With ``--with-settings``, the settings are those in the target's record. For a revision whose image no release deployed, all
        settings stay as they are. In every case, a setting whose reduction would delete data is not reduced.
        """
        recorded = self._recorded(target)
        state = self.states.read()
        last = last_update(self.states)
        file = configuration.present_stack_file(self.environment, self.states, last)
        self.before = leaves_of(stack_file.parsed(file)["config"])
        every = releases.all() if target.first or target.release else []
        later = [each for each in every if target.release is None or each.order > target.release.order]
        wanted = recorded if self.options.with_settings else reverted(self.before, [each.changed for each in later])
        self.after = never_smaller(wanted, self.before)
        for path in differing(self.before, self.after):
            self.runner.say(f"       restored: {shown(path, self.after, self.before, 'now')}")
        for path in differing(recorded, self.after) if recorded else ():
            self.runner.say(f"       kept: {shown(path, self.after, recorded, f'in {target.name}')}")
        self.replaced_program, program = last.commit, program_before(last.commit, later)
        if program != last.commit:
            self.runner.say(f"       restored: the program of commit {program[:12]} ({last.commit[:12]} now)")
            # The recorded objects are valid only for the recorded settings. With other settings, the engine's update restores them.
            manifests = target.release.manifests if target.release is not None and recorded == self.after else []
        else:
            manifests = workload(state)
        return restore.Former(
            name=target.name,
            image=target.image,
            file=configuration.with_settings(file, self.after),
            manifests=manifests,
            program=program,
            by_engine=self.after != self.before or not manifests,
        )

    def _recorded(self, target: RollbackTarget) -> Leaves:
        """The settings in the target's record. Raises ``UsageError`` if there are none and ``--with-settings`` is given."""
        found = dict(target.release.settings) if target.release is not None else {}
        if self.options.with_settings and not found:
            raise UsageError(
                f"--with-settings: no settings are recorded for {target.name}, only its image",
                "omit --with-settings, to restore the image",
            )
        return found

    def _planned(self, latest: Release | None) -> Release:
        at = datetime.now(UTC)
        tag = self.former.image.rpartition("/")[2].partition(":")[2]
        return Release(
            id=new_id(f"rollback-to-{tag.partition('@')[0] or 'digest'}", at),
            environment=self.environment.name,
            command="rollback",
            image=self.former.image,
            tag=tag,
            commit=self.former.program or request.commit_of(CHECKOUT),
            replaced_program=self.replaced_program,
            replaced=str(self.states.read().output("application", "image") or ""),
            settings=self.after,
            config_hash=digest(self.after),
            started=at,
            who=str(Owner.this()),
            previous=latest.id if latest else "",
            restores=self.former.name,
            reason=self.options.reason,
        )

    def _target(self, releases: Releases, latest: Release | None) -> RollbackTarget:
        name = self.environment.name
        if self.options.to_revision is not None:
            return self._revision(releases, self.options.to_revision)
        if self.options.to is None:
            if latest is not None and self._changed_since(latest, releases):
                return RollbackTarget.of(latest)
            earlier = None if latest is None else releases.before(latest)
            if earlier is not None:
                return RollbackTarget.of(earlier)
            if first := releases.image_before_first(latest):
                name = "the first release" if latest is None else latest.id
                return RollbackTarget(name=f"the deployment before {name}", image=first, first=True)
            if latest is None:
                raise ReleaseError(
                    f"no release of {name} is recorded: {name} runs the image that `pulumi up` deployed",
                    f"deploy a release first (dwcp deploy --environment {name} --tag v3.0.0); or name a backup file: "
                    f"--to {BACKUPS_FOLDER}/FILE",
                )
            raise ReleaseError(
                f"{latest.id} is the first release of {name}, and no earlier image is known",
                f"name a revision (--to-revision N) or a backup file (--to {BACKUPS_FOLDER}/FILE)",
            )
        path = Path(self.options.to)
        if path.suffix in (".yaml", ".yml"):
            return RollbackTarget.of(backup_files.read(path, name))
        wanted = releases.get(self.options.to)
        if wanted.result not in ("deployed", "rolled back") and not wanted.manifests:
            raise ReleaseError(
                f'{wanted.id} cannot be restored: its result is "{wanted.result}", and it has no manifests',
                f"choose a release that was deployed: dwcp releases --environment {name}",
            )
        return RollbackTarget.of(wanted)

    def _changed_since(self, latest: Release, releases: Releases) -> bool:
        """Whether a release was staged after ``latest``, a rollout is open, or stable has another image or does not exist.

        Stable has another image, for example, after a failed deployment.
        """
        if releases.staged() is not None:
            return True
        journal = Journal(self.environment.kubernetes, self.environment.name).read()
        if journal is not None and journal.is_open:
            return True
        try:
            return self.environment.tracks.read("stable").image != latest.image
        except ClusterError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return True

    def _revision(self, releases: Releases, number: int) -> RollbackTarget:
        """The target of ``--to-revision``: the newest release that deployed the revision's image, or else only the image."""
        cluster = self.environment.kubernetes
        query = {"labelSelector": f"{APP_LABEL}={APPLICATION},{TRACK_LABEL}=stable"}
        sets = cluster.request("GET", f"/apis/apps/v1/namespaces/{cluster.namespace}/replicasets", query=query)["items"]
        found: dict[int, Manifest] = {
            int(each["metadata"]["annotations"][REVISION]): each["spec"]["template"]
            for each in sets
            if REVISION in each["metadata"].get("annotations", {})
        }
        if number not in found:
            known = ", ".join(map(str, sorted(found))) or "none"
            raise ReleaseError(f"{DEPLOYMENTS['stable']} has no revision {number}", f"choose from: {known}")
        image = str(service_container(found[number])["image"])
        recorded = next((each for each in releases.all() if each.image == image and each.result == "deployed"), None)
        return RollbackTarget.of(recorded) if recorded else RollbackTarget(name=f"revision {number}", image=image)

    def _end_rollout(self) -> str | Skipped:
        """Abort the open rollout. The abort drains the canary and then scales the canary down."""
        found = Journal(self.environment.kubernetes, self.environment.name).read()
        if found is None or not found.is_open:
            return Skipped("no rollout is open")
        rollout = Rollout(
            self.environment,
            RolloutRequest(),
            self.runner.console,
            abort=True,
            yes=True,
            wait_seconds=self.options.wait_seconds,
            live=False,
        )
        rollout.run()
        if rollout.interrupted:
            raise KeyboardInterrupt
        after = Journal(self.environment.kubernetes, self.environment.name).read()
        if after is not None and after.is_open:
            raise DeliveryError(
                f"the open rollout was not aborted: {after.progress.holding or f'it is in phase {after.progress.phase}'}",
                f"run dwcp rollout --abort --environment {self.environment.name}; then {command_line()}",
            )
        return found.plan.image

    def _stop_canary(self) -> str | Skipped:
        """Stop the canary's pods, which get no traffic any more. The abort of a rollout has already stopped its pods."""
        self.lease.check()
        tracks = self.environment.tracks
        try:
            pods = restore.retried(lambda: tracks.deployment("canary"))["spec"].get("replicas", 1)
        except ClusterError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return Skipped("there is no canary")
            raise
        if not pods:
            return Skipped("it has no pods")
        restore.retried(lambda: tracks.scale("canary", 0))
        return f"{pods} pods stopped"

    def _take_lease(self, stack: ExitStack) -> str:
        taken = Lease.take(self.environment, command="rollback", wait_seconds=self.options.wait_seconds)
        self.lease = stack.enter_context(taken)
        return f"fencing number {taken.fencing}"

    def _state(self) -> str:
        valid_state(self.environment, self.states, self.lease, self.runner.warn)
        backup = Backups(self.states).take()
        self.release = self.release.model_copy(update={"fencing": self.lease.fencing})
        Releases(self.environment).begin(self.release)
        self.begun = True
        return f"backup: {backup}"

    def _end(self, result: Result, reason: str, error: BaseException | None = None) -> None:
        """Record the end of the rollback with a report and an incident. After ``error``, a failure to record is only a warning."""
        changes: dict[str, object] = {
            "result": result,
            "ended": datetime.now(UTC),
            "reason": reason,
            "steps": list(self.runner.records),
        }
        with only_warns("the end of the rollback", error, self.runner.warn):
            present = self.states.read()
            changes |= applied(self.states, present, self.lease.fencing, before=self.before, planned=self.after)
            self.release = self.release.model_copy(update=changes)
            finish(Releases(self.environment), self.release, incident=True, say=self.runner.say)


def program_before(present: str, newest_first: Iterable[Release]) -> str:
    """The commit of the program before these releases. A program that was applied outside releases, or is not known, is kept."""
    for release in newest_first:
        if present and release.commit == present and release.replaced_program:
            present = release.replaced_program
    return present
