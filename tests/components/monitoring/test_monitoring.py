"""The monitoring objects: scraped targets and their labels, allowed connections, objects for the operator."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from manifests import ALTERNATIVES, CHANGED, STACKS, Manifests, evaluate
from pydantic import ValidationError

from components.monitoring import grafana_config
from components.monitoring.alertmanager_config import WATCHDOG_INTERVALS
from components.monitoring.dashboard import dashboard_json
from components.monitoring.discovery import kubernetes_jobs
from components.monitoring.objectives import CPU_RATIO, EXPORTED
from components.monitoring.prometheus_config import Relabeling, prometheus_config


@pytest.fixture(params=STACKS)
def objects(request: pytest.FixtureRequest) -> Manifests:
    return evaluate(request.param)


def config_of(objects: Manifests) -> dict[str, Any]:
    return yaml.safe_load(objects.one("ConfigMap", "dwcp-v3-prometheus")["data"]["prometheus.yml"])


@pytest.mark.parametrize(("stack", "interval"), [("local", "5s"), ("staging", "30s"), ("production", "30s")])
def test_the_scrape_interval_is_30_seconds_and_shorter_in_the_sandbox(stack: str, interval: str) -> None:
    assert config_of(evaluate(stack))["global"]["scrape_interval"] == interval


def job(objects: Manifests, name: str) -> dict[str, Any]:
    return next(each for each in config_of(objects)["scrape_configs"] if each["job_name"] == name)


def scraped(objects: Manifests, name: str) -> dict[str, list[int]]:
    """The ports of each pod that the job keeps."""
    keep = next(rule for rule in job(objects, name)["relabel_configs"] if rule["action"] == "keep")
    assert keep["source_labels"] == ["__meta_kubernetes_pod_container_port_name"]
    ports = {
        pod.owner: [
            port["containerPort"] for each in pod.spec["containers"] for port in each["ports"] if port["name"] == keep["regex"]
        ]
        for pod in [*objects.pods(), *objects.pods("DaemonSet")]
    }
    return {owner: found for owner, found in ports.items() if found}


def test_each_pod_is_scraped_once_at_its_metrics_port(objects: Manifests) -> None:
    """Discovery creates one target per container port; the job keeps the port with the right name."""
    assert scraped(objects, "pods") == {
        **{"dwcp-v3": [9090], "dwcp-v3-canary": [9090], "dwcp-v3-redis": [9121]},
        "dwcp-v3-node-exporter": [9100],
    }
    assert scraped(objects, "kube-state-metrics") == {"dwcp-v3-kube-state-metrics": [8080]}


def test_a_service_without_a_content_type_is_scraped(objects: Manifests) -> None:
    """The simulator sends none either, so a real Prometheus runs with this configuration in the tests of the sandbox."""
    protocol = "PrometheusText0.0.4"
    assert job(objects, "pods")["fallback_scrape_protocol"] == protocol
    operator = evaluate("staging", **ALTERNATIVES)
    assert operator.one("ServiceMonitor", "dwcp-v3")["spec"]["fallbackScrapeProtocol"] == protocol


def test_samples_about_other_pods_keep_their_labels(objects: Manifests) -> None:
    for name in ("kube-state-metrics", "kubelet", "containers"):
        assert job(objects, name)["honor_labels"] is True
        assert not {"pod", "namespace"} & {rule.get("target_label") for rule in job(objects, name)["relabel_configs"]}


def test_only_needed_metrics_of_kubelets_are_kept(objects: Manifests) -> None:
    assert job(objects, "containers")["metrics_path"] == "/metrics/cadvisor"
    for name in ("kubelet", "containers"):
        [kept] = job(objects, name)["metric_relabel_configs"]
        assert (kept["action"], kept["source_labels"]) == ("keep", ["__name__"])
        for metric in EXPORTED["kubelet"]:
            assert re.fullmatch(kept["regex"], metric)
        assert not re.fullmatch(kept["regex"], "container_network_receive_bytes_total")


def test_only_the_sandbox_scrapes_from_outside_through_a_proxy() -> None:
    local, production = evaluate("local"), evaluate("production")
    for name in ("pods", "kube-state-metrics", "kubelet", "containers"):
        assert job(local, name)["proxy_from_environment"] is True
        assert all(each["kubeconfig_file"] == "kubeconfig" for each in job(local, name)["kubernetes_sd_configs"])
        assert "proxy_from_environment" not in job(production, name)
        assert not any("kubeconfig_file" in each for each in job(production, name)["kubernetes_sd_configs"])
    assert job(production, "kubelet")["scheme"] == "https"
    assert job(production, "kubelet")["authorization"]["credentials_file"].endswith("/token")


def test_samples_have_labels_for_track_and_version(objects: Manifests) -> None:
    pods = job(objects, "pods")
    labels = {rule["target_label"]: rule["source_labels"] for rule in pods["relabel_configs"] if "target_label" in rule}
    for label in ("track", "version"):
        assert labels[label] == [f"__meta_kubernetes_pod_label_{label}"]
        assert label in objects.pod("dwcp-v3").labels
    assert labels["job"] == ["__meta_kubernetes_pod_label_app"]


def test_prometheus_may_list_pods_in_scraped_namespaces_and_read_node_metrics(objects: Manifests) -> None:
    watched = {
        name
        for each in job(objects, "pods")["kubernetes_sd_configs"]
        for name in each["namespaces"].get("names") or (["dwcp-v3"] if each["namespaces"]["own_namespace"] else [])
    }
    assert watched == {"dwcp-v3", "dwcp-v3-node-exporter"}
    pods = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]
    roles = [each for each in objects.all("Role") if each["metadata"]["name"] == "dwcp-v3-prometheus"]
    assert {each["metadata"]["namespace"] for each in roles} == watched
    assert all(each["rules"] == pods for each in roles)
    assert objects.one("ClusterRole", "dwcp-v3-prometheus")["rules"] == [
        {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]},
    ]
    binding = objects.one("ClusterRoleBinding", "dwcp-v3-prometheus")
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "dwcp-v3-prometheus", "namespace": "dwcp-v3"}]
    assert objects.pod("dwcp-v3-prometheus").spec["automountServiceAccountToken"] is True


def test_kube_state_metrics_may_read_only_what_it_exports(objects: Manifests) -> None:
    container = objects.container("dwcp-v3-kube-state-metrics", "exporter")
    assert "--namespaces=dwcp-v3" in container["args"]
    resources = next(arg for arg in container["args"] if arg.startswith("--resources=")).partition("=")[2].split(",")
    rules = [rule for kind in ("Role", "ClusterRole") for rule in objects.one(kind, "dwcp-v3-kube-state-metrics")["rules"]]
    assert sorted(name for rule in rules for name in rule["resources"]) == sorted(resources)
    assert all(rule["verbs"] == ["list", "watch"] for rule in rules)


def test_alerts_go_to_the_service_of_alertmanager(objects: Manifests) -> None:
    [[target]] = [each["static_configs"][0]["targets"] for each in config_of(objects)["alerting"]["alertmanagers"]]
    name, port = target.split(":")
    assert int(port) in {each["port"] for each in objects.one("Service", name)["spec"]["ports"]}


def test_the_configuration_names_its_rule_file(objects: Manifests) -> None:
    files = objects.one("ConfigMap", "dwcp-v3-prometheus")["data"].keys()
    assert set(config_of(objects)["rule_files"]) | {"prometheus.yml"} == files


def test_configured_receivers_read_their_secrets_from_files() -> None:
    objects = evaluate("production")
    config = yaml.safe_load(objects.one("ConfigMap", "dwcp-v3-alertmanager")["data"]["alertmanager.yml"])
    mounts = {
        mount["name"]: mount["mountPath"] for mount in objects.container("dwcp-v3-alertmanager", "alertmanager")["volumeMounts"]
    }
    files = {f"{mounts['secrets']}/{key}" for key in objects.one("Secret", "dwcp-v3-alertmanager")["data"]}
    receivers = {each["name"]: each for each in config["receivers"]}
    assert receivers["critical"].keys() == {"name", "pagerduty_configs", "slack_configs"}
    assert receivers["warning"].keys() == {"name", "slack_configs"}
    [page], [note] = receivers["critical"]["pagerduty_configs"], receivers["warning"]["slack_configs"]
    [switch] = receivers["watchdog"]["webhook_configs"]
    assert {page["routing_key_file"], note["api_url_file"], switch["url_file"]} == files
    assert note["channel"] == "#dwcp-alerts"


def test_grafana_requires_the_password(objects: Manifests) -> None:
    container = objects.container("dwcp-v3-grafana", "grafana")
    environment = {each["name"]: each["value"] for each in container["env"]}
    folder = next(mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "secrets")
    files = {f"{folder}/{key}" for key in objects.one("Secret", "dwcp-v3-grafana")["data"]}
    assert environment["GF_SECURITY_ADMIN_USER"] == "admin"
    assert environment["GF_SECURITY_ADMIN_PASSWORD__FILE"] in files
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert [port["containerPort"] for port in container["ports"]] == [3000]


def test_grafanas_datasources_refer_to_services_of_the_namespace(objects: Manifests) -> None:
    text = objects.one("ConfigMap", "dwcp-v3-grafana-datasources")["data"]["datasources.yaml"]
    datasources = {each["type"]: each for each in yaml.safe_load(text)["datasources"]}
    for kind, scheme in (("prometheus", "http"), ("redis-datasource", "redis")):
        url = urlsplit(datasources[kind]["url"])
        assert url.scheme == scheme
        assert url.port in {each["port"] for each in objects.one("Service", url.hostname or "")["spec"]["ports"]}
    password = datasources["redis-datasource"]["secureJsonData"]["password"]
    assert password == "$__file{/run/secrets/grafana/redis-password}"


def test_dashboards_are_mounted_where_the_provider_reads_them(objects: Manifests) -> None:
    provider = yaml.safe_load(objects.one("ConfigMap", "dwcp-v3-grafana-provider")["data"]["dashboards.yaml"])
    mounts = {mount["name"]: mount["mountPath"] for mount in objects.container("dwcp-v3-grafana", "grafana")["volumeMounts"]}
    assert provider["providers"][0]["options"]["path"] == mounts["dashboards"]
    assert objects.one("ConfigMap", "dwcp-v3-grafana-dashboards")["data"] == {"dwcp-v3.json": dashboard_json()}


def test_the_node_exporter_has_its_own_exempt_namespace_and_cannot_write(objects: Manifests) -> None:
    namespace = objects.one("Namespace", "dwcp-v3-node-exporter")["metadata"]
    assert namespace["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
    assert "node-exporter" in namespace["annotations"]["dwcp/pod-security-exemption"]
    [pod] = objects.pods("DaemonSet")
    [container] = pod.spec["containers"]
    assert all(mount["readOnly"] for mount in container["volumeMounts"])
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert pod.spec["securityContext"]["runAsNonRoot"] is True
    assert pod.spec["automountServiceAccountToken"] is False
    others = [each for each in objects.all("Namespace") if each["metadata"]["name"] != "dwcp-v3-node-exporter"]
    assert all(each["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted" for each in others)


def test_the_network_policy_permits_all_scrapes(objects: Manifests) -> None:
    rules = objects.one("NetworkPolicy", "dwcp-v3-prometheus")["spec"]["egress"]
    anywhere = {port["port"] for rule in rules if "to" not in rule for port in rule["ports"]}
    named = {port["port"] for rule in rules if "to" in rule for port in rule["ports"]}
    assert {10250, 9100} <= anywhere
    assert {9090, 9121, 8080, 9093} <= named


def test_settings_reach_the_monitoring_objects() -> None:
    objects = evaluate("staging", **CHANGED)
    container = objects.container("dwcp-v3-prometheus", "prometheus")
    assert objects.container("dwcp-v3-alertmanager", "alertmanager")["image"] == "alertmanager:9.9.9"
    assert objects.container("dwcp-v3-grafana", "grafana")["image"] == "grafana:9.9.9"
    assert objects.container("dwcp-v3-kube-state-metrics", "exporter")["image"] == "kube-state-metrics:9.9.9"
    assert objects.pods("DaemonSet")[0].spec["containers"][0]["image"] == "node-exporter:9.9.9"
    for name, size in (("dwcp-v3-alertmanager", "3Gi"), ("dwcp-v3-grafana", "4Gi")):
        claim = objects.one("PersistentVolumeClaim", name)["spec"]
        assert claim["resources"]["requests"]["storage"] == size
    assert config_of(objects)["global"] == {"scrape_interval": "15s", "evaluation_interval": "15s"}
    assert container["image"] == "prom/prometheus:v9.9.9"
    assert "--storage.tsdb.retention.time=3d" in container["args"]
    assert "--storage.tsdb.retention.size=8192MB" in container["args"]
    claim = objects.one("PersistentVolumeClaim", "dwcp-v3-prometheus")["spec"]
    assert claim["resources"]["requests"]["storage"] == "10Gi"


def test_in_operator_mode_the_clusters_prometheus_scrapes_the_same_pods() -> None:
    objects = evaluate("staging", **ALTERNATIVES)
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


@pytest.mark.parametrize("more", [{}, ALTERNATIVES], ids=["bundled", "operator"])
def test_the_cpu_alert_follows_the_cpu_limit(more: dict[str, Any]) -> None:
    objects = evaluate("staging", **{**more, "application": {**more.get("application", {}), "cpuLimit": "750m"}})
    if more:
        groups = objects.one("PrometheusRule", "dwcp-v3")["spec"]["groups"]
    else:
        groups = yaml.safe_load(objects.one("ConfigMap", "dwcp-v3-prometheus")["data"]["dwcp-v3.rules.yml"])["groups"]
    rules = {each.get("record") or each["alert"]: each["expr"] for group in groups for each in group["rules"]}
    assert rules["dwcp:cpu_limit_cores"] == "vector(0.75)"
    assert rules["HighCpuUsage"].endswith(f" / on () group_left () dwcp:cpu_limit_cores{{}} > {CPU_RATIO}")


def test_in_operator_mode_the_rules_are_those_of_the_bundled_prometheus() -> None:
    bundled, operator = evaluate("staging"), evaluate("staging", **ALTERNATIVES)
    text = bundled.one("ConfigMap", "dwcp-v3-prometheus")["data"]["dwcp-v3.rules.yml"]
    bundled_rules = [each for group in yaml.safe_load(text)["groups"] for each in group["rules"]]
    deployed = [each for group in operator.one("PrometheusRule", "dwcp-v3")["spec"]["groups"] for each in group["rules"]]
    only_bundled = {"Watchdog", "TargetDown", "NotificationsFailed", "AlertmanagerMetricsAbsent"}
    assert deployed == [each for each in bundled_rules if each.get("alert") not in only_bundled]
    board = operator.one("ConfigMap", "dwcp-v3-dashboards")
    assert board["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert board["data"] == bundled.one("ConfigMap", "dwcp-v3-grafana-dashboards")["data"]


@pytest.mark.parametrize("kind", ["ServiceMonitor", "PrometheusRule"])
def test_in_operator_mode_the_objects_have_the_label_by_which_kube_prometheus_stack_selects(kind: str) -> None:
    assert evaluate("staging", **ALTERNATIVES).one(kind, "dwcp-v3")["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    other = {**ALTERNATIVES, "monitoring": {**ALTERNATIVES["monitoring"], "operatorRelease": "metrics"}}
    assert evaluate("staging", **other).one(kind, "dwcp-v3")["metadata"]["labels"]["release"] == "metrics"


def test_in_operator_mode_there_is_no_second_prometheus() -> None:
    objects = evaluate("staging", **ALTERNATIVES)
    assert objects.names("Deployment") == {"dwcp-v3", "dwcp-v3-canary", "dwcp-v3-redis"}
    assert objects.graph.exports["monitoring"] == {
        **{"mode": "operator", "prometheusUrl": None},
        **{"alertmanagerUrl": None, "grafanaUrl": None},
    }


def test_a_key_that_prometheus_does_not_know_is_refused() -> None:
    with pytest.raises(ValidationError, match="source_label"):
        Relabeling.model_validate({"source_label": ["app"], "source_labels": ["app"]})


def test_the_configuration_is_unchanged_after_a_yaml_round_trip() -> None:
    config = prometheus_config(30, kubernetes_jobs("nodes"), "alertmanager:9093")
    assert yaml.safe_load(config.to_yaml()) == config.model_dump(mode="json", by_alias=True, exclude_none=True)


def test_changed_rules_do_not_restart_prometheus() -> None:
    """Prometheus reloads its files; a digest of them in the pod template would replace the pod."""
    before, after = evaluate("production"), evaluate("production", monitoring={"runbooksUrl": "https://example.com/other"})
    assert before.one("ConfigMap", "dwcp-v3-prometheus") != after.one("ConfigMap", "dwcp-v3-prometheus")
    assert before.one("Deployment", "dwcp-v3-prometheus") == after.one("Deployment", "dwcp-v3-prometheus")
    assert "--enable-feature=auto-reload-config" in before.container("dwcp-v3-prometheus", "prometheus")["args"]


def test_alertmanager_is_scraped_and_links_lead_to_the_port_forward() -> None:
    objects = evaluate("production")
    jobs = yaml.safe_load(objects.one("ConfigMap", "dwcp-v3-prometheus")["data"]["prometheus.yml"])["scrape_configs"]
    [job] = [each for each in jobs if each["job_name"] == "alertmanager"]
    assert job["static_configs"] == [{"targets": ["dwcp-v3-alertmanager:9093"]}]
    for server, port in (("prometheus", 9090), ("alertmanager", 9093)):
        assert f"--web.external-url=http://localhost:{port}" in objects.container(f"dwcp-v3-{server}", server)["args"]


@pytest.mark.parametrize(("on", "receiver"), [(True, "watchdog"), (False, None)])
def test_the_watchdog_alert_is_sent_to_the_dead_mans_switch_each_minute(on: bool, receiver: str | None) -> None:
    objects = evaluate("staging", monitoring={"watchdog": on})
    config = yaml.safe_load(objects.one("ConfigMap", "dwcp-v3-alertmanager")["data"]["alertmanager.yml"])
    routes = [each for each in config["route"]["routes"] if each["matchers"] == ['alertname="Watchdog"']]
    assert [each["receiver"] for each in routes] == ([receiver] if on else [])
    assert all(each.items() >= WATCHDOG_INTERVALS.items() for each in routes)
    [file] = [each["webhook_configs"][0]["url_file"] for each in config["receivers"] if each["name"] == "watchdog"] or [None]
    assert file == ("/run/secrets/alertmanager/watchdog" if on else None)


def test_the_repeat_interval_of_the_watchdog_ends_between_two_looks_of_alertmanager() -> None:
    """Otherwise the duration of a notification decides whether the next one is sent one look later."""
    look, repeat = (int(WATCHDOG_INTERVALS[f"{name}_interval"].removesuffix("s")) for name in ("group", "repeat"))
    assert look < repeat < 2 * look == 60


def test_kube_state_metrics_may_read_nodes_and_no_other_cluster_resource() -> None:
    role = evaluate("production").one("ClusterRole", "dwcp-v3-kube-state-metrics")
    assert role["rules"] == [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["list", "watch"]}]


@pytest.mark.parametrize(
    ("database", "code", "accepted", "started"),
    [("old", 0, "new", True), (None, 0, None, True), ("old", 1, "old", False)],
    ids=["rotated", "first start", "the reset fails"],
)
def test_a_rotated_password_replaces_the_old_one_in_grafanas_database(
    tmp_path: Path, database: str | None, code: int, accepted: str | None, started: bool
) -> None:
    """Run the container's script with a substitute for `grafana` that writes the password to the database file."""
    shell, flag, script = evaluate("production").container("dwcp-v3-grafana", "grafana")["command"]
    password, file, server = (tmp_path / name for name in ("password", "grafana.db", "run.sh"))
    password.write_text("new")
    if database:
        file.write_text(database)
    tool = tmp_path / "grafana"
    tool.write_text(f'#!/bin/sh\nread -r given || true\n[ {code} = 0 ] && printf %s "$given" > {file}\nexit {code}\n')
    server.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    for each in (tool, server):
        each.chmod(0o755)
    places = {grafana_config.DATABASE: file, grafana_config.ADMIN_PASSWORD_FILE: password, "/run.sh": server}
    for named, real in places.items():
        assert named in script
        script = script.replace(named, str(real))
    done = subprocess.run([shell, flag, script], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False)
    assert ((file.read_text() if file.exists() else None), (tmp_path / "started").exists()) == (accepted, started)
    assert done.returncode == code
