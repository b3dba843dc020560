"""The bundled Grafana, with a password, the provisioned dashboard and its data sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi import ResourceOptions
from pulumi_kubernetes.core.v1 import ContainerArgs, ContainerPortArgs, EnvVarArgs, VolumeMountArgs

from components.component import Component
from components.monitoring import grafana_config
from components.monitoring.dashboard import FILE, dashboard_json
from components.monitoring.grafana_config import DASHBOARD_FOLDER, PROVISIONING_FOLDER, SECRET_FOLDER, to_yaml
from components.settings import MonitoringSettings
from components.workload import pods
from components.workload.namespace import Namespace
from components.workload.network_policies import Endpoint, allow, from_pods, to_pods
from components.workload.redis import Redis
from components.workload.workloads import Workload
from contract import GRAFANA_PORT, PROMETHEUS_PORT

DATA_FOLDER = "/var/lib/grafana"
SCRATCH_SIZE = "128Mi"


@dataclass(frozen=True, kw_only=True)
class GrafanaArgs:
    """Inputs of :class:`Grafana`."""

    settings: MonitoringSettings
    environment: str
    namespace: Namespace
    redis: Redis
    prometheus: str
    """Name of Prometheus: the value of the label ``app`` of its pods, and the name of its Service."""
    prometheus_url: pulumi.Input[str]
    password: pulumi.Output[str]


class Grafana(Component):
    """Grafana for access through ``kubectl port-forward``. NetworkPolicies deny all other connections to it."""

    url: pulumi.Output[str]
    """URL inside the cluster."""

    def __init__(self, name: str, args: GrafanaArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        workload = Workload(name=name, namespace=args.namespace, opts=ResourceOptions(parent=self))
        prometheus = Endpoint(args.prometheus, PROMETHEUS_PORT)
        redis = args.redis.endpoint
        allow(name, args.namespace.name, name, egress=[to_pods(prometheus), to_pods(redis)], opts=workload.opts)
        allow(
            f"{redis.app}-from-grafana", args.namespace.name, redis.app, ingress=[from_pods(name, redis.port)], opts=workload.opts
        )
        datasources = pulumi.Output.all(args.prometheus_url, args.redis.url).apply(
            lambda urls: _datasources(args.environment, urls, args.settings.scrape_interval_seconds)
        )
        provider = to_yaml(grafana_config.dashboard_provider())
        board = dashboard_json()
        secrets = pulumi.Output.all(args.password, args.redis.password).apply(_passwords)
        workload.deployment(
            _server(args.settings),
            account=workload.account(),
            pull_secret=args.namespace.pull_secret,
            files={"datasources": datasources, "provider": provider, "dashboard": board},
            secrets=secrets,
            volumes=[
                pods.config_volume("datasources", workload.config({"datasources.yaml": datasources}, "-datasources")),
                pods.config_volume("provider", workload.config({"dashboards.yaml": provider}, "-provider")),
                pods.config_volume("dashboards", workload.config({FILE: board}, "-dashboards")),
                pods.secret_volume("secrets", workload.secret(secrets)),
                pods.claim_volume("data", workload.claim(args.settings.grafana_storage)),
                pods.scratch_volume("tmp", SCRATCH_SIZE),
            ],
        )
        self.url = workload.service(GRAFANA_PORT)
        self.publish()


def _datasources(environment: str, urls: Sequence[str], interval_seconds: int) -> str:
    prometheus, redis = urls
    return to_yaml(grafana_config.datasources(environment, prometheus, redis, interval_seconds))


def _passwords(passwords: Sequence[str]) -> dict[str, str]:
    files = (grafana_config.ADMIN_PASSWORD_FILE, grafana_config.REDIS_PASSWORD_FILE)
    return {file.rpartition("/")[2]: password for file, password in zip(files, passwords, strict=True)}


def _server(settings: MonitoringSettings) -> ContainerArgs:
    folders = {
        "datasources": f"{PROVISIONING_FOLDER}/datasources",
        "provider": f"{PROVISIONING_FOLDER}/dashboards",
        "dashboards": DASHBOARD_FOLDER,
        "secrets": SECRET_FOLDER,
    }
    return ContainerArgs(
        name="grafana",
        image=settings.grafana_image,
        command=["/bin/sh", "-c", grafana_config.START_SCRIPT],
        env=[EnvVarArgs(name=key, value=value) for key, value in grafana_config.environment().items()],
        ports=[ContainerPortArgs(name="http", container_port=GRAFANA_PORT)],
        resources=pods.resources(cpu=("50m", "500m"), memory=("128Mi", "512Mi")),
        security_context=pods.container_security(),
        # The first start migrates the database.
        startup_probe=pods.http_probe("/api/health", GRAFANA_PORT, period_seconds=5, failures=60),
        liveness_probe=pods.http_probe("/api/health", GRAFANA_PORT, period_seconds=10),
        readiness_probe=pods.http_probe("/api/health", GRAFANA_PORT, period_seconds=5),
        volume_mounts=[
            *(VolumeMountArgs(name=volume, mount_path=path, read_only=True) for volume, path in folders.items()),
            VolumeMountArgs(name="data", mount_path=DATA_FOLDER),
            VolumeMountArgs(name="tmp", mount_path="/tmp"),
        ],
    )
