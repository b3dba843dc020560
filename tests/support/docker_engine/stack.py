"""Assertions on the running Docker stack, which query its services. They apply to both ways to start the stack."""

from __future__ import annotations

import json
import os
import re
import signal
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

import yaml
from docker.models.containers import Container
from docker_engine.engine import DockerEngine, eventually

from components.compose import _files
from components.compose._service import Service, Stack
from components.compose.services import host_gateway, stack
from components.settings import ApplicationSettings, DockerSettings, EnvironmentSettings, MonitoringSettings, Settings
from embedded_cloud.processes import free_ports

SUBNET = "172.30.251.0/24"
SCRAPE_SECONDS = 5
REDIS_PASSWORD = 'it\'s a $ecret "word"'
GRAFANA_PASSWORD = "of-the-administrator"
PLAIN_PARTS = ("$ecret", GRAFANA_PASSWORD)
"""For each password, a part that is the same with any number of levels of quoting."""
ONE_FRAME = bytes.fromhex("0000000b0300000000010000000078")
"""One byte of data on stream 1, in the protocol of the fixture app; docs/app-contract.md does not define this protocol."""
ALERT_SECONDS = 180
"""The condition of RedisDown must hold for a minute, and Alertmanager waits half a minute to group alerts."""


def settings() -> Settings:
    """The default settings, with free ports, a short scrape interval, and no rules for AWS."""
    port, metrics, prometheus, grafana, alertmanager = free_ports(5)
    return Settings.model_construct(
        environment=EnvironmentSettings(name="local"),
        application=ApplicationSettings(port=port, metrics_port=metrics),
        monitoring=MonitoringSettings(scrape_interval_seconds=SCRAPE_SECONDS),
        docker=DockerSettings.model_validate(
            {
                "enabled": True,
                "subnet": SUBNET,
                "prometheusPort": prometheus,
                "grafanaPort": grafana,
                "alertmanagerPort": alertmanager,
            }
        ),
    )


@dataclass(frozen=True)
class Running:
    """A stack that runs on ``engine``. A container's name consists of ``prefix``, the service's name and ``suffix``."""

    engine: DockerEngine
    settings: Settings
    prefix: str
    suffix: str

    @property
    def stack(self) -> Stack:
        return stack(self.settings)

    def service(self, name: str) -> Service:
        return next(each for each in self.stack.services if each.name == name)

    def container(self, name: str) -> Container:
        return self.engine.client.containers.get(f"{self.prefix}{name}{self.suffix}")

    def get(self, port: int, path: str) -> Any:
        """The JSON answer to a GET request on a published port."""
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return json.load(answer)

    def prometheus(self, path: str) -> Any:
        return self.get(self.settings.docker.prometheus_port, f"/api/v1/{path}")["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        return self.prometheus(f"query?query={urllib.request.quote(expression)}")["result"]

    def send(self) -> None:
        """Send one message to the service."""
        url = f"http://127.0.0.1:{self.settings.application.port}/v1/frames"
        with urllib.request.urlopen(urllib.request.Request(url, data=ONE_FRAME), timeout=10) as answer:
            assert answer.status == 200

    def messages(self) -> int:
        """The number of messages that the service has stored in Redis."""
        return self.get(self.settings.application.port, "/v1/streams/1")["messages"]

    def assert_healthy_in_order(self) -> None:
        """Assert that every service is healthy and was started after its dependencies."""
        started: dict[str, str] = {}
        for service in self.stack.services:
            state: dict[str, Any] = self.container(service.name).attrs["State"]
            assert (service.name, state["Health"]["Status"]) == (service.name, "healthy")
            started[service.name] = state["StartedAt"]
        for service in self.stack.services:
            assert all(started[each] < started[service.name] for each in service.after), service.name

    def assert_confined(self) -> None:
        """Assert that the containers have the limits and restrictions of the services."""
        for service in self.stack.services:
            host: dict[str, Any] = self.container(service.name).attrs["HostConfig"]
            assert host["NanoCpus"] == service.cpus * 10**9
            assert host["Memory"] == service.memory_mib * 2**20
            assert host["ReadonlyRootfs"]
            assert host["CapDrop"] == ["ALL"]
            assert "no-new-privileges:true" in host["SecurityOpt"]
            assert not host["Privileged"]
            assert (host["NetworkMode"] == "host") == (host["PidMode"] == "host") == (service.name == "node-exporter")
            assert host["RestartPolicy"]["Name"] == "unless-stopped"

    def assert_no_secret_in_inspect(self) -> None:
        """Assert that ``docker inspect`` shows no secret."""
        for service in self.stack.services:
            shown = json.dumps(self.container(service.name).attrs)
            assert [each for each in PLAIN_PARTS if each in shown] == [], service.name

    def assert_scraped(self) -> None:
        """Assert that Prometheus reaches every target and has loaded all rules without an error."""

        def down() -> list[str]:
            return [f"{each['labels']['job']}: {each['lastError']}" for each in self.targets() if each["health"] != "up"]

        eventually(lambda: self.targets() and not down(), "all targets are up", down)
        configured = yaml.safe_load(_files.prometheus(self.settings, host_gateway(self.settings))["prometheus.yml"])
        assert {each["labels"]["job"] for each in self.targets()} == {job["job_name"] for job in configured["scrape_configs"]}
        texts = _files.prometheus(self.settings, host_gateway(self.settings))
        names = {name for text in texts.values() for name in re.findall(r"alert: (\w+)", text)}
        rules = [rule for group in self.prometheus("rules")["groups"] for rule in group["rules"]]
        assert {rule["name"] for rule in rules if rule["type"] == "alerting"} == names
        eventually(lambda: all(rule["health"] == "ok" for rule in self._rules()), "all rules are evaluated")
        assert self.query('redis_up{job="dwcp-v3-redis"}')[0]["value"][1] == "1"

    def _rules(self) -> list[dict[str, Any]]:
        return [rule for group in self.prometheus("rules")["groups"] for rule in group["rules"]]

    def targets(self) -> list[dict[str, Any]]:
        return self.prometheus("targets?state=active")["activeTargets"]

    def assert_alert_when_stopped(self, service: str, alert: str) -> None:
        """Stop ``service`` and assert that ``alert`` reaches Alertmanager, which routes it to the receiver ``critical``."""
        self.container(service).stop()
        try:
            port = self.settings.docker.alertmanager_port

            def arrived() -> list[dict[str, Any]]:
                return [each for each in self.get(port, "/api/v2/alerts") if each["labels"]["alertname"] == alert]

            eventually(arrived, f"{alert} reaches Alertmanager", seconds=ALERT_SECONDS)
            assert [each["name"] for each in arrived()[0]["receivers"]] == ["critical"]
        finally:
            self.container(service).start()
            self.wait_healthy(service)

    def assert_restarted_after_kill(self, name: str) -> None:
        """Kill the container's process and assert that Docker restarts it."""
        container = self.container(name)
        os.kill(container.attrs["State"]["Pid"], signal.SIGKILL)
        eventually(lambda: self.container(name).attrs["RestartCount"] == 1, f"{name} is restarted")
        self.wait_healthy(name)

    def wait_healthy(self, *names: str) -> None:
        for name in names:
            eventually(lambda name=name: self.container(name).attrs["State"]["Health"]["Status"] == "healthy", f"{name} is healthy")

    def is_ready(self) -> bool:
        try:
            return self.get(self.settings.application.port, "/ready")["status"] == "ready"
        except (urllib.error.URLError, OSError):
            return False
