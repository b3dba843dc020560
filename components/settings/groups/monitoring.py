"""The settings group ``monitoring`` of a stack file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from annotated_types import Interval
from pydantic import AfterValidator
from typing_extensions import override

from components.monitoring.alertmanager_config import WATCHDOG, Receiver
from components.settings.groups._group import Conflict, Group
from components.settings.types import (
    EmailAddress,
    ImageReference,
    ObjectName,
    RetentionDays,
    SlackChannel,
    Storage,
    Switch,
    WebAddress,
    Whole,
    unique,
)
from contract import IMAGE_REPOSITORY


class MonitoringSettings(Group):
    """Prometheus, its alerts, dashboards and exporters, and the CloudWatch alarms."""

    mode: Literal["bundled", "operator"] = "bundled"
    """`bundled`: the stack contains Prometheus; `operator`: the cluster runs the Prometheus Operator (docs: Monitoring)."""
    operator_namespace: ObjectName = "monitoring"
    """Namespace of Prometheus in operator mode; only pods of this namespace may scrape (Kubernetes: network policies)."""
    operator_release: ObjectName = "kube-prometheus-stack"
    """Helm release of the operator; its Prometheus selects objects whose label `release` has this value (Prometheus: Operator)."""
    scrape_interval_seconds: Annotated[Whole, Interval(ge=5, le=60)] = 30
    """Seconds between two scrapes; alerts need several scrapes in five minutes (guide: Monitoring Stack)."""
    retention_days: RetentionDays = 35
    """Days after which metrics are deleted, or earlier at 80 % of `storage`; error budgets need 30 days (Prometheus: storage)."""
    storage: Storage = "20Gi"
    """Size of the metrics volume (Prometheus: storage)."""
    alertmanager_storage: Storage = "2Gi"
    """Size of the volume with silences and the notification log (Alertmanager: storage.path)."""
    grafana_storage: Storage = "5Gi"
    """Size of the volume with Grafana's users and preferences (Grafana: SQLite database)."""
    critical_receivers: Annotated[tuple[Receiver, ...], AfterValidator(unique)] = ()
    """Receivers of critical alerts; each needs the secret `alertReceivers.NAME` (Alertmanager: receivers)."""
    warning_receivers: Annotated[tuple[Receiver, ...], AfterValidator(unique)] = ()
    """Receivers of warnings; each needs the secret `alertReceivers.NAME` (Alertmanager: receivers)."""
    watchdog: Switch = False
    """Whether Alertmanager sends a heartbeat to `alertReceivers.watchdog` every minute (Prometheus: practices)."""
    slack_channel: SlackChannel = "#dwcp-alerts"
    """Slack channel of the alerts (Alertmanager: slack_config)."""
    alarms: Literal["email", "none"] = "email"
    """`email`: alarms notify `alarmEmails`; `none` (not in production): alarms and alerts need no receiver (AWS: SNS email)."""
    alarm_emails: Annotated[tuple[EmailAddress, ...], AfterValidator(unique)] = ()
    """Addresses that receive CloudWatch alarms after they confirm the subscription (AWS: SNS email notifications)."""
    runbooks_url: WebAddress = "https://github.com/novacron/novacron/blob/main/docs/runbooks"
    """URL of the folder with the runbooks; each alert links to a file in this folder (guide: Support and Resources)."""
    outside_cluster: Switch = False
    """Whether Prometheus runs outside the cluster and scrapes through a proxy; only in the sandbox (docs: Monitoring)."""
    prometheus_image: ImageReference = "prom/prometheus:v3.5.0"
    """Image of the Prometheus server, in the bundled mode and in the Docker stack (guide: Docker Compose Stack)."""
    alertmanager_image: ImageReference = "prom/alertmanager:v0.28.1"
    """Image of Alertmanager, in the bundled mode and in the Docker stack (guide: Docker Compose Stack)."""
    grafana_image: ImageReference = f"{IMAGE_REPOSITORY}-grafana:v3.0.0"
    """Grafana image with the Redis data source, which the official image does not include (guide: Docker Compose Stack)."""
    node_exporter_image: ImageReference = "prom/node-exporter:v1.9.1"
    """Image of node-exporter, in the bundled mode and in the Docker stack (guide: Docker Compose Stack)."""
    kube_state_metrics_image: ImageReference = "registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.16.0"
    """Image of kube-state-metrics, the exporter for Kubernetes objects (Kubernetes: kube-state-metrics)."""

    @property
    def receivers(self) -> tuple[str, ...]:
        """The name of every receiver in Alertmanager's configuration, including the dead-man's switch. Each name has a secret."""
        switch = (WATCHDOG,) if self.watchdog else ()
        return tuple(sorted({*self.critical_receivers, *self.warning_receivers, *switch}))

    @override
    def conflicts(self) -> Iterator[Conflict]:
        if self.mode == "operator":
            for field in ("critical_receivers", "warning_receivers"):
                if getattr(self, field):
                    yield field, "is set, but in operator mode the cluster's own Alertmanager selects the receivers", "[]"
            if self.watchdog:
                yield "watchdog", "is true, but in operator mode the stack has no Alertmanager that sends the heartbeat", "false"
