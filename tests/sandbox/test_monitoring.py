"""The deployed monitoring: promtool and amtool check its files, and the real Prometheus and Alertmanager run with them."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import promtool_tests as promtool
import psutil
import pytest
import yaml
from manifests import ALTERNATIVES, evaluate
from monitoring_stack import monitoring_stack

from components.monitoring.gates import gates
from components.monitoring.promql import request_count
from components.monitoring.rule_files import ALL_SOURCES
from components.settings import ApplicationSettings
from components.settings.quantities import parse_quantity
from embedded_cloud.cloud import Cloud
from embedded_cloud.processes import free_ports
from program.checkout import CHECKOUT
from sandbox.monitoring import SandboxMonitoring
from sandbox.project import PROJECT, TOOLCHAIN

pytestmark = pytest.mark.cloud

STACKS = ("local", "staging", "production")
ALERTMANAGER = "prometheus-alertmanager"
NAMESPACE = "/api/v1/namespaces/dwcp-v3"


def check(*command: str | Path, folder: Path | None = None) -> str:
    """Run a command that must succeed, and return its output."""
    done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def tools() -> dict[str, Path]:
    return TOOLCHAIN.ensure("promtool", "amtool")


@pytest.fixture(scope="module")
def platform(cloud: Cloud) -> Cloud:
    """The session's cloud with the platform, applied by the Pulumi CLI, as ``make up`` does, unless it exists already."""
    if not cloud.control_plane.api.items("/apis/apps/v1/namespaces/dwcp-v3/deployments"):
        done = subprocess.run(
            [cloud.engine.bin / "pulumi", "up", "--yes", "--skip-preview", "--stack", PROJECT.stack, "--non-interactive"],
            cwd=CHECKOUT,
            env=cloud.engine.process_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return cloud


def config_map(cloud: Cloud, name: str) -> dict[str, str]:
    return cloud.control_plane.api.get(f"{NAMESPACE}/configmaps/{name}")["data"]


def rendered(stack: str, name: str) -> dict[str, str]:
    return evaluate(stack).one("ConfigMap", name)["data"]


def write_files(files: dict[str, str], folder: Path) -> Path:
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture(params=["deployed", *STACKS])
def configuration(request: pytest.FixtureRequest, platform: Cloud, tmp_path: Path) -> Path:
    """A folder with the files of Prometheus and Alertmanager, from the API server or from the evaluation of a stack."""
    for name in ("dwcp-v3-prometheus", "dwcp-v3-alertmanager"):
        files = config_map(platform, name) if request.param == "deployed" else rendered(request.param, name)
        write_files(files, tmp_path)
    # promtool and amtool need credentials, but do not use them.
    shutil.copy(platform.control_plane.kubeconfig, tmp_path / "kubeconfig")
    config = yaml.safe_load((tmp_path / "prometheus.yml").read_text())
    (tmp_path / "token").write_text("token")
    for job in config["scrape_configs"]:
        if "authorization" in job:
            job["authorization"]["credentials_file"] = "token"
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    return tmp_path


def test_promtool_accepts_configuration_and_rules(tools: dict[str, Path], configuration: Path) -> None:
    assert "SUCCESS" in check(
        tools["promtool"], "check", "config", "--lint=all", "--lint-fatal", "prometheus.yml", folder=configuration
    )
    output = check(tools["promtool"], "check", "rules", "--lint=all", "--lint-fatal", "dwcp-v3.rules.yml", folder=configuration)
    assert re.search(r"SUCCESS: \d\d rules found", output)


def test_the_generated_unit_tests_of_every_alert_pass(tools: dict[str, Path], platform: Cloud, tmp_path: Path) -> None:
    folder = write_files(config_map(platform, "dwcp-v3-prometheus"), tmp_path)
    limit = int(parse_quantity(ApplicationSettings().memory_limit))
    cases = promtool.unit_tests("dwcp-v3.rules.yml", memory_limit_bytes=limit, sources=ALL_SOURCES)
    (folder / "tests.yml").write_text(cases)
    check(tools["promtool"], "test", "rules", "tests.yml", folder=folder)
    tested = {test["name"].partition(":")[0] for test in yaml.safe_load(cases)["tests"]}
    alerts = {rule["alert"] for group in rules_of(folder) for rule in group["rules"] if "alert" in rule}
    assert tested == alerts


@pytest.mark.parametrize("stack", STACKS)
def test_every_stack_has_the_deployed_rules(platform: Cloud, stack: str) -> None:
    """Therefore the unit tests, which run on the deployed rules, are valid for all stacks."""
    file = "dwcp-v3.rules.yml"
    assert rendered(stack, "dwcp-v3-prometheus")[file] == config_map(platform, "dwcp-v3-prometheus")[file]


def test_a_wrong_rule_fails_its_unit_tests(tools: dict[str, Path], platform: Cloud, tmp_path: Path) -> None:
    folder = write_files(config_map(platform, "dwcp-v3-prometheus"), tmp_path)
    file = folder / "dwcp-v3.rules.yml"
    file.write_text(file.read_text().replace("> 0.05)", "> 0.06)"))
    cases = yaml.safe_load(promtool.unit_tests(file.name, memory_limit_bytes=2**31, sources=ALL_SOURCES))
    cases["tests"] = [test for test in cases["tests"] if test["name"].startswith("HighErrorRate")]
    (folder / "tests.yml").write_text(yaml.safe_dump(cases))
    with pytest.raises(AssertionError, match=r"(?s)HighErrorRate.*exp: \{\} 1E"):
        check(tools["promtool"], "test", "rules", "tests.yml", folder=folder)


def rules_of(folder: Path) -> list[dict[str, Any]]:
    return yaml.safe_load((folder / "dwcp-v3.rules.yml").read_text())["groups"]


def test_amtool_accepts_the_configuration_and_routes_by_severity(tools: dict[str, Path], configuration: Path) -> None:
    file = configuration / "alertmanager.yml"
    assert "SUCCESS" in check(tools["amtool"], "check-config", file)
    for labels, receiver in (
        (("severity=critical", "alertname=RedisDown"), "critical"),
        (("severity=warning", "alertname=HighErrorRate"), "warning"),
        (("alertname=Unknown",), "null"),
    ):
        check(tools["amtool"], "config", "routes", "test", f"--config.file={file}", f"--verify.receivers={receiver}", *labels)


def test_the_prometheus_operators_api_accepts_the_objects(platform: Cloud) -> None:
    api = platform.control_plane.api
    crds = TOOLCHAIN.ensure("prometheus-operator-crds")["prometheus-operator-crds"]
    for kind in ("servicemonitors", "prometheusrules"):
        api.create(
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            yaml.safe_load((crds / f"monitoring.coreos.com_{kind}.yaml").read_text()),
        )
    objects = evaluate("staging", **ALTERNATIVES)
    for kind, plural in (("ServiceMonitor", "servicemonitors"), ("PrometheusRule", "prometheusrules")):
        collection = f"/apis/monitoring.coreos.com/v1/namespaces/dwcp-v3/{plural}"
        platform.processes.wait_until("kube-apiserver", lambda path=collection: _served(platform, path))
        api.request("POST", f"{collection}?dryRun=All&fieldValidation=Strict", objects.one(kind, "dwcp-v3"))


def _served(cloud: Cloud, path: str) -> bool:
    try:
        cloud.control_plane.api.get(path)
    except OSError:
        return False
    return True


@dataclass
class Webhook:
    """The notifications that a webhook has received."""

    port: int = 0
    notifications: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def alerts(self, receiver: str, status: str) -> set[str]:
        return {
            alert["labels"]["alertname"]
            for each in list(self.notifications)
            if each["receiver"] == receiver
            for alert in each["alerts"]
            if alert["status"] == status
        }


@contextmanager
def webhook_server() -> Iterator[Webhook]:
    webhook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            webhook.notifications.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    webhook.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield webhook
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def webhook() -> Iterator[Webhook]:
    with webhook_server() as webhook:
        yield webhook


@pytest.fixture(scope="module")
def alertmanager(platform: Cloud, webhook: Webhook, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Debian's Alertmanager on the deployed configuration, with the test's webhook and short waits."""
    if not shutil.which(ALERTMANAGER):
        pytest.skip(f"{ALERTMANAGER} is not installed: apt-get install {ALERTMANAGER}")
    secret = platform.control_plane.api.get(f"{NAMESPACE}/secrets/dwcp-v3-alertmanager")["data"]
    assert base64.b64decode(secret["webhook"]).decode().startswith("http://")
    config = yaml.safe_load(config_map(platform, "dwcp-v3-alertmanager")["alertmanager.yml"])
    config["route"] |= {"group_wait": "1s", "group_interval": "2s"}
    for receiver in config["receivers"]:
        for webhook_config in receiver.get("webhook_configs", []):
            assert webhook_config.pop("url_file").endswith("/webhook")  # Debian's version does not support this field
            webhook_config["url"] = f"http://127.0.0.1:{webhook.port}/"
    folder = tmp_path_factory.mktemp("alertmanager")
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config))
    [port] = free_ports(1)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                ALERTMANAGER,
                f"--config.file={folder / 'alertmanager.yml'}",
                f"--storage.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ],
            stdout=log,
            stderr=log,
            env={
                **os.environ,
                PROJECT.owner_variable: str(platform.folder),
            },  # ends with the cloud, even when the session is killed
        )
    yield f"127.0.0.1:{port}"
    psutil.Process(process.pid).terminate()
    process.wait()


@pytest.fixture(scope="module")
def watched(platform: Cloud, alertmanager: str) -> SandboxMonitoring:
    """A real Prometheus on the deployed configuration, with the simulator and Alertmanager."""
    monitoring = monitoring_stack(platform, alertmanager)
    monitoring.wait_for("the service's requests are scraped", lambda: bool(monitoring.value("sum(rate(dwcp_requests_total[10s]))")))
    return monitoring


VERSION = "versions/v3.0.0"


def test_discovery_finds_every_pod_node_and_container(watched: SandboxMonitoring) -> None:
    expected = {
        **{"dwcp-v3": 3, "dwcp-v3-redis": 1, "dwcp-v3-kube-state-metrics": 1, "dwcp-v3-node-exporter": 3},
        **{"kubelet": 3, "containers": 3, "prometheus": 1, "alertmanager": 1},
    }

    def found() -> dict[str, int]:
        up = [target["labels"]["job"] for target in watched.targets() if target["health"] == "up"]
        return {job: up.count(job) for job in set(up)}

    watched.wait_for(f"targets are {expected}", lambda: found() == expected)
    [series] = watched.query('count by (track, version, namespace) (dwcp_requests_total{job="dwcp-v3"})')
    assert series["metric"] == {"track": "stable", "version": "v3.0.0", "namespace": "dwcp-v3"}


def test_no_label_value_breaks_a_query(watched: SandboxMonitoring) -> None:
    """Prometheus parses the queries of the rollout's gates."""
    for track in ('a"} or vector(1) #', "a\\", "a\nb", "{}"):
        assert watched.query(request_count(10, track=track)) == []
        assert all(watched.query(gate.query(track, 10)) == [] for gate in gates())
    for query in (request_count(10, track="stable"), *(gate.query("stable", 10) for gate in gates())):
        watched.wait_for(f"{query} is measured", lambda expression=query: watched.value(expression) is not None)


def test_no_alert_is_pending_or_fires_on_a_healthy_platform(watched: SandboxMonitoring) -> None:
    evaluated = "min(prometheus_rule_group_last_evaluation_timestamp_seconds)"
    watched.wait_for("every rule has been evaluated", lambda: bool(watched.value(evaluated)))
    watched.wait_for("no alert is pending or fires", lambda: not watched.alerts())
    assert watched.value("dwcp:memory_limit_bytes") == 2 * 2**30
    assert watched.value("dwcp:cpu_limit_cores") == promtool.CPU_LIMIT_CORES


def test_alerts_on_errors_and_latency_fire_and_resolve(watched: SandboxMonitoring, webhook: Webhook) -> None:
    names = {"HighErrorRate", "HighLatency"}
    watched.control(VERSION, "PUT", errorRate=0.2, latencySeconds=3)
    watched.wait_for(f"{names} fire", lambda: names <= watched.firing())
    [alert] = [each for each in watched.alerts() if each["labels"]["alertname"] == "HighErrorRate"]
    assert alert["labels"] | {"severity": "warning", "component": "dwcp-v3-service", "track": "stable"} == alert["labels"]
    assert re.fullmatch(r"[\d.]+% of the requests on track stable fail\.", alert["annotations"]["description"])
    assert alert["annotations"]["runbook_url"].endswith("/high-error-rate.md")
    watched.control(VERSION, "DELETE")
    watched.wait_for(f"{names} resolve", lambda: not names & watched.firing())


def test_redis_down_fires_is_sent_as_critical_and_resolves(watched: SandboxMonitoring, webhook: Webhook) -> None:
    watched.control("redis", "PUT", up=False)
    watched.wait_for("RedisDown fires", lambda: "RedisDown" in watched.firing())
    watched.wait_for("the webhook receives RedisDown", lambda: "RedisDown" in webhook.alerts("critical", "firing"))
    watched.control("redis", "PUT", up=True)
    watched.wait_for("RedisDown resolves", lambda: "RedisDown" not in watched.firing())
    watched.wait_for("the webhook receives the end of RedisDown", lambda: "RedisDown" in webhook.alerts("critical", "resolved"))
    assert "RedisDown" not in webhook.alerts("warning", "firing")


def test_a_critical_alert_inhibits_only_warnings_on_the_same_thing(watched: SandboxMonitoring, webhook: Webhook) -> None:
    watched.wait_for(
        "nothing critical fires", lambda: not [each for each in watched.alerts() if each["labels"]["severity"] == "critical"], 120
    )
    webhook.notifications.clear()
    critical, whole, one_pod = "AvailabilityBudgetBurn1h", "HighErrorRate", "HighMemoryUsage"
    watched.control(VERSION, "PUT", errorRate=0.2)
    watched.wait_for(f"the webhook receives {critical}", lambda: critical in webhook.alerts("critical", "firing"))
    watched.control(VERSION, "PUT", errorRate=0.2, memoryBytes=2_000_000_000)
    watched.wait_for(f"{whole} fires", lambda: whole in watched.firing())
    watched.wait_for(f"the webhook receives {one_pod}", lambda: one_pod in webhook.alerts("warning", "firing"))
    time.sleep(4)  # two group intervals, in which a notification would be sent
    assert whole not in webhook.alerts("warning", "firing")
    watched.control(VERSION, "DELETE")


def test_a_weight_changes_the_request_rates_of_both_tracks(watched: SandboxMonitoring, platform: Cloud) -> None:
    """A canary with half of the offered load leaves the other half to stable."""
    api = platform.control_plane.api
    deployment = "/apis/apps/v1/namespaces/dwcp-v3/deployments/dwcp-v3-canary"
    elbv2 = boto3.client(
        "elbv2",
        endpoint_url=f"http://127.0.0.1:{platform.moto_port}",
        region_name="us-east-1",
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",
    )
    rule, targets = weighted_rule(elbv2)

    def set_weights(stable: int, canary: int) -> None:
        weights = [{**target, "Weight": weight} for target, weight in zip(targets, (stable, canary), strict=True)]
        elbv2.modify_rule(RuleArn=rule, Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": weights}}])

    def rate(track: str) -> float:
        return watched.value(f'sum(rate(dwcp_requests_total{{track="{track}"}}[5s]))') or 0

    watched.control("load", "PUT", requestsPerSecond=100)
    api.request("PATCH", deployment, {"spec": {"replicas": 1}}, "application/merge-patch+json")
    try:
        # The autoscaler can add more pods before the test observes the first.
        watched.wait_for("the canary is a target", lambda: len(watched.control("")["weights"][-1]["targets"]) >= 1)
        assert rate("canary") == 0
        set_weights(50, 50)
        watched.wait_for("half goes to the canary", lambda: all(abs(rate(track) - 50) < 10 for track in ("stable", "canary")))
    finally:
        set_weights(100, 0)
        api.request("PATCH", deployment, {"spec": {"replicas": 0}}, "application/merge-patch+json")
    watched.wait_for("all of it is stable's again", lambda: rate("canary") == 0 and abs(rate("stable") - 100) < 10)


def weighted_rule(elbv2: Any) -> tuple[str, list[dict[str, Any]]]:
    """The ARN of the weighted rule and its target groups, stable first."""
    [balancer] = elbv2.describe_load_balancers()["LoadBalancers"]
    for listener in elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]:
        for rule in elbv2.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]:
            for action in rule["Actions"]:
                if groups := action.get("ForwardConfig", {}).get("TargetGroups"):
                    return rule["RuleArn"], sorted(groups, key=lambda group: "canary" in group["TargetGroupArn"])
    raise AssertionError("no weighted rule")
