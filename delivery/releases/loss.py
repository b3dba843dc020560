"""What an update would take away for good."""

from __future__ import annotations

from dataclasses import dataclass

from delivery.clients.pulumi import UpdateResult
from program.catalogue import loses


@dataclass(frozen=True)
class Loss:
    """One resource that would be deleted or replaced, and what goes with it."""

    op: str
    name: str
    type: str
    what: str

    def __str__(self) -> str:
        """For a warning."""
        return f"{self.op} {self.name} ({self.type}): {self.what}"


def losses(outcome: UpdateResult) -> list[Loss]:
    """Everything that cannot be made again and that ``outcome``, of a preview, would delete or replace."""
    found: dict[str, Loss] = {}
    for change in outcome.changes:
        if change.goes_away and (what := loses(change.type, {})):
            found.setdefault(change.urn, Loss(change.op, change.name, change.type, what))
    return list(found.values())
