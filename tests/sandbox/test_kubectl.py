"""kubectl on pods: logs, a shell, a forwarded port and usage; every command of the guide's section on troubleshooting."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fences import DOCS, FENCE

from embedded_cloud import waiting
from embedded_cloud.cloud import Cloud
from embedded_cloud.processes import free_ports
from sandbox.monitoring import SandboxMonitoring
from sandbox.project import PROJECT

pytestmark = pytest.mark.cloud
NAMESPACE = ("-n", "dwcp-v3")

CHECKED = "--dry-run=server"
CHANGES = {"create": CHECKED, "scale": CHECKED, "rollout undo": f"--to-revision=1 {CHECKED}"}
"""Options by which the API server checks a change without saving it; a new platform has only the first revision."""
SHOWN = {
    "kubectl get pods -n dwcp-v3": "1/1",
    "kubectl describe nodes": "node-a",
    "kubectl describe pod <pod-name> -n dwcp-v3": "Image:",
    "kubectl get pvc -n dwcp-v3": "dwcp-v3-redis",
    "kubectl logs -n dwcp-v3 -l app=dwcp-v3 --tail=100": "HTTP/1.1",
    "kubectl rollout undo deployment/dwcp-v3 -n dwcp-v3": "deployment.apps/dwcp-v3",
    "kubectl get secrets -n dwcp-v3": "dwcp-v3-redis",
    "kubectl create secret docker-registry regcred --docker-server=ghcr.io --docker-username=<username> "
    "--docker-password=<token> -n dwcp-v3": "created (server dry run)",
    "kubectl logs -n dwcp-v3 <pod-name> --previous": "simulator",
    "kubectl edit deployment/dwcp-v3 -n dwcp-v3": "no changes made",
    "kubectl top pods -n dwcp-v3": "dwcp-v3-redis",
    "kubectl top nodes": "node-a",
    "kubectl scale deployment/dwcp-v3 --replicas=5 -n dwcp-v3": "scaled (server dry run)",
    "kubectl get all -n dwcp-v3": "service/dwcp-v3",
    "kubectl get events -n dwcp-v3 --sort-by='.lastTimestamp'": "Scheduled",
    "kubectl exec -it -n dwcp-v3 <pod-name> -- /bin/sh": "answer 42",
    "kubectl port-forward -n dwcp-v3 svc/dwcp-v3 8080:80": "Forwarding from",
    "kubectl logs -n dwcp-v3 -l app=dwcp-v3 -f": "HTTP/1.1",
    "kubectl rollout status deployment/dwcp-v3 -n dwcp-v3": "successfully rolled out",
    "kubectl rollout history deployment/dwcp-v3 -n dwcp-v3": "REVISION",
}
"""The guide's commands for troubleshooting, and a part of their output."""
ENDLESS = (" -f", " port-forward ", " -it ")
NOT_RUN = {
    "docker pull ghcr.io/novacron/dwcp-v3:v3.0.0": "it calls the real registry",
    "kubectl exec -n dwcp-v3 <pod-name> -- redis-cli -h dwcp-v3-redis ping": "there is no Redis",
    "kubectl exec -n dwcp-v3 <pod-name> -- curl http://localhost:8080/health": "a simulated pod does not have a network of its own",
}
"""The commands that cannot run here, each with the reason."""


def commands_of_the_guide() -> list[str]:
    """The commands of the section on troubleshooting, each once."""
    section = (DOCS / "guide.md").read_text().split("\n## Troubleshooting\n", 1)[1].split("\n## ", 1)[0]
    found: list[str] = []
    for fence in FENCE.finditer(section):
        lines = [" ".join(line.split()) for line in fence["text"].replace("\\\n", "").splitlines()]
        shown = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]  # the other lines are output
        found += shown or [line for line in lines if line and not line.startswith("#")]
    return list(dict.fromkeys(found))


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


def test_top_shows_one_pod_and_the_selected_nodes(pod: str, running: Cloud) -> None:
    name, nodes = pod.removeprefix("pod/"), [each.name for each in PROJECT.nodes]
    assert [line.split()[0] for line in kubectl(running, "top", "pod", *NAMESPACE, name, "--no-headers").splitlines()] == [name]
    for options in ([nodes[0]], ["-l", f"kubernetes.io/hostname={nodes[0]}"]):
        lines = kubectl(running, "top", "node", *options, "--no-headers").splitlines()
        assert [line.split()[0] for line in lines] == [nodes[0]]


def test_every_command_of_the_guide_is_run_or_has_a_reason() -> None:
    assert set(commands_of_the_guide()) == SHOWN.keys() | NOT_RUN.keys()
    assert len(SHOWN) == 20


@contextmanager
def killed_after_60_s(process: subprocess.Popen[str]) -> Iterator[None]:
    """Wait until the process ends, and kill it after 60 s, so that the test fails instead of waiting for ever."""
    guard = threading.Timer(60, process.kill)
    guard.start()
    try:
        yield
    finally:
        process.wait()
        guard.cancel()


@pytest.mark.parametrize("command", [each for each in commands_of_the_guide() if each not in NOT_RUN])
def test_a_command_of_the_guide_works(pod: str, running: Cloud, command: str) -> None:
    # The platform has the Secret regcred already, so the test creates another one.
    values = {"<pod-name>": pod.removeprefix("pod/"), "<username>": "a", "<token>": "b", "regcred": "debug"}
    values["8080:80"] = f"{free_ports(1)[0]}:80"
    line = re.sub("|".join(values), lambda match: values[match[0]], command)
    line += "".join(f" {options}" for verb, options in CHANGES.items() if command.startswith(f"kubectl {verb} "))
    environment = running.engine.process_environment() | {"KUBE_EDITOR": "true"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with (
        subprocess.Popen(["bash", "-c", f"exec {line}"], env=environment, text=True, **pipes) as process,
        killed_after_60_s(process),
    ):
        if not any(each in command for each in ENDLESS):
            said, _ = process.communicate()
            assert process.returncode == 0, said
            assert SHOWN[command] in said
            return
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("echo answer $((6 * 7))\n")
        process.stdin.flush()
        assert any(SHOWN[command] in output for output in process.stdout), "the command ended"
        assert process.poll() is None, "the command waits for more lines"
        process.terminate()


@contextmanager
def forwarded(cloud: Cloud, what: str, to: int) -> Iterator[str]:
    [port] = free_ports(1)
    command = [cloud.engine.bin / "kubectl", "port-forward", *NAMESPACE, what, f"{port}:{to}"]
    environment = cloud.engine.process_environment()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process, killed_after_60_s(process):
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@pytest.mark.parametrize(("what", "port"), [("POD", 8080), ("svc/dwcp-v3", 80)])
def test_a_forwarded_port_answers(pod: str, running: Cloud, what: str, port: int) -> None:
    with forwarded(running, pod if what == "POD" else what, port) as url:
        for _ in waiting.looks(20):
            with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
                if json.load(answer) == {"status": "ok"}:
                    return
    raise AssertionError(f"{PROJECT.name} does not answer")
