"""The configuration files of the Docker stack. Kubernetes and Docker share the functions for the monitoring's files."""

from __future__ import annotations

from collections.abc import Mapping

from components.monitoring import alertmanager_config, dashboard, grafana_config, rule_files
from components.monitoring.objectives import Severity, Source
from components.monitoring.prometheus_config import (
    ALERTMANAGER_PORT,
    FALLBACK_PROTOCOL,
    RULES_FILE,
    ScrapeJob,
    StaticTargets,
    prometheus_config,
)
from components.monitoring.promql import JOB, REDIS_JOB
from components.settings import Settings
from components.settings.quantities import parse_quantity
from components.workload.redis import METRICS_PORT as REDIS_EXPORTER_PORT
from contract import PROMETHEUS_PORT, REDIS_PORT

PROMETHEUS_FOLDER = "/etc/prometheus"
ALERTMANAGER_FOLDER = "/etc/alertmanager"
NODE_JOB = "node-exporter"
NODE_EXPORTER_PORT = 9100
"""The default port of node-exporter."""

SOURCES: tuple[Source, ...] = ("service", "redis", "node", "monitoring")
"""The metric sources of a Docker host, which has no sources of Kubernetes metrics."""


def prometheus(settings: Settings, host_gateway: str) -> Mapping[str, str]:
    """``prometheus.yml`` and the rule file, by file name; ``host_gateway`` is the address on which node-exporter listens."""
    jobs = (
        # The queries of alerts and dashboard group by the label ``track``, although the Docker stack has only one track.
        _job(JOB, f"{JOB}:{settings.application.metrics_port}", fallback=FALLBACK_PROTOCOL, track="stable"),
        _job(REDIS_JOB, f"redis-exporter:{REDIS_EXPORTER_PORT}"),
        _job(NODE_JOB, f"{host_gateway}:{NODE_EXPORTER_PORT}", node="docker-host"),
    )
    config = prometheus_config(settings.monitoring.scrape_interval_seconds, jobs, f"alertmanager:{ALERTMANAGER_PORT}")
    rule_file = rule_files.rule_file(
        memory_limit_bytes=int(parse_quantity(settings.application.memory_limit)),
        cpu_limit_cores=float(parse_quantity(settings.application.cpu_limit)),
        runbooks=settings.monitoring.runbooks_url,
        sources=SOURCES,
    )
    return {"prometheus.yml": config.to_yaml(), RULES_FILE: rule_files.to_yaml(rule_file)}


def alertmanager(settings: Settings) -> Mapping[str, str]:
    """``alertmanager.yml`` if the settings name receivers; otherwise the parts from which the container's start script makes it."""
    monitoring = settings.monitoring
    if not monitoring.receivers:
        return alertmanager_config.parts(monitoring.slack_channel)
    receivers: dict[Severity, tuple[alertmanager_config.Receiver, ...]] = {
        "critical": monitoring.critical_receivers,
        "warning": monitoring.warning_receivers,
    }
    config = alertmanager_config.alertmanager_config(
        receivers, slack_channel=monitoring.slack_channel, watchdog=monitoring.watchdog
    )
    return {"alertmanager.yml": alertmanager_config.to_yaml(config)}


def grafana(settings: Settings) -> Mapping[str, str]:
    """Grafana's provisioning files for data sources and dashboards, by path."""
    sources = grafana_config.datasources(
        settings.environment.name,
        f"http://prometheus:{PROMETHEUS_PORT}",
        f"redis://redis:{REDIS_PORT}",
        settings.monitoring.scrape_interval_seconds,
    )
    return {
        "datasources/datasources.yaml": grafana_config.to_yaml(sources),
        "dashboards/dashboards.yaml": grafana_config.to_yaml(grafana_config.dashboard_provider()),
    }


def dashboards() -> Mapping[str, str]:
    """The file with the dashboard, by file name."""
    return {dashboard.FILE: dashboard.dashboard_json()}


def _job(name: str, target: str, *, fallback: str | None = None, **labels: str) -> ScrapeJob:
    targets = StaticTargets(targets=(target,), labels=labels or None)
    return ScrapeJob(job_name=name, fallback_scrape_protocol=fallback, static_configs=(targets,))
