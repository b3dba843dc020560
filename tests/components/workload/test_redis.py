"""Redis: its data, its password, its limits."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from manifests import CHANGED, STACKS, Manifests, evaluate
from redis_server import needs_redis, redis_server

from components.monitoring.prometheus_config import prometheus_config


@pytest.fixture(params=STACKS)
def objects(request: pytest.FixtureRequest) -> Manifests:
    return evaluate(request.param)


def directives(objects: Manifests) -> dict[str, str]:
    lines = objects.one("ConfigMap", "dwcp-v3-redis")["data"]["redis.conf"].splitlines()
    return dict(line.split(" ", 1) for line in lines)


def test_the_port_is_that_of_the_guide(objects: Manifests) -> None:
    ports = objects.one("Service", "dwcp-v3-redis")["spec"]["ports"]
    assert {port["name"]: (port["port"], port["targetPort"]) for port in ports}["redis"] == (6379, 6379)


def test_the_volume_is_that_of_the_guide_and_has_one_writer(objects: Manifests) -> None:
    claim = objects.one("PersistentVolumeClaim", "dwcp-v3-redis")["spec"]
    assert claim["accessModes"] == ["ReadWriteOnce"]
    assert claim["resources"]["requests"]["storage"] == "10Gi"
    assert claim["storageClassName"] == "gp3"
    deployment = objects.one("Deployment", "dwcp-v3-redis")["spec"]
    assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})


def test_writes_are_appended_to_a_file_in_the_mounted_folder(objects: Manifests) -> None:
    mounts = {mount["name"]: mount["mountPath"] for mount in objects.container("dwcp-v3-redis", "redis")["volumeMounts"]}
    assert directives(objects)["appendonly"] == "yes"
    assert directives(objects)["dir"] == mounts["data"]


@pytest.mark.parametrize(
    ("settings", "memory", "maxmemory", "policy"),
    [({}, "512Mi", "384mb", "allkeys-lru"), (CHANGED, "2Gi", "1536mb", "noeviction")],
    ids=["default", "changed"],
)
def test_maxmemory_is_below_the_memory_limit(settings: dict[str, Any], memory: str, maxmemory: str, policy: str) -> None:
    objects = evaluate("staging", **settings)
    assert objects.container("dwcp-v3-redis", "redis")["resources"]["limits"]["memory"] == memory
    assert directives(objects)["maxmemory"] == maxmemory
    assert directives(objects)["maxmemory-policy"] == policy


def test_server_probes_and_exporter_read_the_password_from_files() -> None:
    objects = evaluate("production")
    files = {key: base64.b64decode(value).decode() for key, value in objects.one("Secret", "dwcp-v3-redis")["data"].items()}
    assert f"#{hashlib.sha256(b'redis-secret').hexdigest()}" in files["users.acl"].split()
    assert files["password"] == "redis-secret"
    assert json.loads(files["exporter.json"]) == {"redis://localhost:6379": "redis-secret"}


def test_the_exporters_timeout_is_shorter_than_the_scrape_timeout(objects: Manifests) -> None:
    exporter = objects.container("dwcp-v3-redis", "exporter")
    timeout = next(each["value"] for each in exporter["env"] if each["name"] == "REDIS_EXPORTER_CONNECTION_TIMEOUT")
    scrape_timeout = 10  # Prometheus' default, which the configuration keeps
    assert "scrape_timeout" not in prometheus_config(15, (), "alertmanager:9093").global_.model_dump()
    assert 2 * float(timeout.removesuffix("s")) < scrape_timeout, "the exporter connects twice"


def test_files_are_mounted_where_they_are_read(objects: Manifests) -> None:
    files = objects.one("Secret", "dwcp-v3-redis")["data"].keys()
    server, exporter = objects.container("dwcp-v3-redis", "redis"), objects.container("dwcp-v3-redis", "exporter")
    folder = next(mount["mountPath"] for mount in server["volumeMounts"] if mount["name"] == "secrets")
    read = {
        directives(objects)["aclfile"],
        server["livenessProbe"]["exec"]["command"][-1].partition("cat ")[2].partition(")")[0],
        next(each["value"] for each in exporter["env"] if each["name"] == "REDIS_PASSWORD_FILE"),
    }
    assert read == {f"{folder}/{file}" for file in files}
    configured = {mount["name"]: mount["mountPath"] for mount in server["volumeMounts"]}["config"]
    assert server["args"] == ["redis-server", f"{configured}/redis.conf"]


def test_the_acl_file_contains_only_a_hash_of_the_password() -> None:
    data = evaluate("production").one("Secret", "dwcp-v3-redis")["data"]["users.acl"]
    acl = base64.b64decode(data).decode()
    assert acl.startswith("user default on #")
    assert "nopass" not in acl
    assert "redis-secret" not in acl


def test_only_the_service_may_connect_to_redis(objects: Manifests) -> None:
    [rule] = objects.one("NetworkPolicy", "dwcp-v3-redis")["spec"]["ingress"]
    assert rule["from"] == [{"podSelector": {"matchLabels": {"app": "dwcp-v3"}}}]
    assert [port["port"] for port in rule["ports"]] == [6379]


def test_redis_has_no_egress(objects: Manifests) -> None:
    policies = [each["spec"] for each in objects.all("NetworkPolicy")]
    selecting = [each for each in policies if each["podSelector"].get("matchLabels", {}).get("app") == "dwcp-v3-redis"]
    assert selecting
    assert not any("egress" in each for each in selecting)


def test_redis_has_no_disruption_budget_that_would_block_a_node_drain(objects: Manifests) -> None:
    assert "dwcp-v3-redis" not in objects.names("PodDisruptionBudget")


def test_settings_reach_redis() -> None:
    objects = evaluate("staging", **CHANGED)
    assert objects.container("dwcp-v3-redis", "redis")["image"] == "redis:8.2.8"
    assert objects.container("dwcp-v3-redis", "exporter")["image"] == "exporter:1.0.0"
    claim = objects.one("PersistentVolumeClaim", "dwcp-v3-redis")["spec"]
    assert claim["resources"]["requests"]["storage"] == "20Gi"
    assert "storageClassName" not in claim


@needs_redis
def test_a_redis_that_cannot_write_stays_alive(tmp_path: Path) -> None:
    """The server is real. After a failed write it answers `PING` with an error; a restart would lose the unwritten data."""
    data = tmp_path / "data"
    data.mkdir()
    container = evaluate("local").container("dwcp-v3-redis", "redis")
    with redis_server(tmp_path, data) as cli:
        probes = {name: probe(container[f"{name}Probe"], cli, tmp_path) for name in ("startup", "liveness", "readiness")}
        assert probes == dict.fromkeys(probes, 0)
        shutil.rmtree(data)
        subprocess.run(cli, input="CONFIG SET save '3600 1'\nSET key value\nBGSAVE\n", text=True, check=True, capture_output=True)
        end = time.monotonic() + 30
        while "MISCONF" not in subprocess.run([*cli, "PING"], text=True, check=True, capture_output=True).stdout:
            assert time.monotonic() < end, "the server accepted writes for 30 s after a failed save"
            time.sleep(0.05)
        after = {name: probe(container[f"{name}Probe"], cli, tmp_path) for name in probes}
        assert after == {"startup": 1, "liveness": 0, "readiness": 0}
        assert subprocess.run([*cli, "GET", "key"], text=True, check=True, capture_output=True).stdout == "value\n"
    assert probe(container["livenessProbe"], cli, tmp_path) == 1, "the server is stopped"


def probe(probe: dict[str, Any], cli: list[str], folder: Path) -> int:
    """The exit code of a probe's command, with the test server's port and password."""
    (folder / "password").write_text("secret")
    *shell, command = probe["exec"]["command"]
    command = command.replace("/run/secrets/redis", str(folder)).replace("redis-cli", " ".join(cli[:3]))
    return subprocess.run([*shell, command], check=False, capture_output=True, timeout=probe["timeoutSeconds"]).returncode
