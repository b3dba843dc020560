"""Small questions about Kubernetes objects that several checks ask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from delivery.doctor.observations import Manifest

NAMESPACE = "dwcp-v3"


def name_of(manifest: Manifest) -> str:
    """``metadata.name``."""
    return manifest["metadata"]["name"]


def app_of(manifest: Manifest) -> str:
    """The label ``app``, empty without one."""
    return manifest["metadata"].get("labels", {}).get("app", "")


def age_seconds(manifest: Manifest, now: datetime) -> float:
    """Seconds since the object was created."""
    return (now - datetime.fromisoformat(manifest["metadata"]["creationTimestamp"])).total_seconds()


def condition(manifest: Manifest, type_: str) -> Manifest:
    """The status condition of this type, empty when nobody has set it."""
    return next((each for each in manifest.get("status", {}).get("conditions") or [] if each["type"] == type_), {})


def container_states(pod: Manifest) -> Iterator[tuple[str, Manifest]]:
    """Name and status of each container, init containers first."""
    status = pod.get("status", {})
    for each in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        yield each["name"], each


def waiting(container: Manifest) -> tuple[str, str]:
    """Reason and message of a container that waits; two empty texts when it does not."""
    state: dict[str, Any] = (container.get("state") or {}).get("waiting") or {}
    return state.get("reason") or "", state.get("message") or ""


def words_about(kind: str, name: str, events: Sequence[Manifest]) -> list[str]:
    """What the cluster's warnings say about one object, the newest first, each once."""
    about = [
        each
        for each in events
        if each.get("type") == "Warning" and (each["involvedObject"]["kind"], each["involvedObject"].get("name")) == (kind, name)
    ]
    about.sort(key=lambda each: str(each.get("lastTimestamp") or each.get("eventTime") or ""), reverse=True)
    return list(dict.fromkeys(f"{each.get('reason', 'Event')}: {each.get('message', '').strip()}" for each in about))
