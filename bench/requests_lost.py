"""Requests lost while releases go out and come back, nodes are drained and servers restart: real pods, real load."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import contract
from bench import Figure, Options
from bench._load import RATE, Load, Phase
from delivery.rollout.options import SETTINGS_VARIABLE
from embedded_cloud import waiting
from embedded_cloud.api_server import Manifest
from embedded_cloud.cloud import Cloud
from embedded_cloud.nodes.cluster import FOLDER as NODES
from embedded_cloud.nodes.cluster import GROUPS
from embedded_cloud.nodes.prerequisites import missing
from program.checkout import CHECKOUT
from sandbox.project import FOLDER, PROJECT
from sandbox.real_pods import local_file
from sandbox.stacks import open_stack

END_SECONDS = 600
WAIT_SECONDS = "10"
PACE = {"bakeSeconds": 5, "propagationSeconds": 5, "intervalSeconds": 2}
"""Settings of a rollout whose analysis is short: what is measured are the changes, not the waits between them."""
DEPLOYMENT = f"/apis/apps/v1/namespaces/{contract.NAMESPACE}/deployments/{contract.APPLICATION}"
APPS = (contract.APPLICATION, contract.REDIS)
PODS = f"/api/v1/namespaces/{contract.NAMESPACE}/pods"


def figures(options: Options) -> Iterator[Figure]:
    """The requests that each operation lost in ``options.runs`` runs, on the sandbox that `make up PODS=real` has started."""
    started = (FOLDER / NODES).exists()
    if reason := missing() or ("" if started else "no sandbox with real pods runs; run `make up PODS=real`"):
        print(f"requests_lost is left out: {reason}", file=sys.stderr)
        return
    seen: dict[str, list[Phase]] = defaultdict(list)
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
    """What is done to the platform on ``cloud`` under load."""

    cloud: Cloud

    def all(self) -> Mapping[str, Callable[[], None]]:
        """Each operation by its name, in an order in which each leaves the platform as the next one needs it."""
        return {
            "nothing is done": lambda: time.sleep(10),
            "kubectl rollout restart": self.restart,
            "dwcp rollout 0 -> 100 %": lambda: self.rollout("v3.1.0"),
            "dwcp rollback": self.rollback,
            "dwcp rollout, aborted": lambda: self.abort("v3.2.0"),
            "pulumi up, pod template changed": self.change_template,
            "kubectl drain of a node without Redis": self.drain,
            "restart of Redis": lambda: self.restart(contract.REDIS),
        }

    def measured(self, name: str, do: Callable[[], None]) -> Phase:
        """Do it under load, until no pod comes or goes any more."""
        with tempfile.TemporaryDirectory(prefix="dwcp-load-") as folder:
            load = Load(self.cloud, Path(folder))
            with load.running():
                do()
                self.settle()
            return Phase(name, load.answers())

    def settle(self) -> None:
        """Return when no pod of the service is coming or going."""
        api = self.cloud.control_plane.api
        for _ in waiting.looks(END_SECONDS, pause=0.5):
            pods = [each for each in api.items(PODS) if each["metadata"]["labels"].get("app") == contract.APPLICATION]
            if all("deletionTimestamp" not in each["metadata"] and _is_ready(each) for each in pods):
                return
        raise RuntimeError("pods of the service still come and go")

    def restart(self, name: str = contract.APPLICATION) -> None:
        """Restart a Deployment's pods."""
        self.kubectl("rollout", "restart", f"deployment/{name}")
        self.kubectl("rollout", "status", f"deployment/{name}", f"--timeout={END_SECONDS}s")

    def drain(self) -> None:
        """Drain a node that runs a pod of the service, and let pods onto it again.

        Redis' node is left out: its volume is in one zone, and that zone has no other node.
        """
        pods = self.cloud.control_plane.api.items(PODS)
        on = {app: [each["spec"]["nodeName"] for each in pods if each["metadata"]["labels"]["app"] == app] for app in APPS}
        node = next(each for each in on[contract.APPLICATION] if each not in on[contract.REDIS])
        self.kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", f"--timeout={END_SECONDS}s")
        self.settle()
        self.kubectl("uncordon", node)
        self.kubectl("rollout", "status", f"deployment/{contract.REDIS}", f"--timeout={END_SECONDS}s")

    def rollout(self, tag: str, *options: str) -> None:
        """Roll a release out to the end."""
        self.dwcp("rollout", "--tag", tag, "--wait-time", WAIT_SECONDS, *options)

    def abort(self, tag: str) -> None:
        """Begin a rollout, hold it at its first step, and take it back."""
        self.rollout(tag, "--percentage", "10")
        self.dwcp("rollout", "--abort")

    def rollback(self) -> None:
        """Go back to the release before."""
        self.dwcp("rollback", "--reason", "measured", "--yes")

    def change_template(self) -> None:
        """Change the program's configuration of the pods, and apply it."""
        with tempfile.TemporaryDirectory(prefix="dwcp-stack-") as name:
            file = Path(name) / f"Pulumi.{PROJECT.stack}.yaml"
            text = local_file(self.cloud).read_text()
            level = "debug" if "debug" not in json.dumps(self._config()) else "warn"
            file.write_text(text.replace("config:\n", f"config:\n  {contract.PROJECT}:application:\n    logLevel: {level}\n", 1))
            command = ("up", "--yes", "--skip-preview", "--stack", PROJECT.stack, "--config-file", str(file), "--non-interactive")
            self.run(str(self.cloud.engine.bin / "pulumi"), *command)

    def _config(self) -> Manifest:
        return self.cloud.control_plane.api.get(f"/api/v1/namespaces/{contract.NAMESPACE}/configmaps/{contract.APPLICATION}")

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl in the platform's namespace; what it prints."""
        return self.run(str(self.cloud.engine.bin / "kubectl"), "--namespace", contract.NAMESPACE, *arguments)

    def dwcp(self, *arguments: str) -> str:
        """Run `dwcp` on the environment; what it prints."""
        assert self.cloud.nodes is not None
        return self.run(sys.executable, "-m", "delivery", *arguments, "--environment", PROJECT.stack)

    def run(self, *command: str) -> str:
        """Run a command in a shell that has sourced the sandbox's ``env``; what it prints, which a failure shows."""
        assert self.cloud.nodes is not None
        service = f"http://127.0.0.1:{self.cloud.nodes.ports[GROUPS]}/tracks/{{track}}"
        own = {"DWCP_SERVICE_URL": service, "DWCP_WORK_DIR": str(self.cloud.folder / "work")}
        own[SETTINGS_VARIABLE] = json.dumps(PACE)
        environment = {**os.environ, **self.cloud.engine.process_environment(), **own}
        done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return done.stdout


def _is_ready(pod: Manifest) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
