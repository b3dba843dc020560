"""Drift as the doctor sees it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from delivery.clients.environment import Environment, UnreachableError
from delivery.doctor.facts import Changed
from delivery.preview.change import Drift, Kind
from delivery.preview.drift import detect


def changes_of(environment: Environment) -> Sequence[Changed]:
    """What ``dwcp drift`` finds. Raises ``UnreachableError`` where it found nothing and could not look everywhere."""
    drift = detect(environment)
    found = list(changes_in(drift))
    if drift.problems and not found:
        raise UnreachableError("; ".join(drift.problems), f"run `dwcp drift --environment {environment.name}`")
    return found


def changes_in(drift: Drift) -> Iterator[Changed]:
    """One per resource; what is gone is critical."""
    for change in drift.changes:
        gone = change.kind is Kind.DELETE
        differing = ", ".join(f"{each.path}: {each.before} -> {each.after}" for each in change.properties)
        yield Changed(
            what=f"{change.type.rsplit(':', 1)[-1]} {change.name}",
            how="is gone" if gone else differing,
            cause=f"It was {'deleted' if gone else 'changed'} outside Pulumi; an update that reads it back first reverts it.",
            critical=gone,
            command=drift.revert,
        )
    for each in drift.foreign:
        yield Changed(
            what=each.arn,
            how=f"in no state, and {each.why}",
            cause="It was made by hand: import it into the program, or delete it.",
            critical=False,
        )
