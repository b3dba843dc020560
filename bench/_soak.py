"""``python -m bench._soak``: commands that are killed, stopped and told a wrong time at random, and what is left of the platform.

Each round starts one command, disturbs it once at a random time, lets the next command go on, and then asks from outside (boto3,
the API server, the bucket) whether anything is lost or stranded. CI does not run it. docs/performance.md has the last table.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import boto3
import psutil

from contract import CANARY, DEPLOYMENTS, IMAGE_REPOSITORY, NAMESPACE, STABLE, STATE_BUCKET
from delivery.errors import ExitCode
from delivery.rollout.request import SETTINGS_VARIABLE
from delivery.state.lease import KEY, TABLE
from embedded_cloud.cloud import Cloud
from program.checkout import CHECKOUT
from sandbox.monitoring import Monitoring
from sandbox.project import PROJECT

COMMANDS = ("deploy", "rollout", "rollback", "up")
FAULTS = ("kill -9", "SIGSTOP", "clock jump")
LONGEST_SECONDS = {"deploy": 25.0, "rollout": 45.0, "rollback": 25.0, "up": 10.0}
"""Within which a disturbance comes; a command that has ended by then was not disturbed, and counts as such."""
STOPPED_SECONDS = (1.0, 150.0)
"""A lease lasts 60 s: some of these outlive it."""
JUMPS_SECONDS = (-86400.0, -3600.0, 3600.0, 86400.0)
PACE = {"waitSeconds": 6, "bakeSeconds": 4, "intervalSeconds": 1, "propagationSeconds": 1, "graceSeconds": 8, "extendSeconds": 30}
SPEED = 30
REQUESTS_PER_SECOND = 200
SETTLE_SECONDS = 180.0
COMMAND_SECONDS = 600.0
SPARE_SECONDS = 200.0
"""A command that waits for a lease without a heartbeat takes it after 60 s."""


@dataclass
class Soak:
    """One platform, its commands and its random numbers."""

    cloud: Cloud
    monitoring: Monitoring
    chance: random.Random
    clock: Path
    releases: int = 0
    images: set[str] = field(default_factory=set[str])

    def environment(self) -> dict[str, str]:
        """Of a command."""
        return {
            **self.cloud.engine.process_environment(),
            "DWCP_PROMETHEUS_URL": self.monitoring.prometheus_url,
            "DWCP_SERVICE_URL": f"{self.monitoring.simulator_url}/tracks/{{track}}",
            "DWCP_METRICS_WINDOW_SECONDS": "2",
            "DWCP_WORK_DIR": str(self.cloud.folder / "work"),
            "XDG_STATE_HOME": str(self.cloud.folder / "state"),
            SETTINGS_VARIABLE: json.dumps(PACE),
            "PYTHONPATH": f"{CHECKOUT / 'bench/_jumping_clock'}{os.pathsep}{CHECKOUT}",
            "SOAK_CLOCK": str(self.clock),
        }

    def start(self, *arguments: str) -> psutil.Popen:
        """A command in a session of its own, so that what stops it stops nothing else."""
        return psutil.Popen(
            arguments,
            cwd=CHECKOUT,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=(self.cloud.folder / "logs" / "soak.log").open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def new_image(self) -> str:
        """One that no round has used."""
        self.releases += 1
        return f"{IMAGE_REPOSITORY}:v8.{self.releases}.0"

    def command(self, name: str) -> tuple[str, ...]:
        """The command line of one round, or of the one that goes on after it."""
        dwcp, wait = (sys.executable, "-m", "delivery"), ("--wait", str(SPARE_SECONDS))
        local = ("--environment", PROJECT.stack)
        if name == "up":
            return (
                str(self.cloud.engine.bin / "pulumi"),
                "up",
                "--yes",
                "--skip-preview",
                "--stack",
                PROJECT.stack,
                "--non-interactive",
            )
        if name == "rollback":
            return (*dwcp, name, *local, *wait)
        image = self.new_image()
        self.images.add(image)
        if name == "rollout":
            return (*dwcp, name, *local, "--image", image)
        return (*dwcp, name, *local, *wait, "--tag", image.rpartition(":")[2], "--skip-tests")

    def round(self, name: str, fault: str) -> tuple[str, list[str]]:
        """What the disturbance met, and everything that is lost or stranded afterwards."""
        before = self.unanswered()
        process = self.start(*self.command(name))
        met = self.disturb(process, fault, self.chance.uniform(0.5, LONGEST_SECONDS[name]))
        with suppress(psutil.TimeoutExpired):
            process.wait(COMMAND_SECONDS)
        self.clock.write_text("0")
        if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            process.kill()
            return met, [f"{name} did not end within {COMMAND_SECONDS:.0f} s"]
        undisturbed = met == "ended before" and process.returncode
        wrong = [f"{name} ended with {process.returncode}, and nothing had disturbed it"] if undisturbed else []
        wrong += self.go_on(name)
        return met, wrong + self.problems(before)

    def disturb(self, process: psutil.Popen, fault: str, after: float) -> str:
        """Once, ``after`` seconds; what became of it."""
        with suppress(psutil.TimeoutExpired):
            process.wait(after)
            return "ended before"
        if fault == "kill -9":
            process.kill()
        elif fault == "SIGSTOP":
            group = [process, *process.children(recursive=True)]
            self._signal(group, signal.SIGSTOP)
            time.sleep(self.chance.uniform(*STOPPED_SECONDS))
            self._signal(group, signal.SIGCONT)
        else:
            self.clock.write_text(str(self.chance.choice(JUMPS_SECONDS)))
        return f"{fault} after {after:.0f} s"

    @staticmethod
    def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
        for each in processes:
            with suppress(psutil.NoSuchProcess):
                each.send_signal(number)

    def go_on(self, name: str) -> list[str]:
        """What a person or a pipeline does next: an open rollout is finished or taken back, then an update brings all into line."""
        for arguments in self.following():
            process = self.start(*arguments)
            try:
                code = process.wait(COMMAND_SECONDS)
            except psutil.TimeoutExpired:
                process.kill()
                return [f"after {name}: `{' '.join(arguments[2:5])}` did not end"]
            # An abort is a failure by its exit code, and a command line that is wrong is one of the soak.
            if code and ("--abort" not in arguments or code == ExitCode.USAGE):
                return [f"after {name}: `{' '.join(arguments[2:5])}` ended with {code}"]
        return []

    def following(self) -> tuple[tuple[str, ...], ...]:
        """The command lines of those next steps. The disturbed command has ended, so a rollout finds its lease free."""
        dwcp = (sys.executable, "-m", "delivery")
        return (
            (*dwcp, "rollout", "--abort", "--environment", PROJECT.stack),
            (*dwcp, "state", "unlock", "--environment", PROJECT.stack, "--wait", str(SPARE_SECONDS)),
            self.command("deploy"),
        )

    def problems(self, unanswered: float) -> list[str]:
        """Everything that is not as it must be, once it had time to settle: asked from outside."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while (found := list(self._problems(unanswered))) and time.monotonic() < deadline:
            time.sleep(1)
        return found

    def _problems(self, unanswered: float) -> Iterator[str]:
        if (lost := self.unanswered() - unanswered) > 0:
            yield f"{lost:.0f} requests reached no pod"
        weights, healthy = self.weights(), self.healthy("stable")
        if weights != {"stable": 100, "canary": 0}:
            yield f"the weights are {weights}"
        apps = self.cloud.control_plane.api.items(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments")
        deployments: dict[str, Any] = {each["metadata"]["name"]: each for each in apps}
        stable, canary = deployments[DEPLOYMENTS[STABLE]]["spec"], deployments[DEPLOYMENTS[CANARY]]["spec"]
        if healthy < stable["replicas"]:
            yield f"{healthy} of stable's {stable['replicas']} targets are healthy"
        if canary["replicas"]:
            yield f"the canary has {canary['replicas']} pods"
        image, known = stable["template"]["spec"]["containers"][0]["image"], self.state_image()
        if image != known:
            yield f"stable runs {image}, and the state says {known}"
        for scaler in self.cloud.control_plane.api.items(f"/apis/autoscaling/v2/namespaces/{NAMESPACE}/horizontalpodautoscalers"):
            if scaler["spec"]["minReplicas"] != 3:
                yield f"the floor of {scaler['metadata']['name']} is {scaler['spec']['minReplicas']}"
        lease = self.client("dynamodb").get_item(TableName=TABLE, Key={KEY: {"S": PROJECT.stack}}).get("Item")
        if lease and lease["held"]["BOOL"]:
            yield "the lease is held, and no command runs"
        locks = self.client("s3").list_objects_v2(Bucket=STATE_BUCKET, Prefix=f"{PROJECT.state_prefix}/locks/").get("Contents", [])
        yield from (f"the engine's lock {each['Key']} is left" for each in locks)

    def unanswered(self) -> float:
        """Requests of the simulated load that reached no pod so far."""
        return float(self.monitoring.control("")["unanswered"])

    def client(self, service: str) -> Any:
        """AWS as anybody sees it."""
        return cast(Any, boto3).client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.cloud.moto_port}",
            region_name=PROJECT.account.region,
            aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox",
        )

    def groups(self) -> dict[str, str]:
        """The target groups by track."""
        found = [each["TargetGroupArn"] for each in self.client("elbv2").describe_target_groups()["TargetGroups"]]
        return {track: next(arn for arn in found if track in arn) for track in ("stable", "canary")}

    def healthy(self, track: str) -> int:
        """Healthy targets of a track."""
        described = self.client("elbv2").describe_target_health(TargetGroupArn=self.groups()[track])["TargetHealthDescriptions"]
        return sum(each["TargetHealth"]["State"] == "healthy" for each in described)

    def weights(self) -> dict[str, int]:
        """Of the rule that splits the traffic."""
        elbv2, groups = self.client("elbv2"), self.groups()
        [balancer] = elbv2.describe_load_balancers()["LoadBalancers"]
        for listener in elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]:
            for rule in elbv2.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]:
                split = rule["Actions"][0].get("ForwardConfig", {}).get("TargetGroups", [])
                if len(split) == len(groups):
                    by_arn = {each["TargetGroupArn"]: each["Weight"] for each in split}
                    return {track: by_arn[arn] for track, arn in groups.items()}
        return {}

    def state_image(self) -> str:
        """What the engine's state says that stable runs."""
        body = self.client("s3").get_object(Bucket=STATE_BUCKET, Key=PROJECT.state_key)["Body"].read()
        resources = json.loads(body)["checkpoint"]["latest"]["resources"]
        stack = next(each for each in resources if each["type"] == "pulumi:pulumi:Stack")
        return str(stack["outputs"]["application"]["image"])


def run(rounds: int, minutes: float, seed: int, say: Callable[[str], None]) -> int:
    """Round after round on one platform; returns how many left something lost or stranded."""
    results: Counter[tuple[str, str, str]] = Counter()
    bad: list[str] = []
    with tempfile.TemporaryDirectory(prefix="dwcp-soak-") as name:
        folder = Path(name)
        cloud = Cloud.open(PROJECT, folder)
        try:
            cloud.start()
            cloud.engine.pulumi("up", "--yes", "--skip-preview", "--stack", PROJECT.stack)
            monitoring = Monitoring(cloud=cloud, speed=SPEED)
            monitoring.start()
            monitoring.control("load", "PUT", requestsPerSecond=REQUESTS_PER_SECOND)
            soak = Soak(cloud=cloud, monitoring=monitoring, chance=random.Random(seed), clock=folder / "clock")
            soak.clock.write_text("0")
            subprocess.run(
                [sys.executable, "-m", "delivery", "state", "bootstrap", "--environment", PROJECT.stack],
                cwd=CHECKOUT, env=soak.environment(), check=True, capture_output=True,
            )  # fmt: skip
            for _ in range(2):  # something to roll back to
                soak.start(*soak.command("deploy")).wait(COMMAND_SECONDS)
            started = time.monotonic()
            for number in range(rounds):
                if time.monotonic() - started > minutes * 60:
                    break
                command, fault = COMMANDS[number % len(COMMANDS)], soak.chance.choice(FAULTS)
                met, wrong = soak.round(command, fault)
                results[command, fault if met != "ended before" else "not disturbed", "bad" if wrong else "good"] += 1
                say(f"{number + 1:4} {command:9} {met:24} {'; '.join(wrong) or 'nothing lost, nothing stranded'}")
                bad += [f"{command}, {met}: {each}" for each in wrong]
        finally:
            cloud.processes.stop()
    say("\n| command | disturbed by | rounds | lost or stranded |\n|---|---|---|---|")
    for command, fault in sorted({key[:2] for key in results}):
        good, failed = results[command, fault, "good"], results[command, fault, "bad"]
        say(f"| {command} | {fault} | {good + failed} | {failed} |")
    return len(bad)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench._soak", description=__doc__)
    parser.add_argument("--rounds", type=int, default=400, help="100 of each command")
    parser.add_argument("--minutes", type=float, default=24 * 60.0, help="no round begins after that")
    parser.add_argument("--seed", type=int, default=1, help="of what is disturbed how and when")
    arguments = parser.parse_args()
    sys.exit(1 if run(arguments.rounds, arguments.minutes, arguments.seed, lambda text: print(text, flush=True)) else 0)


if __name__ == "__main__":
    main()
