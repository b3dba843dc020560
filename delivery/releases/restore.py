"""Back to what ran before: first the service, in seconds, then the state behind it."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from components.images import release_of
from contract import DEPLOYMENTS
from delivery.clients.environment import Environment
from delivery.clients.kubernetes import FIELD_MANAGER, PROGRAM_MANAGER, ClusterError, KubernetesClient, manager_of, owns
from delivery.clients.load_balancer import WeightedRule
from delivery.clients.pulumi import Engine
from delivery.clients.service import Service
from delivery.errors import DeliveryError
from delivery.releases.loss import Loss, losses
from delivery.releases.progress import Progress
from delivery.releases.stack_file import committed, with_encryption_of, with_release
from delivery.state.lease import Lease

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
    """Going back failed, or would lose something that nobody has agreed to lose."""


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
    deadline = time.monotonic() + API_SECONDS
    while True:
        try:
            return call()
        except ClusterError as error:
            if not error.passing or time.monotonic() > deadline:
                raise
            time.sleep(RETRY_SECONDS)


def to_stable(environment: Environment, lease: Lease, progress: Progress) -> None:
    """All traffic to stable, read back, and the flag to 0."""
    cluster, rule = environment.kubernetes, WeightedRule(environment)
    with progress.step("traffic to stable, flags to 0") as note:
        lease.check()
        if rule.weights().split != 0:
            rule.set(0)
            deadline = time.monotonic() + WEIGHT_SECONDS
            while rule.weights().split != 0:
                if time.monotonic() > deadline:
                    raise RestoreError(
                        f"the rule's weight did not take within {WEIGHT_SECONDS:.0f} s", "run the same command again"
                    )
                time.sleep(POLL_SECONDS)
            note.detail = "the canary had traffic"
        if patiently(cluster.flag) != 0:
            patiently(lambda: cluster.set_flag(0))
            note.detail = "the flag was not 0"


def service(environment: Environment, former: Former, lease: Lease, progress: Progress, *, url: str | None, restart: bool) -> None:
    """Restore the service itself as the program's provider would and wait until it is healthy.

    With ``restart`` its pods are replaced even if nothing about them changes.
    """
    cluster = environment.kubernetes
    with progress.step(f"restore {former.image}") as note:
        lease.check()
        if not patiently(lambda: _apply(cluster, former)):
            note.detail = "it ran already"
            if restart:
                patiently(lambda: _restart(cluster))
                note.detail = "it ran already; restarted"
        _settled(environment, former.image)
    with progress.step("health checks") as note:
        note.detail = Service.of(environment, "stable", url).require_health()
    with progress.step("smoke test") as note:
        note.detail = Service.of(environment, "stable", url).require_smoke()


def state(environment: Environment, former: Former, lease: Lease, progress: Progress, *, accept_loss: bool) -> None:
    """Let the engine follow, configuration included; raises ``RestoreError`` where that would lose data unasked."""
    engine = Engine(environment)
    current = committed(environment.name)
    file = with_release(with_encryption_of(former.config, current) if former.config else current, former.image)
    with progress.step("preview of the way back") as note:
        outcome = engine.preview(file)
        note.detail = f"{outcome.changed} changes"
        lost = losses(outcome)
    require_accepted(lost, accept_loss=accept_loss, what=f"the way back to {former.name}", progress=progress)
    if not outcome.changed:
        # Even without a change the run must be made: the stack's own output says what the next one starts from.
        progress.say("nothing but the stack's record of the release changes")
    with progress.step("state and configuration follow") as note:
        note.detail = f"{engine.up(file, lease).changed} changes"


def require_accepted(lost: Sequence[Loss], *, accept_loss: bool, what: str, progress: Progress) -> None:
    """Warn about everything that would be lost; raise unless that was accepted."""
    for each in lost:
        progress.warn(str(each))
    if lost and not accept_loss:
        raise RestoreError(
            f"{what} would lose data: {'; '.join(map(str, lost))}",
            "take a backup of it; then run the same command with --accept-loss",
        )


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


def _settled(environment: Environment, image: str) -> None:
    """As ``kubectl rollout status``: every pod is new and available."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        track = patiently(lambda: environment.kubernetes.track("stable"))
        if track.settled and track.image == image:
            return
        if track.trouble or time.monotonic() > deadline:
            raise RestoreError(
                f"{image} does not get ready: {track.trouble or f'{len(track.ready)} of {track.replicas} pods'}",
                f"look for the cause: dwcp doctor --environment {environment.name}; "
                f"or go back further: dwcp rollback --environment {environment.name} --to RELEASE",
            )
        time.sleep(POLL_SECONDS)
