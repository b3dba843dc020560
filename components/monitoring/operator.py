"""Objects for a cluster that already runs the Prometheus Operator: scrape configuration, rules and dashboard."""

from __future__ import annotations

from collections.abc import Sequence

from pulumi import ResourceOptions
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.monitoring import rule_files
from components.monitoring.dashboard import FILE, dashboard_json
from components.monitoring.discovery import METRICS_PORT_NAME
from components.monitoring.prometheus_config import FALLBACK_PROTOCOL
from components.settings import ApplicationSettings, MonitoringSettings
from components.settings.quantities import parse_quantity
from components.workload.namespace import Namespace
from components.workload.network_policies import Endpoint
from contract import APP_LABEL, TRACK_LABEL, VERSION_LABEL

API_VERSION = "monitoring.coreos.com/v1"

DASHBOARD_LABEL = {"grafana_dashboard": "1"}
"""The label by which the Grafana of kube-prometheus-stack finds dashboards in every namespace."""


def service_monitor(
    name: str, settings: MonitoringSettings, namespace: Namespace, targets: Sequence[Endpoint], opts: ResourceOptions
) -> CustomResource:
    """A ServiceMonitor that scrapes the Services of ``targets``.

    The samples have the labels ``job``, ``track`` and ``version`` with the same values as in the bundled Prometheus.

    Source: https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.ServiceMonitor
    """
    apps = [target.app for target in targets]
    return CustomResource(
        f"{name}-service-monitor",
        api_version=API_VERSION,
        kind="ServiceMonitor",
        metadata=_metadata(name, settings, namespace),
        # The SDK has no types for custom resources.
        spec={
            "selector": {"matchExpressions": [{"key": APP_LABEL, "operator": "In", "values": apps}]},
            "jobLabel": APP_LABEL,
            "podTargetLabels": [TRACK_LABEL, VERSION_LABEL],
            "fallbackScrapeProtocol": FALLBACK_PROTOCOL,
            "endpoints": [{"port": METRICS_PORT_NAME, "interval": f"{settings.scrape_interval_seconds}s"}],
        },
        opts=opts,
    )


def prometheus_rule(
    name: str, settings: MonitoringSettings, application: ApplicationSettings, namespace: Namespace, opts: ResourceOptions
) -> CustomResource:
    """A PrometheusRule with the rules of the bundled Prometheus, except the rules about the monitoring itself.

    The cluster's own exporters must provide the metrics of nodes and Kubernetes objects.

    Source: https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.PrometheusRule
    """
    return CustomResource(
        f"{name}-prometheus-rule",
        api_version=API_VERSION,
        kind="PrometheusRule",
        metadata=_metadata(name, settings, namespace),
        # The operator's Prometheus and Alertmanager have their own alerts.
        spec=rule_files.rule_file(
            memory_limit_bytes=int(parse_quantity(application.memory_limit)),
            cpu_limit_cores=float(parse_quantity(application.cpu_limit)),
            runbooks=settings.runbooks_url,
            sources=[source for source in rule_files.ALL_SOURCES if source != "monitoring"],
        ),
        opts=opts,
    )


def _metadata(name: str, settings: MonitoringSettings, namespace: Namespace) -> ObjectMetaArgs:
    """The metadata of an object that the operator's Prometheus selects by the label ``release``."""
    return ObjectMetaArgs(name=name, namespace=namespace.name, labels={"app": name, "release": settings.operator_release})


def dashboard(name: str, namespace: Namespace, opts: ResourceOptions) -> ConfigMap:
    """A ConfigMap that contains the dashboard, for the sidecar of the cluster's Grafana."""
    return ConfigMap(
        f"{name}-dashboards",
        metadata=ObjectMetaArgs(name=f"{name}-dashboards", namespace=namespace.name, labels={"app": name, **DASHBOARD_LABEL}),
        data={FILE: dashboard_json()},
        opts=opts,
    )
