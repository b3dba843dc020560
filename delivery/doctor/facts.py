"""The observations as plain data, without the clients that read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from delivery.errors import DeliveryError

Manifest = dict[str, Any]
"""A Kubernetes object, or an answer of an AWS API, as plain data."""

Part = TypeVar("Part")


class MissingPartError(DeliveryError):
    """A check needs a missing part of the snapshot; the message has its name and the reason."""

    def __init__(self, reason: str, *, skipped: bool) -> None:
        super().__init__(reason)
        self.skipped = skipped


@dataclass(frozen=True)
class Observed(Generic[Part]):
    """One part of the snapshot, or the reason why it is missing."""

    content: Part | None
    missing: str = ""
    skipped: bool = False
    """Whether it was not read on purpose."""

    @property
    def value(self) -> Part:
        """The part. Raises :class:`MissingPartError` when it is missing."""
        if self.missing:
            raise MissingPartError(self.missing, skipped=self.skipped)
        return cast(Part, self.content)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One result of a Prometheus query."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One alert of the platform that Prometheus has pending or firing."""

    name: str
    severity: str
    """``critical`` or ``warning``, as its objective has it."""
    runbook: str
    """Name of its page in ``docs/runbooks``, and so of the check that it belongs to."""
    firing: bool
    """Otherwise it is pending: its condition is true, but not for long enough."""
    description: str
    labels: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class TrackTraffic:
    """One target group: its share of the traffic, and the load balancer's view of its targets."""

    track: str
    weight: int
    """Its weight in the listener rule, 0 to 100."""
    targets: tuple[Manifest, ...]
    """``TargetHealthDescriptions``."""


@dataclass(frozen=True, kw_only=True)
class Egress:
    """The egress of the private subnets."""

    nat_gateways: tuple[Manifest, ...]
    route_tables: tuple[Manifest, ...]
    private_subnets: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class LeaseView:
    """The lease of an environment, as far as another machine can see it."""

    owner: str
    alive: bool | None
    """Whether its owner runs; ``None`` if that cannot be determined from this machine."""
    command: str = ""
    unfinished: bool = False
    """Whether it was a rollout that was killed between two steps, so that the same command continues it."""


@dataclass(frozen=True, kw_only=True)
class Changed:
    """A resource that differs from the state, or that is in no state."""

    what: str
    how: str
    cause: str
    critical: bool
    command: str = ""
    """The command that reverts the change, or else shows it."""
