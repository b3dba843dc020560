"""The data that a change of pods deletes or hides although it deletes no volume: metrics, data of Redis, data in claims."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, cast

HOURS = {"ms": Decimal(1) / 3_600_000, "s": Decimal(1) / 3600, "m": Decimal(1) / 60, "h": 1, "d": 24, "w": 7 * 24, "y": 365 * 24}
BYTES = {prefix: 1024**power for power, prefix in enumerate(("", *"KMGTPE"))}
"""The prefixes of the units of ``--storage.tsdb.retention.size``: ``KB`` and ``KiB`` are both 1024 bytes.

Source: ``ParseBase2Bytes`` in github.com/alecthomas/units, which also adds parts (``1GB512MB``).
"""
DEFAULT_RETENTION = "15d"
"""Prometheus' retention if neither a time nor a size is set, or if both are 0.

Source: https://prometheus.io/docs/prometheus/latest/storage/.
"""
NO_LIMIT = Decimal("Infinity")
TIME, SIZE = "storage.tsdb.retention.time", "storage.tsdb.retention.size"


def arguments_of(listed: Any) -> dict[str, str]:
    """The values of the options in a container's arguments, by name without dashes; empty for an option without a value.

    An option is written as ``--name=value`` or ``--name value``.
    """
    texts = [str(each) for each in cast("list[Any]", listed)] if isinstance(listed, list) else []
    found: dict[str, str] = {}
    for text, following in zip(texts, [*texts[1:], "-"], strict=True):
        name, equals, value = text.lstrip("-").partition("=")
        if text.startswith("-"):
            found[name] = value if equals else "" if following.startswith("-") else following
    return found


def fewer_metrics(before: Any, after: Any) -> str:
    """The metrics that Prometheus deletes because of a shorter or smaller retention."""
    left, right = arguments_of(before), arguments_of(after)
    if not {TIME, SIZE} & (left.keys() | right.keys()):
        return ""
    lost = [f"metrics older than {_time(right)}" if _hours(right) < _hours(left) else ""]
    lost += [f"metrics beyond {right.get(SIZE)}" if _bytes(right) < _bytes(left) else ""]
    return ", ".join(filter(None, lost))


def _time(options: dict[str, str]) -> str:
    time = options.get(TIME, "")
    return time if _duration(time) else "" if _bytes(options) < NO_LIMIT else DEFAULT_RETENTION


def _hours(options: dict[str, str]) -> Decimal:
    return _duration(_time(options)) or NO_LIMIT


def _duration(text: str) -> Decimal:
    parts = re.findall(r"(\d+)(ms|[smhdwy])", text)
    return sum((Decimal(count) * HOURS[unit] for count, unit in parts), Decimal(0))


def _bytes(options: dict[str, str]) -> Decimal:
    parts = re.findall(r"(\d+\.?\d*|\.\d+)([KMGTPE]?)i?B", options.get(SIZE, ""))
    return sum((Decimal(count) * BYTES[prefix] for count, prefix in parts), Decimal(0)) or NO_LIMIT


FOLDERS = ("storage.tsdb.path", "storage.path", "data-dir", "datadir")


def other_folders(before: Any, after: Any) -> str:
    """The data in the folders that the container's arguments do not name any more."""
    left, right = ([each[name] for name in FOLDERS if name in each] for each in map(arguments_of, (before, after)))
    return f"the data in {', '.join(left)}, which is not read any more: move it first" if left and right and left != right else ""


OF_REDIS = re.compile(r"^(appendonly|appendfsync|maxmemory|maxmemory-policy|aclfile|requirepass)\s", re.MULTILINE)
FILES = {"dir": "./", "dbfilename": "dump.rdb", "appenddirname": "appendonlydir", "appendfilename": "appendonly.aof"}
"""The directives that name the files of Redis, with their defaults."""
MEMORY = re.compile(r"(\d+)(b|kb?|mb?|gb?)?", re.IGNORECASE)
UNITS = {"": 1, "b": 1, "k": 10**3, "kb": 2**10, "m": 10**6, "mb": 2**20, "g": 10**9, "gb": 2**30}


def lost_by_redis(before: Any, after: Any) -> str:
    """The data of Redis that is lost because directives change in a configuration file or in a container's arguments."""
    if before is None or after is None or not (_is_of_redis(before) or _is_of_redis(after)):
        return ""
    left, right = _directives(before), _directives(after)
    moved = [name for name, default in {**FILES, "appendonly": "no"}.items() if left.get(name, default) != right.get(name, default)]
    changes = ", ".join(f"{name} from {left.get(name, 'the default')} to {right.get(name, 'the default')}" for name in moved)
    lost = [f"all data of Redis, which does not read its former files ({changes}): move them first"] if moved else []
    return ", ".join([*lost, *_evicted(left, right)])


def _evicted(left: dict[str, str], right: dict[str, str]) -> Iterator[str]:
    policy = right.get("maxmemory-policy", "noeviction")
    if policy == "noeviction":
        return
    memory = [_memory(each.get("maxmemory", "0")) or NO_LIMIT for each in (left, right)]
    if left.get("maxmemory-policy", "noeviction") == "noeviction":
        yield f"keys that Redis evicts when its memory is full (maxmemory-policy {policy})"
    elif memory[1] < memory[0]:
        yield f"keys beyond maxmemory {right.get('maxmemory')}, which Redis evicts"


def _memory(text: str) -> Decimal:
    found = MEMORY.fullmatch(text)
    return Decimal(found[1]) * UNITS[(found[2] or "").lower()] if found else Decimal(0)


def _is_of_redis(content: Any) -> bool:
    """Whether the content has one of the directives in :data:`OF_REDIS`."""
    text = "".join(f"{name} \n" for name in arguments_of(content)) if isinstance(content, list) else str(content)
    return OF_REDIS.search(text) is not None


def _directives(content: Any) -> dict[str, str]:
    """The directives in a configuration file of Redis or in a container's arguments."""
    if isinstance(content, list):
        return arguments_of(content)
    pairs = re.findall(r"^\s*([\w-]+)\s+(.*?)\s*$", str(content), re.MULTILINE)
    return {name: value.strip("\"'") for name, value in pairs}


def unmounted(before: Any, after: Any) -> str:
    """The data in claims, or in folders of claims, that the pods do not mount any more, or mount at another path."""
    left, right = _mounted(before), _mounted(after)
    named = {key: f"claim {key[0]}" + (f" at {key[1]}" if key[1] else "") for key in left}
    gone = sorted(named[key] for key in left if key not in right or (left[key] and not right[key]))
    lost = [f"the data in {', '.join(gone)}, which the pods do not mount any more: move it first"] if gone else []
    for key in sorted(left.keys() & right.keys()):
        if right[key] and (paths := sorted(left[key] - right[key])):
            at = ", ".join(sorted(right[key]))
            lost.append(f"the data in {named[key]} for programs that use {', '.join(paths)}: it is mounted at {at}")
    return ", ".join(lost)


def _mounted(spec: Any) -> dict[tuple[str, str], set[str]]:
    """The paths at which a pod's containers, without the init containers, mount each claim and each folder of a claim.

    A mounted volume that the pod does not declare comes from a claim template. A claim that the pod declares but does not
    mount has no path.
    """
    pod = cast("dict[str, Any]", spec) if isinstance(spec, dict) else {}
    volumes = {str(each.get("name")): each for each in _objects(pod.get("volumes"))}
    claims = {name: str(each["persistentVolumeClaim"].get("claimName")) for name, each in volumes.items() if _claim(each)}
    found: dict[tuple[str, str], set[str]] = {}
    for mount in (mount for each in _objects(pod.get("containers")) for mount in _objects(each.get("volumeMounts"))):
        name = str(mount.get("name"))
        if name in claims or name not in volumes:
            key = (claims.get(name, name), str(mount.get("subPath") or ""))
            found.setdefault(key, set()).add(str(mount.get("mountPath")))
    used = {claim for claim, _ in found}
    return {**{(claim, ""): set[str]() for claim in claims.values() if claim not in used}, **found}


def emptied(before: Any, after: Any) -> str:
    """The paths at which a container does not find its files any more, because no volume is mounted there."""
    left, right = _paths(before), _paths(after)
    return ", ".join(
        f"has no volume at {path} in container {name} any more: the container cannot read or write its files there"
        for name, paths in left.items()
        for path in sorted(paths)
        if name in right and not any(f"{path}/".startswith(f"{each.rstrip('/')}/") for each in right[name])
    )


def _paths(spec: Any) -> dict[str, set[str]]:
    """The mount paths of each container and init container, by the container's name."""
    pod = cast("dict[str, Any]", spec) if isinstance(spec, dict) else {}
    containers = [each for kind in ("initContainers", "containers") for each in _objects(pod.get(kind))]
    return {str(each.get("name")): {str(one.get("mountPath")) for one in _objects(each.get("volumeMounts"))} for each in containers}


def _claim(volume: dict[str, Any]) -> bool:
    return isinstance(volume.get("persistentVolumeClaim"), dict)


def _objects(value: Any) -> list[dict[str, Any]]:
    return (
        [cast("dict[str, Any]", each) for each in cast("list[Any]", value) if isinstance(each, dict)]
        if isinstance(value, list)
        else []
    )
