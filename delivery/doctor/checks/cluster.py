"""Checks of the cluster around the pods: autoscaling, drains, nodes, volumes, names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from contract import DEPLOYMENTS, NAMESPACE, PROMETHEUS, REDIS
from delivery.doctor._objects import condition, name_of
from delivery.doctor.checks import _alerts as alerts
from delivery.doctor.checks._registry import check
from delivery.doctor.facts import Manifest
from delivery.doctor.findings import Finding, Severity
from delivery.doctor.observations import Observations

LOCAL = "local"
PRESSURES = ("DiskPressure", "MemoryPressure", "PIDPressure")
METRICS_SECONDS = 60
"""The metrics of a new pod are not there at once, and the autoscaler says so."""


@check("autoscaler-without-metrics")
def autoscaler(seen: Observations) -> Iterator[Finding]:
    """Autoscalers that cannot read what they scale by."""
    for scaler in seen.autoscalers.value:
        for type_ in ("AbleToScale", "ScalingActive"):
            found = condition(scaler, type_)
            # An autoscaler rests while its Deployment stands at 0 pods, as the canary's does between rollouts.
            lasts = "lastTransitionTime" not in found or _seconds_since(found["lastTransitionTime"], seen.at) >= METRICS_SECONDS
            if found.get("status") == "False" and found.get("reason") != "ScalingDisabled" and lasts:
                yield Finding(
                    severity=Severity.WARNING,
                    subject=f"HorizontalPodAutoscaler {name_of(scaler)}",
                    evidence=(f"{found.get('reason', '')}: {found.get('message', '')}",),
                    cause=_why_no_scaling(found),
                    command=f"kubectl describe hpa {name_of(scaler)} -n {NAMESPACE}",
                )


def _seconds_since(time: str, now: datetime) -> float:
    return (now - datetime.fromisoformat(time)).total_seconds()


def _why_no_scaling(found: Manifest) -> str:
    if "Metric" in found.get("reason", ""):
        return "The metrics API does not answer for these pods: metrics-server is down, or the pods are too young."
    return "What the autoscaler should scale cannot be scaled: look at its target."


@check("scaled-to-zero")
def scaled_to_zero(seen: Observations) -> Iterator[Finding]:
    """Deployments that were scaled to no pod by hand: an autoscaler does not scale from 0, so they stay there."""
    floors = {name_of(each): each["spec"].get("minReplicas", 1) for each in seen.autoscalers.value}
    for deployment in seen.deployments.value:
        name = name_of(deployment)
        if deployment["spec"].get("replicas", 1) or name == DEPLOYMENTS["canary"]:  # which rests at 0 between rollouts
            continue
        yield Finding(
            severity=Severity.CRITICAL if name in (DEPLOYMENTS["stable"], REDIS, PROMETHEUS) else Severity.WARNING,
            subject=f"Deployment {name}",
            evidence=("spec.replicas 0: no pod is wanted, so none is missing in any other check",),
            cause="It was scaled by hand, as by `kubectl scale`.",
            command=f"kubectl scale deployment/{name} -n {NAMESPACE} --replicas {floors.get(name, 1)}",
        )


@check("drain-blocked")
def disruption_budgets(seen: Observations) -> Iterator[Finding]:
    """Budgets that let no pod go, so that a node cannot be drained."""
    cordoned = [name_of(node) for node in seen.nodes.value if node["spec"].get("unschedulable")]
    for budget in seen.disruption_budgets.value:
        status = budget.get("status", {})
        expected, healthy, desired = (status.get(key, 0) for key in ("expectedPods", "currentHealthy", "desiredHealthy"))
        if not expected or status.get("disruptionsAllowed", 0) > 0:
            continue
        evidence = [f"disruptionsAllowed 0: {healthy} of {expected} pods healthy, {desired} must be"]
        if cordoned:
            evidence.append(f"nodes being drained: {', '.join(cordoned)}")
        strict = desired >= expected
        yield Finding(
            severity=Severity.WARNING,
            subject=f"PodDisruptionBudget {name_of(budget)}",
            evidence=tuple(evidence),
            cause="The budget wants every pod to be up, so none may ever go."
            if strict
            else "Pods that are down already use up the budget: fix those first.",
            command=f"kubectl describe pdb {name_of(budget)} -n {NAMESPACE}"
            if strict
            else f"kubectl get pods -n {NAMESPACE} -o wide",
        )


@check("nodes-not-ready")
def nodes(seen: Observations) -> Iterator[Finding]:
    """Nodes that are not ready or short of something."""
    if not seen.alerts.missing:
        yield from alerts.of("nodes-not-ready", seen)
    for node in seen.nodes.value:
        ready = condition(node, "Ready")
        if ready.get("status") != "True":
            yield Finding(
                severity=Severity.CRITICAL,
                subject=f"Node {name_of(node)}",
                evidence=(f"{ready.get('reason') or 'no status'}: {ready.get('message') or 'its kubelet reports nothing'}",),
                cause="The machine or its kubelet is down, or its network add-on does not start.",
                command=f"kubectl describe node {name_of(node)}",
            )
        for pressure in PRESSURES:
            found = condition(node, pressure)
            if found.get("status") == "True":
                yield Finding(
                    check="low-disk-space" if pressure == "DiskPressure" else "",
                    severity=Severity.WARNING,
                    subject=f"Node {name_of(node)}",
                    evidence=(f"{pressure}: {found.get('message', '')}",),
                    cause="The node evicts pods to get room.",
                    command=f"kubectl describe node {name_of(node)}",
                )


@check("low-disk-space")
def volumes(seen: Observations) -> Iterator[Finding]:
    """Volumes that are lost, wait to grow, or are nearly full, and disks of nodes that are."""
    for claim in seen.claims.value:
        resize = condition(claim, "FileSystemResizePending")
        if claim.get("status", {}).get("phase") == "Lost" or resize.get("status") == "True":
            lost = claim["status"]["phase"] == "Lost"
            yield Finding(
                severity=Severity.CRITICAL if lost else Severity.WARNING,
                subject=f"PersistentVolumeClaim {name_of(claim)}",
                evidence=(f"phase {claim['status']['phase']}, volume {claim['spec'].get('volumeName', 'none')}",),
                cause="Its volume is gone: restore the last snapshot." if lost else "The volume grew; its file system has not yet.",
                command=f"kubectl describe pvc {name_of(claim)} -n {NAMESPACE}",
            )
    yield from alerts.of("low-disk-space", seen)


@check("dns-trouble")
def dns(seen: Observations) -> Iterator[Finding]:
    """Whether names are resolved in the cluster."""
    servers = seen.cluster_dns.value
    if not servers and seen.environment != LOCAL:  # the embedded cloud runs no container, so nothing there asks for names
        yield _no_dns("no Deployment with the label k8s-app=kube-dns", "The add-on coredns is not installed.", "all")
    for server in servers:
        wanted, ready = server["spec"].get("replicas", 1), server.get("status", {}).get("readyReplicas", 0)
        if ready < wanted:
            yield _no_dns(
                f"{ready} of {wanted} pods ready",
                "Names are resolved slowly or not at all: its pods are not placed, or crash.",
                f"deployment/{name_of(server)}",
                critical=not ready,
            )


def _no_dns(evidence: str, cause: str, what: str, *, critical: bool = True) -> Finding:
    return Finding(
        severity=Severity.CRITICAL if critical else Severity.WARNING,
        subject="Cluster DNS",
        evidence=(evidence,),
        cause=cause,
        command=f"kubectl get {what} -n kube-system",
    )
