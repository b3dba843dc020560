"""The bundled Prometheus: one server with a volume. It discovers its targets and evaluates the rules of the objectives."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi import ResourceOptions
from pulumi_kubernetes.core.v1 import ContainerArgs, ContainerPortArgs, VolumeMountArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs

from components.component import Component
from components.monitoring import rule_files
from components.monitoring.discovery import KUBELET_PORT, kubernetes_jobs
from components.monitoring.prometheus_config import CONFIG_FILE, RELOAD_ARGUMENTS, RULES_FILE, external_url, prometheus_config
from components.settings import ApplicationSettings, MonitoringSettings
from components.settings.quantities import mebibytes, parse_quantity
from components.workload import pods
from components.workload.namespace import Namespace
from components.workload.network_policies import Endpoint, allow, from_pods, to_anywhere, to_pods
from components.workload.workloads import Workload, bind, bind_everywhere
from contract import PROMETHEUS_PORT

API_SERVER_PORTS = (443, 6443)
"""Ports of the Service ``kubernetes`` and of the API servers behind this Service."""

STORAGE_PERCENT = 80
"""Percentage of the volume above which Prometheus deletes the oldest metrics. The rest is a buffer.

Prometheus deletes expired metrics up to two hours late. The buffer prevents a full volume until then.

Source: https://prometheus.io/docs/prometheus/latest/storage/#right-sizing-retention-size
"""

GRACE_SECONDS = 300
"""How long Prometheus may write the samples from memory to disk at its shutdown. The Prometheus Operator allows 600 seconds."""

CONFIG_FOLDER = "/etc/prometheus"
DATA_FOLDER = "/prometheus"


@dataclass(frozen=True, kw_only=True)
class PrometheusArgs:
    """Inputs of :class:`Prometheus`."""

    settings: MonitoringSettings
    application: ApplicationSettings
    namespace: Namespace
    targets: tuple[Endpoint, ...]
    """The endpoints in the namespace to which Prometheus may connect, including Alertmanager."""
    alertmanager: Endpoint
    """The endpoint of Alertmanager's pods. Its name and port are also the name and port of Alertmanager's Service."""
    node_namespace: pulumi.Input[str]
    node_namespace_name: str
    """``node_namespace`` as a plain string, for the configuration files."""
    node_port: int
    readers: tuple[str, ...]
    """Values of the label ``app`` of the pods that may query Prometheus."""


class Prometheus(Component):
    """Prometheus. Its permissions allow it to read only nodes, the pods of two namespaces, and the kubelets' metrics."""

    url: pulumi.Output[str]
    """URL inside the cluster."""

    def __init__(self, name: str, args: PrometheusArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        child = ResourceOptions(parent=self)
        workload = Workload(name=name, namespace=args.namespace, opts=child)
        account = workload.account()
        _rights(workload, account, args)
        allow(
            name,
            args.namespace.name,
            name,
            ingress=[from_pods(app, PROMETHEUS_PORT) for app in args.readers],
            egress=[
                *(to_pods(target) for target in args.targets),
                # All addresses, because a pod selector cannot match the API servers, the kubelets or pods on the host's network.
                to_anywhere(*API_SERVER_PORTS, KUBELET_PORT, args.node_port),
            ],
            opts=child,
        )
        files = config_files(args.settings, args.application, args.alertmanager, args.node_namespace_name)
        workload.deployment(
            _server(args.settings),
            account=account,
            api_access=True,
            grace_seconds=GRACE_SECONDS,
            volumes=[
                pods.config_volume("config", workload.config(files)),
                pods.claim_volume("data", workload.claim(args.settings.storage)),
            ],
        )
        self.url = workload.service(PROMETHEUS_PORT)
        self.publish()


def config_files(
    settings: MonitoringSettings, application: ApplicationSettings, alertmanager: Endpoint, node_namespace: str
) -> dict[str, str]:
    """The contents of the configuration file and the rule file of Prometheus, by file name."""
    jobs = kubernetes_jobs(node_namespace, outside_cluster=settings.outside_cluster)
    config = prometheus_config(settings.scrape_interval_seconds, jobs, f"{alertmanager.app}:{alertmanager.port}")
    rules = rule_files.rule_file(
        memory_limit_bytes=int(parse_quantity(application.memory_limit)),
        cpu_limit_cores=float(parse_quantity(application.cpu_limit)),
        runbooks=settings.runbooks_url,
    )
    return {CONFIG_FILE: config.to_yaml(), RULES_FILE: rule_files.to_yaml(rules)}


def _rights(workload: Workload, account: pulumi.Output[str], args: PrometheusArgs) -> None:
    name, opts, namespace = workload.name, workload.opts, args.namespace.name
    pods_rule = PolicyRuleArgs(api_groups=[""], resources=["pods"], verbs=["get", "list", "watch"])
    workload.role(account, [pods_rule])
    elsewhere = ObjectMetaArgs(name=name, namespace=args.node_namespace, labels={"app": name})
    bind(f"{name}-nodes", elsewhere, [pods_rule], account, namespace, opts)
    everywhere = [
        PolicyRuleArgs(api_groups=[""], resources=["nodes"], verbs=["get", "list", "watch"]),
        PolicyRuleArgs(api_groups=[""], resources=["nodes/metrics"], verbs=["get"]),
    ]
    bind_everywhere(workload, everywhere, account)


def _server(settings: MonitoringSettings) -> ContainerArgs:
    return ContainerArgs(
        name="prometheus",
        image=settings.prometheus_image,
        args=[
            f"--config.file={CONFIG_FOLDER}/{CONFIG_FILE}",
            *RELOAD_ARGUMENTS,
            f"--web.external-url={external_url(PROMETHEUS_PORT)}",
            f"--storage.tsdb.path={DATA_FOLDER}",
            f"--storage.tsdb.retention.time={settings.retention_days}d",
            f"--storage.tsdb.retention.size={mebibytes(settings.storage) * STORAGE_PERCENT // 100}MB",
        ],
        ports=[ContainerPortArgs(name="http", container_port=PROMETHEUS_PORT)],
        resources=pods.resources(cpu=("200m", "1000m"), memory=("512Mi", "2Gi")),
        security_context=pods.container_security(),
        # A busy server can take minutes to replay its write-ahead log.
        startup_probe=pods.http_probe("/-/ready", PROMETHEUS_PORT, period_seconds=5, failures=180),
        liveness_probe=pods.http_probe("/-/healthy", PROMETHEUS_PORT, period_seconds=10, failures=6),
        readiness_probe=pods.http_probe("/-/ready", PROMETHEUS_PORT, period_seconds=5),
        volume_mounts=[
            VolumeMountArgs(name="config", mount_path=CONFIG_FOLDER, read_only=True),
            VolumeMountArgs(name="data", mount_path=DATA_FOLDER),
        ],
    )
