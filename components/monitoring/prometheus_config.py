"""The configuration of Prometheus as Python types, so that a misspelled key fails in the program, not in a pod that is never ready.

The caller passes the scrape jobs: the jobs of ``discovery`` for Kubernetes, or jobs with static targets for the Docker stack.
Source: https://prometheus.io/docs/prometheus/latest/configuration/configuration/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from contract import APPLICATION, PROMETHEUS_PORT

ALERTMANAGER_PORT = 9093
"""Alertmanager's default port."""

ALERTMANAGER_JOB = "alertmanager"

RELOAD_SECONDS = 30
"""Interval at which Prometheus checks its files for changes, so that a change of the rules needs no restart.

Source: https://prometheus.io/docs/prometheus/latest/feature_flags/#auto-reload-config
"""
FALLBACK_PROTOCOL = "PrometheusText0.0.4"
"""The format of a scraped answer without a Content-Type. Prometheus 3 refuses such an answer if the job names no fallback.

Node.js sends no Content-Type after ``response.end(text)``.

Source: https://prometheus.io/docs/prometheus/3.0/migration/#scrape-protocols
"""
RELOAD_ARGUMENTS = ("--enable-feature=auto-reload-config", f"--config.auto-reload-interval={RELOAD_SECONDS}s")


def external_url(port: int) -> str:
    """The base URL of links in alerts: the local end of ``kubectl port-forward``, or a port of the Docker host."""
    return f"http://localhost:{port}"


CONFIG_FILE = "prometheus.yml"
RULES_FILE = f"{APPLICATION}.rules.yml"
"""Name of the rule file, which is in the same folder as the configuration."""


class Section(BaseModel):
    """The base class of the file's sections. A section is immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Relabeling(Section):
    """One ``relabel_config`` or ``metric_relabel_config``, which sets a label, or keeps or drops whole targets or samples."""

    source_labels: tuple[str, ...]
    regex: str | None = None
    target_label: str | None = None
    action: Literal["replace", "keep", "drop"] = "replace"


class Namespaces(Section):
    """The namespaces in which discovery finds targets."""

    own_namespace: bool | None = None
    names: tuple[str, ...] | None = None


class KubernetesDiscovery(Section):
    """One ``kubernetes_sd_config``."""

    role: Literal["pod", "node"]
    namespaces: Namespaces | None = None
    kubeconfig_file: str | None = None


class StaticTargets(Section):
    """Targets with known addresses, and the labels that they would get from discovery."""

    targets: tuple[str, ...]
    labels: dict[str, str] | None = None


class TlsConfig(Section):
    """``tls_config`` of a job: whether Prometheus verifies a target's certificate."""

    insecure_skip_verify: bool | None = None


class Authorization(Section):
    """``authorization`` of a job, with a token from a file."""

    credentials_file: str


class ScrapeJob(Section):
    """One ``scrape_config``."""

    job_name: str
    honor_labels: bool | None = None
    scheme: Literal["http", "https"] | None = None
    metrics_path: str | None = None
    fallback_scrape_protocol: str | None = None
    authorization: Authorization | None = None
    tls_config: TlsConfig | None = None
    proxy_from_environment: bool | None = None
    kubernetes_sd_configs: tuple[KubernetesDiscovery, ...] | None = None
    static_configs: tuple[StaticTargets, ...] | None = None
    relabel_configs: tuple[Relabeling, ...] | None = None
    metric_relabel_configs: tuple[Relabeling, ...] | None = None


class Alertmanagers(Section):
    """The Alertmanagers to which Prometheus sends alerts."""

    static_configs: tuple[StaticTargets, ...]


class Alerting(Section):
    """The section ``alerting``."""

    alertmanagers: tuple[Alertmanagers, ...]


class Global(Section):
    """The section ``global``: the intervals for scrapes and rules."""

    scrape_interval: str
    evaluation_interval: str


class PrometheusConfig(Section):
    """The file ``prometheus.yml``."""

    global_: Global = Field(serialization_alias="global")
    rule_files: tuple[str, ...]
    alerting: Alerting
    scrape_configs: tuple[ScrapeJob, ...]

    def to_yaml(self) -> str:
        """The configuration as the text of a YAML file."""
        return yaml.safe_dump(self.model_dump(mode="json", by_alias=True, exclude_none=True), sort_keys=False)


def prometheus_config(interval_seconds: int, jobs: Sequence[ScrapeJob], alertmanager: str) -> PrometheusConfig:
    """A configuration that scrapes Prometheus itself, ``alertmanager`` (``HOST:PORT``) and ``jobs``, and evaluates the rules."""
    interval = f"{interval_seconds}s"
    notifier = ScrapeJob(job_name=ALERTMANAGER_JOB, static_configs=(StaticTargets(targets=(alertmanager,)),))
    itself = ScrapeJob(job_name="prometheus", static_configs=(StaticTargets(targets=(f"localhost:{PROMETHEUS_PORT}",)),))
    return PrometheusConfig(
        global_=Global(scrape_interval=interval, evaluation_interval=interval),
        rule_files=(RULES_FILE,),
        alerting=Alerting(alertmanagers=(Alertmanagers(static_configs=(StaticTargets(targets=(alertmanager,)),)),)),
        scrape_configs=(itself, notifier, *jobs),
    )
