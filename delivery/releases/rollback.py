"""``dwcp rollback``: back to a release, a revision or a backup file, however long ago it was, configuration included."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contract import APP_LABEL, APPLICATION, BACKUPS_FOLDER, DEPLOYMENTS, TRACK_LABEL
from delivery.clients.environment import Environment
from delivery.errors import DeliveryError, UsageError
from delivery.releases import Release, ReleaseError, Releases, Result, new_id, request, restore, stack_file
from delivery.releases import backup_files as mirror
from delivery.releases.deploy import finish
from delivery.releases.progress import Progress
from delivery.rollout.journal import Journal
from delivery.state.backups import Backups
from delivery.state.checkpoint import States, problems, workload
from delivery.state.errors import StateError
from delivery.state.lease import Lease
from delivery.state.locks import release_stranded
from delivery.state.owner import Owner
from program.evaluation import CHECKOUT

REVISION = "deployment.kubernetes.io/revision"


@dataclass(frozen=True, kw_only=True)
class RollbackRequest:
    """The options of ``dwcp rollback``."""

    environment: str
    to: str | None = None
    """A release's id, or the path of a backup file; ``None`` is the release before the present one."""
    to_revision: int | None = None
    reason: str = ""
    dry_run: bool = False
    yes: bool = False
    accept_loss: bool = False
    wait_seconds: float = 0.0
    health_url: str | None = None

    def command(self) -> str:
        """The command line, for a message."""
        words = [f"--environment {self.environment}", *([f"--to {self.to}"] if self.to else [])]
        return " ".join(["dwcp rollback", *words])


@dataclass
class Rollback:
    """One run of ``dwcp rollback``."""

    asked: RollbackRequest
    progress: Progress
    environment: Environment = field(init=False)
    former: restore.Former = field(init=False)
    release: Release = field(init=False)

    def run(self) -> Release:
        """Go back; raises ``DeliveryError`` when the service is not as it was then."""
        if self.asked.to is not None and self.asked.to_revision is not None:
            raise UsageError("--to and --to-revision both say where to", "give one of them")
        with self.progress.step("where to") as note:
            self.environment = Environment.open(self.asked.environment)
            self.environment.require_aws()
            releases = Releases(self.environment)
            latest = releases.latest()
            self.former = self._former(releases, latest)
            note.detail = f"{self.former.name}: {self.former.image}"
        self._begin(latest)
        if self.asked.dry_run:
            self._plan()
            return self.release
        request.require_confirmation(
            self.environment, yes=self.asked.yes, what=f"go back to {self.former.image}", command=self.asked.command()
        )
        self._end_rollout()
        with Lease.take(self.environment, command="rollback", wait_seconds=self.asked.wait_seconds) as lease:
            return self._restore(lease, releases)

    def _begin(self, latest: Release | None) -> None:
        at = datetime.now(UTC)
        config = self.former.config or stack_file.committed(self.environment.name)
        tag = self.former.image.rpartition("/")[2].partition(":")[2]
        self.release = Release(
            id=new_id(f"back-to-{tag.partition('@')[0] or 'digest'}", at),
            environment=self.environment.name,
            command="rollback",
            image=self.former.image,
            tag=tag,
            commit=request.commit_of(CHECKOUT),
            config_hash=stack_file.digest(config),
            config=stack_file.with_release(config, None),
            started=at,
            who=str(Owner.this()),
            previous=latest.id if latest else "",
            restores=self.former.name,
            reason=self.asked.reason,
        )

    def _former(self, releases: Releases, latest: Release | None) -> restore.Former:
        if self.asked.to_revision is not None:
            return self._revision(releases, self.asked.to_revision)
        if self.asked.to is None:
            if latest is None:
                raise ReleaseError(
                    f"no release of {self.environment.name} is recorded", f"name a backup file: --to {BACKUPS_FOLDER}/FILE"
                )
            earlier = releases.before(latest)
            if earlier is None:
                raise ReleaseError(
                    f"{latest.id} is the first release of {self.environment.name}: nothing ran before it",
                    f"name a revision (--to-revision N) or a backup file (--to {BACKUPS_FOLDER}/FILE)",
                )
            return _of(earlier)
        path = Path(self.asked.to)
        if path.suffix in (".yaml", ".yml"):
            return _of(mirror.read(path, self.environment.name))
        wanted = releases.get(self.asked.to)
        if wanted.result not in ("deployed", "rolled back") and not wanted.manifests:
            raise ReleaseError(
                f"{wanted.id} never ran: it {wanted.result}",
                f"choose one that was deployed: dwcp releases --environment {self.environment.name}",
            )
        return _of(wanted)

    def _revision(self, releases: Releases, number: int) -> restore.Former:
        """As ``kubectl rollout undo --to-revision``: the Deployment's history knows the pods, the releases the configuration."""
        cluster = self.environment.kubernetes
        query = {"labelSelector": f"{APP_LABEL}={APPLICATION},{TRACK_LABEL}=stable"}
        sets = cluster.request("GET", f"/apis/apps/v1/namespaces/{cluster.namespace}/replicasets", query=query)["items"]
        found: dict[int, Mapping[str, Any]] = {
            int(each["metadata"]["annotations"][REVISION]): each["spec"]["template"]
            for each in sets
            if REVISION in each["metadata"].get("annotations", {})
        }
        if number not in found:
            known = ", ".join(map(str, sorted(found))) or "none"
            raise ReleaseError(f"{DEPLOYMENTS['stable']} has no revision {number}", f"choose from: {known}")
        image = str(found[number]["spec"]["containers"][0]["image"])
        recorded = next((each for each in releases.all() if each.image == image and each.result == "deployed"), None)
        return _of(recorded) if recorded else restore.Former(name=f"revision {number}", image=image, config="")

    def _end_rollout(self) -> None:
        """An open rollout is taken back first, by its own rules: drained before it is scaled down."""
        found = Journal(self.environment.kubernetes, self.environment.name).read()
        if found is None or not found.is_open:
            return
        with self.progress.step("take the open rollout back"):
            command = [sys.executable, "-m", "delivery", "rollout", "--abort", "--yes", "--environment", self.environment.name]
            done = subprocess.run([*command, "--wait", f"{self.asked.wait_seconds}"], capture_output=True, text=True, check=False)
            after = Journal(self.environment.kubernetes, self.environment.name).read()
            if after is not None and after.is_open:
                raise DeliveryError(
                    f"the open rollout was not taken back: {(done.stderr or done.stdout).strip()}",
                    f"dwcp rollout --abort --environment {self.environment.name}; then {self.asked.command()}",
                )

    def _restore(self, lease: Lease, releases: Releases) -> Release:
        states = States(self.environment)
        with self.progress.step("state") as note:
            for lock in release_stranded(states, lease.taken_from):
                self.progress.warn(f"removed a lock that a dead engine had left: {lock}")
            present = states.read()
            states.require_current(present)
            if wrong := problems(present):
                raise StateError(
                    f"the state is not sound: {wrong[0]}",
                    f"dwcp state verify --environment {self.environment.name} names a sound version",
                )
            note.detail = f"backup: {Backups(states).take()}"
        self.release = self.release.model_copy(update={"fencing": lease.fencing})
        releases.begin(self.release)
        try:
            restore.to_stable(self.environment, lease, self.progress)
            restore.service(self.environment, self.former, lease, self.progress, url=self.asked.health_url, restart=True)
            restore.state(self.environment, self.former, lease, self.progress, accept_loss=self.asked.accept_loss)
        except (Exception, KeyboardInterrupt) as error:
            self._end(lease, states, releases, "failed", getattr(error, "problem", "") or type(error).__name__)
            raise
        self._end(lease, states, releases, "deployed", self.asked.reason or f"rollback to {self.former.name}")
        return self.release

    def _end(self, lease: Lease, states: States, releases: Releases, result: Result, reason: str) -> None:
        present = states.read()
        states.remember(present, lease.fencing)
        self.release = self.release.model_copy(
            update={
                "result": result,
                "ended": datetime.now(UTC),
                "reason": reason,
                "steps": list(self.progress.steps),
                "state_version": present.version,
                "manifests": workload(present),
            }
        )
        finish(releases, self.release, incident=True, say=self.progress.say)

    def _plan(self) -> None:
        """What would happen, without touching anything."""
        from delivery.clients.pulumi import Engine
        from delivery.releases.loss import losses

        say = self.progress.say
        current = stack_file.committed(self.environment.name)
        config = stack_file.with_encryption_of(self.former.config, current) if self.former.config else current
        with self.progress.step("preview with policies"):
            outcome = Engine(self.environment).preview(stack_file.with_release(config, self.former.image))
        say(f"plan for {self.environment.name}: back to {self.former.name} ({self.former.image})")
        for number, text in enumerate(("take the lease", "back up the state", "traffic to stable, flags to 0"), 1):
            say(f"  {number}. {text}")
        say(f"  4. restore and restart the service: {self.former.image}")
        say("  5. health checks and smoke test")
        for change in outcome.changes:
            say(f"  6. {change.op} {change.name} ({change.type}){': ' if change.properties else ''}{', '.join(change.properties)}")
        for each in losses(outcome):
            self.progress.warn(str(each))
        say("  7. record the rollback and its incident")
        say("nothing was changed")


def _of(release: Release) -> restore.Former:
    return restore.Former(name=release.id, image=release.image, config=release.config, manifests=release.manifests)
