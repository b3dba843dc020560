"""Back to what ran before: first the service, in seconds, then the state behind it."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from components.settings.types import release_of
from contract import DEPLOYMENTS
from delivery.clients.environment import Environment
from delivery.clients.kubernetes import FIELD_MANAGER, PROGRAM_MANAGER, ClusterError, KubernetesClient, TrackPods, manager_of, owns
from delivery.clients.load_balancer import WeightedRule
from delivery.clients.pulumi import Engine, UpdateResult
from delivery.clients.service import Service
from delivery.clients.waiting import wait_until
from delivery.errors import DeliveryError
from delivery.releases.stack_file import committed, with_encryption_of, with_release
from delivery.releases.steps import Step, StepRunner
from delivery.state.lease import Lease
from program.catalogue import loses

SETTLE_SECONDS = 600.0
"""A Deployment's own progress deadline."""
POLL_SECONDS = 0.1
WEIGHT_SECONDS = 60.0
API_SECONDS = 120.0
"""For an API server that is away; EKS replaces one in less."""
RETRY_SECONDS = 0.5
RESTARTED = "kubectl.kubernetes.io/restartedAt"
SECRET_DIGEST = "dwcp/secret-digest"
"""Annotation of the pods; secrets do not go back, so the digest stays the present one."""
SERVICE_KINDS = ("ConfigMap", "Deployment")

Answer = TypeVar("Answer")


class RestoreError(DeliveryError):
    """Going back failed, or would lose something that no person has agreed to lose."""


@dataclass(frozen=True, kw_only=True)
class Former:
    """What to go back to."""

    name: str
    image: str
    config: str
    """The stack file it ran with; empty for the present one."""
    manifests: Sequence[dict[str, Any]] = ()
    """As the program applied them; without them only the engine can restore it."""


def patiently(call: Callable[[], Answer]) -> Answer:
    """The answer of the API server, which may be away for a moment: a restart of it must not stop the way back half-way.

    Everything that is asked this way may be asked twice.
    """
    return wait_until(
        call,
        lambda _: True,
        seconds=API_SECONDS,
        pause=RETRY_SECONDS,
        passing=lambda error: isinstance(error, ClusterError) and error.passing,
    )


def losses(outcome: UpdateResult) -> list[str]:
    """Everything that cannot be made again and that ``outcome``, of a preview, would delete or replace."""
    found: dict[str, str] = {}
    for change in outcome.changes:
        if change.goes_away and (what := loses(change.type, {})):
            found.setdefault(change.urn, f"{change.op} {change.name} ({change.type}): {what}")
    return list(found.values())


def require_accepted(lost: Sequence[str], *, accept_loss: bool, what: str, command: str) -> None:
    """Raise ``RestoreError`` where something would be lost, unless that was accepted."""
    if lost and not accept_loss:
        raise RestoreError(f"{what} would lose data: {'; '.join(lost)}", f"take a backup of it; then {command} --accept-loss")


@dataclass(frozen=True, kw_only=True)
class WayBack:
    """From what runs now to ``former``."""

    environment: Environment
    former: Former
    runner: StepRunner
    lease: Callable[[], Lease]
    """The one that is held by then."""
    command: str
    """The command line that goes back, for a message."""
    url: str | None = None
    """Where the service answers, if not where the stack says."""
    restart: bool = False
    """Whether its pods are replaced even if nothing about them changes."""
    accept_loss: bool = False
    dry_run: bool = False

    def steps(self) -> list[Step]:
        """The service first, in seconds; then the engine's state behind it."""
        image = self.former.image
        restarted = " and restart it" if self.restart else ""
        return [
            Step(name="traffic to stable, flags to 0", does="by the rule's weights, read back", run=self._to_stable),
            Step(name=f"restore {image}", does=f"apply the service as it was{restarted}; wait for it", run=self._service),
            Step(name="health checks", does="of stable", run=lambda: self._asked().require_health()),
            Step(name="smoke test", does="of stable", run=lambda: self._asked().require_smoke()),
            Step(name="preview of the way back", does="by the engine, policies enforced", run=self._preview, only_looks=True),
            Step(name="state and configuration follow", does="pulumi up of these changes, policies enforced", run=self._state),
        ]

    def _asked(self) -> Service:
        return Service.of(self.environment, "stable", self.url)

    def _to_stable(self) -> str:
        self.lease().check()
        cluster, rule, done = self.environment.kubernetes, WeightedRule(self.environment), ""
        if rule.weights().split != 0:
            rule.set(0)
            if not wait_until(lambda: rule.weights().split == 0, seconds=WEIGHT_SECONDS, pause=POLL_SECONDS):
                raise RestoreError(f"the rule's weight did not take within {WEIGHT_SECONDS:.0f} s", f"run it again: {self.command}")
            done = "the canary had traffic"
        if patiently(cluster.flag) != 0:
            patiently(lambda: cluster.set_flag(0))
            done = "the flag was not 0"
        return done

    def _service(self) -> str:
        """Restore the service itself as the program's provider would and wait until it is healthy."""
        self.lease().check()
        cluster, done = self.environment.kubernetes, ""
        if not patiently(lambda: _apply(cluster, self.former)):
            done = "it ran already"
            if self.restart:
                patiently(lambda: _restart(cluster))
                done = "it ran already; restarted"
        _settled(cluster, self.former.image, self.environment.name)
        return done

    def _stack_file(self) -> str:
        current = committed(self.environment.name)
        file = with_encryption_of(self.former.config, current) if self.former.config else current
        return with_release(file, self.former.image)

    def _preview(self) -> str:
        outcome = Engine(self.environment).preview(self._stack_file())
        show_preview(outcome, self.runner, changes=self.dry_run)
        require_accepted(
            losses(outcome),
            accept_loss=self.accept_loss or self.dry_run,
            what=f"the way back to {self.former.name}",
            command=self.command,
        )
        return f"{outcome.changed} changes"

    def _state(self) -> str:
        """Even without a change the run must be made: the stack's own output says what the next one starts from."""
        return f"{Engine(self.environment).up(self._stack_file(), self.lease()).changed} changes"


def show_preview(outcome: UpdateResult, runner: StepRunner, *, changes: bool) -> None:
    """Warn about everything that would be lost; with ``changes`` name every change too."""
    for each in outcome.changes if changes else ():
        paths = f": {', '.join(each.properties)}" if each.properties else ""
        runner.say(f"       {each.op} {each.name} ({each.type}){paths}")
    for each in losses(outcome):
        runner.warn(each)


def _apply(cluster: KubernetesClient, former: Former) -> bool:
    """Apply the recorded ConfigMap and Deployment; whether that changes the pods by itself."""
    before = cluster.deployment(DEPLOYMENTS["stable"])
    manifests = {each["kind"]: each for each in former.manifests if _is_service(each)}
    if "Deployment" not in manifests:  # a revision that no release is recorded for: only the image is known
        manifest = _present(before, manager_of(before))
        _container(manifest)["image"] = former.image
        manifest["spec"]["template"]["metadata"]["labels"]["version"] = release_of(former.image)
        manifests["Deployment"] = manifest
    for kind in SERVICE_KINDS:
        if kind in manifests:
            manifest = copy.deepcopy(manifests[kind])
            live = cluster.live(manifest)
            manager = manager_of(live) if live else PROGRAM_MANAGER
            if kind == "Deployment" and live is not None:
                _keep_present(manifest, live, manager)
            cluster.apply(manifest, manager=manager)
    after = cluster.deployment(DEPLOYMENTS["stable"])
    return before["spec"]["template"] != after["spec"]["template"]


def _restart(cluster: KubernetesClient) -> None:
    """As ``kubectl rollout restart``."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    patch = {"spec": {"template": {"metadata": {"annotations": {RESTARTED: stamp}}}}}
    path = f"/apis/apps/v1/namespaces/{cluster.namespace}/deployments/{DEPLOYMENTS['stable']}"
    cluster.request("PATCH", path, patch, query={"fieldManager": FIELD_MANAGER})


def _is_service(manifest: dict[str, Any]) -> bool:
    return manifest["kind"] in SERVICE_KINDS and manifest["metadata"]["name"] == DEPLOYMENTS["stable"]


def _keep_present(manifest: dict[str, Any], live: dict[str, Any], manager: str) -> None:
    """What does not go back: the number of pods, which the autoscaler owns, and the digest of the present secrets."""
    if owns(live, manager, "spec", "replicas"):  # giving the field up would reset it to 1 while it receives traffic
        manifest["spec"]["replicas"] = live["spec"]["replicas"]
    annotations: dict[str, str] = live["spec"]["template"]["metadata"].get("annotations") or {}
    if SECRET_DIGEST in annotations:
        manifest["spec"]["template"]["metadata"].setdefault("annotations", {})[SECRET_DIGEST] = annotations[SECRET_DIGEST]


def _present(live: dict[str, Any], manager: str) -> dict[str, Any]:
    """The live Deployment as its provider applied it: only the fields that it owns."""
    entry = next(each for each in live["metadata"]["managedFields"] if (each["manager"], each["operation"]) == (manager, "Apply"))
    kept = cast("dict[str, Any]", _owned(live, entry["fieldsV1"]))
    return {
        "apiVersion": live["apiVersion"],
        "kind": live["kind"],
        **kept,
        "metadata": {**kept.get("metadata", {}), "name": live["metadata"]["name"], "namespace": live["metadata"]["namespace"]},
    }


def _owned(value: Any, tree: dict[str, Any]) -> Any:
    """The part of ``value`` that a field tree covers (``f:spec: {f:replicas: {}}``); a whole leaf where the tree ends.

    Source: https://github.com/kubernetes-sigs/structured-merge-diff/blob/master/fieldpath/serialize.go
    """
    fields = {key: each for key, each in tree.items() if key != "."}
    if not fields:
        return value
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value)
        return {name: _owned(items[name], each) for key, each in fields.items() if (name := key[2:]) in items}
    found: list[Any] = []
    for item in cast("list[Any]", value):
        for key, each in fields.items():
            if _matches(item, key):
                found.append(_owned(item, each))
    return found


def _matches(item: Any, key: str) -> bool:
    kind, _, text = key.partition(":")
    wanted: Any = json.loads(text)
    if kind == "k":
        return all(cast("dict[str, Any]", item).get(name) == value for name, value in wanted.items())
    return kind == "v" and item == wanted


def _container(deployment: dict[str, Any]) -> dict[str, Any]:
    containers = cast("list[dict[str, Any]]", deployment["spec"]["template"]["spec"]["containers"])
    return next(each for each in containers if each["name"] == DEPLOYMENTS["stable"])


def _settled(cluster: KubernetesClient, image: str, environment: str) -> None:
    """As ``kubectl rollout status``: every pod is new and available."""

    def new(track: TrackPods) -> bool:
        return track.settled and track.image == image

    track = wait_until(
        lambda: patiently(lambda: cluster.track("stable")),
        lambda track: bool(track.trouble) or new(track),
        seconds=SETTLE_SECONDS,
        pause=POLL_SECONDS,
    )
    if not new(track):
        raise RestoreError(
            f"{image} does not get ready: {track.trouble or f'{len(track.ready)} of {track.replicas} pods'}",
            f"look for the cause: dwcp doctor --environment {environment}; or go back further: "
            f"dwcp rollback --environment {environment} --to RELEASE",
        )
