"""The first Prometheus: what it scrapes, under which labels, and who else may scrape."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from manifests import CHANGED, OTHER_WAYS, STACKS, Manifests, evaluate
from pydantic import ValidationError

from components.monitoring.config import Relabeling, scrape_config


@pytest.fixture(params=STACKS)
def objects(request: pytest.FixtureRequest) -> Manifests:
    return evaluate(request.param)


def config_of(objects: Manifests) -> dict[str, Any]:
    return yaml.safe_load(objects.one("ConfigMap", "dwcp-v3-prometheus")["data"]["prometheus.yml"])


def test_everything_is_scraped_every_30_seconds(objects: Manifests) -> None:
    assert config_of(objects)["global"]["scrape_interval"] == "30s"


def test_each_pod_is_scraped_once_at_its_metrics_port(objects: Manifests) -> None:
    """Discovery makes one target of each container port; the name of the port keeps one."""
    pods = next(job for job in config_of(objects)["scrape_configs"] if job["job_name"] == "pods")
    [keep] = [rule for rule in pods["relabel_configs"] if rule["action"] == "keep"]
    assert keep["source_labels"] == ["__meta_kubernetes_pod_container_port_name"]
    ports = {
        pod.owner: [
            port["containerPort"] for each in pod.spec["containers"] for port in each["ports"] if port["name"] == keep["regex"]
        ]
        for pod in objects.pods()
    }
    assert ports == {"dwcp-v3": [9090], "dwcp-v3-canary": [9090], "dwcp-v3-redis": [9121], "dwcp-v3-prometheus": []}


def test_samples_carry_track_and_version(objects: Manifests) -> None:
    pods = next(job for job in config_of(objects)["scrape_configs"] if job["job_name"] == "pods")
    labels = {rule["target_label"]: rule["source_labels"] for rule in pods["relabel_configs"] if "target_label" in rule}
    for label in ("track", "version"):
        assert labels[label] == [f"__meta_kubernetes_pod_label_{label}"]
        assert label in objects.pod("dwcp-v3").labels
    assert labels["job"] == ["__meta_kubernetes_pod_label_app"]


def test_discovery_stays_in_the_namespace_and_may_list_pods(objects: Manifests) -> None:
    pods = next(job for job in config_of(objects)["scrape_configs"] if job["job_name"] == "pods")
    assert pods["kubernetes_sd_configs"] == [{"role": "pod", "namespaces": {"own_namespace": True}}]
    assert objects.one("Role", "dwcp-v3-prometheus")["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
    ]
    assert objects.pod("dwcp-v3-prometheus").spec["automountServiceAccountToken"] is True


def test_settings_reach_prometheus() -> None:
    objects = evaluate("staging", **CHANGED)
    container = objects.container("dwcp-v3-prometheus", "prometheus")
    assert config_of(objects)["global"] == {"scrape_interval": "15s", "evaluation_interval": "15s"}
    assert container["image"] == "prom/prometheus:v9.9.9"
    assert "--storage.tsdb.retention.time=3d" in container["args"]
    assert "--storage.tsdb.retention.size=8192MB" in container["args"]
    claim = objects.one("PersistentVolumeClaim", "dwcp-v3-prometheus")["spec"]
    assert claim["resources"]["requests"]["storage"] == "10Gi"
    digest = "dwcp/config-digest"
    before = evaluate("staging").pod("dwcp-v3-prometheus").metadata["annotations"]
    assert objects.pod("dwcp-v3-prometheus").metadata["annotations"][digest] != before[digest]


def test_in_operator_mode_the_clusters_prometheus_scrapes_the_same_pods() -> None:
    objects = evaluate("staging", **OTHER_WAYS)
    monitor = objects.one("ServiceMonitor", "dwcp-v3")
    [endpoint] = monitor["spec"]["endpoints"]
    [expression] = monitor["spec"]["selector"]["matchExpressions"]
    watched = [each for each in objects.all("Service") if each["metadata"]["labels"][expression["key"]] in expression["values"]]
    assert {each["metadata"]["name"] for each in watched} == {"dwcp-v3", "dwcp-v3-canary", "dwcp-v3-redis"}
    assert all(endpoint["port"] in {port["name"] for port in each["spec"]["ports"]} for each in watched)
    assert endpoint["interval"] == "30s"
    assert monitor["spec"]["podTargetLabels"] == ["track", "version"]
    assert monitor["spec"]["jobLabel"] == "app"
    for policy in ("dwcp-v3-metrics", "dwcp-v3-redis-metrics"):
        [rule] = objects.one("NetworkPolicy", policy)["spec"]["ingress"]
        assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "observability"}}}]


def test_in_operator_mode_there_is_no_second_prometheus() -> None:
    objects = evaluate("staging", **OTHER_WAYS)
    assert not any("prometheus" in name for name in objects.names("Deployment") | objects.names("ConfigMap"))
    assert objects.graph.exports["monitoring"] == {"mode": "operator", "prometheusUrl": None}


def test_a_key_that_prometheus_does_not_know_is_refused() -> None:
    with pytest.raises(ValidationError, match="source_label"):
        Relabeling.model_validate({"source_label": ["app"], "source_labels": ["app"]})


def test_the_configuration_survives_yaml() -> None:
    config = scrape_config(30)
    assert yaml.safe_load(config.to_yaml()) == config.model_dump(mode="json", by_alias=True, exclude_none=True)
