"""Plain data that the checks look at: what was seen, without the clients that saw it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from delivery.errors import DeliveryError

Manifest = dict[str, Any]
"""A Kubernetes object, or an answer of an AWS API, as plain data."""

Part = TypeVar("Part")


class UnseenError(DeliveryError):
    """A check asks for a part of the picture that is not there; the message says which and why."""

    def __init__(self, reason: str, *, left_out: bool) -> None:
        super().__init__(reason)
        self.left_out = left_out


@dataclass(frozen=True)
class Seen(Generic[Part]):
    """One part of the picture, or the reason why it is missing."""

    content: Part | None
    missing: str = ""
    left_out: bool = False
    """Whether it was not even tried, because it was not asked for."""

    @property
    def value(self) -> Part:
        """The part. Raises :class:`UnseenError` when it is missing."""
        if self.missing:
            raise UnseenError(self.missing, left_out=self.left_out)
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
    """Else it is pending: bad by now, and not for long enough."""
    description: str
    labels: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class TrackTraffic:
    """One target group: its part of the traffic, and what the load balancer says of its targets."""

    track: str
    weight: int
    """Of the listener rule, 0 to 100."""
    targets: tuple[Manifest, ...]
    """``TargetHealthDescriptions``."""


@dataclass(frozen=True, kw_only=True)
class Egress:
    """The ways out of the private subnets."""

    nat_gateways: tuple[Manifest, ...]
    route_tables: tuple[Manifest, ...]
    private_subnets: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class LeaseView:
    """The lease of an environment, as far as a bystander can judge it."""

    owner: str
    alive: bool | None
    """Whether its owner runs; None where that cannot be known from here."""
    command: str = ""


@dataclass(frozen=True, kw_only=True)
class Changed:
    """One thing that differs from the state, or that no state knows."""

    what: str
    how: str
    cause: str
    critical: bool
    command: str = ""
    """What takes it back; without it, what shows it."""
