"""The scrape jobs with which Prometheus discovers the platform's pods, nodes and containers in Kubernetes."""

from __future__ import annotations

from typing import Literal

from components.monitoring.prometheus_config import (
    FALLBACK_PROTOCOL,
    Authorization,
    KubernetesDiscovery,
    Namespaces,
    Relabeling,
    ScrapeJob,
    TlsConfig,
)
from contract import APP_LABEL, NAMESPACE, TRACK_LABEL, VERSION_LABEL

METRICS_PORT_NAME = "metrics"
"""Name of the container ports that Prometheus scrapes."""

STATE_PORT_NAME = "state-metrics"
"""Port name of kube-state-metrics. Its samples describe other pods, so they keep their own labels ``pod`` and ``namespace``."""

KUBELET_PORT = 10250
TOKEN_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/token"

KUBELET_METRICS = (
    "container_cpu_usage_seconds_total",
    "container_cpu_cfs_periods_total",
    "container_cpu_cfs_throttled_periods_total",
    "container_memory_working_set_bytes",
    "kubelet_volume_stats_.*",
)
"""The metrics of kubelets that Prometheus stores; a kubelet exports thousands of series."""

KUBECONFIG = "kubeconfig"
"""Name of the kubeconfig file next to the configuration, for a Prometheus outside the cluster."""


def kubernetes_jobs(node_namespace: str, *, outside_cluster: bool = False) -> tuple[ScrapeJob, ...]:
    """The jobs that scrape pods with a port named ``metrics``, kube-state-metrics, the kubelets, and the containers of each node.

    Pods are scraped in the platform's namespace and in ``node_namespace``, the namespace of node-exporter. A sample gets the
    pod's labels ``track`` and ``version``, which a rollout uses. The pod's label ``app`` becomes the sample's label ``job``.
    ``outside_cluster`` is for the sandbox, where Prometheus connects to pods through a proxy that is set by environment variables.
    """
    proxy = True if outside_cluster else None
    platform = Namespaces(names=(NAMESPACE,)) if outside_cluster else Namespaces(own_namespace=True)
    platform_pods = _discovery("pod", platform, proxy)
    pods = (platform_pods, _discovery("pod", Namespaces(names=(node_namespace,)), proxy))
    named = (
        _meta(f"pod_label_{APP_LABEL}", target_label="job"),
        _meta(f"pod_label_{TRACK_LABEL}", target_label=TRACK_LABEL),
        _meta(f"pod_label_{VERSION_LABEL}", target_label=VERSION_LABEL),
        _meta("namespace", target_label="namespace"),
        _meta("pod_name", target_label="pod"),
        _meta("pod_node_name", target_label="node"),
    )
    return (
        ScrapeJob(
            job_name="pods",
            fallback_scrape_protocol=FALLBACK_PROTOCOL,
            proxy_from_environment=proxy,
            kubernetes_sd_configs=pods,
            relabel_configs=(*_running(METRICS_PORT_NAME), *named),
        ),
        ScrapeJob(
            job_name="kube-state-metrics",
            honor_labels=True,
            proxy_from_environment=proxy,
            kubernetes_sd_configs=(platform_pods,),
            relabel_configs=(*_running(STATE_PORT_NAME), _meta(f"pod_label_{APP_LABEL}", target_label="job")),
        ),
        _kubelet("kubelet", "/metrics", proxy),
        _kubelet("containers", "/metrics/cadvisor", proxy),
    )


def _discovery(role: Literal["pod", "node"], namespaces: Namespaces | None, outside: bool | None) -> KubernetesDiscovery:
    return KubernetesDiscovery(role=role, namespaces=namespaces, kubeconfig_file=KUBECONFIG if outside else None)


def _running(port_name: str) -> tuple[Relabeling, ...]:
    """Relabelings that keep only the targets of the named port, in pods that have not ended.

    Discovery creates a target for each container port. The annotation ``prometheus.io/scrape: "false"`` excludes a pod.
    """
    return (
        _meta("pod_container_port_name", regex=port_name, action="keep"),
        _meta("pod_annotation_prometheus_io_scrape", regex="false", action="drop"),
        _meta("pod_phase", regex="Failed|Succeeded", action="drop"),
    )


def _kubelet(job: str, path: str, outside: bool | None) -> ScrapeJob:
    """A job that scrapes the kubelets directly, so that Prometheus needs no permissions for the API server's proxy.

    EKS issues the kubelets' certificates for names that differ from the target addresses. So Prometheus does not verify the
    certificates, as in kube-prometheus. The token that Prometheus sends can only read metrics, pods and nodes. The sandbox's
    kubelets, to which Prometheus connects through an HTTP proxy, do not use TLS.
    """
    return ScrapeJob(
        job_name=job,
        # The labels of a sample take precedence over the labels of the target.
        honor_labels=True,
        scheme="http" if outside else "https",
        metrics_path=path,
        authorization=None if outside else Authorization(credentials_file=TOKEN_FILE),
        tls_config=None if outside else TlsConfig(insecure_skip_verify=True),
        proxy_from_environment=outside,
        kubernetes_sd_configs=(_discovery("node", None, outside),),
        relabel_configs=(_meta("node_name", target_label="node"),),
        metric_relabel_configs=(Relabeling(source_labels=("__name__",), regex="|".join(KUBELET_METRICS), action="keep"),),
    )


def _meta(
    label: str, *, regex: str | None = None, target_label: str | None = None, action: Literal["replace", "keep", "drop"] = "replace"
) -> Relabeling:
    return Relabeling(source_labels=(f"__meta_kubernetes_{label}",), regex=regex, target_label=target_label, action=action)
