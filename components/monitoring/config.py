"""Prometheus' configuration as types, so that a misspelled key fails here and not in a pod that never gets ready.

Source: https://prometheus.io/docs/prometheus/latest/configuration/configuration/
"""

from __future__ import annotations

from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

PORT = 9090
"""Prometheus' own default."""

METRICS_PORT_NAME = "metrics"
"""A container port of this name is scraped."""


class Section(BaseModel):
    """A part of the file: immutable, and only keys that Prometheus knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Relabeling(Section):
    """One ``relabel_config``: what a target is called, or whether it is one."""

    source_labels: tuple[str, ...]
    regex: str | None = None
    target_label: str | None = None
    action: Literal["replace", "keep", "drop"] = "replace"


class Namespaces(Section):
    """Where discovery looks."""

    own_namespace: bool


class KubernetesDiscovery(Section):
    """One ``kubernetes_sd_config``."""

    role: Literal["pod"]
    namespaces: Namespaces


class StaticTargets(Section):
    """Targets whose address is known."""

    targets: tuple[str, ...]


class ScrapeJob(Section):
    """One ``scrape_config``."""

    job_name: str
    kubernetes_sd_configs: tuple[KubernetesDiscovery, ...] | None = None
    static_configs: tuple[StaticTargets, ...] | None = None
    relabel_configs: tuple[Relabeling, ...] | None = None


class Global(Section):
    """What holds for every job."""

    scrape_interval: str
    evaluation_interval: str


class PrometheusConfig(Section):
    """``prometheus.yml``."""

    global_: Global = Field(serialization_alias="global")
    scrape_configs: tuple[ScrapeJob, ...]

    def to_yaml(self) -> str:
        """The file's text."""
        return yaml.safe_dump(self.model_dump(mode="json", by_alias=True, exclude_none=True), sort_keys=False)


def scrape_config(interval_seconds: int) -> PrometheusConfig:
    """Scrape Prometheus itself and every pod of its namespace with a port named ``metrics``.

    A sample carries the pod's ``track`` and ``version``, by which a rollout compares the tracks; ``job`` is the label ``app``.
    """
    interval = f"{interval_seconds}s"
    return PrometheusConfig(
        global_=Global(scrape_interval=interval, evaluation_interval=interval),
        scrape_configs=(
            ScrapeJob(job_name="prometheus", static_configs=(StaticTargets(targets=(f"localhost:{PORT}",)),)),
            ScrapeJob(
                job_name="pods",
                kubernetes_sd_configs=(KubernetesDiscovery(role="pod", namespaces=Namespaces(own_namespace=True)),),
                relabel_configs=(
                    _meta("pod_container_port_name", regex=METRICS_PORT_NAME, action="keep"),
                    _meta("pod_phase", regex="Failed|Succeeded", action="drop"),
                    _meta("pod_label_app", target_label="job"),
                    _meta("pod_label_track", target_label="track"),
                    _meta("pod_label_version", target_label="version"),
                    _meta("namespace", target_label="namespace"),
                    _meta("pod_name", target_label="pod"),
                    _meta("pod_node_name", target_label="node"),
                ),
            ),
        ),
    )


def _meta(
    label: str, *, regex: str | None = None, target_label: str | None = None, action: Literal["replace", "keep", "drop"] = "replace"
) -> Relabeling:
    return Relabeling(source_labels=(f"__meta_kubernetes_{label}",), regex=regex, target_label=target_label, action=action)
