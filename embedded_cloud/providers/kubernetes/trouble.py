"""Why an object does not become ready: what its conditions, its pods and the events about them say."""

from __future__ import annotations

from collections.abc import Iterator

from embedded_cloud.providers.kubernetes.connection import Manifest
from embedded_cloud.providers.kubernetes.objects import Objects
from embedded_cloud.providers.kubernetes.readiness import conditions

MOST_REASONS = 5
"""More would hide the first ones; pods of one workload fail alike."""


def reasons(objects: Objects, live: Manifest) -> list[str]:
    """The different reasons, the object's own first."""
    found = dict.fromkeys([*_condition_reasons(live), *_event_reasons(objects, live)])
    for pod in _pods(objects, live):
        found |= dict.fromkeys([*_pod_reasons(pod), *_event_reasons(objects, pod)])
    return list(found)[:MOST_REASONS]


def _condition_reasons(live: Manifest) -> Iterator[str]:
    failure = conditions(live).get("ReplicaFailure", {})
    if failure.get("status") == "True":
        yield f"{failure.get('reason')}: {failure.get('message')}"


def _pods(objects: Objects, live: Manifest) -> list[Manifest]:
    labels = ((live.get("spec") or {}).get("selector") or {}).get("matchLabels")
    if not labels:
        return []
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    return objects.listed(f"/api/v1/namespaces/{live['metadata']['namespace']}/pods", labelSelector=selector)


def _pod_reasons(pod: Manifest) -> Iterator[str]:
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        state = container.get("state") or {}
        stuck = state.get("waiting") or state.get("terminated")
        if stuck and stuck.get("reason") not in ("Completed", "ContainerCreating", "PodInitializing"):
            yield f"pod {name}, container {container['name']}: {stuck.get('reason')} {stuck.get('message', '')}".rstrip()
    scheduled = conditions(pod).get("PodScheduled", {})
    if scheduled.get("status") == "False":
        yield f"pod {name}: {scheduled.get('reason')}: {scheduled.get('message')}"


def _event_reasons(objects: Objects, live: Manifest) -> Iterator[str]:
    metadata = live["metadata"]
    if "namespace" not in metadata:
        return
    events = objects.listed(
        f"/api/v1/namespaces/{metadata['namespace']}/events", fieldSelector=f"involvedObject.uid={metadata['uid']},type=Warning"
    )
    for event in events:
        yield f"{event['involvedObject']['kind'].lower()} {event['involvedObject']['name']}: {event['reason']}: {event['message']}"
