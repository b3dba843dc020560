"""Where each part of the picture comes from. Every call here only reads."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

import psutil
from typing_extensions import override

from components.monitoring.promql import JOB, REDIS_JOB
from contract import DEPLOYMENTS
from delivery.clients.environment import Environment, UnreachableError
from delivery.clients.kubernetes import KubernetesClient
from delivery.clients.prometheus import Prometheus
from delivery.doctor.observations import Alert, Changed, Egress, LeaseView, Manifest, Sample, TrackTraffic
from delivery.state.backend import Backend
from delivery.state.errors import StateError
from delivery.state.lease import LeaseTable

COMPONENTS = frozenset({JOB, "node"})
"""Label of the alerts that are this platform's (components/monitoring/rules.py); a shared Prometheus has others."""
NAMES_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""The API server then leaves everything but the metadata out."""
NO_PROMETHEUS = "check DWCP_PROMETHEUS_URL, or unset it to ask by a forwarded port"
OLD_LOCK = timedelta(hours=1)
"""Older than any update of this platform takes (the cluster's creation: 20 minutes)."""
REDIS_METRICS = (
    *("redis_memory_used_bytes", "redis_memory_max_bytes", "redis_aof_enabled"),
    *("redis_aof_last_write_status", "redis_aof_last_bgrewrite_status", "redis_rdb_last_bgsave_status"),
)
"""redis_exporter's names: https://github.com/oliver006/redis_exporter."""

Result = TypeVar("Result")


_MAKING_CLIENTS = threading.Lock()
"""boto3 makes a client safely in one thread at a time; the clients themselves may be shared."""


class _Shared(Environment):
    """An environment whose clients several threads ask for at once."""

    @override
    def aws(self, service: str) -> Any:
        with _MAKING_CLIENTS:
            return super().aws(service)


class Sources:
    """The clients of one environment, shared by the threads that read."""

    def __init__(self, environment: Environment, drift: Callable[[], Sequence[Changed]]) -> None:
        self.environment = _Shared(name=environment.name, namespace=environment.namespace)
        self.name = environment.name
        self._drift = drift
        # One for each: who waits for the state's backend must not keep the cluster from those who can reach it.
        self._locks = {name: threading.Lock() for name in ("_client", "_outputs", "_prometheus", "_asking")}

    def pods(self) -> list[Manifest]:
        """The pods of the platform's namespace."""
        return self._namespaced("/api/v1", "pods")

    def events(self) -> list[Manifest]:
        """What the cluster had to say about them in the last hour."""
        return self._namespaced("/api/v1", "events")

    def deployments(self) -> list[Manifest]:
        """The Deployments of the namespace. Raises ``UnreachableError`` when there is none: then there is no platform."""
        found = self._namespaced("/apis/apps/v1", "deployments")
        if not found:
            raise UnreachableError(
                f"there is no platform in namespace {self.environment.namespace}", f"run `pulumi up -s {self.name}`"
            )
        return found

    def autoscalers(self) -> list[Manifest]:
        """The HorizontalPodAutoscalers of the namespace."""
        return self._namespaced("/apis/autoscaling/v2", "horizontalpodautoscalers")

    def disruption_budgets(self) -> list[Manifest]:
        """The PodDisruptionBudgets of the namespace."""
        return self._namespaced("/apis/policy/v1", "poddisruptionbudgets")

    def claims(self) -> list[Manifest]:
        """The PersistentVolumeClaims of the namespace."""
        return self._namespaced("/api/v1", "persistentvolumeclaims")

    def secret_names(self) -> frozenset[str]:
        """The names of the namespace's Secrets, without what is in them."""
        path = f"/api/v1/namespaces/{self.environment.namespace}/secrets"
        found = self._cluster().request("GET", path, accept=NAMES_ONLY)["items"]
        return frozenset(each["metadata"]["name"] for each in found)

    def nodes(self) -> list[Manifest]:
        """The cluster's nodes."""
        return self._cluster().request("GET", "/api/v1/nodes")["items"]

    def cluster_dns(self) -> list[Manifest]:
        """The Deployments that carry the label of the cluster's DNS, as CoreDNS' do."""
        query = {"labelSelector": "k8s-app=kube-dns"}
        return self._cluster().request("GET", "/apis/apps/v1/namespaces/kube-system/deployments", query=query)["items"]

    def alerts(self) -> list[Alert]:
        """The alerts of this platform that are pending or firing."""
        answer = self._ask_prometheus("/api/v1/alerts")
        found = cast("list[dict[str, Any]]", answer["data"]["alerts"])
        return [_alert(each) for each in found if each["labels"].get("component") in COMPONENTS]

    def scrapes_failing(self) -> list[Sample]:
        """The targets that Prometheus does not reach. Raises ``UnreachableError`` where it scrapes nothing of ours at all."""
        if not self._query(f'up{{job=~"{self.environment.namespace}.*"}}'):
            raise UnreachableError("Prometheus scrapes nothing of this platform", "look at its targets")
        return self._query("up == 0")

    def redis_metrics(self) -> dict[str, float]:
        """What Redis' exporter says of memory and persistence."""
        found = self._query(f'{{__name__=~"{"|".join(REDIS_METRICS)}",job="{REDIS_JOB}"}}')
        return {each.labels["__name__"]: each.value for each in found}

    def tracks(self) -> list[TrackTraffic]:
        """Weight and targets of each track's target group."""
        elbv2 = self.environment.aws("elbv2")
        [rule] = elbv2.describe_rules(RuleArns=[self._output("loadBalancer", "ruleArn")])["Rules"]
        groups = [each for action in rule["Actions"] for each in action.get("ForwardConfig", {}).get("TargetGroups", [])]
        weights: dict[str, int] = {each["TargetGroupArn"]: each.get("Weight", 0) for each in groups}
        found: list[TrackTraffic] = []
        for track in DEPLOYMENTS:
            arn = self._output("loadBalancer", f"{track}TargetGroupArn")
            targets = elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
            found.append(TrackTraffic(track=track, weight=weights.get(arn, 0), targets=tuple(targets)))
        return found

    def certificates(self) -> list[Manifest]:
        """The certificates of the public listener."""
        listener = self._output("loadBalancer", "listenerArn")
        [described] = self.environment.aws("elbv2").describe_listeners(ListenerArns=[listener])["Listeners"]
        acm = self.environment.aws("acm")
        arns = [each["CertificateArn"] for each in described.get("Certificates", [])]
        return [acm.describe_certificate(CertificateArn=arn)["Certificate"] for arn in arns]

    def egress(self) -> Egress:
        """NAT gateways and routes of the VPC."""
        ec2 = self.environment.aws("ec2")
        of_the_vpc = [{"Name": "vpc-id", "Values": [self._output("network", "vpcId")]}]
        return Egress(
            nat_gateways=tuple(ec2.describe_nat_gateways(Filter=of_the_vpc)["NatGateways"]),
            route_tables=tuple(ec2.describe_route_tables(Filters=of_the_vpc)["RouteTables"]),
            private_subnets=tuple(self._output("network", "privateSubnetIds")),
        )

    def lease(self) -> LeaseView | None:
        """The lease, where somebody holds it; where there is no table yet, nobody ever did."""
        try:
            held = LeaseTable(self.environment).read()
        except StateError as error:
            answer = cast("dict[str, Any]", getattr(error.__cause__, "response", {}))
            if answer.get("Error", {}).get("Code") == "ResourceNotFoundException":
                return None
            raise
        if held is None or not held.held:
            return None
        return LeaseView(owner=str(held.owner), command=held.command, alive=not held.owner.gone())

    def stranded_locks(self) -> list[str]:
        """The engine's locks on this stack whose process is gone, or that are older than any update takes."""
        backend, s3 = Backend.of(self.environment), self.environment.aws("s3")
        found: list[str] = []
        for item in s3.list_objects_v2(Bucket=backend.bucket, Prefix=backend.locks(self.name)).get("Contents", []):
            lock = json.loads(s3.get_object(Bucket=backend.bucket, Key=item["Key"])["Body"].read())
            age = datetime.now(UTC) - item["LastModified"]
            gone = lock.get("hostname") == socket.gethostname() and not psutil.pid_exists(int(lock.get("pid", 0)))
            if gone or age > OLD_LOCK:
                where = f"{lock.get('username')}@{lock.get('hostname')}, process {lock.get('pid')}"
                found.append(f"{item['Key'].rpartition('/')[2]}: {where}, {age.total_seconds() / 60:.0f} minutes old")
        return found

    def drift(self) -> Sequence[Changed]:
        """What differs from the state, as ``dwcp drift`` finds it."""
        return self._drift()

    def _namespaced(self, api: str, plural: str) -> list[Manifest]:
        return self._cluster().request("GET", f"{api}/namespaces/{self.environment.namespace}/{plural}")["items"]

    def _cluster(self) -> KubernetesClient:
        return self._once("_client", lambda: self.environment.kubernetes)

    def _output(self, component: str, name: str) -> Any:
        """An output of the stack, which the engine is asked for once."""
        self._once("_outputs", lambda: self.environment.outputs)
        return self.environment.output(component, name)

    def _once(self, name: str, make: Callable[[], Result]) -> Result:
        """What ``make`` gives the first caller, also to those who ask meanwhile."""
        with self._locks[name]:
            if name not in self.__dict__:
                self.__dict__[name] = make()
            return self.__dict__[name]

    def _query(self, promql: str) -> list[Sample]:
        """Every result of an instant query."""
        results: list[dict[str, Any]] = self._ask_prometheus(f"/api/v1/query?{urlencode({'query': promql})}")["data"]["result"]
        return [Sample(labels=each["metric"], value=float(each["value"][1])) for each in results]

    def _ask_prometheus(self, path: str) -> dict[str, Any]:
        """An answer of its API. Raises ``UnreachableError``."""
        prometheus = self._once("_prometheus", lambda: Prometheus.of(self.environment))
        try:
            with self._locks["_asking"]:  # one forwarded port serves all questions
                return prometheus.get(path)
        except (OSError, ValueError) as error:
            raise UnreachableError(f"Prometheus does not answer: {error}", NO_PROMETHEUS) from error


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
