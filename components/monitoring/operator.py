"""For a cluster that already runs the Prometheus Operator: tell it what to scrape."""

from __future__ import annotations

from collections.abc import Sequence

from pulumi import ResourceOptions
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.monitoring.config import METRICS_PORT_NAME
from components.namespace import Namespace
from components.settings import MonitoringSettings
from components.traffic import Endpoint


def service_monitor(
    name: str, settings: MonitoringSettings, namespace: Namespace, targets: Sequence[Endpoint], opts: ResourceOptions
) -> CustomResource:
    """Scrape the Services of ``targets`` under the same labels as the bundled Prometheus gives.

    Source: https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.ServiceMonitor
    """
    apps = [target.app for target in targets]
    return CustomResource(
        f"{name}-service-monitor",
        api_version="monitoring.coreos.com/v1",
        kind="ServiceMonitor",
        metadata=ObjectMetaArgs(name=name, namespace=namespace.name, labels={"app": name}),
        # The SDK has no types for custom resources.
        spec={
            "selector": {"matchExpressions": [{"key": "app", "operator": "In", "values": apps}]},
            "jobLabel": "app",
            "podTargetLabels": ["track", "version"],
            "endpoints": [{"port": METRICS_PORT_NAME, "interval": f"{settings.scrape_interval_seconds}s"}],
        },
        opts=opts,
    )
