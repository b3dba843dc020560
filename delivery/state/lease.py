"""The lease is the right to change an environment. It has one owner at a time, and expires if the owner no longer runs.

The lease is one DynamoDB item per environment. Its owner increments ``beat`` every few seconds. Another command takes over the
lease if the owner provably no longer runs, or if the command has waited and observed an unchanged ``beat`` for the lease's whole
duration. The command measures this time with its own clock, so the clocks of two machines are never compared. Each lease has a
higher fencing number than the lease before it. ``dwcp`` writes this number into the record of each release, and into the record of
the last known state. A write is refused if a later lease has already written.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

from contract import LEASE_TABLE
from delivery.clients.aws import conditionally, error_code
from delivery.clients.clock import now
from delivery.clients.environment import Environment
from delivery.clients.state_backend import LEASE_KEY
from delivery.clients.waiting import wait_until
from delivery.errors import LeaseHeldError, LeaseLostError, StateError
from delivery.state.owner import Owner

LEASE_SECONDS = 60.0
"""If there is no heartbeat for this time, another command may take over the lease."""
BEATS_PER_LEASE = 6
"""Number of heartbeats within the duration of a lease. Several heartbeats can fail before the lease expires."""
POLL_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class LeaseItem:
    """The item of an environment's lease in the table: the present holder, or the last holder if the lease is free."""

    held: bool
    owner: Owner
    command: str
    token: str
    """Identifies this lease."""
    fencing: int
    beat: int
    """Number of heartbeats."""
    seconds: float
    """Duration of the lease after a heartbeat."""
    since: str

    @classmethod
    def of(cls, item: dict[str, Any]) -> Self:
        """The lease that a DynamoDB item describes."""
        return cls(
            held=item["held"]["BOOL"],
            owner=Owner.from_json(item["owner"]["S"]),
            command=item["command"]["S"],
            token=item["token"]["S"],
            fencing=int(item["fencing"]["N"]),
            beat=int(item["beat"]["N"]),
            seconds=float(item["seconds"]["N"]),
            since=item["since"]["S"],
        )


class EnvironmentLease:
    """The lease of one environment, in the table of all leases."""

    def __init__(self, environment: Environment) -> None:
        """Open the lease of ``environment``."""
        self.environment = environment.name
        self.dynamodb = environment.aws("dynamodb")

    def read(self) -> LeaseItem | None:
        """The present or last holder of the lease; ``None`` before the first lease."""
        answer = self._call(self.dynamodb.get_item, Key=self._key(), ConsistentRead=True)
        return LeaseItem.of(answer["Item"]) if "Item" in answer else None

    def take(self, before: LeaseItem | None, holding: LeaseItem) -> bool:
        """Write ``holding`` if the lease has not changed since ``before`` was read. Returns whether it was written."""
        item: dict[str, Any] = {
            **self._key(),
            "held": {"BOOL": True},
            "owner": {"S": holding.owner.to_json()},
            "command": {"S": holding.command},
            "token": {"S": holding.token},
            "fencing": {"N": str(holding.fencing)},
            "beat": {"N": "0"},
            "seconds": {"N": str(holding.seconds)},
            "since": {"S": holding.since},
        }
        if before is None:
            return self._put(Item=item, ConditionExpression="attribute_not_exists(environment)")
        return self._put(
            Item=item,
            ConditionExpression="#token = :token AND beat = :beat AND held = :held",
            ExpressionAttributeNames={"#token": "token"},
            ExpressionAttributeValues={
                ":token": {"S": before.token},
                ":beat": {"N": str(before.beat)},
                ":held": {"BOOL": before.held},
            },
        )

    def beat(self, token: str) -> bool:
        """Send a heartbeat; false if the lease with this token is no longer held."""
        return self._update(token, "SET beat = beat + :one", {":one": {"N": "1"}})

    def release(self, token: str) -> bool:
        """Release the lease; false if this lease is no longer held. The owner and the fencing number stay in the table."""
        return self._update(token, "SET held = :no", {":no": {"BOOL": False}})

    def break_open(self) -> None:
        """End the present lease even if its owner runs; the owner's next heartbeat fails. Only a person may request this."""
        holding = self.read()
        if holding is not None and holding.held:
            self.release(holding.token)

    def _update(self, token: str, expression: str, values: dict[str, Any]) -> bool:
        return conditionally(
            partial(self._call, self.dynamodb.update_item),
            Key=self._key(),
            UpdateExpression=expression,
            ConditionExpression="#token = :token AND held = :yes",
            ExpressionAttributeNames={"#token": "token"},
            ExpressionAttributeValues={":token": {"S": token}, ":yes": {"BOOL": True}, **values},
        )

    def _put(self, **arguments: Any) -> bool:
        return conditionally(partial(self._call, self.dynamodb.put_item), **arguments)

    def _call(self, call: Callable[..., Any], **arguments: Any) -> dict[str, Any]:
        try:
            return call(TableName=LEASE_TABLE, **arguments)
        except ClientError as error:
            if error_code(error) == "ResourceNotFoundException":
                raise StateError(
                    f"there is no lease table {LEASE_TABLE}", f"create it: dwcp state bootstrap --environment {self.environment}"
                ) from error
            raise

    def _key(self) -> dict[str, Any]:
        return {LEASE_KEY: {"S": self.environment}}


class Lease:
    """A lease that this process holds and a thread renews. It is a context manager, which releases the lease at the end."""

    def __init__(self, stored: EnvironmentLease, holding: LeaseItem, taken_from: LeaseItem | None, requested_at: float) -> None:
        """Called only by :meth:`take`."""
        self.stored = stored
        self.token = holding.token
        self.fencing = holding.fencing
        self.taken_from = taken_from
        """The previous holder, if it did not release the lease. The changes of this holder can be incomplete."""
        self._seconds = holding.seconds
        self._ends = requested_at + holding.seconds
        self._lost = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_alive, name="lease", daemon=True)
        self._thread.start()

    @classmethod
    def take(cls, environment: Environment, *, command: str, wait_seconds: float = 0, seconds: float = LEASE_SECONDS) -> Lease:
        """Take the lease. Raises ``LeaseHeldError`` with the owner if another owner does not release it within ``wait_seconds``.

        If the owner no longer runs, a waiting time above the lease's duration is sufficient.
        """
        stored = EnvironmentLease(environment)
        watched: tuple[str, int] | None = None
        watched_since = 0.0
        before: LeaseItem | None = None

        def attempt() -> Lease | None:
            nonlocal before, watched, watched_since
            before = stored.read()
            if before is not None and (before.token, before.beat) != watched:
                watched, watched_since = (before.token, before.beat), now()
            if before is not None and before.held and now() - watched_since <= before.seconds and not before.owner.gone():
                return None
            requested_at = now()
            holding = _new_item(before, command, seconds)
            if not stored.take(before, holding):
                return attempt()  # another command was faster: read its lease
            return cls(stored, holding, before if before and before.held else None, requested_at)

        lease = wait_until(attempt, seconds=wait_seconds, pause=POLL_SECONDS)
        if lease is None:
            assert before is not None
            raise _held(environment.name, before)
        return lease

    def remaining(self) -> float:
        """Seconds until the lease expires without another heartbeat; 0 if it is known to be lost.

        After ``break_open``, the owner notices the loss at its next heartbeat.
        """
        return 0.0 if self._lost else max(0.0, self._ends - now())

    def check(self) -> None:
        """Raise ``LeaseLostError`` if the lease is no longer held. Call it before each change."""
        if self.remaining() <= 0:
            raise LeaseLostError(
                f"the lease of {self.stored.environment} was lost: it expired, or another command took it",
                f"find the present owner: dwcp state lock --show --environment {self.stored.environment}",
            )

    def release(self) -> None:
        """Release the lease. A lost lease needs no release."""
        self._stop.set()
        self._thread.join()
        if not self._lost:
            self._lost = True
            self.stored.release(self.token)

    def __enter__(self) -> Lease:
        """The lease itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Release the lease. A failure is ignored: the lease expires by itself, and the error would hide how the command ended."""
        with suppress(ClientError, BotoCoreError, StateError):
            self.release()

    def _keep_alive(self) -> None:
        while not self._stop.wait(self._seconds / BEATS_PER_LEASE):
            try:
                self._beat()
            except (ClientError, BotoCoreError, StateError):
                continue  # the next heartbeat can succeed; until then the remaining time decreases
            if self._lost:
                return

    def _beat(self) -> None:
        if self.remaining() <= 0:  # an expired lease must not be renewed, because another command can have taken it
            self._lost = True
            return
        requested_at = now()
        if self.stored.beat(self.token):
            self._ends = requested_at + self._seconds
        else:
            self._lost = True


def _new_item(before: LeaseItem | None, command: str, seconds: float) -> LeaseItem:
    return LeaseItem(
        held=True,
        owner=Owner.this(),
        command=command,
        token=str(uuid.uuid4()),
        # The present time is the minimum, so that the number is higher than all earlier numbers even if the table was lost.
        fencing=max(0 if before is None else before.fencing + 1, int(time.time())),
        beat=0,
        seconds=seconds,
        since=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _held(environment: str, holding: LeaseItem) -> LeaseHeldError:
    return LeaseHeldError(
        f"{environment} is being changed by `{holding.command}` of {holding.owner} since {holding.since}",
        f"wait until that command has ended, or run yours again with --wait {holding.seconds * 2:.0f}: an owner that no longer "
        f"runs loses its lease after {holding.seconds:.0f} s",
        owner=str(holding.owner),
    )
