"""Data types of the doctor's observations. They do not depend on the clients that read the observations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from delivery.errors import DeliveryError

Manifest = dict[str, Any]
"""A Kubernetes object, or a part of the response of an AWS API, as plain data."""

Part = TypeVar("Part")


class MissingPartError(DeliveryError):
    """A check reads a part that the snapshot does not have. The message names the part and the reason."""

    def __init__(self, reason: str, *, skipped: bool) -> None:
        super().__init__(reason)
        self.skipped = skipped


@dataclass(frozen=True)
class Observed(Generic[Part]):
    """One part of the snapshot, or the reason why it is missing."""

    content: Part | None
    missing: str = ""
    skipped: bool = False
    """Whether the part was skipped on purpose."""

    @property
    def value(self) -> Part:
        """The part. Raises :class:`MissingPartError` if it is missing."""
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
    """One pending or firing alert of the platform."""

    name: str
    severity: str
    """The label ``severity``: ``critical``, ``warning``, or ``none`` for the watchdog alert."""
    runbook: str
    """Name of the alert's page in ``docs/runbooks``, which is also the name of the doctor's check."""
    firing: bool
    """Whether the alert is firing. Otherwise it is pending: its condition is true, but not for long enough."""
    description: str
    labels: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class TrackTraffic:
    """The target group of one track: its weight, and the health of its targets."""

    track: str
    weight: int
    """The weight in the listener rule, from 0 to 100."""
    targets: tuple[Manifest, ...]
    """``TargetHealthDescriptions`` of the AWS API."""


@dataclass(frozen=True, kw_only=True)
class Egress:
    """The egress of the private subnets."""

    nat_gateways: tuple[Manifest, ...]
    route_tables: tuple[Manifest, ...]
    private_subnets: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class LeaseView:
    """The lease of an environment, as seen from this machine."""

    owner: str
    alive: bool
    """Whether the owner runs. An owner that cannot be checked from this machine counts as running."""
    command: str = ""
    unfinished: bool = False
    """Whether the owner was killed during a rollout. ``dwcp rollout`` continues that rollout."""


@dataclass(frozen=True, kw_only=True)
class Changed:
    """A resource that differs from the state, or that the state does not contain."""

    what: str
    how: str
    cause: str
    critical: bool
    command: str = ""
    """The command that reverts the change; empty if there is none."""
