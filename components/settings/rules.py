"""``Settings``, which contains all groups, and the rules between settings of different groups.

A rule is a function that yields conflicts. Its docstring states the condition that must hold.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast, get_args

from pydantic.alias_generators import to_camel
from typing_extensions import override

from components.settings.groups import (
    ApplicationSettings,
    ArtifactsSettings,
    AutoscalingSettings,
    ClusterSettings,
    Conflict,
    DockerSettings,
    DwcpSettings,
    EnvironmentSettings,
    Group,
    IngressSettings,
    LoadBalancerSettings,
    LogsSettings,
    MonitoringSettings,
    NetworkSettings,
    RedisSettings,
    RolloutSettings,
)
from components.settings.types import HoldsData, repository
from contract import PROJECT, ZONES

ADMIN_ROLE_EXAMPLE = "arn:aws:iam::111122223333:role/platform-admin"
PRODUCTION_ZONES = 3
"""Guide, Key Resources: 3 public and 3 private subnets."""
PRODUCTION_REPLICAS = 3
"""Guide, Deployment Manifests: auto-scaling from 3 pods."""
PRODUCTION_LOG_DAYS = 30
"""Guide, Key Resources: 30-day log retention."""


def pods_within_autoscaling(application: ApplicationSettings, autoscaling: AutoscalingSettings) -> Iterator[Conflict]:
    """The initial number of pods is within the autoscaler's limits; otherwise the autoscaler would change the number at once."""
    low, high = autoscaling.min_replicas, autoscaling.max_replicas
    if not low <= application.replicas <= high:
        nearest = low if application.replicas < low else high
        yield (
            "application.replicas",
            f"is not between autoscaling.minReplicas ({low}) and autoscaling.maxReplicas ({high})",
            str(nearest),
        )


def certificate_in_region(environment: EnvironmentSettings, load_balancer: LoadBalancerSettings) -> Iterator[Conflict]:
    """The certificate is in the load balancer's region, as AWS requires."""
    arn = load_balancer.certificate_arn
    if arn is not None and (region := arn.split(":")[3]) != environment.region:
        right = arn.replace(f":{region}:", f":{environment.region}:")
        yield "load_balancer.certificate_arn", f"is in {region}, but environment.region is {environment.region}", right


def cluster_of_the_stack(environment: EnvironmentSettings, cluster: ClusterSettings) -> Iterator[Conflict]:
    """On AWS, the stack deploys to its own cluster, and at least one role has access to the cluster."""
    if environment.name == "local":
        return
    if cluster.kubeconfig == "ambient":
        yield "cluster.kubeconfig", f"would deploy {environment.name} to the cluster that KUBECONFIG names", "eks"
    if not cluster.admin_role_arns and cluster.ci_role_arn is None:
        problem = "and cluster.ciRoleArn are both empty: no role, not even this program's, would have access to the cluster"
        yield "cluster.admin_role_arns[0]", problem, ADMIN_ROLE_EXAMPLE


def cluster_is_reachable(environment: EnvironmentSettings, cluster: ClusterSettings) -> Iterator[Conflict]:
    """At least one network can reach the API of the cluster; otherwise the program could not create objects in it."""
    if environment.name != "local" and not cluster.public_access_cidrs and not cluster.private_access_cidrs:
        problem = "and cluster.privateAccessCidrs are both empty: this program could not reach the cluster's API"
        yield "cluster.public_access_cidrs[0]", problem, "203.0.113.0/24"


def ci_stack_has_a_boundary(environment: EnvironmentSettings, cluster: ClusterSettings) -> Iterator[Conflict]:
    """If CI deploys the stack, the settings name a permissions boundary: the CI role may not create a role without it."""
    if environment.name != "local" and cluster.ci_role_arn is not None and environment.permissions_boundary_arn is None:
        account = cluster.ci_role_arn.split(":")[4]
        problem = f"is missing, and {cluster.ci_role_arn} may not create a role without it"
        yield (
            "environment.permissions_boundary_arn",
            problem,
            f"arn:aws:iam::{account}:policy/{PROJECT}-{environment.name}-workloads",
        )


def roles_are_apart(cluster: ClusterSettings) -> Iterator[Conflict]:
    """The preview role differs from the admin and CI roles, because a role cannot have both read-only and full access."""
    changing = (*cluster.admin_role_arns, cluster.ci_role_arn)
    if cluster.preview_role_arn is not None and cluster.preview_role_arn in changing:
        problem = "also administers the cluster or deploys; previews need a role that only reads"
        yield "cluster.preview_role_arn", problem, "null"


def a_node_per_zone(network: NetworkSettings, cluster: ClusterSettings) -> Iterator[Conflict]:
    """Each zone can have a node. Without a node, no pod can use the zone's volumes."""
    if cluster.max_nodes < (zones := len(network.zones)):
        yield "cluster.max_nodes", f"is below the number of network.zones ({zones}), each of which needs a node", str(zones)


def production_network(environment: EnvironmentSettings, network: NetworkSettings) -> Iterator[Conflict]:
    """Production tolerates the failure of a zone."""
    if environment.name != "production":
        return
    if network.nat != "per_zone":
        yield "network.nat", "routes the traffic of all zones through one NAT gateway; production needs one per zone", "per_zone"
    if (count := len(network.zones)) < PRODUCTION_ZONES:
        spare = next(letter for letter in ZONES if letter not in network.zones)
        yield f"network.zones[{count}]", f"is missing: production needs {PRODUCTION_ZONES} zones", spare


def production_keeps_its_data(
    environment: EnvironmentSettings, load_balancer: LoadBalancerSettings, artifacts: ArtifactsSettings, logs: LogsSettings
) -> Iterator[Conflict]:
    """Production protects its load balancer and artifacts from deletion, and keeps logs for a minimum number of days."""
    if environment.name != "production":
        return
    if not load_balancer.deletion_protection:
        yield "load_balancer.deletion_protection", "must be true in production", "true"
    if artifacts.force_destroy:
        yield "artifacts.force_destroy", "must be false in production: `pulumi destroy` would delete every artifact", "false"
    if logs.retention_days < PRODUCTION_LOG_DAYS:
        yield "logs.retention_days", f"must be at least {PRODUCTION_LOG_DAYS} in production", str(PRODUCTION_LOG_DAYS)


def production_capacity(
    environment: EnvironmentSettings, cluster: ClusterSettings, autoscaling: AutoscalingSettings
) -> Iterator[Conflict]:
    """Production has a minimum number of pods, and nodes that AWS does not reclaim."""
    if environment.name != "production":
        return
    if cluster.capacity_type != "ON_DEMAND":
        yield (
            "cluster.capacity_type",
            "must be ON_DEMAND in production: AWS reclaims SPOT nodes with two minutes' notice",
            "ON_DEMAND",
        )
    if autoscaling.min_replicas < PRODUCTION_REPLICAS:
        yield "autoscaling.min_replicas", f"must be at least {PRODUCTION_REPLICAS} in production", str(PRODUCTION_REPLICAS)


def monitoring_of_the_stack(environment: EnvironmentSettings, monitoring: MonitoringSettings) -> Iterator[Conflict]:
    """Only the sandbox's Prometheus runs outside its cluster."""
    if monitoring.outside_cluster and environment.name != "local":
        problem = f"is true in {environment.name}, whose Prometheus runs in the cluster and would find no target"
        yield "monitoring.outside_cluster", problem, "false"


def alerts_have_receivers(environment: EnvironmentSettings, monitoring: MonitoringSettings) -> Iterator[Conflict]:
    """The bundled Alertmanager has a receiver of critical alerts, and in production also a dead-man's switch (``watchdog``).

    The sandbox needs no receiver. Staging needs none if ``monitoring.alarms`` is ``none``.
    """
    needs_none = environment.name == "local" or (environment.name == "staging" and monitoring.alarms == "none")
    if not needs_none and monitoring.mode == "bundled" and not monitoring.critical_receivers:
        problem = f"is empty: critical alerts of {environment.name} would have no receiver"
        if environment.name != "production":
            problem += "; name a receiver, or set monitoring.alarms to none"
        yield "monitoring.critical_receivers", problem, "[pagerduty]"
    if environment.name == "production" and monitoring.mode == "bundled" and not monitoring.watchdog:
        yield "monitoring.watchdog", "is false: no receiver would notice a failure of production's monitoring", "true"


def alarms_have_receivers(environment: EnvironmentSettings, monitoring: MonitoringSettings) -> Iterator[Conflict]:
    """CloudWatch alarms have a receiver.

    The sandbox needs no receiver. Staging needs none if ``monitoring.alarms`` is ``none``.
    """
    if environment.name != "local" and monitoring.alarms == "email" and not monitoring.alarm_emails:
        problem = "is empty: CloudWatch alarms would have no receiver; name an address, or set monitoring.alarms to none"
        yield "monitoring.alarm_emails[0]", problem, "dwcp-oncall@example.com"
    if environment.name == "production" and monitoring.alarms == "none":
        yield "monitoring.alarms", "is none: CloudWatch alarms of production would have no receiver", "email"


def docker_ports(application: ApplicationSettings, docker: DockerSettings) -> Iterator[Conflict]:
    """On a Docker host, the two ports of the service differ from the published ports of the other services."""
    if not docker.enabled:
        return
    service_ports = {application.port: "application.port", application.metrics_port: "application.metricsPort"}
    for field in ("prometheus_port", "grafana_port", "alertmanager_port"):
        port: int = getattr(docker, field)
        if port in service_ports:
            yield f"docker.{field}", f"is the same as {service_ports[port]} ({port})", str(port + 1 if port < 65535 else port - 2)


def built_image_has_no_digest(application: ApplicationSettings, docker: DockerSettings) -> Iterator[Conflict]:
    """An image that `pulumi up` builds is named by its tag, because its digest is known only after the build."""
    tagged, at, _ = application.image.partition("@")
    if docker.build_context is not None and at:
        problem = "has a digest, but docker.buildContext is set, and a new image gets its digest from the build"
        yield "application.image", problem, f"{tagged}:1.2.3" if tagged == repository(tagged) else tagged


RULES: tuple[Callable[..., Iterator[Conflict]], ...] = (
    pods_within_autoscaling,
    certificate_in_region,
    cluster_of_the_stack,
    cluster_is_reachable,
    ci_stack_has_a_boundary,
    roles_are_apart,
    a_node_per_zone,
    production_network,
    production_keeps_its_data,
    production_capacity,
    monitoring_of_the_stack,
    alerts_have_receivers,
    alarms_have_receivers,
    docker_ports,
    built_image_has_no_digest,
)


def conflicts_between(groups: Mapping[str, Any]) -> Iterator[Conflict]:
    """The conflicts that the rules find. The parameters of a rule name the groups that it needs.

    ``groups`` contains only valid groups. A rule that needs a missing group does not run; the other rules run.
    """
    for rule in RULES:
        needed = inspect.signature(rule).parameters
        if needed.keys() <= groups.keys():
            yield from rule(**{name: groups[name] for name in needed})


def data_holders() -> tuple[str, ...]:
    """Dotted paths of the settings whose reduction would delete data, in camelCase as in the stack file (``redis.storage``)."""
    return tuple(
        f"{to_camel(group)}.{to_camel(name)}"
        for group, settings in Settings.model_fields.items()
        for name, field in cast("type[Group]", settings.annotation).model_fields.items()
        if _holds_data((field.metadata, field.annotation))
    )


def _holds_data(annotation: object) -> bool:
    parts = cast("tuple[object, ...]", annotation) if isinstance(annotation, tuple | list) else get_args(annotation)
    return any(isinstance(part, HoldsData) or _holds_data(part) for part in parts)


class Settings(Group):
    """All settings of a stack."""

    environment: EnvironmentSettings
    network: NetworkSettings = NetworkSettings()
    load_balancer: LoadBalancerSettings = LoadBalancerSettings()
    logs: LogsSettings = LogsSettings()
    artifacts: ArtifactsSettings = ArtifactsSettings()
    cluster: ClusterSettings = ClusterSettings()
    application: ApplicationSettings = ApplicationSettings()
    dwcp: DwcpSettings = DwcpSettings()
    autoscaling: AutoscalingSettings = AutoscalingSettings()
    redis: RedisSettings = RedisSettings()
    ingress: IngressSettings = IngressSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    rollout: RolloutSettings = RolloutSettings()
    docker: DockerSettings = DockerSettings()

    @override
    def conflicts(self) -> Iterator[Conflict]:
        return conflicts_between(dict(self))
