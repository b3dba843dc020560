"""Restores an earlier release: first the service, which takes seconds, then the engine's state; or both by the engine's update."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from components.settings.types import version_label
from contract import DEPLOYMENTS, VERSION_LABEL
from delivery.clients.checkpoint import States
from delivery.clients.engine_events import UpdateResult
from delivery.clients.environment import Environment
from delivery.clients.kubernetes import PROGRAM_MANAGER, ClusterError, manager_of, with_owned
from delivery.clients.load_balancer import LoadBalancerError, WeightedRule
from delivery.clients.pulumi import Engine
from delivery.clients.service import ServiceClient
from delivery.clients.tracks import TrackPods, service_container
from delivery.clients.waiting import wait_until
from delivery.clients.work_folder import work_folder
from delivery.errors import DeliveryError
from delivery.releases import _hand_changes, running_now
from delivery.releases._hand_changes import HandChange
from delivery.releases.program_at import program_at
from delivery.releases.stack_file import with_release
from delivery.releases.steps import Step, StepRunner
from delivery.state.lease import Lease

SETTLE_SECONDS = 600.0
"""Time for all pods to become available: the default progress deadline of a Deployment."""
POLL_SECONDS = 0.1
WEIGHT_SECONDS = 60.0
SERVING_SECONDS = 120.0
"""Time for the targets of replaced pods to become healthy."""
API_SECONDS = 120.0
"""Time for which failed calls are retried. EKS replaces an API server in less time."""
RETRY_SECONDS = 0.5
SECRET_DIGEST = "dwcp/secret-digest"
"""Annotation of the pods that contains the digest of their Secret. Secrets are not restored, so the present digest is kept."""
SERVICE_KINDS = ("ConfigMap", "Deployment")

Answer = TypeVar("Answer")


class RestoreError(DeliveryError):
    """A rollback failed, or an update would lose data and ``--accept-loss`` is not given."""


@dataclass(frozen=True, kw_only=True)
class Former:
    """The release to restore."""

    name: str
    image: str
    file: str
    """The stack file to apply, with the settings to restore and the present credentials. A setting whose reduction would delete
    data is not reduced."""
    manifests: Sequence[dict[str, Any]] = ()
    """The service's objects, with which the service is restored before the engine's update; not used with ``by_engine``."""
    program: str = ""
    """The commit of the program to apply; empty for the checkout's program."""
    by_engine: bool = False
    """Whether the engine's update restores the service. This is so if settings are restored too, because the image can need the
    settings, or if the service's objects are not known."""


def retried(call: Callable[[], Answer]) -> Answer:
    """The result of ``call``, which must be safe to repeat.

    For ``API_SECONDS``, the call is retried while the cluster or the load balancer is unreachable, throttled or restarting. For
    this reason, neither a restart of the API server nor a throttled call stops a rollback.
    """
    return wait_until(
        call,
        lambda _: True,
        seconds=API_SECONDS,
        pause=RETRY_SECONDS,
        transient=lambda error: isinstance(error, ClusterError | LoadBalancerError) and error.transient,
    )


def losses(outcome: UpdateResult) -> list[str]:
    """One line for each resource whose previewed changes would lose data, even if the resource itself is kept."""
    found: dict[str, str] = {}
    for change in outcome.changes:
        if change.loses:
            found.setdefault(change.urn, f"{change.op} {change.name} ({change.type}): {change.loses}")
    return list(found.values())


def require_accepted(lost: Sequence[str], *, accept_loss: bool, what: str, command: str) -> None:
    """Raise ``RestoreError`` if data would be lost and ``accept_loss`` is false."""
    if lost and not accept_loss:
        raise RestoreError(f"{what} would lose data: {'; '.join(lost)}", f"back up this data; then {command} --accept-loss")


@dataclass(frozen=True, kw_only=True)
class Restoration:
    """The rollback from the present release to ``former``."""

    environment: Environment
    former: Former
    runner: StepRunner
    lease: Callable[[], Lease]
    """Returns the lease that is held while the steps run."""
    command: str
    """The command line of the rollback, for a message."""
    url: str | None = None
    """URL of the service; ``None`` for the stack's own URL."""
    restart: bool = False
    """Whether the service's pods are replaced even if their template does not change. ``dwcp rollback`` sets it."""
    accept_loss: bool = False
    dry_run: bool = False
    by_hand: list[HandChange] = field(default_factory=list[HandChange], init=False)
    """Fields that other tools changed. The first step reads them, because a later step makes the program their manager."""

    def steps(self) -> list[Step]:
        """The steps: first the service, which takes seconds, then the engine's state.

        With ``by_engine``, the engine's update comes first and restores both the service and the settings.
        """
        image = self.former.image
        restarted = " and restart it" if self.restart else ""
        traffic = Step(name="traffic to stable, flag to 0", detail="set and read back the rule's weights", run=self._to_stable)
        detail = f"apply the service with this image{restarted}; wait until all pods are available"
        service = Step(name=f"restore {image}", detail=detail, run=self._service)
        checks = [
            Step(name="health checks", detail="of stable", run=lambda: self._stable().require_health()),
            Step(name="smoke test", detail="of stable", run=lambda: self._stable().require_smoke()),
        ]
        follow = [
            Step(
                name="preview of the rollback", detail="by the engine, policies enforced", run=self._preview, changes_nothing=True
            ),
            Step(name="state and configuration follow", detail="pulumi up, policies enforced", run=self._state),
        ]
        order = [traffic, *follow, service, *checks] if self.former.by_engine else [traffic, service, *checks, *follow]
        return [*order, Step(name="what runs now", detail="read back from cluster and load balancer", run=self._now)]

    def _now(self) -> str:
        """The description of the running release, read after the update, because the update can change the service."""
        wait_until(lambda: _serves(self.environment), lambda serves: serves, seconds=SERVING_SECONDS, pause=POLL_SECONDS * 5)
        return running_now.require_image(self.environment, self.former.image)

    def _stable(self) -> ServiceClient:
        return ServiceClient.of(self.environment, "stable", self.url)

    def _to_stable(self) -> str:
        self.lease().check()
        tracks, rule, done = self.environment.tracks, WeightedRule(self.environment), list[str]()
        self.by_hand.extend(retried(lambda: _hand_changes.find(self.environment.kubernetes, States(self.environment).read())))
        if (split := retried(rule.weights).split) != 0:
            retried(lambda: rule.set(0))
            if not wait_until(lambda: retried(rule.weights).split == 0, seconds=WEIGHT_SECONDS, pause=POLL_SECONDS):
                raise RestoreError(
                    f"the rule's weight had no effect within {WEIGHT_SECONDS:.0f} s", f"run the command again: {self.command}"
                )
            done.append("neither track had traffic" if split is None else f"the canary had {split} % of the traffic")
        if (flag := retried(tracks.flag)) != 0:
            retried(lambda: tracks.set_flag(0))
            done.append(f"the flag was {flag} %")
        return "; ".join(done)

    def _service(self) -> str:
        """Apply the service's objects as the program's provider does, and wait until all pods are available.

        With ``by_engine``, the engine has already applied the objects.
        """
        self.lease().check()
        tracks, done = self.environment.tracks, ""
        before = retried(lambda: tracks.deployment("stable"))
        if self.former.by_engine or not retried(lambda: _apply(self.environment, self.former, before)):
            done = "the pods had this image already"
            if self.restart:
                retried(lambda: tracks.restart("stable"))
                done = "the pods had this image already, and were restarted"
        try:
            _settled(self.environment, self.former.image)
        except RestoreError as error:
            raise self._restore_present(error, before) from error
        return done

    def _restore_present(self, error: RestoreError, before: dict[str, Any]) -> RestoreError:
        """Restore the image of the pods that still serve, because pods with the wanted image did not start. Returns the error.

        Only ``dwcp rollback`` (``restart``) without ``by_engine`` does this. In ``dwcp deploy``, the pods that still serve can
        have the failed release.
        """
        serving = service_container(before["spec"]["template"])["image"]
        if not self.restart or self.former.by_engine or serving == self.former.image or not _ready(before):
            return error
        retried(lambda: _apply(self.environment, replace(self.former, image=serving), before))
        return RestoreError(f"{error.problem}; {serving} was restored and continues to serve", error.fix)

    def _preview(self) -> str:
        with program_at(self.former.program, self.runner.warn) as folder:
            outcome = _engine(self.environment, folder).preview(self._stack_file())
        show_preview(outcome, self.runner, changes=self.dry_run or self.former.by_engine)
        require_accepted(
            losses(outcome),
            accept_loss=self.accept_loss or self.dry_run,
            what=f"the rollback to {self.former.name}",
            command=self.command,
        )
        return f"{outcome.changed} change{'' if outcome.changed == 1 else 's'}"

    def _stack_file(self) -> str:
        return with_release(self.former.file, self.former.image)

    def _state(self) -> str:
        """Update the state, even without a change, because the next update uses the image in the stack's outputs."""
        file, lease, say = self._stack_file(), self.lease(), self.runner.say
        return updated(self.environment, file, lease, say, by_hand=self.by_hand, program=self.former.program)


def updated(
    environment: Environment,
    file: str,
    lease: Lease,
    say: Callable[[str], None],
    *,
    by_hand: list[HandChange] | None = None,
    program: str = "",
    **how: Any,
) -> str:
    """Update the stack with ``file``, reset the program's fields that other tools manage, and return a summary.

    ``by_hand`` are the fields to reset; with ``None``, this function finds them before the update. ``program`` is the commit of the
    program to apply; empty for the checkout's program. ``how`` are further arguments of ``Engine.up``.

    The reset is necessary because the engine does not change an object whose inputs are the same, even if the object was changed in
    the cluster.
    """
    states = States(environment)
    cluster = environment.kubernetes
    changes = retried(lambda: _hand_changes.find(cluster, states.read())) if by_hand is None else by_hand
    with program_at(program, say) as folder:
        outcome = _engine(environment, folder).up(file, lease.remaining, **how)
    if not changes:
        return str(outcome)
    lease.check()
    done = retried(lambda: _hand_changes.reset(cluster, states.read(), changes))
    for line in done:
        say(line)
    return f"{outcome}; objects changed by hand and reset: {len(done)}"


def _engine(environment: Environment, program: Path) -> Engine:
    """The engine for the program in a folder, with the stack file and the log in the folder of this checkout."""
    return Engine(environment, checkout=program, folder=work_folder(environment.name))


def _serves(environment: Environment) -> bool:
    """Whether stable has a healthy target for each of its pods. A new target is healthy once it has passed a health check."""
    pods, healthy = retried(lambda: running_now.running(environment, "stable"))
    return pods.settled and healthy >= pods.replicas


def show_preview(outcome: UpdateResult, runner: StepRunner, *, changes: bool) -> None:
    """Print a warning for every loss of data; with ``changes`` print every change too."""
    for each in outcome.changes if changes else ():
        paths = f": {', '.join(each.properties)}" if each.properties else ""
        runner.say(f"       {each.op} {each.name} ({each.type}){paths}")
    for each in losses(outcome):
        runner.warn(each)


def _apply(environment: Environment, former: Former, before: dict[str, Any]) -> bool:
    """Apply the service's ConfigMap and Deployment with the image of ``former``. Returns whether this changes the pod template."""
    cluster = environment.kubernetes
    manifests = {each["kind"]: copy.deepcopy(each) for each in former.manifests if _is_service(each)}
    if "Deployment" in manifests:
        service_container(manifests["Deployment"]["spec"]["template"])["image"] = former.image
        manifests["Deployment"]["spec"]["template"]["metadata"]["labels"][VERSION_LABEL] = version_label(former.image)
        _keep_digest(manifests["Deployment"], before)
    for kind in SERVICE_KINDS:
        if kind in manifests:
            live = cluster.live(manifests[kind])
            manager = manager_of(live) if live else PROGRAM_MANAGER
            cluster.apply(with_owned(manifests[kind], live) if live else manifests[kind], manager=manager)
    return before["spec"]["template"] != environment.tracks.deployment("stable")["spec"]["template"]


def _is_service(manifest: dict[str, Any]) -> bool:
    return manifest["kind"] in SERVICE_KINDS and manifest["metadata"]["name"] == DEPLOYMENTS["stable"]


def _keep_digest(manifest: dict[str, Any], live: dict[str, Any]) -> None:
    """Copy the digest of the present Secret from ``live`` to the pods' annotation in ``manifest``."""
    annotations: dict[str, str] = live["spec"]["template"]["metadata"].get("annotations") or {}
    if SECRET_DIGEST in annotations:
        manifest["spec"]["template"]["metadata"].setdefault("annotations", {})[SECRET_DIGEST] = annotations[SECRET_DIGEST]


def _ready(deployment: dict[str, Any]) -> bool:
    return bool(deployment.get("status", {}).get("readyReplicas"))


def _settled(environment: Environment, image: str) -> None:
    """Wait until every pod runs ``image`` and is available, as ``kubectl rollout status`` does.

    Raises ``RestoreError`` at once if a pod has a problem, or after ``SETTLE_SECONDS``.
    """

    def new(track: TrackPods) -> bool:
        return track.settled and track.image == image

    track = wait_until(
        lambda: retried(lambda: environment.tracks.read("stable")),
        lambda track: bool(track.trouble) or new(track),
        seconds=SETTLE_SECONDS,
        pause=POLL_SECONDS,
    )
    if not new(track):
        raise RestoreError(
            f"{image} does not become ready: {track.trouble or f'{len(track.ready)} of {track.replicas} pods'}",
            f"look for the cause: dwcp doctor --environment {environment.name}; or restore an earlier release: "
            f"dwcp rollback --environment {environment.name} --to RELEASE",
        )
