"""When an object counts as ready, kind by kind; the same conditions that the official provider waits for."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.providers.kubernetes.objects import Manifest, Objects

SKIP = "pulumi.com/skipAwait"
TIMEOUT = "pulumi.com/timeoutSeconds"
DEFAULT_SECONDS = 300.0


def missing(objects: Objects, live: Manifest) -> str | None:
    """What ``live`` still lacks to be ready, in one line, or None."""
    check = CHECKS.get(live["kind"])
    return check(objects, live) if check else None


def _deployment(objects: Objects, live: Manifest) -> str | None:
    wanted, status = live["spec"].get("replicas", 1), live.get("status", {})
    if status.get("observedGeneration", 0) < live["metadata"]["generation"]:
        return "the controller has not seen it yet"
    if status.get("updatedReplicas", 0) < wanted or status.get("availableReplicas", 0) < wanted or status.get("replicas", 0) > wanted:
        return f"{status.get('availableReplicas', 0)} of {wanted} replicas are available{_pod_trouble(objects, live)}"
    return None


def _stateful_set(objects: Objects, live: Manifest) -> str | None:
    wanted, status = live["spec"].get("replicas", 1), live.get("status", {})
    if status.get("observedGeneration", 0) < live["metadata"]["generation"] or status.get("readyReplicas", 0) < wanted:
        return f"{status.get('readyReplicas', 0)} of {wanted} replicas are ready{_pod_trouble(objects, live)}"
    return None


def _daemon_set(objects: Objects, live: Manifest) -> str | None:
    status = live.get("status", {})
    wanted, ready = status.get("desiredNumberScheduled", 0), status.get("numberReady", 0)
    if status.get("observedGeneration", 0) < live["metadata"]["generation"] or ready < wanted:
        return f"{ready} of {wanted} pods are ready{_pod_trouble(objects, live)}"
    return None


def _job(objects: Objects, live: Manifest) -> str | None:
    conditions = {each["type"]: each for each in live.get("status", {}).get("conditions", []) if each["status"] == "True"}
    return None if "Complete" in conditions else f"it has not completed{_pod_trouble(objects, live)}"


def _service(objects: Objects, live: Manifest) -> str | None:
    addressed = live["spec"].get("type") != "LoadBalancer" or live.get("status", {}).get("loadBalancer", {}).get("ingress")
    return None if addressed else "no load balancer has given it an address"


def _ingress(objects: Objects, live: Manifest) -> str | None:
    addressed = live.get("status", {}).get("loadBalancer", {}).get("ingress")
    return None if addressed else "no ingress controller has given it an address (set pulumi.com/skipAwait where none will)"


def _claim(objects: Objects, live: Manifest) -> str | None:
    if live.get("status", {}).get("phase") == "Bound":
        return None
    name = live["spec"].get("storageClassName")
    storage_class = name and objects.get({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}})
    if storage_class and storage_class.get("volumeBindingMode") == "WaitForFirstConsumer":
        return None
    return "no volume is bound to it"


def _definition(objects: Objects, live: Manifest) -> str | None:
    conditions = {each["type"]: each["status"] for each in live.get("status", {}).get("conditions", [])}
    return None if conditions.get("Established") == "True" else "the definition is not established"


def _pod_trouble(objects: Objects, live: Manifest) -> str:
    """Why a controller's pods do not become ready, as their own status and events say it."""
    namespace = live["metadata"]["namespace"]
    labels = live["spec"].get("selector", {}).get("matchLabels", {})
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    if selector:
        for pod in objects.call("GET", f"/api/v1/namespaces/{namespace}/pods?labelSelector={selector}")["items"]:
            for container in pod["status"].get("containerStatuses", []):
                waiting = container.get("state", {}).get("waiting")
                if waiting:
                    return f": pod {pod['metadata']['name']}: {waiting.get('reason')} {waiting.get('message', '')}".rstrip()
            for condition in pod["status"].get("conditions", []):
                if condition["status"] != "True" and condition.get("message"):
                    return f": pod {pod['metadata']['name']}: {condition.get('reason')}: {condition['message']}"
    for condition in live.get("status", {}).get("conditions", []):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return f": {condition['reason']}: {condition['message']}"
    return ""


CHECKS: dict[str, Callable[[Objects, Manifest], str | None]] = {
    "Deployment": _deployment,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "Job": _job,
    "Service": _service,
    "Ingress": _ingress,
    "PersistentVolumeClaim": _claim,
    "CustomResourceDefinition": _definition,
}
