"""What a stack may say about itself: the only module that reads ``pulumi.Config``.

Each group is one config key of the stack file (``dwcp-v3:network: {...}``), camelCase there and snake_case here.
Every value the guide names is a default, so a stack file holds only what differs.
"""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Port = Annotated[int, Field(ge=1, le=65535)]
Cpu = Annotated[str, Field(pattern=r"^\d+m?$")]
Memory = Annotated[str, Field(pattern=r"^\d+(Ki|Mi|Gi|Ti)$")]
DnsName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$")]
ZoneLetter = Literal["a", "b", "c", "d", "e", "f"]
LogRetentionDays = Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]


class Group(BaseModel):
    """A settings group: immutable, camelCase in the stack file, and a misspelled key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class EnvironmentSettings(Group):
    name: Literal["local", "staging", "production"]
    region: str = "us-east-1"
    owner: str = "platform"
    cost_center: str = "dwcp"


class NetworkSettings(Group):
    vpc_cidr: IPv4Network = IPv4Network("10.0.0.0/16")
    zones: tuple[ZoneLetter, ...] = ("a", "b", "c")
    nat: Literal["single", "per_zone"] = "per_zone"
    interface_endpoints: tuple[Literal["ecr.api", "ecr.dkr", "sts", "logs"], ...] = ()
    flow_log_interval_seconds: Literal[60, 600] = 600
    ingress_cidrs: tuple[IPv4Network, ...] = (IPv4Network("0.0.0.0/0"),)


class LoadBalancerSettings(Group):
    host: DnsName = "dwcp.example.com"
    hosted_zone: DnsName | None = "example.com"
    certificate_arn: str | None = None
    deletion_protection: bool = True
    idle_timeout_seconds: int = 60
    deregistration_delay_seconds: int = 30
    access_log_retention_days: int = 90
    tls_policy: Literal["ELBSecurityPolicy-TLS13-1-2-2021-06", "ELBSecurityPolicy-TLS13-1-3-2021-06"] = "ELBSecurityPolicy-TLS13-1-2-2021-06"


class LogsSettings(Group):
    retention_days: LogRetentionDays = 30
    key_deletion_window_days: int = 30


class ArtifactsSettings(Group):
    noncurrent_version_days: int = 90
    infrequent_access_after_days: int = 30
    force_destroy: bool = False


class ClusterSettings(Group):
    version: str = "1.35"
    kubeconfig: Literal["eks", "ambient"] = "eks"
    public_access_cidrs: tuple[IPv4Network, ...] = ()
    admin_role_arns: tuple[str, ...] = ()
    ci_role_arn: str | None = None
    instance_types: tuple[str, ...] = ("m7i.xlarge",)
    capacity_type: Literal["ON_DEMAND", "SPOT"] = "ON_DEMAND"
    min_nodes: int = 3
    max_nodes: int = 6
    desired_nodes: int = 3
    disk_gib: int = 50
    controllers: bool = True


class ApplicationSettings(Group):
    image: str = "ghcr.io/novacron/dwcp-v3:v3.0.0"
    log_level: Literal["info", "debug", "error"] = "info"
    port: Port = 8080
    metrics_port: Port = 9090
    cpu_request: Cpu = "500m"
    memory_request: Memory = "512Mi"
    cpu_limit: Cpu = "2000m"
    memory_limit: Memory = "2Gi"
    replicas: int = 3
    liveness_delay_seconds: int = 30
    readiness_delay_seconds: int = 10
    shared_volume: Memory | None = None


class DwcpSettings(Group):
    version: str = "3.0.0"
    max_connections: int = 1000
    buffer_size_bytes: int = 65536


class AutoscalingSettings(Group):
    min_replicas: int = 3
    max_replicas: int = 10
    cpu_percent: int = 70
    memory_percent: int = 80
    scale_down_window_seconds: int = 300


class RedisSettings(Group):
    image: str = "redis:7.4.2-alpine"
    memory: Memory = "512Mi"
    storage: Memory = "10Gi"
    storage_class: str | None = "gp3"
    maxmemory_policy: Literal["noeviction", "allkeys-lru", "allkeys-lfu", "volatile-lru", "volatile-lfu", "volatile-ttl"] = "allkeys-lru"


class IngressSettings(Group):
    enabled: bool = True
    class_name: str = "nginx"
    host: DnsName = "dwcp.internal.example.com"
    tls_secret: str | None = "dwcp-v3-tls"
    issuer: str | None = None
    await_address: bool = True


class MonitoringSettings(Group):
    mode: Literal["bundled", "operator"] = "bundled"
    scrape_interval_seconds: int = 30
    retention_days: int = 15
    storage: Memory = "20Gi"


class Settings(Group):
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
