"""Checks of the cluster: autoscaling, drains, nodes, volumes, DNS."""

from __future__ import annotations

from collections.abc import Iterator

from components.monitoring.alerts import NODE_NOT_READY
from contract import DEPLOYMENTS, NAMESPACE, PROMETHEUS, REDIS, TRACK_LABEL
from delivery.doctor._objects import age_seconds, condition, name_of, seconds_since
from delivery.doctor.checks._registry import check
from delivery.doctor.facts import Manifest
from delivery.doctor.findings import Finding, FindingSeverity
from delivery.doctor.observations import Snapshot

EVICTS = "The node evicts pods to free resources."
BAD_CONDITIONS = {
    **dict.fromkeys(("DiskPressure", "MemoryPressure", "PIDPressure"), EVICTS),
    "NetworkUnavailable": "The network add-on has not set up the node's network, so its pods cannot connect.",
}
"""The conditions of a node that report a fault, with their cause."""
METRICS_SECONDS = 60
"""Seconds until the metrics of a new pod exist. Until then, the autoscaler reports that they are missing."""
JOIN_SECONDS = 180
"""Time that a new node may need to become ready: its network add-on starts first."""


@check("autoscaler-without-metrics")
def autoscaler(observed: Snapshot) -> Iterator[Finding]:
    """Autoscalers that cannot read their metrics, or cannot scale their target."""
    for scaler in observed.autoscalers.value:
        for type_ in ("AbleToScale", "ScalingActive"):
            found = condition(scaler, type_)
            # ScalingDisabled is normal for the canary: its Deployment has 0 pods between rollouts.
            if found.get("status") != "False" or found.get("reason") == "ScalingDisabled":
                continue
            lasts = "lastTransitionTime" not in found or seconds_since(found["lastTransitionTime"], observed.at) >= METRICS_SECONDS
            if lasts and not _starts(scaler, found, observed):
                yield Finding(
                    severity=FindingSeverity.WARNING,
                    subject=f"HorizontalPodAutoscaler {name_of(scaler)}",
                    evidence=(f"{found.get('reason', '')}: {found.get('message', '')}",),
                    cause=_why_no_scaling(found),
                    command=f"kubectl describe hpa {name_of(scaler)} -n {NAMESPACE}",
                )


def _starts(scaler: Manifest, found: Manifest, observed: Snapshot) -> bool:
    """Whether metrics are missing only because the pods of the autoscaler's track have just started, as in each rollout."""
    track = next((track for track, name in DEPLOYMENTS.items() if name == name_of(scaler)), None)
    pods = [each for each in observed.pods.value if each["metadata"].get("labels", {}).get(TRACK_LABEL) == track]
    new = bool(pods) and all(age_seconds(each, observed.at) < METRICS_SECONDS for each in pods)
    return new and "Metric" in found.get("reason", "")


def _why_no_scaling(found: Manifest) -> str:
    if "Metric" in found.get("reason", ""):
        return "The metrics API has no metrics of these pods: metrics-server is down, or the pods have just started."
    return "The autoscaler cannot scale its target: check whether the target exists."


@check("scaled-to-zero")
def scaled_to_zero(observed: Snapshot) -> Iterator[Finding]:
    """Deployments that were scaled to 0 pods by hand; an autoscaler does not scale up from 0."""
    floors = {name_of(each): each["spec"].get("minReplicas", 1) for each in observed.autoscalers.value}
    for deployment in observed.deployments.value:
        name = name_of(deployment)
        if deployment["spec"].get("replicas", 1) or name == DEPLOYMENTS["canary"]:  # the canary has 0 pods between rollouts
            continue
        yield Finding(
            severity=FindingSeverity.CRITICAL if name in (DEPLOYMENTS["stable"], REDIS, PROMETHEUS) else FindingSeverity.WARNING,
            subject=f"Deployment {name}",
            evidence=("spec.replicas is 0, so Kubernetes reports no missing pod",),
            cause="The Deployment was scaled by hand, for example with `kubectl scale`.",
            command=f"kubectl scale deployment/{name} -n {NAMESPACE} --replicas {floors.get(name, 1)}",
        )


@check("drain-blocked")
def disruption_budgets(observed: Snapshot) -> Iterator[Finding]:
    """PodDisruptionBudgets that allow no eviction, so that a node cannot be drained."""
    cordoned = [name_of(node) for node in observed.nodes.value if node["spec"].get("unschedulable")]
    for budget in observed.disruption_budgets.value:
        status = budget.get("status", {})
        expected, healthy, desired = (status.get(key, 0) for key in ("expectedPods", "currentHealthy", "desiredHealthy"))
        if not expected or status.get("disruptionsAllowed", 0) > 0:
            continue
        evidence = [f"disruptionsAllowed 0: {healthy} of {expected} pods healthy, {desired} required"]
        if cordoned:
            evidence.append(f"cordoned nodes: {', '.join(cordoned)}")
        strict = desired >= expected
        yield Finding(
            severity=FindingSeverity.WARNING,
            subject=f"PodDisruptionBudget {name_of(budget)}",
            evidence=tuple(evidence),
            cause="The budget requires every pod, so none may be evicted."
            if strict
            else "Pods that are down already use up the budget: fix these pods first.",
            command=f"kubectl describe pdb {name_of(budget)} -n {NAMESPACE}"
            if strict
            else f"kubectl get pods -n {NAMESPACE} -o wide",
        )


@check("nodes-not-ready")
def nodes(observed: Snapshot) -> Iterator[Finding]:
    """Nodes that are not ready, or that have too little disk, memory or process IDs."""
    for node in observed.nodes.value:
        ready = condition(node, "Ready")
        if ready.get("status") != "True" and age_seconds(node, observed.at) >= JOIN_SECONDS:
            yield Finding(
                severity=FindingSeverity.CRITICAL,
                subject=f"Node {name_of(node)}",
                evidence=(f"{ready.get('reason') or 'no status'}: {ready.get('message') or 'its kubelet reports nothing'}",),
                cause=NODE_NOT_READY.advice.cause,
                command=f"kubectl describe node {name_of(node)}",
            )
        for fault, cause in BAD_CONDITIONS.items():
            found = condition(node, fault)
            if found.get("status") == "True":
                yield Finding(
                    check="low-disk-space" if fault == "DiskPressure" else "",
                    severity=FindingSeverity.WARNING,
                    subject=f"Node {name_of(node)}",
                    evidence=(f"{fault}: {found.get('message', '')}",),
                    cause=cause,
                    command=f"kubectl describe node {name_of(node)}",
                )


@check("low-disk-space")
def volumes(observed: Snapshot) -> Iterator[Finding]:
    """Volumes that are lost, wait for a resize of the file system, or are nearly full; nodes whose disk is nearly full."""
    # The decorator adds the alerts for volumes and disks that are nearly full.
    for claim in observed.claims.value:
        resize = condition(claim, "FileSystemResizePending")
        if claim.get("status", {}).get("phase") == "Lost" or resize.get("status") == "True":
            lost = claim["status"]["phase"] == "Lost"
            yield Finding(
                severity=FindingSeverity.CRITICAL if lost else FindingSeverity.WARNING,
                subject=f"PersistentVolumeClaim {name_of(claim)}",
                evidence=(f"phase {claim['status']['phase']}, volume {claim['spec'].get('volumeName', 'none')}",),
                cause="The claim's volume does not exist: restore the last snapshot."
                if lost
                else "The volume was resized, but its file system was not.",
                command=f"kubectl describe pvc {name_of(claim)} -n {NAMESPACE}",
            )


@check("dns-trouble")
def dns(observed: Snapshot) -> Iterator[Finding]:
    """Cluster DNS that is not installed, or has too few ready pods."""
    servers = observed.cluster_dns.value
    if not servers:
        evidence = "no Deployment with the label k8s-app=kube-dns, and no endpoint of the Service kube-dns"
        yield _no_dns(evidence, "The add-on coredns is not installed.", "all")
    for server in servers:
        what, wanted, ready = _servers(server)
        if ready < max(wanted, 1):
            yield _no_dns(
                f"{ready} of {wanted} pods ready",
                "Names are resolved slowly or not at all, because DNS pods are not scheduled, or crash.",
                f"{what}/{name_of(server)}",
                critical=not ready,
            )


def _servers(found: Manifest) -> tuple[str, int, int]:
    """The kind of a Deployment or EndpointSlice, and the numbers of its wanted and ready servers."""
    if "endpoints" in found:
        ready = [each for each in found["endpoints"] or () if each.get("conditions", {}).get("ready", True)]
        return "endpointslice", len(found["endpoints"] or ()), len(ready)
    return "deployment", found["spec"].get("replicas", 1), found.get("status", {}).get("readyReplicas", 0)


def _no_dns(evidence: str, cause: str, what: str, *, critical: bool = True) -> Finding:
    return Finding(
        severity=FindingSeverity.CRITICAL if critical else FindingSeverity.WARNING,
        subject="Cluster DNS",
        evidence=(evidence,),
        cause=cause,
        command=f"kubectl get {what} -n kube-system",
    )
