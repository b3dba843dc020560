"""The bundled Alertmanager: it groups alerts and notifies the receivers. A critical alert mutes the warnings on the same thing."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi import ResourceOptions
from pulumi_kubernetes.core.v1 import ContainerArgs, ContainerPortArgs, VolumeMountArgs

from components.component import Component
from components.monitoring.alertmanager_config import SECRET_FOLDER, Receiver, alertmanager_config, to_yaml
from components.monitoring.objectives import Severity
from components.monitoring.prometheus_config import ALERTMANAGER_PORT as PORT
from components.monitoring.prometheus_config import external_url
from components.settings import MonitoringSettings
from components.workload import pods
from components.workload.namespace import Namespace
from components.workload.network_policies import allow, from_pods, to_anywhere
from components.workload.workloads import Workload

CONFIG_FOLDER = "/etc/alertmanager"
CONFIG_FILE = "alertmanager.yml"
DATA_FOLDER = "/alertmanager"
HTTPS = 443
"""The only port on which Alertmanager can reach a receiver, including a webhook."""


@dataclass(frozen=True, kw_only=True)
class AlertmanagerArgs:
    """Inputs of :class:`Alertmanager`."""

    settings: MonitoringSettings
    namespace: Namespace
    receivers: pulumi.Output[dict[str, str]] | None
    """The address or key of each receiver, by the receiver's name; ``None`` if there is no receiver."""
    sender: str
    """Value of the label ``app`` of the pods that send alerts."""


class Alertmanager(Component):
    """One Alertmanager. It keeps silences across restarts, and reads the receivers' secrets from files."""

    url: pulumi.Output[str]
    """URL inside the cluster."""

    def __init__(self, name: str, args: AlertmanagerArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        workload = Workload(name=name, namespace=args.namespace, opts=ResourceOptions(parent=self))
        egress = [] if args.receivers is None else [to_anywhere(HTTPS)]
        allow(name, args.namespace.name, name, ingress=[from_pods(args.sender, PORT)], egress=egress, opts=workload.opts)
        files = {CONFIG_FILE: config_file(args.settings)}
        secret = [] if args.receivers is None else [pods.secret_volume("secrets", workload.secret(args.receivers))]
        workload.deployment(
            _server(args.settings, with_secrets=bool(secret)),
            account=workload.account(),
            files=files,
            secrets=args.receivers,
            volumes=[
                pods.config_volume("config", workload.config(files)),
                pods.claim_volume("data", workload.claim(args.settings.alertmanager_storage)),
                *secret,
            ],
        )
        self.url = workload.service(PORT)
        self.publish()


def config_file(settings: MonitoringSettings) -> str:
    """The content of ``alertmanager.yml``."""
    receivers: dict[Severity, tuple[Receiver, ...]] = {
        "critical": settings.critical_receivers,
        "warning": settings.warning_receivers,
    }
    return to_yaml(alertmanager_config(receivers, slack_channel=settings.slack_channel, watchdog=settings.watchdog))


def _server(settings: MonitoringSettings, *, with_secrets: bool) -> ContainerArgs:
    mounts = [
        VolumeMountArgs(name="config", mount_path=CONFIG_FOLDER, read_only=True),
        VolumeMountArgs(name="data", mount_path=DATA_FOLDER),
    ]
    if with_secrets:
        mounts.append(VolumeMountArgs(name="secrets", mount_path=SECRET_FOLDER, read_only=True))
    return ContainerArgs(
        name="alertmanager",
        image=settings.alertmanager_image,
        args=[
            f"--config.file={CONFIG_FOLDER}/{CONFIG_FILE}",
            f"--web.external-url={external_url(PORT)}",
            f"--storage.path={DATA_FOLDER}",
            "--cluster.listen-address=",  # a single instance has no peers
        ],
        ports=[ContainerPortArgs(name="http", container_port=PORT)],
        resources=pods.resources(cpu=("20m", "200m"), memory=("64Mi", "256Mi")),
        security_context=pods.container_security(),
        startup_probe=pods.http_probe("/-/ready", PORT, period_seconds=2, failures=60),
        liveness_probe=pods.http_probe("/-/healthy", PORT, period_seconds=10),
        readiness_probe=pods.http_probe("/-/ready", PORT, period_seconds=5),
        volume_mounts=mounts,
    )
