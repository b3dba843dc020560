"""The right to change an environment: one owner at a time, and none that has stopped living.

The lease is one DynamoDB item per environment. Its owner raises ``beat`` every few seconds. No two machines' clocks are
compared: a waiting command takes the lease over when it has itself watched one ``beat`` stand still for the lease's whole
length, or when the owner is provably gone. Each taking raises ``fencing``; what is written under an older number is refused.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

from contract import PROJECT
from delivery.clients.aws import error_code
from delivery.clients.environment import Environment
from delivery.clients.waiting import wait_until
from delivery.state.errors import LeaseHeldError, LeaseLostError, StateError
from delivery.state.owner import Owner

TABLE = f"{PROJECT}-leases"
KEY = "environment"
LEASE_SECONDS = 60.0
BEATS_PER_LEASE = 6
"""Some may be lost before the lease is."""
POLL_SECONDS = 1.0


def now() -> float:
    """Seconds on a clock that goes on while the machine sleeps and that cannot be set."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(frozen=True, kw_only=True)
class Holding:
    """What the table says about an environment's lease."""

    held: bool
    owner: Owner
    command: str
    token: str
    fencing: int
    beat: int
    seconds: float
    since: str

    @classmethod
    def of(cls, item: dict[str, Any]) -> Self:
        """From the table's item."""
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


class LeaseTable:
    """The leases of all environments, in one table."""

    def __init__(self, environment: Environment) -> None:
        """Of the environment whose lease this is about."""
        self.environment = environment.name
        self.dynamodb = environment.aws("dynamodb")

    def read(self) -> Holding | None:
        """Who holds the lease, or held it last; nothing before the first time."""
        answer = self._call(self.dynamodb.get_item, Key=self._key(), ConsistentRead=True)
        return Holding.of(answer["Item"]) if "Item" in answer else None

    def take(self, before: Holding | None, holding: Holding) -> bool:
        """Write ``holding`` unless anything has changed since ``before`` was read."""
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
        """Show that the holder lives; false when it holds the lease no more."""
        return self._update(token, "SET beat = beat + :one", {":one": {"N": "1"}})

    def give_back(self, token: str) -> bool:
        """End the holding; its owner and number stay readable."""
        return self._update(token, "SET held = :no", {":no": {"BOOL": False}})

    def break_open(self) -> None:
        """End whoever's holding, alive or not: its next beat tells it so. For a person who knows that it must be."""
        holding = self.read()
        if holding is not None and holding.held:
            self.give_back(holding.token)

    def _update(self, token: str, expression: str, values: dict[str, Any]) -> bool:
        return self._conditionally(
            self.dynamodb.update_item,
            Key=self._key(),
            UpdateExpression=expression,
            ConditionExpression="#token = :token AND held = :yes",
            ExpressionAttributeNames={"#token": "token"},
            ExpressionAttributeValues={":token": {"S": token}, ":yes": {"BOOL": True}, **values},
        )

    def _put(self, **arguments: Any) -> bool:
        return self._conditionally(self.dynamodb.put_item, **arguments)

    def _conditionally(self, call: Callable[..., Any], **arguments: Any) -> bool:
        try:
            self._call(call, **arguments)
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def _call(self, call: Callable[..., Any], **arguments: Any) -> dict[str, Any]:
        try:
            return call(TableName=TABLE, **arguments)
        except ClientError as error:
            if error_code(error) == "ResourceNotFoundException":
                raise StateError(
                    f"there is no lease table {TABLE}", f"create it: dwcp state bootstrap --environment {self.environment}"
                ) from error
            raise

    def _key(self) -> dict[str, Any]:
        return {KEY: {"S": self.environment}}


class Lease:
    """A lease that this process holds, kept alive by a thread; use it as a context manager, which gives it back."""

    def __init__(self, table: LeaseTable, holding: Holding, taken_from: Holding | None, asked_at: float) -> None:
        """Made by :meth:`take` only."""
        self.table = table
        self.token = holding.token
        self.fencing = holding.fencing
        self.taken_from = taken_from
        """Who held it before without giving it back: what that one left half-done may need a look."""
        self._seconds = holding.seconds
        self._ends = asked_at + holding.seconds
        self._lost = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_alive, name="lease", daemon=True)
        self._thread.start()

    @classmethod
    def take(cls, environment: Environment, *, command: str, wait_seconds: float = 0, seconds: float = LEASE_SECONDS) -> Lease:
        """Take the lease, waiting up to ``wait_seconds`` for its owner; raises ``LeaseHeldError``, which names the owner.

        A waiting time above the owner's lease length always outlives an owner that no longer lives.
        """
        table = LeaseTable(environment)
        watched: tuple[str, int] | None = None
        watched_since = 0.0
        before: Holding | None = None

        def attempt() -> Lease | None:
            nonlocal before, watched, watched_since
            before = table.read()
            if before is not None and (before.token, before.beat) != watched:
                watched, watched_since = (before.token, before.beat), now()
            if before is not None and before.held and now() - watched_since <= before.seconds and not before.owner.gone():
                return None
            asked_at = now()
            holding = _new_holding(before, command, seconds)
            if not table.take(before, holding):
                return attempt()  # another command was faster: see whose it is now
            return cls(table, holding, before if before and before.held else None, asked_at)

        lease = wait_until(attempt, seconds=wait_seconds, pause=POLL_SECONDS)
        if lease is None:
            assert before is not None
            raise _held(environment.name, before)
        return lease

    def remaining(self) -> float:
        """Seconds for which the lease is certainly this process' own; 0 once it is lost."""
        return 0.0 if self._lost else max(0.0, self._ends - now())

    def check(self) -> None:
        """Raise ``LeaseLostError`` unless the lease is still held; call it before each change."""
        if self.remaining() <= 0:
            raise LeaseLostError(
                f"the lease of {self.table.environment} was lost: it ran out, or another command took it",
                f"see who has it: dwcp state lock --show --environment {self.table.environment}",
            )

    def confirm(self) -> None:
        """As :meth:`check`, but ask the table, and renew on the way."""
        self._beat()
        self.check()

    def give_back(self) -> None:
        """Let the next one in. A lease that is already lost needs nothing."""
        self._stop.set()
        self._thread.join()
        if not self._lost:
            self._lost = True
            self.table.give_back(self.token)

    def __enter__(self) -> Lease:
        """The lease itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Give it back."""
        self.give_back()

    def _keep_alive(self) -> None:
        while not self._stop.wait(self._seconds / BEATS_PER_LEASE):
            try:
                self._beat()
            except (ClientError, BotoCoreError, StateError):
                continue  # the next beat may get through; until then the lease just grows shorter
            if self._lost:
                return

    def _beat(self) -> None:
        if self.remaining() <= 0:  # whoever slept through its end must not renew what others may have begun to take
            self._lost = True
            return
        asked_at = now()
        if self.table.beat(self.token):
            self._ends = asked_at + self._seconds
        else:
            self._lost = True


def _new_holding(before: Holding | None, command: str, seconds: float) -> Holding:
    return Holding(
        held=True,
        owner=Owner.this(),
        command=command,
        token=str(uuid.uuid4()),
        # Above every number before, and above those of a table that was lost.
        fencing=max(0 if before is None else before.fencing + 1, int(time.time())),
        beat=0,
        seconds=seconds,
        since=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _held(environment: str, holding: Holding) -> LeaseHeldError:
    return LeaseHeldError(
        f"{environment} is being changed by `{holding.command}` of {holding.owner} since {holding.since}",
        f"wait for it, or run this again with --wait {holding.seconds * 2:.0f}: an owner that stopped living loses its lease after "
        f"{holding.seconds:.0f} s",
        owner=str(holding.owner),
    )
