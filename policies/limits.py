"""The parameters of the rules: one typed model, with one set of values per environment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from annotated_types import Ge
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from contract import APPLICATION, NODE_EXPORTER, StackName

Count = Annotated[int, Ge(0)]
Days = Annotated[int, Ge(1)]


Environment = StackName
"""The name of a stack that has limits: an environment, or ``account``, the stack of the AWS account (``bootstrap/``)."""


class Limits(BaseModel):
    """The parameters of all rules. The description of a field can name the source of the limit in parentheses."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )

    environment: Environment = "production"
    """The environment to which these limits apply, and the required value of the tag `environment`."""
    today: date = date.max
    """The day of the check. By default it is the last possible date, on which no Kubernetes version has support."""

    public_ports: tuple[int, ...] = (80, 443)
    """Ports that may be open to the internet (guide: Security Groups)."""
    minimum_retention_days: Days = 30
    """Minimum number of days before log events, objects and noncurrent versions expire (guide: CloudWatch, for log events)."""
    minimum_key_deletion_days: Days = 7
    """Minimum number of days in which the deletion of a key can be cancelled."""
    minimum_backup_days: Days = 7
    """Minimum number of days for which automatic backups of a database or cache are kept."""

    service_administrators: tuple[str, ...] = ()
    """Logical names of inline role policies that may allow every action of a service, if the role has a permissions boundary.
    Services that give permissions, such as IAM and STS, are excluded."""
    managed_policies: tuple[str, ...] = (
        "AmazonEKSClusterPolicy",
        "AmazonEKSWorkerNodePolicy",
        "AmazonEKS_CNI_Policy",
        "AmazonEC2ContainerRegistryPullOnly",
        "CloudWatchAgentServerPolicy",
        "service-role/AmazonEBSCSIDriverPolicy",
    )
    """AWS managed policies that may be attached, each with its path."""
    trusted_accounts: tuple[str, ...] = ()
    """AWS accounts, in addition to the stack's own, that roles, resources and the cluster may trust."""

    kubernetes_support_ends: Mapping[str, date] = {
        "1.34": date(2026, 12, 2),
        "1.35": date(2027, 3, 27),
        "1.36": date(2027, 8, 2),
        "1.37": date(2027, 12, 1),
    }
    """For each Kubernetes version, the first day without standard support (AWS: EKS Kubernetes versions, as of 2026-10)."""

    trusted_registries: tuple[str, ...] = (
        "ghcr.io/novacron/",
        "docker.io/grafana/",
        "docker.io/library/redis",
        "docker.io/oliver006/redis_exporter",
        "docker.io/prom/",
        "quay.io/prometheus/",
        "registry.k8s.io/",
    )
    """Allowed prefixes of an image's full name, such as `docker.io/library/redis` for `redis:7.4`."""
    trusted_charts: tuple[str, ...] = (
        "https://aws.github.io/eks-charts",
        "https://kubernetes.github.io/autoscaler",
        "oci://ghcr.io/nginx/charts",
    )
    """Allowed prefixes of the URL of a Helm chart's repository, or of the `oci://` URL of a chart in a registry."""
    storage_classes: tuple[str, ...] = ("efs-sc",)
    """StorageClasses that claims may use although the program does not declare them. No rule can check them: before you add a
    name, make sure that the class encrypts its volumes (not needed in `local`)."""
    host_access: tuple[str, ...] = (NODE_EXPORTER, "node-exporter")
    """Names of the Docker containers, and of the Kubernetes workloads and namespaces, that may share the host's namespaces and read
    the host's files. A pod needs its workload and its namespace in this list, and may not share the host's IPC namespace."""
    application: str = APPLICATION
    """Name of the container to which `minimumCpu` and `minimumMemory` apply."""
    minimum_cpu: str = "500m"
    """Minimum CPU request of the application (guide: Resource Limits)."""
    minimum_memory: str = "512Mi"
    """Minimum memory request of the application (guide: Resource Limits)."""
    maximum_cpu: str = "2000m"
    """Maximum CPU limit of any container (guide: Resource Limits)."""
    maximum_memory: str = "2Gi"
    """Maximum memory limit of any container (guide: Resource Limits)."""
    maximum_cpu_ratio: int = 10
    """Maximum ratio of CPU limit to CPU request; with a high ratio, nodes are overcommitted and containers become slow."""
    maximum_memory_ratio: int = 4
    """Maximum ratio of memory limit to request (guide: Resource Limits, 2Gi / 512Mi); an overcommitted node kills containers."""
    minimum_user_id: int = 1000
    """Lowest allowed user id of a container; lower ids belong to system accounts of the host (guide: user nodejs:1001)."""
    minimum_replicas: Count = 3
    """Lowest allowed `minReplicas` of the autoscaler (guide: Deployment Manifests)."""
    maximum_replicas: Count = 10
    """Highest allowed `maxReplicas` of the autoscaler (guide: Deployment Manifests)."""
    minimum_scale_down_seconds: Count = 60
    """Minimum number of seconds for which the load must be lower before the autoscaler removes pods."""

    instance_types: tuple[str, ...] = ("m7i.large", "m6i.large", "m7i.xlarge", "m6i.xlarge")
    """Allowed instance types of node groups and EC2 instances."""
    maximum_nodes: Count = 9
    """Maximum number of nodes in a node group."""
    maximum_nat_gateways: Count = 3
    """Maximum number of NAT gateways in a VPC; each gateway is billed by the hour, even if it is idle."""
    maximum_volume_gib: Count = 100
    """Maximum size of a volume, in GiB."""
    maximum_monthly_usd: Count = 2000
    """Maximum monthly estimate of the whole stack in USD, with the maximum number of nodes."""

    required_tags: tuple[str, ...] = ("project", "environment", "owner", "cost-center", "managed-by")
    """Required tags of all AWS resources."""


LIMITS: Mapping[str, Mapping[str, Any]] = {
    "local": {"minimum_replicas": 1, "storage_classes": ("efs-sc", "standard")},
    "staging": {
        "minimum_replicas": 2,
        "instance_types": ("m7i.large", "m6i.large"),
        "maximum_nodes": 4,
        "maximum_nat_gateways": 1,
        "maximum_volume_gib": 50,
        "maximum_monthly_usd": 600,
    },
    "production": {},
    "account": {
        "service_administrators": tuple(f"{APPLICATION}-{each}-deploy" for each in ("staging", "production")),
        "managed_policies": ("ReadOnlyAccess",),
        "required_tags": ("project", "environment", "managed-by"),
    },
}
"""The differences from the limits of production, by environment. `local` may have one replica, to fit on a laptop."""


def limits_of(environment: Environment, today: date) -> Limits:
    """The limits of an environment."""
    return Limits(environment=environment, today=today, **LIMITS.get(environment, {}))
