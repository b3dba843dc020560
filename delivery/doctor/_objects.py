"""Functions with which the checks read fields of Kubernetes objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import cast

from contract import APP_LABEL
from delivery.doctor.facts import Manifest


def section(manifest: Manifest, *path: str) -> Manifest:
    """The object at ``path``; empty if it is absent."""
    found = manifest
    for key in path:
        found = cast(Manifest, found.get(key) or {})
    return found


def listed(manifest: Manifest, *path: str) -> list[Manifest]:
    """The list at ``path``; empty if it is absent."""
    return cast("list[Manifest]", section(manifest, *path[:-1]).get(path[-1]) or [])


def name_of(manifest: Manifest) -> str:
    """``metadata.name``."""
    return manifest["metadata"]["name"]


def app_of(manifest: Manifest) -> str:
    """The value of the label ``app``; empty if the object has no such label."""
    return manifest["metadata"].get("labels", {}).get(APP_LABEL, "")


def age_seconds(manifest: Manifest, now: datetime) -> float:
    """Seconds since the object was created."""
    return seconds_since(manifest["metadata"]["creationTimestamp"], now)


def seconds_since(time: str, now: datetime) -> float:
    """Seconds since a time in Kubernetes' format."""
    return (now - datetime.fromisoformat(time)).total_seconds()


def condition(manifest: Manifest, type_: str) -> Manifest:
    """The status condition of this type; empty if it is not set."""
    found = [each for each in listed(manifest, "status", "conditions") if each["type"] == type_]
    return found[0] if found else {}


def container_states(pod: Manifest) -> Iterator[tuple[str, Manifest]]:
    """Name and status of each container, init containers first."""
    for each in [*listed(pod, "status", "initContainerStatuses"), *listed(pod, "status", "containerStatuses")]:
        yield each["name"], each


def waiting(container: Manifest) -> tuple[str, str]:
    """Reason and message of a waiting container; two empty strings if it does not wait."""
    state = section(container, "state", "waiting")
    return state.get("reason") or "", state.get("message") or ""


def event_messages(pod: str, events: Sequence[Manifest]) -> list[str]:
    """The messages of the warning events about one pod, newest first, without duplicates."""
    about = [
        each
        for each in events
        if each.get("type") == "Warning" and (each["involvedObject"]["kind"], each["involvedObject"].get("name")) == ("Pod", pod)
    ]
    about.sort(key=lambda each: str(each.get("lastTimestamp") or each.get("eventTime") or ""), reverse=True)
    return list(dict.fromkeys(f"{each.get('reason', 'Event')}: {each.get('message', '').strip()}" for each in about))
