"""The calls that AWS refuses and moto accepts, as one table: each row has AWS' error code, the rule's source, and the check.

A check is a function that returns AWS' message if AWS refuses the call, and None otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from embedded_cloud.front.call import AwsError, Call

Check = Callable[[Call], str | None]


@dataclass(frozen=True)
class Refusal:
    """One row: ``service`` refuses a call of one of ``operations`` with ``code`` if ``check`` returns a message."""

    service: str
    operations: tuple[str, ...]
    code: str
    source: str
    """The address of AWS' page about the rule. The page does not always contain the error code."""
    check: Check

    @property
    def what(self) -> str:
        """A short description of the refused call: the first line of the check's docstring."""
        return (self.check.__doc__ or "").split("\n", 1)[0].rstrip(".")


TABLE: list[Refusal] = []


def refuses(service: str, *operations: str, code: str, source: str) -> Callable[[Check], Check]:
    """Add the decorated check to the table."""

    def add(check: Check) -> Check:
        TABLE.append(Refusal(service, operations, code, source, check))
        return check

    return add


def require_possible(call: Call) -> None:
    """Raise ``AwsError`` for a call that AWS refuses in the present state of the account."""
    for row in TABLE:
        if row.service == call.service and call.name in row.operations and (message := row.check(call)):
            raise AwsError(row.code, message)
