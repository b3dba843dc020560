"""kubectl on pods: logs, a shell, a forwarded port, resource usage, and the guide's debug commands."""

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
from sandbox.monitoring import SandboxMonitoring
from sandbox.project import PROJECT

pytestmark = pytest.mark.cloud
NAMESPACE = ("-n", "dwcp-v3")

CHANGES = ("create", "rollout undo", "scale")
"""Commands that the API server checks without saving anything (``--dry-run=server``)."""
DEBUG = {
    "get pods -n dwcp-v3": "1/1",
    "describe nodes": "node-a",
    "describe POD -n dwcp-v3": "Image:",
    "get pvc -n dwcp-v3": "dwcp-v3-redis",
    "logs -n dwcp-v3 -l app=dwcp-v3 --tail=100": "HTTP/1.1",
    "rollout undo deployment/dwcp-v3 -n dwcp-v3 --to-revision=1": "deployment.apps/dwcp-v3",
    "get secrets -n dwcp-v3": "dwcp-v3-redis",
    "create secret docker-registry debug --docker-server=ghcr.io --docker-username=a --docker-password=b -n dwcp-v3": (
        "secret/debug created (server dry run)"
    ),
    "logs -n dwcp-v3 POD --previous": "simulator",
    "edit deployment/dwcp-v3 -n dwcp-v3": "no changes made",
    "top pods -n dwcp-v3": "dwcp-v3-redis",
    "top nodes": "node-a",
    "scale deployment/dwcp-v3 --replicas=5 -n dwcp-v3": "scaled (server dry run)",
    "get all -n dwcp-v3": "service/dwcp-v3",
    "get events -n dwcp-v3 --sort-by=.lastTimestamp": "Scheduled",
    "exec -n dwcp-v3 POD -- /bin/sh -c pwd": "/",
    "rollout status deployment/dwcp-v3 -n dwcp-v3": "successfully rolled out",
    "rollout history deployment/dwcp-v3 -n dwcp-v3": "REVISION",
}
"""The guide's commands for debugging, and their output; forwarded ports and followed logs have separate tests."""


@pytest.fixture(scope="module")
def running(cloud: Cloud) -> Cloud:
    """The applied platform, with the simulator for its pods."""
    if not cloud.engine.stack_export():
        cloud.pulumi("up", "--yes", "--skip-preview")
    SandboxMonitoring(cloud=cloud).start_simulator()
    return cloud


def kubectl(cloud: Cloud, *arguments: str) -> str:
    command = [cloud.engine.bin / "kubectl", *arguments]
    done = subprocess.run(command, env=cloud.engine.process_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def pod(running: Cloud) -> str:
    return kubectl(running, "get", "pods", *NAMESPACE, "-l", "app=dwcp-v3", "-o", "name").split()[0]


def test_logs_are_those_of_the_simulator(pod: str, running: Cloud) -> None:
    logs = kubectl(running, "logs", *NAMESPACE, pod, "--tail", "50")
    assert "the simulator answers for every pod" in logs
    assert kubectl(running, "logs", *NAMESPACE, "deployment/dwcp-v3", "--since", "1h", "--previous")


def test_exec_runs_a_shell(pod: str, running: Cloud) -> None:
    assert kubectl(running, "exec", *NAMESPACE, pod, "--", "sh", "-c", "echo $((6 * 7))") == "42\n"


@pytest.mark.parametrize("command", DEBUG)
def test_a_debug_command_of_the_guide_works(pod: str, running: Cloud, command: str) -> None:
    arguments = [pod if each == "POD" else each for each in command.split()]
    arguments += ["--dry-run=server"] if command.startswith(CHANGES) else []
    done = subprocess.run(
        [running.engine.bin / "kubectl", *arguments],
        env=running.engine.process_environment() | {"KUBE_EDITOR": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert DEBUG[command] in done.stdout + done.stderr


def test_logs_are_followed(running: Cloud) -> None:
    follow = [running.engine.bin / "kubectl", "logs", *NAMESPACE, "-l", "app=dwcp-v3", "-f"]
    with subprocess.Popen(follow, env=running.engine.process_environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip()
        assert process.poll() is None, "the command waits for more lines"
        process.terminate()


def test_top_shows_nodes_and_pods(pod: str, running: Cloud) -> None:
    assert "node-a" in kubectl(running, "top", "nodes")
    assert pod.removeprefix("pod/") in kubectl(running, "top", "pods", *NAMESPACE)


@contextmanager
def forwarded(cloud: Cloud, what: str, to: int) -> Iterator[str]:
    [port] = free_ports(1)
    command = [cloud.engine.bin / "kubectl", "port-forward", *NAMESPACE, what, f"{port}:{to}"]
    with subprocess.Popen(command, env=cloud.engine.process_environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield f"http://127.0.0.1:{port}"
        process.terminate()


@pytest.mark.parametrize(("what", "port"), [("POD", 8080), ("svc/dwcp-v3", 80)])
def test_a_forwarded_port_answers(pod: str, running: Cloud, what: str, port: int) -> None:
    with forwarded(running, pod if what == "POD" else what, port) as url:
        for _ in waiting.looks(20):
            with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
                if json.load(answer) == {"status": "ok"}:
                    return
    raise AssertionError(f"{PROJECT.name} does not answer")
