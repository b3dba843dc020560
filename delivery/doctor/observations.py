"""A snapshot of an environment: each part has a value, or the reason why it is missing. No function here changes anything.

To add a part, write a method of :class:`Snapshot` with the decorator :func:`part`. Checks read the part as an attribute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Literal, Self, TypeVar, cast, get_args, overload

from components.monitoring.alerts import TARGET_DOWN
from components.monitoring.promql import REDIS_JOB
from components.monitoring.rule_files import ALL_SOURCES, component
from components.settings import MonitoringSettings
from contract import DEPLOYMENTS
from delivery.clients.aws import error_code
from delivery.clients.checkpoint import States
from delivery.clients.environment import UnreachableError
from delivery.doctor.facts import Alert, Changed, Egress, LeaseView, Manifest, Observed, Sample, TrackTraffic
from delivery.doctor.sources import Sources
from delivery.errors import DeliveryError, StateError
from delivery.rollout.journal import Journal
from delivery.state.lease import EnvironmentLease
from delivery.state.locks import engine_locks

COMPONENTS = frozenset(component(source) for source in ALL_SOURCES)
"""Values of the label ``component`` on the alerts of this platform. A Prometheus can also have alerts of other platforms."""
NAMES_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""Media type for which the API server returns only the metadata of objects."""
CLUSTER_DNS = (
    ("apps/v1", "deployments", "k8s-app=kube-dns"),
    ("discovery.k8s.io/v1", "endpointslices", "kubernetes.io/service-name=kube-dns"),
)
"""API, kind and labels of the objects that show the servers of the cluster DNS."""
RedisMetric = Literal[
    "redis_memory_used_bytes",
    "redis_memory_max_bytes",
    "redis_aof_enabled",
    "redis_aof_last_write_status",
    "redis_aof_last_bgrewrite_status",
    "redis_rdb_last_bgsave_status",
]
"""Metrics of redis_exporter (https://github.com/oliver006/redis_exporter). A check that reads another metric is a type error."""
REDIS_METRICS: tuple[RedisMetric, ...] = get_args(RedisMetric)
PENDING = timedelta(minutes=1)
"""How long an alert must be pending before the doctor reports it."""
METRICS = "metrics"
"""Common title of all parts from Prometheus, so that an unreachable Prometheus is reported only once."""

Content = TypeVar("Content")


class SnapshotPart(Generic[Content]):
    """The definition of one part of a snapshot. The snapshot's attribute with the part's name is an ``Observed``."""

    name: str

    def __init__(self, read: Callable[[Any], Content], *, title: str, slow: bool) -> None:
        self.read = read
        self.title = title
        self.slow = slow
        """Whether reading the part normally takes minutes."""

    def __set_name__(self, owner: type, name: str) -> None:
        """Register the part for every snapshot."""
        self.name = name
        self.title = self.title or name.replace("_", " ")
        PARTS[name] = self

    @overload
    def __get__(self, snapshot: None, owner: type) -> Self: ...

    @overload
    def __get__(self, snapshot: Snapshot, owner: type) -> Observed[Content]: ...

    def __get__(self, snapshot: Snapshot | None, owner: type) -> Self | Observed[Content]:
        """The part of ``snapshot``, or this definition if the attribute is read from the class."""
        return self if snapshot is None else snapshot.parts.get(self.name, Observed(None, f"{self.title}: not read"))


PARTS: dict[str, SnapshotPart[Any]] = {}
"""Every part by name."""


def part(*, title: str = "", slow: bool = False) -> Callable[[Callable[[Snapshot], Content]], SnapshotPart[Content]]:
    """Return a decorator that turns a reading function into a ``SnapshotPart``; ``title`` is the part's name in messages."""
    return lambda read: SnapshotPart(read, title=title, slow=slow)


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The observations of one run of the doctor."""

    environment: str
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    parts: Mapping[str, Observed[Any]] = field(default_factory=dict[str, Observed[Any]])
    """The observations by name of the part. Checks read a part as an attribute of the snapshot."""
    source: Sources | None = None

    @property
    def sources(self) -> Sources:
        """The clients that read the parts. Raises ``ValueError`` for a snapshot that was created from data."""
        if self.source is None:
            raise ValueError("this snapshot was created from data and has no sources")
        return self.source

    @part()
    def pods(self) -> list[Manifest]:
        """The pods of the platform's namespace."""
        return self.sources.namespaced("/api/v1", "pods")

    @part()
    def events(self) -> list[Manifest]:
        """The events of the namespace. Kubernetes keeps an event for one hour by default."""
        return self.sources.namespaced("/api/v1", "events")

    @part()
    def deployments(self) -> list[Manifest]:
        """The Deployments of the namespace. Raises ``UnreachableError`` if there is none, because no platform is deployed then."""
        found = self.sources.namespaced("/apis/apps/v1", "deployments")
        if not found:
            raise UnreachableError(
                f"there is no platform in namespace {self.sources.environment.namespace}", f"run `pulumi up -s {self.environment}`"
            )
        return found

    @part()
    def autoscalers(self) -> list[Manifest]:
        """The HorizontalPodAutoscalers of the namespace."""
        return self.sources.namespaced("/apis/autoscaling/v2", "horizontalpodautoscalers")

    @part()
    def disruption_budgets(self) -> list[Manifest]:
        """The PodDisruptionBudgets of the namespace."""
        return self.sources.namespaced("/apis/policy/v1", "poddisruptionbudgets")

    @part()
    def claims(self) -> list[Manifest]:
        """The PersistentVolumeClaims of the namespace."""
        return self.sources.namespaced("/api/v1", "persistentvolumeclaims")

    @part()
    def secret_names(self) -> frozenset[str]:
        """The names of the Secrets of the namespace. Their content is not read."""
        path = f"/api/v1/namespaces/{self.sources.environment.namespace}/secrets"
        found = self.sources.cluster.request("GET", path, accept=NAMES_ONLY)["items"]
        return frozenset(each["metadata"]["name"] for each in found)

    @part()
    def nodes(self) -> list[Manifest]:
        """The cluster's nodes."""
        return self.sources.cluster.request("GET", "/api/v1/nodes")["items"]

    @part()
    def cluster_dns(self) -> list[Manifest]:
        """The Deployments of the cluster DNS, for example CoreDNS. If there is none, the EndpointSlices of the DNS Service."""
        for api, kind, selector in CLUSTER_DNS:
            path, query = f"/apis/{api}/namespaces/kube-system/{kind}", {"labelSelector": selector}
            if found := self.sources.cluster.request("GET", path, query=query)["items"]:
                return found
        return []

    @part(title=METRICS)
    def alerts(self) -> list[Alert]:
        """The alerts of this platform that are firing, or have been pending for a minute.

        A start of the platform can cause alerts that are pending for less than a minute. ``TargetDown`` is omitted,
        because :attr:`scrapes_failing` has the failed scrapes.
        """
        answer = self.sources.prometheus_api("/api/v1/alerts")
        found = cast("list[dict[str, Any]]", answer["data"]["alerts"])
        return [_alert(each) for each in found if _is_ours(each["labels"]) and not _is_new(each, self.at)]

    @part(title=METRICS)
    def scrapes_failing(self) -> list[Sample]:
        """The targets whose scrape fails. Raises ``UnreachableError`` if Prometheus scrapes no target of the platform.

        The Prometheus of the operator mode also scrapes targets of others, which do not count.
        """
        environment = self.sources.environment
        own = f'up{{job=~"{environment.namespace}.*"}}'
        if not self.sources.query(own):
            raise UnreachableError("Prometheus scrapes no target of this platform", "check the targets of Prometheus")
        shared = environment.settings("monitoring", MonitoringSettings).mode == "operator"
        return self.sources.query(f"{own if shared else 'up'} == 0")

    @part(title=METRICS)
    def redis_metrics(self) -> dict[RedisMetric, float]:
        """The values of Redis' metrics for memory and persistence, by name of the metric."""
        found = self.sources.query(f'{{__name__=~"{"|".join(REDIS_METRICS)}",job="{REDIS_JOB}"}}')
        values = {each.labels["__name__"]: each.value for each in found}
        return {name: values[name] for name in REDIS_METRICS if name in values}

    @part()
    def tracks(self) -> list[TrackTraffic]:
        """Weight and targets of each track's target group."""
        elbv2 = self.sources.environment.aws("elbv2")
        [rule] = elbv2.describe_rules(RuleArns=[self.sources.output("loadBalancer", "ruleArn")])["Rules"]
        groups = [each for action in rule["Actions"] for each in action.get("ForwardConfig", {}).get("TargetGroups", [])]
        weights: dict[str, int] = {each["TargetGroupArn"]: each.get("Weight", 0) for each in groups}
        found: list[TrackTraffic] = []
        for track in DEPLOYMENTS:
            arn = self.sources.output("loadBalancer", f"{track}TargetGroupArn")
            targets = elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
            found.append(TrackTraffic(track=track, weight=weights.get(arn, 0), targets=tuple(targets)))
        return found

    @part()
    def certificates(self) -> list[Manifest]:
        """The default certificate of the load balancer's public listener, as a list; empty if the listener has no TLS."""
        listener = self.sources.output("loadBalancer", "listenerArn")
        [described] = self.sources.environment.aws("elbv2").describe_listeners(ListenerArns=[listener])["Listeners"]
        acm = self.sources.environment.aws("acm")
        arns = [each["CertificateArn"] for each in described.get("Certificates", [])]
        return [acm.describe_certificate(CertificateArn=arn)["Certificate"] for arn in arns]

    @part()
    def egress(self) -> Egress:
        """NAT gateways and routes of the VPC."""
        ec2 = self.sources.environment.aws("ec2")
        of_the_vpc = [{"Name": "vpc-id", "Values": [self.sources.output("network", "vpcId")]}]
        return Egress(
            nat_gateways=tuple(ec2.describe_nat_gateways(Filter=of_the_vpc)["NatGateways"]),
            route_tables=tuple(ec2.describe_route_tables(Filters=of_the_vpc)["RouteTables"]),
            private_subnets=tuple(self.sources.output("network", "privateSubnetIds")),
        )

    @part()
    def lease(self) -> LeaseView | None:
        """The lease, or ``None`` if no command holds it or the lease table does not exist."""
        try:
            held = EnvironmentLease(self.sources.environment).read()
        except StateError as error:
            if error_code(error.__cause__) == "ResourceNotFoundException":
                return None
            raise
        if held is None or not held.held:
            return None
        gone = held.owner.gone()
        return LeaseView(owner=str(held.owner), command=held.command, alive=not gone, unfinished=gone and self._unfinished())

    def _unfinished(self) -> bool:
        """Whether a rollout is open and not on hold; false if its journal cannot be read."""
        environment = self.sources.environment
        try:
            record = Journal(environment.kubernetes, environment.name).read()
        except DeliveryError:
            return False
        return record is not None and record.is_open and not record.progress.holding

    @part()
    def stale_locks(self) -> list[str]:
        """The engine's locks on this stack whose process has ended, or that are older than the longest update."""
        locks = engine_locks(States(self.sources.environment))
        return [
            f"{each.key.rpartition('/')[2]}: {each.owner}, {each.age.total_seconds() / 60:.0f} minutes old"
            for each in locks
            if each.stale(None) or each.forgotten
        ]

    @part(slow=True)
    def drift(self) -> Sequence[Changed]:
        """The differences that ``dwcp drift`` finds between the state and the real resources."""
        return self.sources.drift()


def _is_ours(labels: dict[str, str]) -> bool:
    return labels.get("component") in COMPONENTS and labels["alertname"] != TARGET_DOWN.name


def _is_new(alert: dict[str, Any], now: datetime) -> bool:
    """Whether the alert has been pending for less than a minute.

    Such alerts are usual after a start, because an average over several minutes begins low, and the first scrape takes some time.
    """
    since = alert.get("activeAt")
    return alert.get("state") == "pending" and since is not None and now - datetime.fromisoformat(since) < PENDING


def _alert(found: dict[str, Any]) -> Alert:
    labels, annotations = found["labels"], found["annotations"]
    return Alert(
        name=labels["alertname"],
        severity=labels.get("severity", "warning"),
        runbook=annotations.get("runbook_url", "").rpartition("/")[2].removesuffix(".md"),
        firing=found["state"] == "firing",
        description=annotations.get("description", ""),
        labels=labels,
    )
