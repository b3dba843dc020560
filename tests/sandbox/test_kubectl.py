"""kubectl on pods: logs, a shell, a forwarded port and usage, as the guide's debug commands have them."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from embedded_cloud import waiting
from embedded_cloud.cloud import Cloud
from embedded_cloud.processes import free_ports
from sandbox.monitoring import Monitoring
from sandbox.project import PROJECT

pytestmark = pytest.mark.cloud
NAMESPACE = ("-n", "dwcp-v3")


@pytest.fixture(scope="module")
def running(cloud: Cloud) -> Cloud:
    """The platform is up, and the simulator answers for its pods."""
    if not cloud.engine.stack_export():
        cloud.pulumi("up", "--yes", "--skip-preview")
    Monitoring(cloud=cloud).start_simulator()
    return cloud


def kubectl(cloud: Cloud, *arguments: str) -> str:
    command = [cloud.engine.bin / "kubectl", *arguments]
    done = subprocess.run(command, env=cloud.engine.process_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def pod(running: Cloud) -> str:
    return kubectl(running, "get", "pods", *NAMESPACE, "-l", "app=dwcp-v3", "-o", "name").split()[0]


def test_logs_are_those_of_what_stands_for_the_pods(pod: str, running: Cloud) -> None:
    said = kubectl(running, "logs", *NAMESPACE, pod, "--tail", "50")
    assert "the simulator stands for every pod" in said
    assert kubectl(running, "logs", *NAMESPACE, "deployment/dwcp-v3", "--since", "1h", "--previous")


def test_a_shell_runs(pod: str, running: Cloud) -> None:
    assert kubectl(running, "exec", *NAMESPACE, pod, "--", "sh", "-c", "echo $((6 * 7))") == "42\n"


def test_usage_is_shown(pod: str, running: Cloud) -> None:
    assert "node-a" in kubectl(running, "top", "nodes")
    assert pod.removeprefix("pod/") in kubectl(running, "top", "pods", *NAMESPACE)


@contextmanager
def forwarded(cloud: Cloud, pod: str) -> Iterator[str]:
    [port] = free_ports(1)
    command = [cloud.engine.bin / "kubectl", "port-forward", *NAMESPACE, pod, f"{port}:8080"]
    with subprocess.Popen(command, env=cloud.engine.process_environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield f"http://127.0.0.1:{port}"
        process.terminate()


def test_a_forwarded_port_answers(pod: str, running: Cloud) -> None:
    with forwarded(running, pod) as url:
        for _ in waiting.looks(20):
            with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
                if json.load(answer) == {"status": "ok"}:
                    return
    raise AssertionError(f"{PROJECT.name} does not answer")
