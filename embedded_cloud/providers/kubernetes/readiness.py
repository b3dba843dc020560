"""When an object counts as ready, kind by kind: the conditions that the official provider waits for.

Source: pulumi-kubernetes, provider/pkg/await; for workloads, what ``kubectl rollout status`` waits for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.providers.kubernetes.connection import Manifest
from embedded_cloud.providers.kubernetes.objects import Objects, group_kind


class NeverReadyError(EmbeddedCloudError):
    """Waiting longer is of no use."""

    def __init__(self, problem: str) -> None:
        """``problem`` is what the object's own status says."""
        super().__init__(problem, "look at it with `kubectl describe`")


def missing(objects: Objects, live: Manifest) -> str | None:
    """What ``live`` still lacks to be ready, in one line, or None; raises :class:`NeverReadyError`."""
    check = CHECKS.get(group_kind(live))
    return check(objects, live) if check else None


def conditions(live: Manifest) -> dict[str, dict[str, str]]:
    """The conditions of the object's status by type."""
    return {each["type"]: each for each in _status(live).get("conditions") or []}


def _status(live: Manifest) -> dict[str, Any]:
    return live.get("status") or {}


def _is_seen(live: Manifest) -> bool:
    return _status(live).get("observedGeneration", 0) >= live["metadata"]["generation"]


def _deployment(_: Objects, live: Manifest) -> str | None:
    wanted, status = live["spec"].get("replicas", 1), _status(live)
    progressing = conditions(live).get("Progressing", {})
    if not _is_seen(live):
        return "the deployment controller has not seen it yet"
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        raise NeverReadyError(progressing.get("message", "its progress deadline is exceeded"))
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if updated < wanted:
        return f"{updated} of {wanted} replicas are updated"
    if status.get("replicas", 0) > updated:
        return f"{status['replicas'] - updated} old replicas are still there"
    return f"{available} of {wanted} replicas are available" if available < updated else None


def _stateful_set(_: Objects, live: Manifest) -> str | None:
    wanted, status = live["spec"].get("replicas", 1), _status(live)
    if not _is_seen(live):
        return "the stateful set controller has not seen it yet"
    if status.get("readyReplicas", 0) < wanted:
        return f"{status.get('readyReplicas', 0)} of {wanted} replicas are ready"
    partition = (live["spec"].get("updateStrategy", {}).get("rollingUpdate") or {}).get("partition", 0)
    by_hand = live["spec"].get("updateStrategy", {}).get("type") == "OnDelete"
    if not by_hand and status.get("updatedReplicas", 0) < wanted - partition:
        return f"{status.get('updatedReplicas', 0)} of {wanted - partition} replicas are updated"
    return None


def _daemon_set(_: Objects, live: Manifest) -> str | None:
    status = _status(live)
    wanted = status.get("desiredNumberScheduled", 0)
    if not _is_seen(live):
        return "the daemon set controller has not seen it yet"
    updated, available = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    return f"{min(updated, available)} of {wanted} pods are updated and available" if min(updated, available) < wanted else None


def _job(_: Objects, live: Manifest) -> str | None:
    found = conditions(live)
    if found.get("Failed", {}).get("status") == "True":
        raise NeverReadyError(f"it failed: {found['Failed'].get('message', found['Failed'].get('reason'))}")
    return None if found.get("Complete", {}).get("status") == "True" else "it has not completed"


def _pod(_: Objects, live: Manifest) -> str | None:
    phase = _status(live).get("phase")
    if phase == "Failed":
        raise NeverReadyError(f"it failed: {_status(live).get('message', _status(live).get('reason'))}")
    ready = conditions(live).get("Ready", {}).get("status") == "True"
    return None if ready or phase == "Succeeded" else f"it is {phase or 'Pending'}, not ready"


def _service(objects: Objects, live: Manifest) -> str | None:
    spec, metadata = live["spec"], live["metadata"]
    if spec.get("type") == "ExternalName" or spec.get("clusterIP") == "None":
        return None
    slices = objects.listed(
        f"/apis/discovery.k8s.io/v1/namespaces/{metadata['namespace']}/endpointslices",
        labelSelector=f"kubernetes.io/service-name={metadata['name']}",
    )
    if not any(each.get("endpoints") for each in slices):
        return "no pod matches its selector (set pulumi.com/skipAwait where none needs to)"
    return _address(objects, live) if spec.get("type") == "LoadBalancer" else None


def _address(_: Objects, live: Manifest) -> str | None:
    given = _status(live).get("loadBalancer", {}).get("ingress")
    return None if given else "no controller has given it an address (set pulumi.com/skipAwait where none will)"


def _claim(objects: Objects, live: Manifest) -> str | None:
    phase = _status(live).get("phase")
    if phase == "Lost":
        raise NeverReadyError("its volume is lost")
    if phase == "Bound":
        return None
    name = live["spec"].get("storageClassName")
    if not name:
        return "no volume is bound to it, and it names no storage class"
    storage_class = objects.get({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}})
    if storage_class and storage_class.get("volumeBindingMode") == "WaitForFirstConsumer":
        return None
    return "no volume is bound to it" if storage_class else f"there is no storage class {name!r}"


def _definition(_: Objects, live: Manifest) -> str | None:
    found = conditions(live)
    if found.get("NamesAccepted", {}).get("status") == "False":
        raise NeverReadyError(found["NamesAccepted"].get("message", "its names are not accepted"))
    return None if found.get("Established", {}).get("status") == "True" else "it is not established"


CHECKS: dict[str, Callable[[Objects, Manifest], str | None]] = {
    "apiextensions.k8s.io/CustomResourceDefinition": _definition,
    "apps/DaemonSet": _daemon_set,
    "apps/Deployment": _deployment,
    "apps/StatefulSet": _stateful_set,
    "batch/Job": _job,
    "core/PersistentVolumeClaim": _claim,
    "core/Pod": _pod,
    "core/Service": _service,
    "networking.k8s.io/Ingress": _address,
}
