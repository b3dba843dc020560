"""The monitoring of the platform, with bundled servers or with the cluster's Prometheus Operator."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi import ResourceOptions

from components.component import Component
from components.monitoring import operator
from components.monitoring.alertmanager import Alertmanager, AlertmanagerArgs
from components.monitoring.exporters import NODE_EXPORTER_PORT, ExporterArgs, KubeStateMetrics, NodeExporter
from components.monitoring.grafana import Grafana, GrafanaArgs
from components.monitoring.prometheus import Prometheus, PrometheusArgs
from components.monitoring.prometheus_config import ALERTMANAGER_PORT
from components.settings import MonitoringSettings, Secrets, Settings
from components.workload.application import Application
from components.workload.network_policies import Endpoint, allow, from_namespace, from_pods


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    """Inputs of :class:`Monitoring`."""

    settings: Settings
    application: Application
    secrets: Secrets


class Monitoring(Component):
    """The collection of metrics, the alerts on the objectives, and the dashboard."""

    mode: pulumi.Output[str]
    prometheus_url: pulumi.Output[str | None]
    """URL of the bundled Prometheus inside the cluster; ``None`` in operator mode, where the program does not know the address."""
    alertmanager_url: pulumi.Output[str | None]
    grafana_url: pulumi.Output[str | None]

    def __init__(self, name: str, args: MonitoringArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        child = ResourceOptions(parent=self)
        settings = args.settings.monitoring
        self._name = name
        self._targets = (args.application.metrics, args.application.redis.metrics)
        self.mode = pulumi.Output.from_input(settings.mode)
        self.prometheus_url = self.alertmanager_url = self.grafana_url = pulumi.Output.from_input(None)
        if settings.mode == "bundled":
            self._bundled(args, child)
        else:
            namespace = args.application.namespace
            operator.service_monitor(name, settings, namespace, self._targets, child)
            operator.prometheus_rule(name, settings, args.settings.application, namespace, child)
            operator.dashboard(name, namespace, child)
        for target in self._targets:
            _let_in(f"{name}-prometheus", settings, args.application, target, child)
        self.publish()

    def _bundled(self, args: MonitoringArgs, child: ResourceOptions) -> None:
        name, settings, namespace = self._name, args.settings.monitoring, args.application.namespace
        prometheus, grafana = f"{name}-prometheus", f"{name}-grafana"
        alertmanager = Endpoint(f"{name}-alertmanager", ALERTMANAGER_PORT)
        exporter = ExporterArgs(settings=settings, namespace=namespace, prometheus=prometheus)
        state = KubeStateMetrics(f"{name}-kube-state-metrics", exporter, child)
        nodes = f"{name}-node-exporter"
        self.alertmanager_url = Alertmanager(
            alertmanager.app,
            AlertmanagerArgs(settings=settings, namespace=namespace, receivers=args.secrets.alert_receivers, sender=prometheus),
            child,
        ).url
        self.prometheus_url = Prometheus(
            prometheus,
            PrometheusArgs(
                settings=settings,
                application=args.settings.application,
                namespace=namespace,
                targets=(*self._targets, state.metrics, alertmanager),
                alertmanager=alertmanager,
                node_namespace=NodeExporter(nodes, exporter, child).namespace,
                node_namespace_name=nodes,
                node_port=NODE_EXPORTER_PORT,
                readers=(grafana,),
            ),
            child,
        ).url
        if args.secrets.grafana_password is None:
            raise ValueError("the bundled Grafana has no password")  # the check of the settings reports it first, with the fix
        self.grafana_url = Grafana(
            grafana,
            GrafanaArgs(
                settings=settings,
                environment=args.settings.environment.name,
                namespace=namespace,
                redis=args.application.redis,
                prometheus=prometheus,
                prometheus_url=self.prometheus_url,
                password=args.secrets.grafana_password,
            ),
            child,
        ).url


def _let_in(
    prometheus: str, settings: MonitoringSettings, application: Application, target: Endpoint, opts: ResourceOptions
) -> None:
    if settings.mode == "bundled":
        rule = from_pods(prometheus, target.port)
    else:
        rule = from_namespace(settings.operator_namespace, target.port)
    allow(f"{target.app}-metrics", application.namespace.name, target.app, ingress=[rule], opts=opts)
