"""The platform on an embedded cloud with simulated traffic and a real Prometheus, for tests of the `dwcp` command."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from recording import ROOT

from delivery.clients.kubernetes import PROGRAM_MANAGER
from delivery.rollout.options import SETTINGS_VARIABLE
from delivery.state.owner import user_of_this_process
from embedded_cloud.cloud import Cloud
from sandbox.monitoring import SandboxMonitoring
from sandbox.project import PROJECT

NAMESPACE = "dwcp-v3"
LEASES = "dwcp-v3-leases"
REPOSITORY = "ghcr.io/novacron/dwcp-v3"
DRAIN_SECONDS = 1
"""The target groups' deregistration delay, which is shorter than in production, so that tests are fast."""
REQUESTS_PER_SECOND = 1000
FAST = ("--environment", PROJECT.stack, "--json", "--wait-time", "4")
PACE = {
    **{"intervalSeconds": 0.5, "propagationSeconds": 0.5, "bakeSeconds": 0},
    **{"graceSeconds": 4, "extendSeconds": 20, "unmeasuredLimit": 20, "readySeconds": 240},
}
"""Settings of a rollout that is short enough for tests, and works on a machine that other tests keep busy."""
MERGE = "application/merge-patch+json"
END_SECONDS = 400

Event = dict[str, Any]


@dataclass
class Run:
    """One running `dwcp` command, and its output so far."""

    process: subprocess.Popen[str]
    events: list[Event] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                try:
                    self.events.append(json.loads(line))
                except ValueError:
                    self.other.append(line)

    def until(self, holds: Callable[[Event], bool], seconds: float = END_SECONDS) -> Event:
        """The first event for which ``holds`` returns true."""
        deadline, at = time.monotonic() + seconds, 0
        while True:
            for event in self.events[at:]:
                at += 1
                if holds(event):
                    return event
            alive = self.process.poll() is None or self._reader.is_alive()
            assert alive, f"the event did not occur: {self.full_output()}"
            assert time.monotonic() < deadline, f"the event did not occur in time: {self.full_output()}"
            time.sleep(0.05)

    def phase(self, phase: str, step: int | None = None) -> Event:
        """The event at which the command enters a phase."""
        return self.until(lambda event: event["event"] == "phase" and event["phase"] == phase and step in (None, event["step"]))

    def end(self, code: int | None = None) -> Event:
        """Wait until the process has ended, with exit code ``code``; return its last event."""
        try:
            self.process.wait(END_SECONDS)
        finally:
            self.process.kill()
        self._reader.join(5)
        assert code is None or self.process.returncode == code, f"exit code {self.process.returncode}: {self.full_output()}"
        return self.events[-1] if self.events else {}

    def full_output(self) -> str:
        """The output of the command so far."""
        lines = [f"{each['event']}: {each.get('text') or each.get('action') or ''}" for each in self.events]
        return "\n".join([*lines, *self.other])

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the command."""
        self.process.send_signal(number)


@dataclass
class LivePlatform:
    """The platform of the `dwcp` tests: ``cloud`` with the local stack, monitored by ``monitoring``."""

    cloud: Cloud
    monitoring: SandboxMonitoring
    state: str
    """The folder of the commands' local files."""
    releases: int = field(default_factory=lambda: int(time.time()) % 10**8)

    def prepare(self) -> None:
        """Prepare the platform for the commands: create the lease table, and set short deregistration delays."""
        dynamodb = self.aws("dynamodb")
        if LEASES not in dynamodb.list_tables()["TableNames"]:
            dynamodb.create_table(
                TableName=LEASES,
                KeySchema=[{"AttributeName": "environment", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "environment", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        attribute = {"Key": "deregistration_delay.timeout_seconds", "Value": str(DRAIN_SECONDS)}
        for group in self.groups.values():
            self.elbv2.modify_target_group_attributes(TargetGroupArn=group, Attributes=[attribute])
        self.monitoring.control("load", "PUT", requestsPerSecond=REQUESTS_PER_SECOND)

    def new_image(self, failure: str = "") -> str:
        """An image that no test has used; ``failure`` is a suffix of :mod:`sandbox.failing_pods`."""
        self.releases += 1
        return f"{REPOSITORY}:v4.{self.releases}.0{f'-{failure}' if failure else ''}"

    def misbehave(self, image: str, **behaviour: Any) -> None:
        """Change the simulated behavior of the pods of ``image``."""
        self.monitoring.control(f"versions/{image.rpartition(':')[2]}", "PUT", **behaviour)

    def environment(self, **more: str) -> dict[str, str]:
        """The environment variables of a command."""
        return {
            **self.cloud.engine.process_environment(),
            "DWCP_PROMETHEUS_URL": self.monitoring.prometheus_url,
            "XDG_STATE_HOME": self.state,
            "DWCP_WORK_DIR": f"{self.state}/work",
            "NO_COLOR": "1",
            **pace(),
            **more,
        }

    def start(
        self,
        *arguments: str,
        module: str = "delivery",
        more: Mapping[str, str] | None = None,
        before: Callable[[], None] | None = None,
        folder: Path = ROOT,
    ) -> Run:
        """Start `dwcp ARGUMENTS` from the checkout in ``folder`` as a separate process."""
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=folder,
            env=self.environment(**(more or {})),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=before,
        )
        return Run(process)

    @contextlib.contextmanager
    def engine_lock(self, host: str = socket.gethostname()) -> Iterator[None]:
        """A lock in the state's bucket. On this machine, its engine no longer runs; on another machine, it may still run."""
        lock = {"pid": 2**22 + 1, "username": user_of_this_process(), "hostname": host}
        place = {"Bucket": "novacron-terraform-state", "Key": "dwcp-v3/.pulumi/locks/organization/dwcp-v3/local/other.json"}
        self.aws("s3").put_object(**place, Body=json.dumps(lock))
        try:
            yield
        finally:
            self.aws("s3").delete_object(**place)

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl as an operator does."""
        command = ["kubectl", "-n", NAMESPACE, *arguments]
        return subprocess.check_output(command, cwd=ROOT, env=self.environment(), text=True)

    def managers(self, kind: str, name: str, of: str = "") -> set[str]:
        """The field managers of an object, or of its part ``of``, without managers of the status and Kubernetes' controllers."""
        found = json.loads(self.kubectl("get", kind, name, "-o", "json", "--show-managed-fields"))["metadata"]["managedFields"]
        ours = [each for each in found if each.get("subresource") != "status" and "kube-" not in each["manager"]]
        names = {each["manager"] for each in ours if of in ("", *each["fieldsV1"])}
        return {PROGRAM_MANAGER if each.startswith(PROGRAM_MANAGER) else each for each in names}  # the provider adds a suffix

    def rollout(self, image: str, *options: str, settings: Mapping[str, Any] | None = None, **how: Any) -> Run:
        """Start a short `dwcp rollout`; options and ``settings`` replace the defaults of the tests."""
        more = {**pace(**(settings or {})), **how.pop("more", {})}
        return self.start("rollout", "--image", image, *FAST, *options, more=more, **how)

    def deploy(self, image: str) -> None:
        """Update the track stable to ``image`` without `dwcp`, for tests that do not test the deployment."""
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/dwcp-v3"
        containers = self.api.get(path)["spec"]["template"]["spec"]["containers"]
        template = {
            "metadata": {"labels": {"version": image.rpartition(":")[2]}},
            "spec": {"containers": [{**each, "image": image} for each in containers]},
        }
        self.api.request("PATCH", path, {"spec": {"template": template}}, MERGE)

    def reset(self) -> None:
        """Reset the platform: all traffic on stable, no canary, no journal, no simulated errors."""
        self.route(0)
        for version in self.monitoring.control("")["versions"]:
            self.monitoring.control(f"versions/{version}", "DELETE")
        self.monitoring.control("load", "PUT", requestsPerSecond=REQUESTS_PER_SECOND)
        apps, scalers = f"/apis/apps/v1/namespaces/{NAMESPACE}", f"/apis/autoscaling/v2/namespaces/{NAMESPACE}"
        for name in ("dwcp-v3", "dwcp-v3-canary"):
            self.api.request("PATCH", f"{scalers}/horizontalpodautoscalers/{name}", {"spec": {"minReplicas": 3}}, MERGE)
        self.api.request("PATCH", f"{apps}/deployments/dwcp-v3-canary", {"spec": {"replicas": 0}}, MERGE)
        self.api.request("PATCH", f"{apps}/deployments/dwcp-v3", {"spec": {"replicas": 3}}, MERGE)
        with contextlib.suppress(OSError):  # there may be no journal
            self.api.request("DELETE", f"/api/v1/namespaces/{NAMESPACE}/configmaps/dwcp-v3-rollout-journal")
        shutil.rmtree(self.state, ignore_errors=True)
        self.wait(lambda: self.stable["healthy"] == 3 and self.healthy("canary") == 0)

    def wait(self, holds: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until ``holds()`` is true."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"not within {seconds} s: {self.stable}"
            time.sleep(0.1)

    @property
    def api(self) -> Any:
        return self.cloud.control_plane.api

    def aws(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.cloud.moto_port}",
            region_name="us-east-1",
            aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox",
        )

    @cached_property
    def elbv2(self) -> Any:
        return self.aws("elbv2")

    @cached_property
    def groups(self) -> dict[str, str]:
        return self.groups_now()

    def groups_now(self) -> dict[str, str]:
        """Track -> ARN of the track's target group, read from AWS and not cached."""
        found = [each["TargetGroupArn"] for each in self.elbv2.describe_target_groups()["TargetGroups"]]
        return {track: next(arn for arn in found if track in arn) for track in ("stable", "canary")}

    def healthy(self, track: str) -> int:
        described = self.elbv2.describe_target_health(TargetGroupArn=self.groups[track])["TargetHealthDescriptions"]
        return sum(each["TargetHealth"]["State"] == "healthy" for each in described)

    @cached_property
    def rule(self) -> str:
        [balancer] = self.elbv2.describe_load_balancers()["LoadBalancers"]
        for listener in self.elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]:
            for rule in self.elbv2.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]:
                if len(rule["Actions"][0].get("ForwardConfig", {}).get("TargetGroups", [])) == 2:
                    return rule["RuleArn"]
        raise AssertionError("no weighted rule")

    def forget_groups(self) -> None:
        """Discard the cached target groups and rule after an update has replaced them."""
        for name in ("groups", "rule"):
            self.__dict__.pop(name, None)

    def target_ports(self) -> list[int]:
        """The port of each healthy target of stable."""
        described = self.elbv2.describe_target_health(TargetGroupArn=self.groups["stable"])["TargetHealthDescriptions"]
        return [each["Target"]["Port"] for each in described if each["TargetHealth"]["State"] == "healthy"]

    @property
    def split(self) -> int:
        [rule] = self.elbv2.describe_rules(RuleArns=[self.rule])["Rules"]
        weights = {each["TargetGroupArn"]: each["Weight"] for each in rule["Actions"][0]["ForwardConfig"]["TargetGroups"]}
        assert sum(weights.values()) == 100
        return weights[self.groups["canary"]]

    def route(self, split: int) -> None:
        """Set the weights directly, without `dwcp`."""
        weights = {"canary": split, "stable": 100 - split}
        groups = [{"TargetGroupArn": arn, "Weight": weights[track]} for track, arn in self.groups.items()]
        action = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
        self.elbv2.modify_rule(RuleArn=self.rule, Actions=[action])

    @property
    def stable(self) -> dict[str, Any]:
        """The image and the healthy targets of the stable track."""
        deployment = self.api.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/dwcp-v3")
        image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
        return {"image": image, "healthy": self.healthy("stable"), "status": deployment["status"]}

    @property
    def canary_replicas(self) -> int:
        return self.api.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/dwcp-v3-canary")["spec"]["replicas"]

    @property
    def floors(self) -> list[int]:
        path = f"/apis/autoscaling/v2/namespaces/{NAMESPACE}/horizontalpodautoscalers"
        return [self.api.get(f"{path}/{name}")["spec"]["minReplicas"] for name in ("dwcp-v3", "dwcp-v3-canary")]

    @property
    def flag(self) -> str:
        return self.api.get(f"/api/v1/namespaces/{NAMESPACE}/configmaps/dwcp-v3-rollout")["data"]["percentage"]

    @property
    def unanswered(self) -> float:
        """The number of requests of the simulated load that no pod has answered so far."""
        return self.monitoring.control("")["unanswered"]

    def assert_rolled_back(self, old: str) -> None:
        """Assert that all traffic is on the image ``old``, and that everything else is as before the rollout."""
        assert self.split == 0
        assert self.stable["image"] == old
        assert self.stable["healthy"] == 3
        assert self.canary_replicas == 0
        assert self.floors == [3, 3]
        assert self.flag == "0"


def pace(**settings: Any) -> dict[str, str]:
    """The environment variable with the settings of a rollout: ``settings``, and the default settings of the tests."""
    return {SETTINGS_VARIABLE: json.dumps({**PACE, **settings})}


def alive(pid: int) -> bool:
    """Whether the process ``pid`` runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
