"""The computation of the load: the number of requests that each pod gets, and their results. It uses no clock and no network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the latency histogram in seconds: the defaults of Prometheus' client libraries."""

QUANTILE = 0.95
"""The share of the requests that are answered within :attr:`Behaviour.latency_seconds`."""

BASE_MEMORY_BYTES = 200 * 2**20
MEMORY_BYTES_PER_CONNECTION = 2**20
CPU_SECONDS_PER_REQUEST = 0.005


class Control(BaseModel):
    """The body of a control request: its keys are in camelCase, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Behaviour(Control):
    """The simulated behavior of the pods of one version."""

    error_rate: float = Field(default=0.0002, ge=0, le=1)
    """The share of the requests that fail."""
    latency_seconds: float = Field(default=0.2, gt=0, le=60)
    """The P95 latency. The latencies are distributed evenly from zero to just above this value."""
    bytes_per_request: int = Field(default=100_000, ge=0)
    healthy: bool = True
    """Whether ``/health`` answers 200."""
    ready: bool = True
    """Whether ``/ready`` answers 200."""
    memory_bytes: int | None = Field(default=None, ge=0)
    """The resident memory of a pod. If None, the memory depends on the open connections."""

    @property
    def mean_latency_seconds(self) -> float:
        """The mean of the evenly distributed latencies."""
        return self.latency_seconds / QUANTILE / 2

    def faster_than(self, seconds: float) -> float:
        """The share of the requests that are answered within ``seconds``."""
        return min(1.0, seconds * QUANTILE / self.latency_seconds)


class Offer(Control):
    """The offered load: the rate of requests to the load balancer."""

    requests_per_second: float = Field(default=100, ge=0, le=100_000)


class RedisState(Control):
    """The simulated state of Redis, for its exporter's metrics."""

    up: bool = True
    used_ratio: float = Field(default=0.25, ge=0, le=1)
    """The used share of ``maxmemory``."""
    writes: bool = True
    """Whether writes to the append-only file succeed."""


class VolumeState(Control):
    """The simulated state of a claim's volume, for the kubelet's metrics."""

    free_ratio: float = Field(default=0.8, ge=0, le=1)


@dataclass(frozen=True)
class Pod:
    """A pod as the API server describes it."""

    name: str
    ip: str
    app: str
    track: str
    version: str
    node: str
    terminating: bool = False
    """Whether the pod was deleted and still runs. A Service sends new requests to such a pod only if it has no other pods."""


@dataclass(frozen=True)
class WeightedTargets:
    """One target group of the load balancer's rule: its weight, and the addresses that may get requests."""

    weight: int
    targets: tuple[str, ...]


@dataclass
class Counters:
    """The counters of one pod since the simulator first observed it, and its open connections now."""

    requests: float = 0
    errors: float = 0
    transferred_bytes: float = 0
    latency_sum: float = 0
    buckets: list[float] = field(default_factory=lambda: [0.0] * len(BUCKETS))
    connections: float = 0
    cpu_seconds: float = 0


def shares(routes: Sequence[WeightedTargets]) -> tuple[dict[str, float], float]:
    """The share of the requests that each address gets, and the share that the load balancer answers with 503.

    As on AWS, the weight of a group counts even if the group has no targets. The requests of its share then get 503. If every
    weight is 0, all requests get 503.
    """
    total = sum(route.weight for route in routes)
    parts: dict[str, float] = {}
    for route in routes:
        for target in route.targets:
            parts[target] = parts.get(target, 0) + route.weight / total / len(route.targets) if total else 0
    return parts, max(0.0, 1 - sum(parts.values()))


@dataclass
class Load:
    """The counters of all pods under one offered load."""

    offer: Offer = field(default_factory=Offer)
    redis: RedisState = field(default_factory=RedisState)
    volumes: dict[str, VolumeState] = field(default_factory=dict[str, VolumeState])
    """Claim -> state of its volume; the default is ``VolumeState()``."""
    behaviours: dict[str, Behaviour] = field(default_factory=dict[str, Behaviour])
    """Version -> behavior; the default is ``Behaviour()``."""
    counters: dict[str, Counters] = field(default_factory=dict[str, Counters])
    """Pod name -> counters."""
    unanswered: float = 0
    """The number of requests that reached no pod."""

    def behaviour(self, version: str) -> Behaviour:
        """The present behavior of ``version``'s pods."""
        return self.behaviours.get(version) or Behaviour()

    def advance(self, seconds: float, routes: Sequence[WeightedTargets], pods: Iterable[Pod]) -> None:
        """Add the load of ``seconds`` to the counters, and remove the counters of removed pods."""
        by_ip = {pod.ip: pod for pod in pods}
        self.counters = {pod.name: self.counters.get(pod.name) or Counters() for pod in by_ip.values()}
        parts, lost = shares(routes)
        offered = self.offer.requests_per_second * seconds
        self.unanswered += offered * lost
        for pod in by_ip.values():
            self.counters[pod.name].connections = 0
        for ip, part in parts.items():
            if ip in by_ip:
                self._serve(by_ip[ip], offered * part, seconds)
            else:
                self.unanswered += offered * part

    def _serve(self, pod: Pod, requests: float, seconds: float) -> None:
        behaviour, counters = self.behaviour(pod.version), self.counters[pod.name]
        counters.requests += requests
        counters.errors += requests * behaviour.error_rate
        counters.transferred_bytes += requests * behaviour.bytes_per_request
        counters.latency_sum += requests * behaviour.mean_latency_seconds
        counters.cpu_seconds += requests * CPU_SECONDS_PER_REQUEST
        counters.connections = requests / seconds * behaviour.mean_latency_seconds if seconds else 0
        for index, bound in enumerate(BUCKETS):
            counters.buckets[index] += requests * behaviour.faster_than(bound)

    def by_track(self, pods: Iterable[Pod]) -> Mapping[str, dict[str, float | int | list[str]]]:
        """A summary for the user: pods, versions, requests and errors of each track so far."""
        tracks: dict[str, dict[str, float | int | list[str]]] = {}
        for pod in pods:
            counters = self.counters.get(pod.name) or Counters()
            track = tracks.setdefault(pod.track, {"pods": 0, "requests": 0.0, "errors": 0.0, "versions": []})
            for key, value in (("pods", 1), ("requests", counters.requests), ("errors", counters.errors)):
                before = track[key]
                track[key] = (0 if isinstance(before, list) else before) + value
            versions = track["versions"]
            if isinstance(versions, list) and pod.version not in versions and not pod.terminating:
                versions.append(pod.version)
        return tracks
