"""Checks of pods that do not run: the guide's Common Issues 1, 3 and 4."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from contract import APPLICATION, NAMESPACE, PULL_SECRET
from delivery.doctor._objects import (
    age_seconds,
    app_of,
    condition,
    container_states,
    event_messages,
    listed,
    name_of,
    seconds_since,
    section,
    waiting,
)
from delivery.doctor.checks._registry import check
from delivery.doctor.facts import Manifest
from delivery.doctor.findings import Finding, FindingSeverity
from delivery.doctor.observations import Snapshot

PENDING_SECONDS = 30
"""Age from which a pending pod is reported. Scheduling normally takes seconds, or minutes if node autoscaling adds a node."""
START_SECONDS = 180
"""Seconds in which the containers of a scheduled pod must start: the node attaches the volumes and pulls the images."""
PULL_SECONDS = 60
"""Seconds of an image pull. They are added to the time of a pod's startup probe, which begins after the pull."""
SCALE_UP_SECONDS = 300
"""Time that node autoscaling may need to add a node for a pending pod."""
RESTART_COUNT = 3
"""Number of restarts from which a container is reported, even if it is running now."""
RESTARTED_SECONDS = 3600
"""A running container is reported only if it restarted within this time, because Kubernetes never resets its number of restarts."""
UNHEALTHY_TARGET = "ReadinessGatesNotReady"
"""The reason for ``Ready=False`` if the containers are ready, but the AWS Load Balancer Controller has not set the pod's gate."""
START_CAUSES = {
    "CreateContainerConfigError": "A ConfigMap or Secret that the container names, or a key in it, does not exist.",
    "CreateContainerError": "The node cannot create the container; the kubelet's message has the reason.",
    "RunContainerError": "The node cannot start the container; the kubelet's message has the reason.",
}
"""The cause, by the reason in the status of a container that waits and cannot start. Such a container has no log."""
EVIDENCE = 3
"""Maximum number of quoted events per finding."""

IMAGE_REASONS = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"})
"""Source: https://kubernetes.io/docs/concepts/containers/images/, and the kubelet's pkg/kubelet/images."""


@check("deployment-stuck-in-pending")
def pending(observed: Snapshot) -> Iterator[Finding]:
    """Pods that are not scheduled or do not start, and Deployments whose pods the API server does not admit."""
    pods, events = observed.pods.value, observed.events.value
    for pod in pods:
        if (
            pod.get("status", {}).get("phase") != "Pending"
            or age_seconds(pod, observed.at) < PENDING_SECONDS
            or _image_trouble(pod)
        ):
            continue
        scheduled = condition(pod, "PodScheduled")
        messages = event_messages(name_of(pod), events)
        if scheduled.get("status") == "False":
            message = scheduled.get("message", "")
            scales = "Insufficient" in message and age_seconds(pod, observed.at) < SCALE_UP_SECONDS
            yield Finding(
                severity=FindingSeverity.WARNING if scales else FindingSeverity.CRITICAL,
                subject=f"Pod {name_of(pod)}",
                evidence=tuple(dict.fromkeys([f"{scheduled.get('reason', 'Unschedulable')}: {message}", *messages]))[:EVIDENCE],
                cause=_why_unschedulable(message, observed),
                command="kubectl describe nodes"
                if "Insufficient" in message
                else f"kubectl describe pod {name_of(pod)} -n {NAMESPACE}",
            )
        elif age_seconds(pod, observed.at) >= START_SECONDS:
            yield Finding(
                severity=FindingSeverity.CRITICAL,
                subject=f"Pod {name_of(pod)}",
                evidence=tuple(messages[:EVIDENCE]) or (f"scheduled on {pod['spec'].get('nodeName')}, not started yet",),
                cause="The pod has a node, but its containers do not start: a volume does not attach, or the node has a problem.",
                command=f"kubectl describe pod {name_of(pod)} -n {NAMESPACE}",
            )
    yield from _refused(observed)


def _why_unschedulable(message: str, observed: Snapshot) -> str:
    unbound = [name_of(claim) for claim in observed.claims.value if claim.get("status", {}).get("phase") != "Bound"]
    if "Insufficient" in message:
        return "No node has enough free resources for the pod's requests, and node autoscaling has not added one."
    if "persistentvolumeclaim" in message.lower() or unbound:
        return f"A claim is not bound: {', '.join(unbound) or 'see the message'}. Its storage class or zone provides no volume."
    if "taint" in message or "affinity" in message or "selector" in message:
        return "No node matches the pod's tolerations, node selector or affinity."
    return "The scheduler finds no node; the scheduler's message has the reasons."


def _refused(observed: Snapshot) -> Iterator[Finding]:
    for deployment in observed.deployments.value:
        failure = condition(deployment, "ReplicaFailure")
        if failure.get("status") == "True":
            yield Finding(
                severity=FindingSeverity.CRITICAL,
                subject=f"Deployment {name_of(deployment)}",
                evidence=(f"{failure.get('reason', '')}: {failure.get('message', '')}",),
                cause="The API server refuses the pods: they violate Pod Security or a quota, or name a missing object.",
                command=f"kubectl describe deployment {name_of(deployment)} -n {NAMESPACE}",
            )


def _image_trouble(pod: Manifest) -> tuple[str, str, str] | None:
    """Container, reason and message of the first image that cannot be pulled; ``None`` if there is none."""
    for name, container in container_states(pod):
        reason, message = waiting(container)
        if reason in IMAGE_REASONS:
            return name, reason, message
    return None


@check("image-pull-errors")
def image_pull(observed: Snapshot) -> Iterator[Finding]:
    """Images that a node cannot pull."""
    events = observed.events.value
    for pod in observed.pods.value:
        trouble = _image_trouble(pod)
        if trouble is None:
            continue
        container, reason, message = trouble
        declared = [*listed(pod, "spec", "initContainers"), *listed(pod, "spec", "containers")]
        image = next(each["image"] for each in declared if each["name"] == container)
        messages = " ".join([message, *event_messages(name_of(pod), events)])
        yield Finding(
            severity=FindingSeverity.CRITICAL,
            subject=f"Pod {name_of(pod)}",
            evidence=tuple(dict.fromkeys([f"{reason}: {message or image}", *event_messages(name_of(pod), events)]))[:EVIDENCE],
            cause=_why_no_image(messages.lower(), image, reason, observed),
            command=f"kubectl describe pod {name_of(pod)} -n {NAMESPACE}",
        )


def _why_no_image(messages: str, image: str, reason: str, observed: Snapshot) -> str:
    # If the Secrets cannot be listed, only the registry's message is evaluated.
    if not observed.secret_names.missing and PULL_SECRET not in observed.secret_names.value:
        return f"The pull secret {PULL_SECRET} is missing: `pulumi up --refresh` creates the Secret again from registryToken."
    if reason == "InvalidImageName":
        return f"{image} is not an image reference."
    if any(each in messages for each in ("not found", "manifest unknown", "no such image")):
        return f"There is no image {image}: the tag or digest was never pushed, or it was deleted."
    if any(each in messages for each in ("unauthorized", "denied", "forbidden", "401", "403")):
        return f"The registry refuses the token in {PULL_SECRET}: the token has expired, or may not read the package."
    if any(each in messages for each in ("timeout", "timed out", "no route", "no such host", "connection refused", "i/o")):
        return "The node does not reach the registry: check the NAT gateways and DNS."
    return f"The node cannot pull {image}; the kubelet's message has the reason."


@check("health-check-failures")
def health_checks(observed: Snapshot) -> Iterator[Finding]:
    """Containers that crash, restart, or run without becoming ready."""
    events = observed.events.value
    for pod in observed.pods.value:
        if "deletionTimestamp" in pod["metadata"]:
            continue
        crashed = [(name, each) for name, each in container_states(pod) if _crashes(each, observed.at)]
        for name, container in crashed:
            yield _crash(pod, name, container, events)
        ready = condition(pod, "Ready")
        running = pod.get("status", {}).get("phase") == "Running"
        if running and not crashed and ready.get("status") == "False" and age_seconds(pod, observed.at) >= _ready_seconds(pod):
            yield Finding(
                check="unhealthy-targets" if ready.get("reason") == UNHEALTHY_TARGET else "",
                severity=FindingSeverity.CRITICAL,
                subject=f"Pod {name_of(pod)}",
                evidence=(
                    f"{ready.get('reason') or 'not ready'}: {ready.get('message') or 'it runs but is not ready'}",
                    *event_messages(name_of(pod), events)[:EVIDENCE],
                ),
                cause=_why_not_ready(pod, ready),
                command=f"kubectl describe pod {name_of(pod)} -n {NAMESPACE}",
            )


def _ready_seconds(pod: Manifest) -> int:
    """The age at which the pod must be ready: the longer of ``START_SECONDS`` and an image pull with the longest startup probe."""
    probes = [section(each, "startupProbe") for each in listed(pod, "spec", "containers")]
    times = [each.get("initialDelaySeconds", 0) + each.get("periodSeconds", 0) * each.get("failureThreshold", 0) for each in probes]
    return max(START_SECONDS, PULL_SECONDS + max(times, default=0))


def _why_not_ready(pod: Manifest, ready: Manifest) -> str:
    if ready.get("reason") == UNHEALTHY_TARGET:
        return "The load balancer does not report a healthy target for this pod, or the AWS Load Balancer Controller does not run."
    if app_of(pod) == APPLICATION:
        return "The readiness probe fails: the service runs but does not answer /ready, usually because Redis is down."
    return "The readiness probe fails: the container runs but does not answer; its log has the reason."


def _crashes(container: Manifest, now: datetime) -> bool:
    reason, _ = waiting(container)
    if reason == "CrashLoopBackOff" or reason in START_CAUSES:
        return True
    ended = section(container, "lastState", "terminated").get("finishedAt")
    recent = ended is not None and seconds_since(ended, now) < RESTARTED_SECONDS
    return recent and container.get("restartCount", 0) >= RESTART_COUNT


def _crash(pod: Manifest, name: str, container: Manifest, events: Sequence[Manifest]) -> Finding:
    reason, message = waiting(container)
    last = section(container, "lastState", "terminated")
    evidence = [f"container {name}: {reason or 'restarts'}, {container.get('restartCount', 0)} restarts"]
    if message:
        evidence.append(message)
    if last:
        evidence.append(f"last termination: {last.get('reason', '')}, exit code {last.get('exitCode', '?')}")
    evidence.extend(event_messages(name_of(pod), events)[:EVIDENCE])
    cause = START_CAUSES.get(reason) or (
        "The container used more memory than its limit and was killed."
        if last.get("reason") == "OOMKilled"
        else "The container ends by itself or fails its liveness probe: the log of its previous run ends with the reason."
    )
    ended = bool(last) and reason not in START_CAUSES  # otherwise there is no log with the reason
    logs = f"kubectl logs {name_of(pod)} -n {NAMESPACE} -c {name} --previous"
    return Finding(
        severity=FindingSeverity.CRITICAL,
        subject=f"Pod {name_of(pod)}",
        evidence=tuple(evidence),
        cause=cause,
        command=logs if ended else f"kubectl describe pod {name_of(pod)} -n {NAMESPACE}",
    )
