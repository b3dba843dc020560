"""Reads the drift for the doctor, with the functions of ``dwcp drift``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from delivery.clients.environment import Environment, UnreachableError
from delivery.doctor.facts import Changed
from delivery.preview.change import Drift, Kind
from delivery.preview.drift import detect


def changes_of(environment: Environment) -> Sequence[Changed]:
    """The drift that ``dwcp drift`` finds. Raises ``UnreachableError`` if no drift was found and something could not be read."""
    drift = detect(environment)
    found = list(changes_in(drift))
    if drift.problems and not found:
        raise UnreachableError("; ".join(drift.problems), f"run `dwcp drift --environment {environment.name}`")
    return found


def changes_in(drift: Drift) -> Iterator[Changed]:
    """One change per resource; a deleted resource is critical."""
    for change in drift.changes:
        gone = change.kind is Kind.DELETE
        differing = ", ".join(f"{each.path}: {each.before} -> {each.after}" for each in change.properties)
        yield Changed(
            what=f"{change.type.rsplit(':', 1)[-1]} {change.name}",
            how="is gone" if gone else differing,
            cause=f"The resource was {'deleted' if gone else 'changed'} outside Pulumi; `pulumi up --refresh` restores it.",
            critical=gone,
            command=drift.revert,
        )
    for each in drift.foreign:
        yield Changed(
            what=each.arn,
            how=f"not in the state, and {each.why}",
            cause=f"The resource was created outside the stack: find out by whom, then {_advice(each.arn)}.",
            critical=False,
        )


def _advice(arn: str) -> str:
    """What to do with a resource that is not in the state. A volume or a snapshot can contain the only copy of data."""
    if ":volume/" in arn or ":snapshot/" in arn:
        return "keep its data, and remove its tag `project`"
    return "import it into the stack, or delete it"
