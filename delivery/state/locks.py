"""The engine's own locks. They never expire, and a killed engine does not remove its lock."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil

from delivery.clients.checkpoint import States
from delivery.errors import StateError
from delivery.state.lease import LeaseItem
from delivery.state.owner import Owner, machine, user_of_this_process

ENGINE = "pulumi"
LONGEST_UPDATE = timedelta(hours=1)
"""Upper limit for the duration of an update. The creation of the cluster takes 20 minutes."""


@dataclass(frozen=True, kw_only=True)
class EngineLock:
    """One lock in the bucket. Source: https://github.com/pulumi/pulumi/blob/master/pkg/backend/diy/lock.go."""

    key: str
    host: str
    user: str
    pid: int
    since: str
    age: timedelta
    """Time since S3 stored the lock, measured with this machine's clock."""

    def __str__(self) -> str:
        """The owner and the time, for a message."""
        return f"{self.owner}, since {self.since}"

    @property
    def owner(self) -> str:
        """The process that created the lock."""
        return f"{self.user}@{self.host}, process {self.pid}"

    @property
    def forgotten(self) -> bool:
        """Whether the lock is older than the longest update. A person must then check whether the lock's owner still runs."""
        return self.age > LONGEST_UPDATE

    def stale(self, last: Owner | None) -> bool:
        """Whether the lock's owner provably no longer runs.

        A lock of this machine and this user is stale if its process has ended. A lock of another machine is stale if ``last``, the
        previous owner of the lease, was on that machine and no longer runs. Two machines can have the same host name, so a lock
        counts as one of this machine only if its user is this user, and if ``last`` was not on another machine with that name.
        """
        elsewhere = last is not None and last.host == self.host and last.machine != machine()
        if self.host == socket.gethostname() and self.user == user_of_this_process() and not elsewhere:
            return not _is_engine(self.pid)
        return last is not None and last.host == self.host and last.gone()


def _is_engine(pid: int) -> bool:
    """Whether the process runs and can be the engine. The process's name is checked, because process ids are reused."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and ENGINE in process.name()
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def engine_locks(states: States) -> list[EngineLock]:
    """The engine's locks on a stack."""
    prefix = states.backend.locks(states.stack)
    found: list[EngineLock] = []
    for each in states.s3.list_objects_v2(Bucket=states.backend.bucket, Prefix=f"{prefix}/").get("Contents", []):
        body = states.s3.get_object(Bucket=states.backend.bucket, Key=each["Key"])["Body"].read()
        try:
            content: dict[str, Any] = json.loads(body)
        except ValueError:
            content = {}
        found.append(
            EngineLock(
                key=each["Key"],
                host=str(content.get("hostname", "unknown host")),
                user=str(content.get("username", "unknown user")),
                pid=int(content.get("pid", 0)),
                since=str(content.get("timestamp", "")),
                age=datetime.now(UTC) - each["LastModified"],
            )
        )
    return found


def remove_stale(
    states: States, taken_from: LeaseItem | None, *, force: bool = False, warn: Callable[[str], None] = lambda _: None
) -> list[EngineLock]:
    """Remove the locks whose owners provably no longer run, and return them. Raises ``StateError`` if other locks remain.

    The caller must hold the lease. ``force`` removes all locks. Use it only if a person knows that the owners no longer run.
    ``warn`` is called with a message for each removed lock.
    """
    locks = engine_locks(states)
    last = None if taken_from is None else taken_from.owner
    stale = [each for each in locks if force or each.stale(last)]
    for each in stale:
        states.s3.delete_object(Bucket=states.backend.bucket, Key=each.key)
        warn(f"removed the lock of an engine that no longer runs: {each}")
    if alive := [each for each in locks if each not in stale]:
        raise StateError(
            f"the engine's lock on {states.stack} is held by {alive[0]}",
            f"wait until that process has ended; if you know that it has: dwcp state unlock --environment {states.stack} --force",
        )
    return stale


def require_unlocked(states: States) -> None:
    """Raise ``StateError`` if there is a lock of the engine on the stack."""
    if locks := engine_locks(states):
        raise StateError(
            f"the engine's lock on {states.stack} is held by {locks[0]}", f"dwcp state unlock --environment {states.stack}"
        )
