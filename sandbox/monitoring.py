"""The monitoring of the sandbox: the simulator, and a real Prometheus with the deployed configuration from the API server.

This Prometheus runs outside the cluster, so the addresses of the API server, the pods and Alertmanager in its configuration are
changed. Without the address of an Alertmanager, Prometheus sends no alerts. With ``speed``, tests shorten the rules' windows.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from contract import NAMESPACE
from contract import PROMETHEUS as PROMETHEUS_NAME
from embedded_cloud import waiting
from embedded_cloud.cloud import Cloud
from embedded_cloud.processes import stored_ports
from sandbox.errors import SandboxError
from sandbox.project import MONITORING, SIMULATOR, TOOLCHAIN

CONFIG_MAP = f"/api/v1/namespaces/{NAMESPACE}/configmaps/{PROMETHEUS_NAME}"
PROMETHEUS = "prometheus"
SHORTEST_WINDOW_SECONDS = 5
"""The minimum of the windows and ``for`` durations that ``speed`` shortens, because a rate needs two samples."""

FIRST_INTERVAL = "1s"
"""The interval between scrapes until every target has been scraped once."""
TIMEOUT_SECONDS = 10

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class SandboxMonitoring:
    """The monitoring of a started cloud.

    The rules' windows and ``for`` durations are ``speed`` times shorter than in production (:func:`faster`).
    """

    cloud: Cloud
    speed: int = 1
    requests_per_second: float = 100
    """The simulated load at the start."""
    alertmanager: str | None = None
    """``HOST:PORT`` of an Alertmanager on this machine; None if there is none."""

    @property
    def folder(self) -> Path:
        """The folder with the configuration and the data."""
        return self.cloud.folder / MONITORING

    @cached_property
    def ports(self) -> dict[str, int]:
        """The ports on 127.0.0.1; they are chosen once and stored."""
        return {SIMULATOR: self.cloud.control_plane.ports.pods, **stored_ports(self.folder / "ports.json", PROMETHEUS)}

    @property
    def prometheus_url(self) -> str:
        """The URL of the real Prometheus."""
        return f"http://127.0.0.1:{self.ports[PROMETHEUS]}"

    @property
    def simulator_url(self) -> str:
        """The URL of the simulator, with its paths ``/tracks`` and ``/control``."""
        return f"http://127.0.0.1:{self.ports[SIMULATOR]}"

    def start(self, *, build: bool = True) -> bool:
        """Start the missing processes, load the deployed configuration, wait until all answer, and return whether Prometheus runs.

        Without ``build``, Prometheus starts only if its program is already built. The simulator needs no build.
        """
        self.start_simulator()
        if not build and not TOOLCHAIN.has("prometheus"):
            self._export({})
            return False
        tools = TOOLCHAIN.ensure("prometheus")
        files = self.deployed()
        self.write(files)
        if PROMETHEUS in self.cloud.processes.running():
            self._reload()
        else:
            shutil.rmtree(self.folder / "data", ignore_errors=True)
            self.cloud.processes.start(
                PROMETHEUS,
                [
                    tools["prometheus"],
                    f"--config.file={self.folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self.folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.ports[PROMETHEUS]}",
                    "--web.enable-lifecycle",
                    "--scrape.discovery-reload-interval=1s",  # by default, a new target waits up to 5 s
                    "--log.level=warn",
                ],
                # Prometheus reaches the pods through the simulator as its proxy, regardless of the shell's proxy settings.
                {**dict.fromkeys(("HTTP_PROXY", "http_proxy"), self.simulator_url), **dict.fromkeys(("NO_PROXY", "no_proxy"), "")},
            )
        self.cloud.processes.wait_until(PROMETHEUS, lambda: _answers(f"{self.prometheus_url}/-/ready"))
        self._export({"DWCP_PROMETHEUS_URL": self.prometheus_url})
        return True

    def scrape_all(self) -> None:
        """Wait until every target has been scraped at least once.

        Prometheus spreads the first scrapes of the targets over the scrape interval. For this reason, this function shortens the
        interval to ``FIRST_INTERVAL`` while it waits.
        """
        if self._all_scraped():
            return
        files = self.deployed()
        self.write(files, scrape_interval=FIRST_INTERVAL)
        self._reload()
        self.wait_for("every target is scraped", self._all_scraped, seconds=120)
        self.write(files)
        self._reload()

    def _all_scraped(self) -> bool:
        targets = self.targets()
        return bool(targets) and all(target["health"] != "unknown" for target in targets)

    def _export(self, more: dict[str, str]) -> None:
        """Write the addresses to a file of environment variables, which `dwcp` reads at each start and a shell can source."""
        own = {"DWCP_SERVICE_URL": f"{self.simulator_url}/tracks/{{track}}", "DWCP_SIMULATOR_URL": self.simulator_url}
        exports = {**more, **own}
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in exports.items()]
        (self.folder / "env").write_text("".join(lines))

    def start_simulator(self) -> None:
        """Start the simulator unless it runs. It does not need Prometheus."""
        if SIMULATOR not in self.cloud.processes.running():
            environment = self.cloud.engine.environment() | self.cloud.engine.python_environment()
            command = [sys.executable, "-m", "sandbox.simulator", str(self.ports[SIMULATOR])]
            self.cloud.processes.start(SIMULATOR, command, environment)
            self.cloud.processes.wait_until(SIMULATOR, lambda: _answers(f"{self.simulator_url}/control"))
            self.control("load", "PUT", requestsPerSecond=self.requests_per_second)
        self.cloud.processes.wait_until(SIMULATOR, lambda: _answers(f"{self.simulator_url}/control"))

    def deployed(self) -> dict[str, str]:
        """The configuration files of the deployed Prometheus, from the API server."""
        try:
            return self.cloud.control_plane.api.get(CONFIG_MAP)["data"]
        except urllib.error.HTTPError as error:
            raise SandboxError(f"no Prometheus is deployed ({error.code} for {CONFIG_MAP})", "run `make up` first") from error

    def write(self, files: dict[str, str], scrape_interval: str | None = None) -> None:
        """Write the deployed configuration files, changed for a Prometheus outside the cluster.

        By default, ``scrape_interval`` is the deployed interval, or 1 s if ``speed`` is greater than 1.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.cloud.control_plane.kubeconfig, self.folder / "kubeconfig")
        for name, text in files.items():
            changed = self._outside_cluster(text, scrape_interval) if name == "prometheus.yml" else faster(text, self.speed)
            (self.folder / name).write_text(changed)

    def _outside_cluster(self, text: str, scrape_interval: str | None) -> str:
        config = yaml.safe_load(text)
        if self.speed > 1:
            config["global"] = dict.fromkeys(("scrape_interval", "evaluation_interval"), "1s")
        if scrape_interval:
            config["global"]["scrape_interval"] = scrape_interval
        for job in config["scrape_configs"]:
            if "kubernetes_sd_configs" in job:
                _discover_from_outside(job)
        itself = next(job for job in config["scrape_configs"] if job["job_name"] == "prometheus")
        itself["static_configs"] = [{"targets": [f"127.0.0.1:{self.ports[PROMETHEUS]}"]}]
        job = next(job for job in config["scrape_configs"] if job["job_name"] == "alertmanager")
        # Without an Alertmanager, its job scrapes Prometheus itself, so that no target is down and no metric is absent.
        job["static_configs"] = [{"targets": [self.alertmanager or f"127.0.0.1:{self.ports[PROMETHEUS]}"]}]
        if self.alertmanager is None:
            renamed = {"source_labels": ["__name__"], "regex": "prometheus_build_info"}
            job["metric_relabel_configs"] = [renamed | {"target_label": "__name__", "replacement": "alertmanager_build_info"}]
            del config["alerting"]
        else:
            config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [self.alertmanager]}]}]}
        return yaml.safe_dump(config, sort_keys=False)

    def query(self, promql: str) -> list[Json]:
        """The result of an instant query."""
        answer = _json(f"{self.prometheus_url}/api/v1/query?{urllib.parse.urlencode({'query': promql})}")
        return answer["data"]["result"]

    def value(self, promql: str) -> float | None:
        """The first value in the result of an instant query; None if the result is empty."""
        result = self.query(promql)
        return float(result[0]["value"][1]) if result else None

    def alerts(self) -> list[Json]:
        """The pending and firing alerts, without the watchdog, which always fires and has the severity ``none``."""
        found = _json(f"{self.prometheus_url}/api/v1/alerts")["data"]["alerts"]
        return [alert for alert in found if alert["labels"]["severity"] != "none"]

    def firing(self) -> set[str]:
        """The names of the firing alerts."""
        return {alert["labels"]["alertname"] for alert in self.alerts() if alert["state"] == "firing"}

    def targets(self) -> list[Json]:
        """The active targets, with their health."""
        return _json(f"{self.prometheus_url}/api/v1/targets?state=active")["data"]["activeTargets"]

    def control(self, path: str, method: str = "GET", **fields: Any) -> Json:
        """Read or change the simulator's state: ``control("versions/v3.1.0", "PUT", errorRate=0.2)``."""
        body = json.dumps(fields).encode() if method == "PUT" else None
        url = f"{self.simulator_url}/control{f'/{path}' if path else ''}"
        with urllib.request.urlopen(urllib.request.Request(url, data=body, method=method), timeout=TIMEOUT_SECONDS) as answer:
            return json.load(answer)

    def wait_for(self, what: str, holds: Callable[[], bool], seconds: float = 60) -> None:
        """Return when ``holds()`` is true. After a timeout, raise ``SandboxError`` with the firing alerts."""
        for _ in waiting.looks(seconds, pause=0.2):
            if holds():
                return
        fires = ", ".join(sorted(self.firing())) or "none"
        problem = f"not true within {seconds:.0f} s: {what}; firing alerts: {fires}"
        raise SandboxError(problem, f"look at {self.prometheus_url}/api/v1/targets and {self.simulator_url}/control")

    def _reload(self) -> None:
        """Make the running Prometheus load its configuration files again."""
        with urllib.request.urlopen(
            urllib.request.Request(f"{self.prometheus_url}/-/reload", method="POST"), timeout=TIMEOUT_SECONDS
        ):
            pass


def _discover_from_outside(job: Json) -> None:
    """Change a job so that it discovers its targets with the cloud's kubeconfig and scrapes them through the simulator."""
    for each in job["kubernetes_sd_configs"]:
        each["kubeconfig_file"] = "kubeconfig"
        if each.get("namespaces", {}).pop("own_namespace", False):
            each["namespaces"]["names"] = [NAMESPACE]
    job |= {"scheme": "http", "proxy_from_environment": True}
    for name in ("authorization", "tls_config"):
        job.pop(name, None)


def faster(rules: str, speed: int) -> str:
    """The rules with ``speed`` times shorter windows and ``for`` durations, so that tests take seconds, not minutes.

    No window or duration gets shorter than ``SHORTEST_WINDOW_SECONDS``.
    """
    if speed == 1:
        return rules

    def shorter(match: re.Match[str]) -> str:
        seconds = int(match["number"]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match["unit"]]
        return f"{match['before']}{max(seconds // speed, SHORTEST_WINDOW_SECONDS)}s{match['after']}"

    return re.sub(r"(?P<before>\[|for: )(?P<number>\d+)(?P<unit>[smhd])(?P<after>\]|$)", shorter, rules, flags=re.MULTILINE)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS):
            return True
    except OSError:
        return False


def _json(url: str) -> Json:
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
        return json.load(answer)
