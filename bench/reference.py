"""The time in which `dwcp rollout` and Argo Rollouts, as a reference, react to the same breach on the same cluster.

Argo Rollouts is built from its Go module and runs with default options, except its ports and the leader election. It rolls out
its own workload, but it analyses the metrics of the canary of `dwcp`, with the query, limit and interval of one gate of `dwcp`. The
two times are not measured in the same way. Both differences are to the disadvantage of `dwcp rollout`:

- The ALB router of Argo Rollouts writes the weights into an Ingress, and no controller applies these weights to AWS. The time of
  the reference ends when its status and its Ingress have weight 0. The time of `dwcp rollout` ends when AWS returns weight 0.
- The reference queries one gate, and `dwcp rollout` queries all gates.

Most of each time is the random wait for the next query, so many runs are needed.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from bench import Figure, Options
from bench.rollout import (
    END_SECONDS,
    GATE,
    IMAGE,
    INTERVAL_SECONDS,
    TARGET,
    first_breaches,
    growing_window,
    misbehave,
    passing_seconds,
    platform,
    rollout,
)
from embedded_cloud.api_server import Manifest
from embedded_cloud.cloud import Cloud
from embedded_cloud.processes import free_ports
from embedded_cloud.toolchain.catalogue import Bundle, Files, Tool
from sandbox.monitoring import SandboxMonitoring
from sandbox.project import TOOLCHAIN

MODULE = "github.com/argoproj/argo-rollouts"
CONTROLLER, CRDS = "rollouts-controller", "argo-rollouts-crds"
PACKAGE = f"{MODULE}/cmd/{CONTROLLER}"
BUNDLE = Bundle(
    name="argo-rollouts",
    source=str(Path(__file__).parent / "argo-rollouts"),
    usual_seconds=220,
    tools={CONTROLLER: Tool(package=PACKAGE, stamps={f"{MODULE}/utils/version.version": "{version}"})},
    files={CRDS: Files(module=MODULE, path="manifests/crds")},
)
NAME = NAMESPACE = "reference"
CANARY = f"{NAME}-canary"
ROLLOUTS = f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}"
WEIGHT = 50
WINDOW_SECONDS = 10
"""The length of the reference's window. The window of `dwcp` grows from the start of its analysis. The errors begin
``BEFORE_SECONDS`` before both windows have the same length, so that the lengths are about the same at the breach."""
BEFORE_SECONDS = 2
"""Longest time from the start of the errors to the sample that shows the breach. Half of the requests fail, so the error rate over
the window exceeds the limit of 5 % after a tenth of the window (1 s). The next scrape follows within 1 s."""
MERGE = "application/merge-patch+json"


def figures(options: Options) -> Iterator[Figure]:
    """Yield the median time of both controllers over several releases on one platform."""
    programs = TOOLCHAIN.made(BUNDLE)
    with platform() as (cloud, monitoring), reference(cloud, monitoring, programs) as argo:
        pairs = [breach_to_zero(cloud, monitoring, argo, IMAGE.format(run)) for run in range(options.runs)]
    ours, theirs = zip(*pairs, strict=True)
    pace = f"scrapes and queries every {INTERVAL_SECONDS:g} s"
    yield Figure(
        name="`dwcp rollout`, compared with Argo Rollouts: time from the scrape that shows a breach until AWS returns weight 0",
        value=median(ours),
        unit="s",
        target=TARGET,
        how=f"{pace}; weight 0 read back from AWS; {_spread(ours)}",
    )
    yield Figure(
        name=f"Argo Rollouts {BUNDLE.version(PACKAGE)} on the same breach",
        value=median(theirs),
        unit="s",
        target="the reference",
        how=f"{pace}; ends when the Rollout has `abort` and weight 0 in status and Ingress; nothing sent to AWS; {_spread(theirs)}",
    )


def breach_to_zero(cloud: Cloud, monitoring: SandboxMonitoring, argo: Reference, image: str) -> tuple[float, float]:
    """Seconds from the breach of the error rate's limit until weight 0 is read, for `dwcp` and for the reference.

    Each time starts at the sample that first raises the result of the controller's query above the limit. Usually it is the same
    sample for both, because the two windows have about the same length.
    """
    process = rollout(cloud, monitoring, image)
    assert process.stdout is not None
    released = False
    breach = zero = theirs = 0.0
    for line in process.stdout:
        event = json.loads(line)
        if not breach and (seconds := passing_seconds(event)) is not None:
            if not released:
                argo.release(image)
                released = True
            elif seconds > WINDOW_SECONDS - BEFORE_SECONDS and argo.analyses():
                window = growing_window(seconds)
                time.sleep(random.random() * INTERVAL_SECONDS)  # start the errors between two queries of `dwcp`
                misbehave(monitoring, image)
                breach, theirs = first_breaches(monitoring, window, lambda: WINDOW_SECONDS)
        if event["event"] == "phase" and event["phase"] == "drain" and not zero:
            zero = datetime.fromisoformat(event["at"]).timestamp()
    process.wait(END_SECONDS)
    if not breach or not zero:
        raise RuntimeError(f"the rollout of {image} had no breach or no drain of the canary; the reference has {argo.status}")
    return zero - breach, argo.aborted_at(theirs) - theirs


@contextmanager
def reference(cloud: Cloud, monitoring: SandboxMonitoring, programs: Path) -> Generator[Reference]:
    """Run the reference, with a healthy first release, until the block ends."""
    argo = Reference(cloud)
    try:
        argo.install(programs)
        argo.declare(monitoring.prometheus_url)
        yield argo
    finally:
        argo.stop()


class Reference:
    """Argo Rollouts on one cloud, with one Rollout. ``seen`` contains every change of the Rollout's status."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.api = cloud.control_plane.api
        self.environment = {**os.environ, **cloud.engine.environment()}
        self.kubectl = [str(cloud.engine.bin / "kubectl"), "--namespace", NAMESPACE]
        self.children: list[subprocess.Popen[Any]] = []
        self.analysis = ""
        """The name of the current AnalysisRun, which the status of an aborted Rollout no longer contains."""
        self.seen: list[tuple[float, Manifest]] = []
        """Each status of the Rollout, with the time at which this process received it."""

    def install(self, programs: Path) -> None:
        """Install the CRDs and start the controller, with default options except the ports and the leader election."""
        for file in sorted((programs / CRDS).glob("*-crd.yaml")):
            definition = yaml.load(file.read_text(), yaml.CSafeLoader)
            self.api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
        self._kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
        metrics, health = free_ports(2)
        ports = [f"--metricsPort={metrics}", f"--healthzPort={health}"]
        command = [str(programs / CONTROLLER), "--leader-elect=false", *ports]
        with self.cloud.processes.log(CONTROLLER).open("wb") as log:
            self.children.append(subprocess.Popen(command, env=self.environment, stdout=log, stderr=log))
        wait_for(lambda: _answers(f"http://127.0.0.1:{health}/healthz"), "the controller's health check")

    def declare(self, prometheus_url: str) -> None:
        """Create the workload and its analysis; return when the workload's first release has all the traffic."""
        self.api.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        for service in (NAME, CANARY):
            self.api.create(f"/api/v1/namespaces/{NAMESPACE}/services", service_manifest(service))
        self.api.create(f"/apis/networking.k8s.io/v1/namespaces/{NAMESPACE}/ingresses", ingress_manifest())
        self.api.create(f"{ROLLOUTS}/analysistemplates", template_manifest(prometheus_url))
        self.api.create(f"{ROLLOUTS}/rollouts", rollout_manifest(IMAGE.format("stable")))
        command = [*self.kubectl, "get", "rollout", NAME, "--watch", "--output", r'jsonpath={.status}{"\n"}']
        watch = subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, text=True)
        self.children.append(watch)
        threading.Thread(target=self._note, args=(watch,), daemon=True).start()
        wait_for(lambda: self.status.get("phase") == "Healthy", "the reference's first release", lambda: str(self.status))

    def release(self, image: str) -> None:
        """Give the workload a new image."""
        containers = [{"name": NAME, "image": image}]
        self.api.request(
            "PATCH", f"{ROLLOUTS}/rollouts/{NAME}", {"spec": {"template": {"spec": {"containers": containers}}}}, MERGE
        )

    def analyses(self) -> bool:
        """Whether the canary's weight is ``WEIGHT`` and the running analysis has a successful measurement."""
        canary = self.status.get("canary", {})
        analysis = canary.get("currentBackgroundAnalysisRunStatus", {})
        if canary_weight(self.status) != WEIGHT or analysis.get("status") != "Running":
            return False
        self.analysis = analysis["name"]
        return bool(self._analysed().get("metricResults", [{}])[0].get("successful"))

    def aborted_at(self, breach: float) -> float:
        """The time after ``breach`` at which the status first contains the abort and weight 0.

        Raises ``RuntimeError`` if the errors are not the reason for the abort, or if the Ingress does not have weight 0.
        """

        def first() -> tuple[float, Manifest] | None:
            return next(
                (each for each in self.seen if each[0] > breach and each[1].get("abort") and canary_weight(each[1]) == 0), None
            )

        wait_for(lambda: first() is not None, "the reference's abort", lambda: str(self.status))
        found = first()
        assert found is not None
        analysed = self._analysed()
        if analysed["phase"] != "Failed":
            raise RuntimeError(f"the reference aborted for a reason other than errors: {analysed}")
        ingress = self.api.get(f"/apis/networking.k8s.io/v1/namespaces/{NAMESPACE}/ingresses/{NAME}")
        action = json.loads(ingress["metadata"]["annotations"][f"alb.ingress.kubernetes.io/actions.{NAME}"])
        weights = {each["ServiceName"]: each["Weight"] for each in action["ForwardConfig"]["TargetGroups"]}
        if weights != {NAME: 100, CANARY: 0}:
            raise RuntimeError(f"the reference has weight 0 in its status, but {weights} in its Ingress")
        return found[0]

    def stop(self) -> None:
        """Stop the controller and the watch."""
        for child in self.children:
            child.terminate()
        for child in self.children:
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()

    @property
    def status(self) -> Manifest:
        """The last known status of the Rollout."""
        return self.seen[-1][1] if self.seen else {}

    def _note(self, watch: subprocess.Popen[str]) -> None:
        assert watch.stdout is not None
        for line in watch.stdout:
            if line.strip():
                self.seen.append((time.time(), json.loads(line)))

    def _analysed(self) -> Manifest:
        return self.api.get(f"{ROLLOUTS}/analysisruns/{self.analysis}")["status"]

    def _kubectl(self, *arguments: str) -> None:
        subprocess.run([*self.kubectl, *arguments], env=self.environment, check=True, stdout=subprocess.DEVNULL)


def canary_weight(status: Manifest) -> int | None:
    """The canary's share of the traffic in a Rollout's status, in percent; ``None`` before the router sets the share."""
    return status.get("canary", {}).get("weights", {}).get("canary", {}).get("weight")


def template_manifest(prometheus_url: str) -> Manifest:
    """The error rate gate of `dwcp` as an AnalysisTemplate, which fails at the first measurement above the limit."""
    metric = {
        "name": "error-rate",
        "interval": f"{INTERVAL_SECONDS:g}s",
        "failureLimit": 0,
        "successCondition": f"result[0] <= {GATE.threshold}",
        "provider": {"prometheus": {"address": prometheus_url, "query": GATE.query("canary", WINDOW_SECONDS)}},
    }
    return _manifest("argoproj.io/v1alpha1", "AnalysisTemplate", NAME, {"metrics": [metric]})


def rollout_manifest(image: str) -> Manifest:
    """The workload. Its canary gets half of the traffic, and keeps this share while the analysis runs in the background."""
    canary = {
        "stableService": NAME,
        "canaryService": CANARY,
        "trafficRouting": {"alb": {"ingress": NAME, "servicePort": 80}},
        "steps": [{"setWeight": WEIGHT}, {"pause": {}}],
        "analysis": {"templates": [{"templateName": NAME}], "startingStep": 1},
    }
    spec = {
        "replicas": 3,
        "selector": {"matchLabels": {"app": NAME}},
        "template": {"metadata": {"labels": {"app": NAME}}, "spec": {"containers": [{"name": NAME, "image": image}]}},
        "strategy": {"canary": canary},
    }
    return _manifest("argoproj.io/v1alpha1", "Rollout", NAME, spec)


def service_manifest(name: str) -> Manifest:
    """One of the two Services whose selectors the controller changes."""
    return _manifest("v1", "Service", name, {"selector": {"app": NAME}, "ports": [{"port": 80}]})


def ingress_manifest() -> Manifest:
    """The Ingress with the annotation in which the ALB router writes the weights."""
    backend = {"service": {"name": NAME, "port": {"name": "use-annotation"}}}
    rule = {"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    return _manifest("networking.k8s.io/v1", "Ingress", NAME, {"ingressClassName": "alb", "rules": [rule]})


def wait_for(holds: Callable[[], bool], what: str, seen: Callable[[], str] = str) -> None:
    """Wait until ``holds()`` is true. After a timeout, raises ``RuntimeError`` with the result of ``seen()``."""
    deadline = time.monotonic() + END_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: timeout after {END_SECONDS} s: {seen()}")
        time.sleep(0.05)


def _manifest(version: str, kind: str, name: str, spec: Manifest) -> Manifest:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}


def _spread(taken: tuple[float, ...]) -> str:
    return f"{min(taken):.2f} to {max(taken):.2f} s"


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False
