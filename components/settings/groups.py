"""The settings: one class per group, one group per config key of the stack file.

``dwcp-v3:network: {vpcCidr: ...}`` there is ``NetworkSettings.vpc_cidr`` here. Every value the guide names is a default, so that a
stack file holds only what differs. The text under a field is its reference: ``docs/settings.md`` and ``Pulumi.yaml`` are made from
it; the parentheses name the source of the value or the rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Annotated, Literal, Self

from annotated_types import Interval, Len
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError
from typing_extensions import override

from components.monitoring.alertmanager_config import Receiver
from components.monitoring.objectives import ERROR_RATIO, MINIMUM_REQUESTS
from components.settings.quantities import parse_quantity
from components.settings.types import (
    AccountName,
    AddonName,
    AddonVersion,
    AnyPort,
    BucketName,
    CertificateArn,
    Cidr,
    Cpu,
    DnsName,
    DockerHost,
    DockerSubnet,
    EmailAddress,
    EndpointCidr,
    FolderPath,
    GithubSubject,
    HostAddress,
    ImageReference,
    InstanceType,
    KubernetesVersion,
    Memory,
    ObjectName,
    OidcProviderArn,
    PartOfHundred,
    Percent,
    PolicyArn,
    PollSeconds,
    Port,
    Positive,
    RedisImage,
    Region,
    ReleaseVersion,
    RoleArn,
    Seconds,
    SlackChannel,
    Switch,
    TagValue,
    VpcCidr,
    WebAddress,
    Whole,
    ZoneLetter,
    ascending,
    unique,
    whole,
)
from contract import APPLICATION, FIRST_IMAGE, GRAFANA_PORT, GRAFANA_USER, IMAGE_REPOSITORY, METRICS_PORT, PORT, STATE_BUCKET

LogRetentionDays = Annotated[
    Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
    BeforeValidator(whole),
]
"""What CloudWatch Logs accepts: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""

Conflict = tuple[str, str, str]
"""A field whose value does not go with others: its snake_case name, the problem in plain words, a value that would be right."""


class Group(BaseModel):
    """A settings group: immutable, camelCase in the stack file, and a misspelled key is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )

    def conflicts(self) -> Iterator[Conflict]:
        """The fields of this group that are right by themselves but not together; all of them, not only the first."""
        yield from ()

    @model_validator(mode="after")
    def _without_conflicts(self) -> Self:
        if found := list(self.conflicts()):
            problems = "; ".join(f"{to_camel(field)} {problem}" for field, problem, _ in found)
            detail = [(field, problem, example, getattr(self, field, None)) for field, problem, example in found]
            raise PydanticCustomError("conflicts", "{problems}", {"problems": problems, "conflicts": detail})
        return self


class EnvironmentSettings(Group):
    """Which environment the stack is, and who pays for it."""

    name: Literal["local", "staging", "production"]
    """The environment; it decides which safety rules hold (guide: Terraform Usage)."""
    region: Region = "us-east-1"
    """AWS region of everything in the stack (design 4)."""
    deployment: Literal["direct", "staged"] = "direct"
    """What `dwcp deploy` does: update stable, or stage the release at 0 % of the traffic for `dwcp rollout` (design 4)."""
    owner: TagValue = "platform"
    """Team that answers for the resources, as their `owner` tag (design 4)."""
    cost_center: TagValue = "dwcp"
    """Whose budget pays, as the resources' `cost-center` tag (design 4)."""
    permissions_boundary_arn: PolicyArn | None = None
    """The most that the stack's roles can be given; `bootstrap/` makes it (AWS: permissions boundaries)."""


class NetworkSettings(Group):
    """The VPC, its zones and its ways out."""

    vpc_cidr: VpcCidr = IPv4Network("10.0.0.0/16")
    """Addresses of the VPC, /16 to /20 in a private block (guide: Key Resources)."""
    zones: Annotated[tuple[ZoneLetter, ...], Len(2, 6), AfterValidator(unique)] = ("a", "b", "c")
    """Letters of the availability zones; each has one public and one private subnet (guide: Key Resources)."""
    nat: Literal["single", "per_zone"] = "per_zone"
    """One NAT gateway for all zones, or one per zone that survives the loss of another (design 4)."""
    interface_endpoints: Annotated[tuple[Literal["ecr.api", "ecr.dkr", "sts", "logs"], ...], AfterValidator(unique)] = ()
    """AWS services reached by a private endpoint in the VPC, at a price per hour, zone and service (design 4)."""
    flow_log_interval_seconds: Annotated[Literal[60, 600], BeforeValidator(whole)] = 600
    """Seconds over which a flow log record is aggregated (AWS: VPC flow logs)."""
    ingress_cidrs: Annotated[tuple[Cidr, ...], Len(1), AfterValidator(unique)] = (IPv4Network("0.0.0.0/0"),)
    """Networks that may reach the load balancer on 80 and 443 (guide: Key Resources)."""


class LoadBalancerSettings(Group):
    """The public load balancer and its certificate."""

    host: DnsName = "dwcp.example.com"
    """Public name of the service (design 4)."""
    hosted_zone: DnsName | None = "example.com"
    """Route 53 zone that holds `host`; the certificate is made and validated in it (design 4)."""
    certificate_arn: CertificateArn | None = None
    """A certificate made elsewhere; then `hostedZone` is null (design 4)."""
    deletion_protection: Switch = True
    """Whether AWS refuses to delete the load balancer (design 4)."""
    idle_timeout_seconds: Annotated[Whole, Interval(ge=1, le=4000)] = 60
    """Seconds without traffic after which a connection is closed (AWS: Application Load Balancer attributes)."""
    deregistration_delay_seconds: Annotated[Whole, Interval(ge=0, le=3600)] = 30
    """Seconds in which a leaving pod finishes its requests; its grace period outlasts them (AWS: target group attributes)."""
    access_log_retention_days: Annotated[Whole, Interval(ge=1, le=3653)] = 90
    """Days after which access logs are deleted (design 4)."""
    tls_policy: Literal["ELBSecurityPolicy-TLS13-1-2-2021-06", "ELBSecurityPolicy-TLS13-1-3-2021-06"] = (
        "ELBSecurityPolicy-TLS13-1-2-2021-06"
    )
    """TLS versions and ciphers: 1.3 with 1.2 for older clients, or 1.3 only (AWS: TLS security policies)."""

    @override
    def conflicts(self) -> Iterator[Conflict]:
        if self.certificate_arn is None and self.hosted_zone is None:
            yield (
                "hosted_zone",
                "and certificateArn are both null: HTTPS needs a zone to make a certificate in, or a certificate",
                "example.com",
            )
        if self.certificate_arn is not None and self.hosted_zone is not None:
            yield "hosted_zone", "and certificateArn are both set: a certificate is either given or made in the zone", "null"
        if self.hosted_zone is not None and not f".{self.host}".endswith(f".{self.hosted_zone}"):
            yield "host", f"lies outside the hosted zone {self.hosted_zone}", f"dwcp.{self.hosted_zone}"


class LogsSettings(Group):
    """CloudWatch log groups."""

    retention_days: LogRetentionDays = 30
    """Days that logs are kept (guide: Key Resources)."""
    key_deletion_window_days: Annotated[Whole, Interval(ge=7, le=30)] = 30
    """Days in which the deletion of an encryption key can be taken back (AWS: KMS ScheduleKeyDeletion)."""


class ArtifactsSettings(Group):
    """The bucket of build and deployment artifacts."""

    noncurrent_version_days: Positive = 90
    """Days after which an overwritten or deleted version is gone for good (design 4)."""
    infrequent_access_after_days: Annotated[Whole, Interval(ge=30)] = 30
    """Days after which an artifact moves to the cheaper storage class, 30 at least (AWS: S3 lifecycle transitions)."""
    force_destroy: Switch = False
    """Whether destroying the stack deletes the artifacts with the bucket (design 4)."""


class ClusterSettings(Group):
    """The EKS cluster, who may enter it, and its nodes."""

    version: KubernetesVersion = "1.35"
    """Kubernetes minor version, in quotes (AWS: EKS Kubernetes versions)."""
    addon_versions: dict[AddonName, AddonVersion] = {}
    """Pinned add-on versions by name; the others are those that AWS recommends for `version` (AWS: EKS add-ons)."""
    kubeconfig: Literal["eks", "ambient"] = "eks"
    """The cluster's own endpoint, or whatever KUBECONFIG points to, as in the sandbox (design 4)."""
    public_access_cidrs: Annotated[tuple[EndpointCidr, ...], AfterValidator(unique)] = ()
    """Networks that may reach the API over the internet; none closes the public endpoint (AWS: EKS cluster endpoint access)."""
    private_access_cidrs: Annotated[tuple[EndpointCidr, ...], AfterValidator(unique)] = ()
    """Networks in or connected to the VPC that may reach the API, as of runners and people (AWS: EKS cluster endpoint access)."""
    admin_role_arns: Annotated[tuple[RoleArn, ...], AfterValidator(unique)] = ()
    """IAM roles that administer the cluster; its creator is not one by itself (AWS: EKS access entries)."""
    ci_role_arn: RoleArn | None = None
    """IAM role with which CI deploys; `bootstrap/` makes it (AWS: EKS access entries)."""
    preview_role_arn: RoleArn | None = None
    """IAM role with which CI previews and looks for drift; it reads and changes nothing (AWS: EKS access policies)."""
    instance_types: Annotated[tuple[InstanceType, ...], Len(1), AfterValidator(unique)] = ("m7i.xlarge",)
    """EC2 instance types of the nodes, in order of preference (design 4)."""
    capacity_type: Literal["ON_DEMAND", "SPOT"] = "ON_DEMAND"
    """How nodes are bought; a SPOT node is taken away at two minutes' notice (AWS: EKS managed node groups)."""
    min_nodes: Positive = 3
    """Fewest nodes (design 4)."""
    max_nodes: Annotated[Whole, Interval(ge=1, le=450)] = 6
    """Most nodes (AWS: EKS service quotas)."""
    desired_nodes: Positive = 3
    """Nodes at creation; node autoscaling owns the number after that (design 4)."""
    resize_nodes: Switch = False
    """Whether an update may set the number of nodes to `desiredNodes`, as a change of the limits needs (AWS: EKS node groups)."""
    disk_gib: Annotated[Whole, Interval(ge=20, le=16384)] = 50
    """GiB of a node's encrypted gp3 root volume (AWS: EBS volume types)."""
    controllers: Switch = True
    """Whether to install what works in the cluster on AWS' behalf: load balancers, node autoscaling, log shipping (design 4)."""

    @property
    def changing_roles(self) -> tuple[str, ...]:
        """The roles that may change what is in the cluster, `pulumi up` included."""
        return tuple(dict.fromkeys((*self.admin_role_arns, *((self.ci_role_arn,) if self.ci_role_arn else ()))))

    @override
    def conflicts(self) -> Iterator[Conflict]:
        if self.min_nodes > self.max_nodes:
            yield "max_nodes", f"is below minNodes ({self.min_nodes})", str(self.min_nodes)
        elif not self.min_nodes <= self.desired_nodes <= self.max_nodes:
            nearest = self.min_nodes if self.desired_nodes < self.min_nodes else self.max_nodes
            yield "desired_nodes", f"is not between minNodes ({self.min_nodes}) and maxNodes ({self.max_nodes})", str(nearest)


class EgressRule(Group):
    """A network outside the cluster that the service calls, and on which ports."""

    cidr: Cidr
    """The network; one host is a /32."""
    ports: Annotated[tuple[AnyPort, ...], Len(1), AfterValidator(unique)]
    """TCP ports."""


class ApplicationSettings(Group):
    """The DWCP v3 service itself."""

    image: ImageReference = FIRST_IMAGE
    """First image, by tag or digest; later releases are deployed over it (guide: Gradual Rollout)."""
    release: ImageReference | None = None
    """Image that one `up` releases; `dwcp deploy` sets it for that run, and no stack file does (design 4)."""
    log_level: Literal["info", "debug", "error"] = "info"
    """`LOG_LEVEL` (guide: Environment Variables)."""
    port: Port = PORT
    """`PORT`, on which the service answers (guide: Environment Variables)."""
    metrics_port: Port = METRICS_PORT
    """`PROMETHEUS_PORT`, on which it is scraped (guide: Environment Variables)."""
    cpu_request: Cpu = "500m"
    """CPU that a pod is promised (guide: Resource Limits)."""
    memory_request: Memory = "512Mi"
    """Memory that a pod is promised (guide: Resource Limits)."""
    cpu_limit: Cpu = "2000m"
    """CPU beyond which a pod is slowed down (guide: Resource Limits)."""
    memory_limit: Memory = "2Gi"
    """Memory beyond which a pod is killed (guide: Resource Limits)."""
    replicas: Positive = 3
    """Pods at creation; the autoscaler owns the number after that (guide: Deployment Manifests)."""
    liveness_delay_seconds: Annotated[Whole, Interval(ge=0)] = 30
    """Seconds before the first `/health` check (guide: Health Checks)."""
    readiness_delay_seconds: Annotated[Whole, Interval(ge=0)] = 10
    """Seconds before the first `/ready` check (guide: Health Checks)."""
    egress: tuple[EgressRule, ...] = ()
    """What the service may call beside Redis and DNS: a list of `cidr` and `ports` (Kubernetes: network policies)."""
    shared_volume: Memory | None = None
    """Size of a volume that all pods share on EFS, or null for none (design 4)."""
    shared_volume_class: ObjectName = "efs-sc"
    """Storage class of `sharedVolume`; it must exist and allow ReadWriteMany (AWS: EFS CSI driver)."""

    @override
    def conflicts(self) -> Iterator[Conflict]:
        if self.port == self.metrics_port:
            yield "metrics_port", f"is the same as port ({self.port})", str(self.port + 1 if self.port < 65535 else self.port - 1)
        for request, limit, name in (
            (self.cpu_request, self.cpu_limit, "cpu"),
            (self.memory_request, self.memory_limit, "memory"),
        ):
            if parse_quantity(request) > parse_quantity(limit):
                yield f"{name}_request", f"is above {name}Limit ({limit})", limit


class DwcpSettings(Group):
    """The protocol that the service speaks."""

    version: ReleaseVersion = "3.0.0"
    """`DWCP_VERSION`, the protocol version (guide: Environment Variables)."""
    max_connections: Positive = 1000
    """`MAX_CONNECTIONS`, concurrent connections of one pod (guide: Environment Variables)."""
    buffer_size_bytes: Positive = 65536
    """`BUFFER_SIZE` in bytes (guide: Environment Variables)."""


class AutoscalingSettings(Group):
    """The HorizontalPodAutoscaler."""

    min_replicas: Positive = 3
    """Fewest pods (guide: Deployment Manifests)."""
    max_replicas: Positive = 10
    """Most pods (guide: Deployment Manifests)."""
    cpu_percent: Percent = 70
    """Mean CPU, in percent of the request, above which pods are added (design 4)."""
    memory_percent: Percent = 80
    """Mean memory, in percent of the request, above which pods are added (design 4)."""
    scale_down_window_seconds: Annotated[Whole, Interval(ge=0, le=3600)] = 300
    """Seconds of lower load before pods are removed (Kubernetes: HPA stabilization window)."""

    @override
    def conflicts(self) -> Iterator[Conflict]:
        if self.min_replicas > self.max_replicas:
            yield "max_replicas", f"is below minReplicas ({self.min_replicas})", str(self.min_replicas)


class RedisSettings(Group):
    """The state store."""

    image: RedisImage = "redis:7.4.6-alpine"
    """Redis server image, of a release without CVE-2025-49844 (guide: Docker Compose Stack)."""
    exporter_image: ImageReference = "oliver006/redis_exporter:v1.67.0-alpine"
    """Image of the metrics exporter beside it (guide: Docker Compose Stack)."""
    memory: Memory = "512Mi"
    """Memory limit of the pod; Redis itself is told to use less (guide: Docker Compose Stack)."""
    storage: Memory = "10Gi"
    """Size of the data volume (guide: Deployment Manifests)."""
    storage_class: ObjectName | None = "gp3"
    """Storage class of the data volume; null is the cluster's default (design 4)."""
    maxmemory_policy: Literal["noeviction", "allkeys-lru", "allkeys-lfu", "volatile-lru", "volatile-lfu", "volatile-ttl"] = (
        "allkeys-lru"
    )
    """What Redis evicts when its memory is full (design 4)."""


class IngressSettings(Group):
    """The second, internal way in."""

    enabled: Switch = False
    """Whether there is an Ingress, with its controller and cert-manager; its DNS record is yours (guide: Deployment Manifests)."""
    class_name: ObjectName = "nginx"
    """Ingress class of the cluster's controller (design 4)."""
    controller_namespace: ObjectName = "ingress-nginx"
    """Namespace of that controller, the only one whose pods may call the service (design 4)."""
    host: DnsName = "dwcp.internal.example.com"
    """Internal name of the service (design 4)."""
    tls_secret: ObjectName | None = f"{APPLICATION}-tls"
    """Secret with the certificate; an issuer writes it, or someone does (guide: Deployment Manifests)."""
    issuer: ObjectName | None = None
    """cert-manager ClusterIssuer that makes the certificate (design 4)."""
    await_address: Switch = True
    """Whether to wait for the controller to report an address; nothing does in the sandbox (design 4)."""

    @override
    def conflicts(self) -> Iterator[Conflict]:
        if self.enabled and self.tls_secret is None and self.issuer is None:
            yield (
                "tls_secret",
                "and issuer are both null: TLS needs a Secret with a certificate, or an issuer of one",
                f"{APPLICATION}-tls",
            )


class MonitoringSettings(Group):
    """Prometheus and what belongs to it: alerts, dashboards, exporters, CloudWatch alarms."""

    mode: Literal["bundled", "operator"] = "bundled"
    """A Prometheus of our own, or objects for a cluster that already runs the Prometheus Operator (design 5)."""
    operator_namespace: ObjectName = "monitoring"
    """Namespace of the operator's Prometheus, in that mode the only one whose pods may scrape (design 5)."""
    scrape_interval_seconds: Annotated[Whole, Interval(ge=5, le=300)] = 30
    """Seconds between two scrapes (guide: Monitoring Stack)."""
    retention_days: Positive = 35
    """Days that metrics are kept; the error budgets look back 30 (Prometheus: storage)."""
    storage: Memory = "20Gi"
    """Size of the metrics volume (design 5)."""
    alertmanager_storage: Memory = "2Gi"
    """Size of the volume with silences and with what was notified of (design 5)."""
    grafana_storage: Memory = "5Gi"
    """Size of the volume with Grafana's users and preferences (design 5)."""
    critical_receivers: Annotated[tuple[Receiver, ...], AfterValidator(unique)] = ()
    """Who hears of critical alerts; each needs its secret `alertReceivers.NAME`, and none shows them in Grafana only (design 5)."""
    warning_receivers: Annotated[tuple[Receiver, ...], AfterValidator(unique)] = ()
    """Who hears of warnings (design 5)."""
    watchdog: Switch = False
    """Whether the dead-man's switch `alertReceivers.watchdog` hears each minute that alerting works (Prometheus: practices)."""
    slack_channel: SlackChannel = "#dwcp-alerts"
    """Where Slack shows the alerts (design 5)."""
    alarms: Literal["email", "none"] = "email"
    """Who hears of CloudWatch alarms: `alarmEmails`, or explicitly no receiver (AWS: SNS email notifications)."""
    alarm_emails: Annotated[tuple[EmailAddress, ...], AfterValidator(unique)] = ()
    """Who gets the CloudWatch alarms, after confirming it by mail (AWS: SNS email notifications)."""
    runbooks_url: WebAddress = "https://github.com/novacron/novacron/blob/main/docs/runbooks"
    """Folder with the page that each alert links to (guide: Support and Resources)."""
    outside_cluster: Switch = False
    """Whether Prometheus runs outside the cluster and scrapes through a proxy, as only the sandbox's does (design 7)."""
    prometheus_image: ImageReference = "prom/prometheus:v3.5.0"
    """Prometheus server image of the bundled mode (guide: Docker Compose Stack)."""
    alertmanager_image: ImageReference = "prom/alertmanager:v0.28.1"
    """Alertmanager image of the bundled mode (guide: Docker Compose Stack)."""
    grafana_image: ImageReference = f"{IMAGE_REPOSITORY}-grafana:v3.0.0"
    """Grafana with the Redis datasource in it, which the stock image lacks (guide: Docker Compose Stack)."""
    node_exporter_image: ImageReference = "prom/node-exporter:v1.9.1"
    """Image of the nodes' exporter (guide: Docker Compose Stack)."""
    kube_state_metrics_image: ImageReference = "registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.16.0"
    """Image of the exporter of what the API server knows (design 5)."""

    @override
    def conflicts(self) -> Iterator[Conflict]:
        if self.mode == "operator":
            for field in ("critical_receivers", "warning_receivers"):
                if getattr(self, field):
                    yield field, "is set, but in operator mode the cluster's own Alertmanager decides who hears of alerts", "[]"


class RolloutSettings(Group):
    """How `dwcp rollout` moves traffic to a release, and what it measures on the way."""

    strategy: Literal["weighted", "flag"] = "weighted"
    """Whether the load balancer splits the traffic, or only the feature flag moves (guide: Gradual Rollout)."""
    steps: Annotated[tuple[Percent, ...], Len(1), AfterValidator(ascending)] = (10, 50, 100)
    """Percentages of the traffic, one after the other; a last one below 100 is held at (guide: Gradual Rollout)."""
    wait_seconds: Seconds = 300
    """Seconds of analysis at each step (guide: Gradual Rollout)."""
    error_threshold_percent: PartOfHundred = round(100 * ERROR_RATIO, 9)
    """Percent of failed requests above which it goes back (guide: Gradual Rollout; alert: HighErrorRate)."""
    minimum_requests: Annotated[Whole, Interval(ge=0)] = MINIMUM_REQUESTS
    """Requests in a window below which nothing is concluded (alert: HighErrorRate)."""
    on_unmeasured: Literal["hold", "abort"] = "hold"
    """What to do when Prometheus cannot answer: stay and ask a person, or go back (docs: Rollout)."""
    unmeasured_limit: Positive = 4
    """Measurements in a row that may fail before that (Argo Rollouts: consecutiveErrorLimit)."""
    bake_seconds: Seconds = 300
    """Seconds of watching after 100 %, with the previous release ready to take over (docs: Rollout)."""
    interval_seconds: PollSeconds = 10
    """Seconds between two measurements, a third of the scrape interval or less (docs: Rollout)."""
    propagation_seconds: Seconds = 15
    """Seconds for a weight to reach the load balancer's nodes, before metrics count (docs: Rollout)."""
    ready_seconds: Seconds = 600
    """Seconds for pods to get ready and targets healthy (Kubernetes: progressDeadlineSeconds)."""
    weight_readback_seconds: Seconds = 60
    """Seconds for a weight to read back as set (docs: Rollout)."""
    grace_seconds: Seconds = 30
    """Seconds for which pods may be missing or in trouble (docs: Rollout)."""
    extend_seconds: Seconds = 300
    """Seconds beyond `waitSeconds` in which traffic may become enough (docs: Rollout)."""
    unreachable_seconds: Seconds = 300
    """Seconds for which cluster and load balancer may be away before the rollout stops where it is (docs: Rollout)."""


class AccountSettings(Group):
    """The account's own stack in `bootstrap/`: GitHub's pipelines enter by OpenID Connect, so that no key is stored anywhere."""

    region: Region = "us-east-1"
    """AWS region of the account's stack; roles hold everywhere (AWS: IAM is global)."""
    subject: GithubSubject = "repo:novacron/novacron"
    """The repository as its tokens name it; since July 2026 with ids, `repo:OWNER@ID/NAME@ID` (guide: GitHub Actions Workflows)."""
    provider_arn: OidcProviderArn | None = None
    """The account's provider for GitHub, of which there can be one only; null makes it (AWS: OIDC federation)."""
    state_bucket: BucketName = STATE_BUCKET
    """Bucket of the engine's state, made by `dwcp state bootstrap`; its name is unique in all of AWS (guide: State Management)."""


class DockerSettings(Group):
    """The Docker stack of seven services on one Docker host, and the build of the service's image."""

    enabled: Switch = False
    """Whether `pulumi up` makes the stack; `docker/compose.yaml` is the same one (guide: Docker Compose Stack)."""
    host: DockerHost | None = None
    """Docker host: `unix://`, `tcp://` or `ssh://`; null is that of DOCKER_HOST, or the local one (Docker: DOCKER_HOST)."""
    publish_address: HostAddress = "127.0.0.1"
    """The host's address for every published port; beyond 127.0.0.1 put TLS in front of it (Docker: published ports)."""
    subnet: DockerSubnet = IPv4Network("172.30.0.0/24")
    """Addresses of the monitoring network; the exporter of the host's metrics listens on its first one (design 4)."""
    prometheus_port: Port = 9091
    """Prometheus on the host, where 9090 is the service's own metrics (guide: Docker Compose Stack)."""
    grafana_port: Port = GRAFANA_PORT
    """Grafana on the host (guide: Grafana Dashboards)."""
    alertmanager_port: Port = 9093
    """Alertmanager on the host (Alertmanager: web.listen-address)."""
    grafana_user: AccountName = GRAFANA_USER
    """Grafana's administrator; the password is the secret `grafanaPassword` (guide: Grafana Dashboards)."""
    build_context: FolderPath | None = None
    """Folder of sources from which `pulumi up` builds `application.image`; null builds nothing (guide: Multi-Stage Dockerfile)."""
    build_platforms: Annotated[tuple[Literal["linux/amd64", "linux/arm64"], ...], Len(1), AfterValidator(unique)] = ("linux/amd64",)
    """Platforms of the built image; those that are not the host's are emulated (Docker: multi-platform builds)."""
    build_push: Switch = True
    """Whether the built image is pushed, with `registryUsername` and `registryToken` (Docker: build outputs)."""
    build_cache: ImageReference | None = None
    """Image that holds the layers between builds on different machines, or null for none (Docker: registry cache)."""

    @override
    def conflicts(self) -> Iterator[Conflict]:
        seen: dict[int, str] = {}
        for field in ("prometheus_port", "grafana_port", "alertmanager_port"):
            port: int = getattr(self, field)
            if port in seen:
                yield field, f"is the same as {to_camel(seen[port])} ({port})", str(port + 1 if port < 65535 else port - 1)
            seen.setdefault(port, field)
        if len(self.build_platforms) > 1 and not self.build_push:
            yield "build_push", "must be on: only a registry holds an image of several platforms", "true"
