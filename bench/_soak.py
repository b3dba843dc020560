"""Soak test: kill a command, suspend it or change its clock at a random time, then check the platform for lost or leftover state.

Each round starts one command, causes one fault at a random time, and runs the commands that recover from the fault. Then the round
reads AWS, the API server and the state bucket to find lost or leftover state. CI does not run the soak test. docs/performance.md
describes the results.
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

from bench import _dwcp
from contract import CANARY, DEPLOYMENTS, IMAGE_REPOSITORY, NAMESPACE, STABLE, STATE_BUCKET
from delivery.clients.state_backend import LEASE_KEY, LEASE_TABLE
from delivery.clients.tracks import service_container
from delivery.errors import ExitCode
from delivery.rollout.options import SETTINGS_VARIABLE
from embedded_cloud.cloud import Cloud
from program.checkout import CHECKOUT
from sandbox.monitoring import SandboxMonitoring
from sandbox.project import PROJECT
from sandbox.stacks import bootstrap_state

COMMANDS = ("deploy", "rollout", "rollback", "up")
FAULTS = ("kill -9", "SIGSTOP", "clock jump")
LONGEST_SECONDS = {"deploy": 25.0, "rollout": 45.0, "rollback": 25.0, "up": 10.0}
"""Command -> latest time of the fault, in seconds after the start. If a command ends before its fault, the command's duration
becomes the new latest time."""
SUSPENDED_SECONDS = (1.0, 20.0)
"""Shortest and longest time for which a process is usually suspended (SIGSTOP)."""
LONG_SUSPENSION_SECONDS = 90.0
"""Duration of a long suspension. It is longer than the 60 s after which a lease without heartbeats expires."""
SUSPENSIONS_PER_LONG_ONE = 6
"""On average, one of this many suspensions is long."""
JUMPS_SECONDS = (-86400.0, -3600.0, 3600.0, 86400.0)
PACE = {"waitSeconds": 6, "bakeSeconds": 4, "intervalSeconds": 1, "propagationSeconds": 1, "graceSeconds": 8, "extendSeconds": 30}
SPEED = 30
REQUESTS_PER_SECOND = 200
SETTLE_SECONDS = 180.0
COMMAND_SECONDS = 600.0
WAIT_FOR_LEASE_SECONDS = 200.0
"""Value of `--wait`: longer than the 60 s after which another command can take over a lease without a heartbeat."""


@dataclass
class Soak:
    """One platform, its commands and its random numbers."""

    cloud: Cloud
    monitoring: SandboxMonitoring
    chance: random.Random
    clock: Path
    releases: int = 0
    images: set[str] = field(default_factory=set[str])
    longest: dict[str, float] = field(default_factory=LONGEST_SECONDS.copy)

    def environment(self) -> dict[str, str]:
        """The environment variables of a command."""
        own = {
            "DWCP_METRICS_WINDOW_SECONDS": "2",
            "XDG_STATE_HOME": str(self.cloud.folder / "state"),
            SETTINGS_VARIABLE: json.dumps(PACE),
            "PYTHONPATH": f"{CHECKOUT / 'bench/_jumping_clock'}{os.pathsep}{CHECKOUT}",
            "SOAK_CLOCK": str(self.clock),
        }
        return _dwcp.environment(self.cloud, self.monitoring, **own)

    def start(self, *arguments: str) -> psutil.Popen:
        """Start a command in a new session, so that a signal to its process group does not reach this process, and vice versa."""
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
        """An image that no round has used."""
        self.releases += 1
        return f"{IMAGE_REPOSITORY}:v8.{self.releases}.0"

    def command(self, name: str) -> tuple[str, ...]:
        """The command line of the command ``name``."""
        wait = ("--wait", str(WAIT_FOR_LEASE_SECONDS))
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
            return _dwcp.command(name, *wait)
        image = self.new_image()
        self.images.add(image)
        if name == "rollout":
            return _dwcp.command(name, "--image", image)
        return _dwcp.command(name, *wait, "--tag", image.rpartition(":")[2], "--skip-tests")

    def round(self, name: str, fault: str) -> tuple[str, list[str]]:
        """Run one round; return a description of the fault with its time, and the problems found afterwards."""
        before = self.unanswered()
        process = self.start(*self.command(name))
        started = time.monotonic()
        met = self.cause_fault(process, fault, self.chance.uniform(0.5, self.longest[name]))
        with suppress(psutil.TimeoutExpired):
            process.wait(COMMAND_SECONDS)
        if met == "ended before":
            self.longest[name] = time.monotonic() - started
        self.clock.write_text("0")
        if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            process.kill()
            return met, [f"{name} did not end within {COMMAND_SECONDS:.0f} s"]
        failed = met == "ended before" and process.returncode
        wrong = [f"{name} ended with exit code {process.returncode} without a fault"] if failed else []
        wrong += self.recover(name)
        return met, wrong + self.problems(before)

    def last_lines(self) -> str:
        """The last lines of the commands' output."""
        return "\n".join((self.cloud.folder / "logs" / "soak.log").read_text(errors="replace").splitlines()[-12:])

    def cause_fault(self, process: psutil.Popen, fault: str, after: float) -> str:
        """Cause one fault after ``after`` seconds; return its description, or ``ended before``."""
        with suppress(psutil.TimeoutExpired):
            process.wait(after)
            return "ended before"
        if fault == "kill -9":
            process.kill()
        elif fault == "SIGSTOP":
            group = [process, *process.children(recursive=True)]
            self._signal(group, signal.SIGSTOP)
            long = self.chance.randrange(SUSPENSIONS_PER_LONG_ONE) == 0
            time.sleep(LONG_SUSPENSION_SECONDS if long else self.chance.uniform(*SUSPENDED_SECONDS))
            self._signal(group, signal.SIGCONT)
        else:
            self.clock.write_text(str(self.chance.choice(JUMPS_SECONDS)))
        return f"{fault} after {after:.0f} s"

    @staticmethod
    def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
        for each in processes:
            with suppress(psutil.NoSuchProcess):
                each.send_signal(number)

    def recover(self, name: str) -> list[str]:
        """Run the commands that abort an open rollout, remove stale locks and deploy. Return the first failure, if there is one."""
        for arguments in self.recovery_commands():
            process = self.start(*arguments)
            try:
                code = process.wait(COMMAND_SECONDS)
            except psutil.TimeoutExpired:
                process.kill()
                return [f"after {name}: `{' '.join(arguments[2:5])}` did not end"]
            # A successful abort also exits with 1. A usage error is a problem, because it shows that the abort did not begin.
            if code and ("--abort" not in arguments or code == ExitCode.USAGE):
                return [f"after {name}: `{' '.join(arguments[2:5])}` ended with {code}"]
        return []

    def recovery_commands(self) -> tuple[tuple[str, ...], ...]:
        """The command lines of the recovery.

        The abort needs no ``--wait``: it sees that the lease's owner, a process on this machine, no longer runs.
        """
        return (
            _dwcp.command("rollout", "--abort"),
            _dwcp.command("state", "unlock", "--wait", str(WAIT_FOR_LEASE_SECONDS)),
            self.command("deploy"),
        )

    def problems(self, unanswered: float) -> list[str]:
        """The problems that the platform still has after ``SETTLE_SECONDS``; empty as soon as it has no problem."""
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
        image, known = service_container(stable["template"])["image"], self.state_image()
        if image != known:
            yield f"stable runs {image}, and the state contains {known}"
        for scaler in self.cloud.control_plane.api.items(f"/apis/autoscaling/v2/namespaces/{NAMESPACE}/horizontalpodautoscalers"):
            if scaler["spec"]["minReplicas"] != 3:
                yield f"minReplicas of {scaler['metadata']['name']} is {scaler['spec']['minReplicas']}, not 3"
        lease = self.client("dynamodb").get_item(TableName=LEASE_TABLE, Key={LEASE_KEY: {"S": PROJECT.stack}}).get("Item")
        if lease and lease["held"]["BOOL"]:
            yield "the lease is held, and no command runs"
        locks = self.client("s3").list_objects_v2(Bucket=STATE_BUCKET, Prefix=f"{PROJECT.state_prefix}/locks/").get("Contents", [])
        yield from (f"the engine's lock {each['Key']} is left" for each in locks)

    def unanswered(self) -> float:
        """The number of requests of the simulated load that have reached no pod so far."""
        return float(self.monitoring.control("")["unanswered"])

    def client(self, service: str) -> Any:
        """A boto3 client of the embedded cloud."""
        return cast(Any, boto3).client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.cloud.moto_port}",
            region_name=PROJECT.account.region,
            aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox",
        )

    def groups(self) -> dict[str, str]:
        """The ARNs of the target groups by track."""
        found = [each["TargetGroupArn"] for each in self.client("elbv2").describe_target_groups()["TargetGroups"]]
        return {track: next(arn for arn in found if track in arn) for track in ("stable", "canary")}

    def healthy(self, track: str) -> int:
        """The number of healthy targets of a track."""
        described = self.client("elbv2").describe_target_health(TargetGroupArn=self.groups()[track])["TargetHealthDescriptions"]
        return sum(each["TargetHealth"]["State"] == "healthy" for each in described)

    def weights(self) -> dict[str, int]:
        """The weights of the rule that splits the traffic, by track."""
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
        """The image of stable in the engine's state."""
        body = self.client("s3").get_object(Bucket=STATE_BUCKET, Key=PROJECT.state_key)["Body"].read()
        resources = json.loads(body)["checkpoint"]["latest"]["resources"]
        stack = next(each for each in resources if each["type"] == "pulumi:pulumi:Stack")
        return str(stack["outputs"]["application"]["image"])


def run(rounds: int, minutes: float, seed: int, say: Callable[[str], None]) -> int:
    """Run the rounds on one platform; return the number of problems found."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # so that `finally` below stops the platform
    results: Counter[tuple[str, str, str]] = Counter()
    bad: list[str] = []
    with tempfile.TemporaryDirectory(prefix="dwcp-soak-") as name:
        folder = Path(name)
        cloud = Cloud.open(PROJECT, folder)
        try:
            cloud.start()
            cloud.engine.pulumi("up", "--yes", "--skip-preview", "--stack", PROJECT.stack)
            monitoring = SandboxMonitoring(cloud=cloud, speed=SPEED)
            monitoring.start()
            monitoring.control("load", "PUT", requestsPerSecond=REQUESTS_PER_SECOND)
            soak = Soak(cloud=cloud, monitoring=monitoring, chance=random.Random(seed), clock=folder / "clock")
            soak.clock.write_text("0")
            bootstrap_state(cloud)
            for _ in range(2):  # so that there is a release to roll back to
                if code := soak.start(*soak.command("deploy")).wait(COMMAND_SECONDS):
                    sys.exit(f"exit code {code} of a deployment that prepares the rounds:\n{soak.last_lines()}")
            started = time.monotonic()
            for number in range(rounds):
                if time.monotonic() - started > minutes * 60:
                    break
                command, fault = COMMANDS[number % len(COMMANDS)], soak.chance.choice(FAULTS)
                met, wrong = soak.round(command, fault)
                results[command, fault if met != "ended before" else "none", "bad" if wrong else "good"] += 1
                say(f"{number + 1:4} {command:9} {met:24} {'; '.join(wrong) or 'no problem'}")
                if wrong:
                    say(soak.last_lines())
                bad += [f"{command}, {met}: {each}" for each in wrong]
        finally:
            cloud.processes.stop()
    say("\n| command | fault | rounds | rounds with problems |\n|---|---|---|---|")
    for command, fault in sorted({key[:2] for key in results}):
        good, failed = results[command, fault, "good"], results[command, fault, "bad"]
        say(f"| {command} | {fault} | {good + failed} | {failed} |")
    return len(bad)


def main() -> None:
    """Run the soak test; the exit code is 1 if it found a problem."""
    parser = argparse.ArgumentParser(prog="python -m bench._soak", description=__doc__)
    parser.add_argument("--rounds", type=int, default=400, help="Run this many rounds, in turn over the four commands")
    parser.add_argument("--minutes", type=float, default=24 * 60.0, help="Start no round after this many minutes")
    parser.add_argument("--seed", type=int, default=1, help="Seed of the random faults and their times")
    arguments = parser.parse_args()
    sys.exit(1 if run(arguments.rounds, arguments.minutes, arguments.seed, lambda text: print(text, flush=True)) else 0)


if __name__ == "__main__":
    main()
