"""`make up PODS=real`: the pods are containers, and no request through the load balancer is lost while they are replaced.

Each test continues the previous one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from urllib.parse import quote

import boto3
import psutil
import pytest
from reaping import remove_after_session

import contract
from bench._load import Measurement
from bench.requests_lost import PODS, Operations
from embedded_cloud import waiting
from embedded_cloud.cloud import remove
from embedded_cloud.nodes.cluster import GROUPS as BY_GROUP
from embedded_cloud.nodes.machines import GROUPS, group_of
from embedded_cloud.nodes.prerequisites import missing
from sandbox.images.docker_engine import UnavailableError
from sandbox.project import PROJECT
from sandbox.real_pods import export
from sandbox.stacks import open_stack, prepare

ALERT_SECONDS = 240

pytestmark = [pytest.mark.cloud, pytest.mark.pods]


@pytest.fixture(scope="module")
def operations() -> Iterator[Operations]:
    """The local stack on a separate cloud whose pods are containers."""
    if reason := missing():
        pytest.skip(f"real pods were not tried: {reason}")
    folder = Path(mkdtemp(prefix="dwcp-pods-"))
    remove_after_session(folder)
    try:
        cloud = open_stack(PROJECT.stack, folder, real_pods=True)
        options = prepare(cloud)
    except UnavailableError as error:
        pytest.skip(f"real pods were not tried: {error}")
    found = Operations(cloud)
    found.run(
        str(cloud.engine.bin / "pulumi"), "up", "--yes", "--skip-preview", "--stack", PROJECT.stack, "--non-interactive", *options
    )
    found.dwcp("state", "bootstrap")
    export(cloud)
    found.settle()
    yield found
    remove(PROJECT, folder)


def pods(operations: Operations) -> list[dict[str, Any]]:
    return operations.cloud.control_plane.api.items(PODS)


def test_every_pod_is_ready_with_its_restricted_security_context(operations: Operations) -> None:
    assert {each["metadata"]["labels"]["app"] for each in pods(operations)} >= {contract.APPLICATION, contract.REDIS}
    for pod in pods(operations):
        name = pod["metadata"]["name"]
        assert all(each["ready"] for each in pod["status"]["containerStatuses"]), name
        assert pod["spec"]["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault", name
    script = "id -u; cat /proc/self/status; touch /x || true"
    output = operations.kubectl("exec", f"deploy/{contract.APPLICATION}", "--", "sh", "-c", script)
    status = dict(line.split(":\t", 1) for line in output.splitlines() if ":\t" in line)
    assert (int(status["CapEff"], 16), int(status["CapBnd"], 16), status["NoNewPrivs"], status["Seccomp"]) == (0, 0, "1", "2")
    assert operations.kubectl("exec", f"deploy/{contract.APPLICATION}", "--", "sh", "-c", "test -e /x; echo $?") == "1\n"


def test_the_pods_are_spread_over_the_nodes_of_all_zones(operations: Operations) -> None:
    on = {each["spec"]["nodeName"] for each in pods(operations) if each["metadata"]["labels"]["app"] == contract.APPLICATION}
    assert on == {node.name for node in PROJECT.nodes}


def test_logs_and_prometheus_can_be_read_through_the_api_server(operations: Operations) -> None:
    assert '"listening"' in operations.kubectl("logs", f"deploy/{contract.APPLICATION}")
    assert {each["value"][1] for each in query_result(operations, "up")} == {"1"}


def query_result(operations: Operations, query: str) -> list[dict[str, Any]]:
    service = f"/api/v1/namespaces/{contract.NAMESPACE}/services/{contract.PROMETHEUS}:{contract.PROMETHEUS_PORT}/proxy"
    found = json.loads(operations.cloud.control_plane.api.request("GET", f"{service}/api/v1/query?query={quote(query)}"))
    return found["data"]["result"]


def test_the_load_balancer_answers_only_for_its_host(operations: Operations) -> None:
    nodes = operations.cloud.nodes
    assert nodes is not None
    [host] = nodes.hosts()
    assert call(nodes.ports["443"], "/health", host) == 200
    assert call(nodes.ports["443"], "/health", "other.example.com") == 404


def test_the_service_keeps_idle_connections_longer_than_the_load_balancer(operations: Operations) -> None:
    elbv2 = boto3.client("elbv2", **client_options(operations))
    [balancer] = elbv2.describe_load_balancers()["LoadBalancers"]
    attributes = elbv2.describe_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"])["Attributes"]
    idle = next(int(each["Value"]) for each in attributes if each["Key"] == "idle_timeout.timeout_seconds")
    assert operations.cloud.nodes is not None
    url = f"http://127.0.0.1:{operations.cloud.nodes.ports[BY_GROUP]}/tracks/stable/health"
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert int(answer.headers["Keep-Alive"].removeprefix("timeout=")) > idle


def client_options(operations: Operations) -> dict[str, str]:
    names = {"endpoint_url": "AWS_ENDPOINT_URL", "region_name": "AWS_REGION"}
    keys = {"aws_access_key_id": "AWS_ACCESS_KEY_ID", "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY"}
    environment = operations.cloud.engine.environment()
    return {option: environment[name] for option, name in (names | keys).items()}


def call(port: int, path: str, host: str) -> int:
    command = ["curl", "--silent", "--insecure", "--output", os.devnull, "--write-out", "%{http_code}", "--header", f"Host: {host}"]
    done = subprocess.run([*command, f"https://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True)
    return int(done.stdout)


def measured(operations: Operations, action: Callable[[], None]) -> Measurement:
    phase = operations.measured("tried", action)
    assert len(phase.answers) > 100
    return phase


@contextmanager
def busy_cpus() -> Iterator[None]:
    """Other processes that use all CPUs of this machine, as a compiler does."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    try:
        yield
    finally:
        for each in busy:
            each.kill()
            each.wait()


def test_no_request_is_lost_during_a_restart_on_a_busy_machine(operations: Operations) -> None:
    with busy_cpus():
        assert measured(operations, operations.restart).why == ""


def test_no_request_is_lost_while_the_autoscaler_adds_and_removes_pods(operations: Operations) -> None:
    assert measured(operations, operations.autoscale).why == ""


def test_no_request_is_lost_during_a_deployment_and_prometheus_keeps_its_targets(operations: Operations) -> None:
    assert measured(operations, lambda: operations.deploy("v3.1.0")).why == ""
    service = [each for each in pods(operations) if each["metadata"]["labels"]["app"] == contract.APPLICATION]
    images = {each["spec"]["containers"][0]["image"] for each in service}
    assert images == {f"{contract.IMAGE_REPOSITORY}:v3.1.0"}
    assert {each["value"][1] for each in query_result(operations, f'up{{job="{contract.APPLICATION}"}}')} == {"1"}


def test_a_redis_that_does_not_answer_fires_its_alert(operations: Operations) -> None:
    """The test suspends the server again after each restart by the liveness probe, as if its disk did not answer."""
    for _ in waiting.looks(ALERT_SECONDS, pause=2):
        for server in (each for each in processes(operations.cloud.folder) if each.name() == "redis-server"):
            server.suspend()
        if query_result(operations, 'ALERTS{alertname="RedisDown",alertstate="firing"}'):
            return
    raise AssertionError(query_result(operations, 'ALERTS or redis_up or up{job="dwcp-v3-redis"}'))


def test_down_leaves_nothing(operations: Operations) -> None:
    folder = operations.cloud.folder
    pids = [each.pid for each in processes(folder)]
    assert pids
    remove(PROJECT, folder)
    assert not folder.exists()
    assert not [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]
    assert not list(GROUPS.glob(f"*/{group_of(folder)}"))
    assert str(folder) not in Path("/proc/self/mountinfo").read_text()
    names = {path.name for path in Path("/sys/class/net").iterdir()}
    assert not names & {"cluster", "pods", *(node.name for node in PROJECT.nodes)}


def processes(folder: Path) -> list[psutil.Process]:
    """The processes in the pods of the cloud."""
    return [each for each in psutil.process_iter() if _in_group(each.pid, folder)]


def _in_group(pid: int, folder: Path) -> bool:
    try:
        return group_of(folder) in Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return False
