"""Who scrapes the platform: a Prometheus of our own, or the cluster's operator."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi import ResourceOptions

from components.application import Application
from components.component import Component
from components.monitoring.operator import service_monitor
from components.monitoring.prometheus import Prometheus, PrometheusArgs
from components.settings import MonitoringSettings
from components.traffic import Endpoint, allow, from_namespace, from_pods


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    """What monitoring needs."""

    settings: MonitoringSettings
    application: Application


class Monitoring(Component):
    """Metrics of the service and its Redis every few seconds, by ``track`` and ``version``, in one of two modes."""

    mode: pulumi.Output[str]
    prometheus_url: pulumi.Output[str | None]
    """Of the bundled Prometheus, inside the cluster; ``None`` in operator mode, where its address is not ours to know."""

    def __init__(self, name: str, args: MonitoringArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        child = ResourceOptions(parent=self)
        settings, namespace = args.settings, args.application.namespace
        targets = (args.application.metrics, args.application.redis.metrics)
        self.mode = pulumi.Output.from_input(settings.mode)
        self.prometheus_url = pulumi.Output.from_input(None)
        prometheus = f"{name}-prometheus"
        if settings.mode == "bundled":
            server = PrometheusArgs(settings=settings, namespace=namespace, targets=targets)
            self.prometheus_url = Prometheus(prometheus, server, child).url
        else:
            service_monitor(name, settings, namespace, targets, child)
        for target in targets:
            _let_in(prometheus, settings, args.application, target, child)
        self.publish()


def _let_in(
    prometheus: str, settings: MonitoringSettings, application: Application, target: Endpoint, opts: ResourceOptions
) -> None:
    if settings.mode == "bundled":
        rule = from_pods(prometheus, target.port)
    else:
        rule = from_namespace(settings.operator_namespace, target.port)
    allow(f"{target.app}-metrics", application.namespace.name, target.app, ingress=[rule], opts=opts)
