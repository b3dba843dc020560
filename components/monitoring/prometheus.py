"""The bundled Prometheus: one server with a volume, which finds its targets by itself."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi import ResourceOptions
from pulumi_kubernetes.apps.v1 import Deployment, DeploymentSpecArgs, DeploymentStrategyArgs
from pulumi_kubernetes.core.v1 import (
    ConfigMap,
    ContainerArgs,
    ContainerPortArgs,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpecArgs,
    Service,
    ServiceAccount,
    ServicePortArgs,
    ServiceSpecArgs,
    VolumeMountArgs,
    VolumeResourceRequirementsArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs, Role, RoleBinding, RoleRefArgs, SubjectArgs

from components import pods
from components.component import Component
from components.monitoring.config import PORT, scrape_config
from components.namespace import Namespace
from components.objects import SKIP_AWAIT, digest, name_of
from components.quantities import mebibytes
from components.settings import MonitoringSettings
from components.traffic import Endpoint, allow, to_anywhere, to_pods

API_SERVER_PORTS = (443, 6443)
"""Of the Service ``kubernetes`` and of the API servers behind it, whose addresses EKS may change."""

STORAGE_PERCENT = 80
"""Of the volume, before the oldest metrics go; the rest is for the write-ahead log and compaction.

Source: https://prometheus.io/docs/prometheus/latest/storage/#right-sizing-retention-size
"""

GRACE_SECONDS = 300
"""For the write of what is still in memory, as the Prometheus Operator has it (600 at most)."""

CONFIG_FOLDER = "/etc/prometheus"
DATA_FOLDER = "/prometheus"


@dataclass(frozen=True, kw_only=True)
class PrometheusArgs:
    """What Prometheus needs."""

    settings: MonitoringSettings
    namespace: Namespace
    targets: tuple[Endpoint, ...]
    """What it may call."""


class Prometheus(Component):
    """Prometheus with the right to list the pods of its namespace and to call their metrics ports."""

    url: pulumi.Output[str]
    """Inside the cluster."""

    def __init__(self, name: str, args: PrometheusArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        child = ResourceOptions(parent=self)
        metadata = ObjectMetaArgs(name=name, namespace=args.namespace.name, labels={"app": name})
        account = _service_account(name, metadata, child)
        egress = [*(to_pods(target) for target in args.targets), to_anywhere(*API_SERVER_PORTS)]
        allow(name, args.namespace.name, name, egress=egress, opts=child)
        _deployment(name, args, metadata, account, child)
        self.url = pulumi.Output.concat("http://", name_of(_service(name, args.namespace, child)), f":{PORT}")
        self.publish()


def _service_account(name: str, metadata: ObjectMetaArgs, opts: ResourceOptions) -> pulumi.Output[str]:
    account = name_of(ServiceAccount(f"{name}-account", metadata=metadata, automount_service_account_token=False, opts=opts))
    rule = PolicyRuleArgs(api_groups=[""], resources=["pods"], verbs=["get", "list", "watch"])
    role = Role(f"{name}-role", metadata=metadata, rules=[rule], opts=opts)
    RoleBinding(
        f"{name}-role-binding",
        metadata=metadata,
        role_ref=RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="Role", name=name_of(role)),
        subjects=[SubjectArgs(kind="ServiceAccount", name=account, namespace=metadata.namespace)],
        opts=opts,
    )
    return account


def _service(name: str, namespace: Namespace, opts: ResourceOptions) -> Service:
    return Service(
        f"{name}-service",
        metadata=ObjectMetaArgs(name=name, namespace=namespace.name, labels={"app": name}, annotations=SKIP_AWAIT),
        spec=ServiceSpecArgs(
            type="ClusterIP",
            selector={"app": name},
            ports=[ServicePortArgs(name="http", port=PORT, target_port=PORT)],
        ),
        opts=opts,
    )


def _claim(name: str, args: PrometheusArgs, metadata: ObjectMetaArgs, opts: ResourceOptions) -> PersistentVolumeClaim:
    return PersistentVolumeClaim(
        f"{name}-claim",
        metadata=metadata,
        spec=PersistentVolumeClaimSpecArgs(
            access_modes=["ReadWriteOnce"],
            storage_class_name=args.namespace.storage_class,
            resources=VolumeResourceRequirementsArgs(requests={"storage": args.settings.storage}),
        ),
        opts=opts,
    )


def _deployment(
    name: str, args: PrometheusArgs, metadata: ObjectMetaArgs, account: pulumi.Output[str], opts: ResourceOptions
) -> None:
    files = {"prometheus.yml": scrape_config(args.settings.scrape_interval_seconds).to_yaml()}
    config = ConfigMap(f"{name}-config", metadata=metadata, data=files, opts=opts)
    spec = pods.pod_spec(
        service_account=account,
        api_access=True,
        priority_class=args.namespace.priority_class,
        grace_seconds=GRACE_SECONDS,
        containers=[_server(args.settings)],
        volumes=[
            pods.config_volume("config", name_of(config)),
            pods.claim_volume("data", name_of(_claim(name, args, metadata, opts))),
        ],
    )
    Deployment(
        f"{name}-deployment",
        metadata=metadata,
        spec=DeploymentSpecArgs(
            replicas=1,
            # The volume attaches to one node: the old pod has to let go of it first.
            strategy=DeploymentStrategyArgs(type="Recreate"),
            selector=LabelSelectorArgs(match_labels={"app": name}),
            template=pods.pod_template({"app": name}, {"dwcp/config-digest": digest(files)}, spec),
        ),
        opts=opts,
    )


def _server(settings: MonitoringSettings) -> ContainerArgs:
    return ContainerArgs(
        name="prometheus",
        image=settings.prometheus_image,
        args=[
            f"--config.file={CONFIG_FOLDER}/prometheus.yml",
            f"--storage.tsdb.path={DATA_FOLDER}",
            f"--storage.tsdb.retention.time={settings.retention_days}d",
            f"--storage.tsdb.retention.size={mebibytes(settings.storage) * STORAGE_PERCENT // 100}MB",
        ],
        ports=[ContainerPortArgs(name="http", container_port=PORT)],
        resources=pods.resources(cpu=("200m", "1000m"), memory=("512Mi", "2Gi")),
        security_context=pods.container_security(),
        # Replaying the write-ahead log of a busy server may take minutes.
        startup_probe=pods.http_probe("/-/ready", PORT, period_seconds=5, failures=180),
        liveness_probe=pods.http_probe("/-/healthy", PORT, period_seconds=10, failures=6),
        readiness_probe=pods.http_probe("/-/ready", PORT, period_seconds=5),
        volume_mounts=[
            VolumeMountArgs(name="config", mount_path=CONFIG_FOLDER, read_only=True),
            VolumeMountArgs(name="data", mount_path=DATA_FOLDER),
        ],
    )
