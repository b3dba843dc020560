"""The parameters of the rules: one typed model, with one set of values per environment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from annotated_types import Ge
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from contract import APPLICATION, NODE_EXPORTER

Count = Annotated[int, Ge(0)]
Days = Annotated[int, Ge(1)]


class Limits(BaseModel):
    """Every parameter of every rule; the text under a field describes the limit and its source."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )

    environment: Literal["local", "staging", "production"] = "production"
    """The environment of these limits, and the required value of the tag `environment`."""
    today: date = date.max
    """The day of the check; the default is the last possible date, when every version is out of support."""

    public_ports: tuple[int, ...] = (80, 443)
    """Ports that may be open to the internet (guide: Security Groups)."""
    minimum_retention_days: Days = 30
    """Minimum number of days that logs and old versions are kept (guide: CloudWatch)."""
    minimum_key_deletion_days: Days = 7
    """Minimum number of days in which the deletion of a key can be cancelled."""
    minimum_backup_days: Days = 7
    """Minimum number of days that a database's automatic backups are kept."""

    kubernetes_support_ends: Mapping[str, date] = {
        "1.34": date(2026, 12, 2),
        "1.35": date(2027, 3, 27),
        "1.36": date(2027, 8, 2),
        "1.37": date(2027, 12, 1),
    }
    """Kubernetes versions of EKS, and the first day without standard support (AWS: EKS Kubernetes versions, as of 2026-10)."""

    trusted_registries: tuple[str, ...] = (
        "ghcr.io/novacron/",
        "docker.io/grafana/",
        "docker.io/library/redis",
        "docker.io/oliver006/redis_exporter",
        "docker.io/prom/",
        "quay.io/prometheus/",
        "registry.k8s.io/",
    )
    """Allowed prefixes of an image's full name (guide: Docker Compose Stack)."""
    host_access: tuple[str, ...] = (NODE_EXPORTER, "node-exporter")
    """Names of workloads, namespaces and Docker containers; these may read files and processes of their host."""
    application: str = APPLICATION
    """Name of the container whose CPU and memory requests must follow the guide."""
    minimum_cpu: str = "500m"
    """CPU request of the application (guide: Resource Limits)."""
    minimum_memory: str = "512Mi"
    """Memory request of the application (guide: Resource Limits)."""
    maximum_cpu: str = "2000m"
    """CPU limit of any container (guide: Resource Limits)."""
    maximum_memory: str = "2Gi"
    """Memory limit of any container (guide: Resource Limits)."""
    maximum_cpu_ratio: int = 10
    """Maximum ratio of CPU limit to CPU request: with a high ratio a node is overcommitted, and containers get slow."""
    maximum_memory_ratio: int = 4
    """Maximum ratio of memory limit to request: on an overcommitted node, containers are killed (guide: Resource Limits)."""
    minimum_user_id: int = 1000
    """Lowest user id of a container: lower ids are the host's own accounts (guide: Multi-Stage Dockerfile, 1001)."""
    minimum_replicas: Count = 3
    """Lowest allowed `minReplicas` of the autoscaler (guide: Deployment Manifests)."""
    maximum_replicas: Count = 10
    """Highest allowed `maxReplicas` of the autoscaler (guide: Deployment Manifests)."""
    minimum_scale_down_seconds: Count = 60
    """Minimum number of seconds with lower load before the autoscaler removes pods."""

    instance_types: tuple[str, ...] = ("m7i.large", "m6i.large", "m7i.xlarge", "m6i.xlarge")
    """Allowed instance types."""
    maximum_nodes: Count = 9
    """Maximum number of nodes in a node group."""
    maximum_nat_gateways: Count = 3
    """Maximum number of NAT gateways in a VPC; each costs by the hour, even when idle."""
    maximum_volume_gib: Count = 100
    """Largest volume, in GiB."""
    maximum_monthly_usd: Count = 2000
    """Highest monthly estimate of the whole stack in USD, with the maximum number of nodes."""

    required_tags: tuple[str, ...] = ("project", "environment", "owner", "cost-center", "managed-by")
    """Tags on everything that AWS bills."""


LIMITS: Mapping[str, Mapping[str, Any]] = {
    "local": {"minimum_replicas": 1},
    "staging": {
        "minimum_replicas": 2,
        "instance_types": ("m7i.large", "m6i.large"),
        "maximum_nodes": 4,
        "maximum_nat_gateways": 1,
        "maximum_volume_gib": 50,
        "maximum_monthly_usd": 600,
    },
    "production": {},
}
"""Differences from production's limits, by environment; `local` may have one replica, so that it fits on a laptop."""


def limits_of(environment: Literal["local", "staging", "production"], today: date) -> Limits:
    """The limits of an environment."""
    return Limits(environment=environment, today=today, **LIMITS[environment])
