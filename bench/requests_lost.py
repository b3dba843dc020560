"""The number of requests lost during deployments, rollouts, rollbacks, drains and restarts, with real pods and real requests."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import contract
from bench import Figure, Options, _dwcp
from bench._load import RATE, LoadGenerator, Measurement
from delivery.rollout.options import SETTINGS_VARIABLE
from embedded_cloud import waiting
from embedded_cloud.api_server import Manifest
from embedded_cloud.cloud import Cloud
from embedded_cloud.nodes.cluster import FOLDER as NODES
from embedded_cloud.nodes.prerequisites import missing
from program.checkout import CHECKOUT
from sandbox.project import FOLDER, PROJECT
from sandbox.real_pods import variables, write_stack_file
from sandbox.stacks import open_stack

Command = tuple[str, ...]
Done = subprocess.CompletedProcess[str]

END_SECONDS = 600
ATTEMPTS = 4
"""Maximum number of attempts for a deployment or a rollout. If it is rolled back because of latency, it is tried again, because
other work on this machine can cause the latency."""
HELD_STEPS = ("10", "50")
ABORT_CODES = (0, 1)
"""Exit codes of `dwcp rollout --abort` that do not fail the benchmark: 0 if there is nothing to abort, 1 after an abort."""
KILLED_AFTER_SECONDS = (2.0, 60.0)
BUSY = ("sh", "-c", "for i in 1 2 3 4; do (timeout 90 sh -c 'while :; do :; done' > /dev/null 2>&1 &); done")
"""A command that uses up the container's CPU for 90 s, so that the service answers slowly."""
BUSY_CPU, IDLE_CPU = "4", "1m"
"""CPU usage of a pod in the sandbox's metrics: busy, and idle."""
PACE = {"waitSeconds": 10, "bakeSeconds": 5, "propagationSeconds": 5, "intervalSeconds": 2}
"""Settings of a rollout with short waits, because the benchmark measures the requests while the traffic moves."""
DEPLOYMENT = f"/apis/apps/v1/namespaces/{contract.NAMESPACE}/deployments/{contract.APPLICATION}"
APPS = (contract.APPLICATION, contract.REDIS)
PODS = f"/api/v1/namespaces/{contract.NAMESPACE}/pods"


def figures(options: Options) -> Iterator[Figure]:
    """The number of requests that each operation lost in ``options.runs`` runs, on a sandbox started by `make up PODS=real`."""
    started = (FOLDER / NODES).exists()
    if reason := missing() or ("" if started else "no sandbox with real pods runs; run `make up PODS=real`"):
        print(f"requests_lost is skipped: {reason}", file=sys.stderr)
        return
    seen: dict[str, list[Measurement]] = defaultdict(list)
    operations = Operations(open_stack(PROJECT.stack, FOLDER, real_pods=True))
    for _ in range(options.runs):
        for name, do in operations.all().items():
            phase = operations.measured(name, do)
            print(f"  {name}: {len(phase.lost)} of {len(phase.answers)} lost {phase.why}", file=sys.stderr, flush=True)
            seen[name].append(phase)
    for name, phases in seen.items():
        requests = sum(len(phase.answers) for phase in phases)
        p99 = median(phase.p99 for phase in phases) * 1000
        why = "; ".join(filter(None, (phase.why for phase in phases)))
        yield Figure(
            name=f"requests lost: {name}",
            value=sum(len(phase.lost) for phase in phases),
            unit="requests",
            target="0",
            how=f"of {requests} at {RATE}/s in {len(phases)} runs, P99 {p99:.0f} ms{f'; {why}' if why else ''}",
        )


@dataclass
class Operations:
    """The operations on the platform of ``cloud`` that are measured under load."""

    cloud: Cloud
    slowed: set[str] = field(default_factory=set[str])
    """The names of the pods that were made slow."""

    def all(self) -> Mapping[str, Callable[[], None]]:
        """The operations by name.

        The order matters: each operation leaves the platform in the state that the next operation needs.
        """
        return {
            "nothing is done": lambda: time.sleep(10),
            "kubectl rollout restart": self.restart,
            "dwcp rollout 0 -> 100 %": lambda: self.rollout("v3.1.0"),
            "dwcp rollback": self.rollback,
            "dwcp deploy": lambda: self.deploy("v3.1.0"),
            "dwcp rollout, aborted at each step": lambda: self.abort("v3.2.0"),
            "dwcp rollout, rolled back after a breach": lambda: self.breach("v3.2.0"),
            "dwcp rollout, killed and resumed": lambda: self.kill("v3.2.0"),
            "autoscaling up and down": self.autoscale,
            "pulumi up, pod template changed": self.change_template,
            "kubectl drain of a node without Redis": self.drain,
            "restart of Redis": lambda: self.restart(contract.REDIS),
        }

    def measured(self, name: str, do: Callable[[], None]) -> Measurement:
        """Run the operation ``do`` under load. The load ends when no pod of the service is starting or terminating."""
        with tempfile.TemporaryDirectory(prefix="dwcp-load-") as folder:
            load = LoadGenerator(self.cloud, Path(folder))
            with load.running():
                do()
                self.settle()
            return Measurement(name, load.answers())

    def settle(self) -> None:
        """Return when all pods of the service are ready and none is terminating."""
        api = self.cloud.control_plane.api
        for _ in waiting.looks(END_SECONDS, pause=0.5):
            pods = [each for each in api.items(PODS) if each["metadata"]["labels"].get("app") == contract.APPLICATION]
            if all("deletionTimestamp" not in each["metadata"] and _is_ready(each) for each in pods):
                return
        raise RuntimeError("pods of the service are still starting or terminating")

    def restart(self, name: str = contract.APPLICATION) -> None:
        """Restart a Deployment's pods."""
        self.kubectl("rollout", "restart", f"deployment/{name}")
        self.kubectl("rollout", "status", f"deployment/{name}", f"--timeout={END_SECONDS}s")

    def drain(self) -> None:
        """Drain a node that runs a pod of the service, and then uncordon the node.

        The drained node does not run Redis. Redis could not start on another node, because its volume's zone has only one node.
        """
        pods = self.cloud.control_plane.api.items(PODS)
        on = {app: [each["spec"]["nodeName"] for each in pods if each["metadata"]["labels"]["app"] == app] for app in APPS}
        node = next(each for each in on[contract.APPLICATION] if each not in on[contract.REDIS])
        self.kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", f"--timeout={END_SECONDS}s")
        self.settle()
        self.kubectl("uncordon", node)
        self.kubectl("rollout", "status", f"deployment/{contract.REDIS}", f"--timeout={END_SECONDS}s")

    def rollout(self, tag: str, *options: str) -> None:
        """Roll out a release. If it is rolled back because the canary was slow, try again."""
        self._until_released(self._rollout(tag, *options))

    def deploy(self, tag: str) -> None:
        """Deploy a release with `dwcp deploy`. If it is rolled back because the service was slow, try again."""
        self._until_released(_dwcp.command("deploy", "--tag", tag, "--skip-tests"))

    def _until_released(self, command: Command) -> None:
        for attempts_left in reversed(range(ATTEMPTS)):
            done = self.tried(*command)
            if done.returncode == 0:
                return
            if not attempts_left or "(latency" not in done.stdout:
                raise _failed(done)

    def _rollout(self, tag: str, *options: str) -> Command:
        return _dwcp.command("rollout", "--tag", tag, *options)

    def abort(self, tag: str) -> None:
        """For each step of ``HELD_STEPS``, hold a rollout at this step, and abort the rollout."""
        for step in HELD_STEPS:
            self.rollout(tag, "--percentage", step)
            done = self.tried(*_dwcp.command("rollout", "--abort"))
            if done.returncode not in ABORT_CODES:
                raise _failed(done)

    def breach(self, tag: str) -> None:
        """Roll out a release, make its canary slow, and wait until it is rolled back."""
        process = self._started(self._rollout(tag))
        while process.poll() is None:
            for pod in self._canaries():
                done = self.tried(
                    str(self.cloud.engine.bin / "kubectl"), "--namespace", contract.NAMESPACE, "exec", pod, "--", *BUSY
                )
                if done.returncode == 0:
                    self.slowed.add(pod)
            time.sleep(1)
        done = subprocess.CompletedProcess(process.args, process.returncode, *process.communicate())
        if done.returncode != 1 or "(latency" not in done.stdout:
            raise _failed(done)

    def _canaries(self) -> list[str]:
        """The names of the canary's ready pods that have not been made slow yet."""
        pods = [each for each in self.cloud.control_plane.api.items(PODS) if _is_ready(each)]
        return [name for each in pods if "-canary-" in (name := each["metadata"]["name"]) and name not in self.slowed]

    def kill(self, tag: str) -> None:
        """Kill `dwcp` at a random time of a rollout, and run the same command again."""
        process = self._started(self._rollout(tag))
        with suppress(subprocess.TimeoutExpired):
            process.wait(random.uniform(*KILLED_AFTER_SECONDS))
        process.kill()
        process.communicate()
        self.rollout(tag)

    def autoscale(self) -> None:
        """Make the autoscaler add pods and then remove them, with a scale-down stabilization window of 0 s."""
        change = {"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}}
        self.kubectl("patch", "hpa", contract.APPLICATION, "--patch", json.dumps(change))
        least = self._replicas()
        selector = f"--selector=app={contract.APPLICATION}"
        key = f"{PROJECT.annotation_domain}/cpu"
        self.kubectl("annotate", "pods", selector, "--overwrite", f"{key}={BUSY_CPU}")
        self._until(lambda: self._replicas() > least, "the autoscaler adds no pod")
        self.kubectl("rollout", "status", f"deployment/{contract.APPLICATION}", f"--timeout={END_SECONDS}s")
        self.kubectl("annotate", "pods", selector, f"{key}={IDLE_CPU}", "--overwrite")
        self._until(lambda: self._replicas() == least, "the autoscaler removes no pod")

    def _replicas(self) -> int:
        return self.cloud.control_plane.api.get(DEPLOYMENT)["spec"]["replicas"]

    @staticmethod
    def _until(so: Callable[[], bool], problem: str) -> None:
        for _ in waiting.looks(END_SECONDS, pause=1):
            if so():
                return
        raise RuntimeError(problem)

    def rollback(self) -> None:
        """Roll back to the previous release."""
        self.dwcp("rollback", "--reason", "measured", "--yes")

    def change_template(self) -> None:
        """Change the pod template by a setting, with `pulumi up`."""
        with tempfile.TemporaryDirectory(prefix="dwcp-stack-") as name:
            file = Path(name) / f"Pulumi.{PROJECT.stack}.yaml"
            text = write_stack_file(self.cloud).read_text()
            level = "debug" if "debug" not in json.dumps(self._config()) else "info"
            file.write_text(text.replace("config:\n", f"config:\n  {contract.PROJECT}:application:\n    logLevel: {level}\n", 1))
            command = ("up", "--yes", "--skip-preview", "--stack", PROJECT.stack, "--config-file", str(file), "--non-interactive")
            self.run(str(self.cloud.engine.bin / "pulumi"), *command)

    def _config(self) -> Manifest:
        return self.cloud.control_plane.api.get(f"/api/v1/namespaces/{contract.NAMESPACE}/configmaps/{contract.APPLICATION}")

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl in the platform's namespace; return its output."""
        return self.run(str(self.cloud.engine.bin / "kubectl"), "--namespace", contract.NAMESPACE, *arguments)

    def dwcp(self, *arguments: str) -> str:
        """Run `dwcp` on the environment; return its output."""
        return self.run(*_dwcp.command(*arguments))

    def run(self, *command: str) -> str:
        """Run a command with the sandbox's environment variables; return its output. A failure raises ``RuntimeError``."""
        done = self.tried(*command)
        if done.returncode:
            raise _failed(done)
        return done.stdout

    def tried(self, *command: str) -> Done:
        """Run a command that may fail; return its result."""
        process = self._started(command)
        output, errors = process.communicate()
        return subprocess.CompletedProcess(command, process.returncode, output, errors)

    def _started(self, command: Command) -> subprocess.Popen[str]:
        own = {"DWCP_WORK_DIR": str(self.cloud.folder / "work"), SETTINGS_VARIABLE: json.dumps(PACE), **variables(self.cloud)}
        environment = {**os.environ, **self.cloud.engine.process_environment(), **own}
        return subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _failed(done: Done) -> RuntimeError:
    words = " ".join(map(str, done.args))
    return RuntimeError(f"{words}: exit code {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")


def _is_ready(pod: Manifest) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
