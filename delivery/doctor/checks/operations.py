"""Checks of what operates the platform: monitoring, the lease, the state."""

from __future__ import annotations

from collections.abc import Iterator

from contract import APP_LABEL, NAMESPACE, PROMETHEUS
from delivery.doctor._objects import name_of
from delivery.doctor.checks import _alerts as alerts
from delivery.doctor.checks._registry import check
from delivery.doctor.findings import Finding, Severity
from delivery.doctor.observations import Observations


@check("no-metrics")
def monitoring(seen: Observations) -> Iterator[Finding]:
    """Whether Prometheus answers and reaches what it should scrape."""
    if seen.scrapes_failing.missing:
        _ = seen.deployments.value  # without a platform there is no Prometheus to be down: that is said once, elsewhere
        if any(name_of(each) == PROMETHEUS and each["spec"].get("replicas") == 0 for each in seen.deployments.value):
            return  # its own check names it
        if seen.scrapes_failing.left_out:
            _ = seen.scrapes_failing.value
        yield Finding(
            severity=Severity.CRITICAL,
            subject="Prometheus",
            evidence=(seen.scrapes_failing.missing,),
            cause="Prometheus is down or cannot be reached from here: no alert fires, and no rollout can measure.",
            command=f"kubectl get pods,pvc -n {NAMESPACE} -l {APP_LABEL}={PROMETHEUS}",
        )
        return
    for sample in seen.scrapes_failing.value:
        job, instance = sample.labels.get("job", "?"), sample.labels.get("pod") or sample.labels.get("instance", "?")
        yield Finding(
            severity=Severity.WARNING,
            subject=f"Scrape of {instance}",
            evidence=(f"up 0 for job {job}, instance {sample.labels.get('instance', '?')}",),
            cause="The pod does not answer on its metrics port, or a network policy blocks Prometheus.",
            command=f"kubectl get pods,networkpolicies -n {NAMESPACE}",
        )
    yield from alerts.of("no-metrics", seen)


@check("stale-lease")
def lease(seen: Observations) -> Iterator[Finding]:
    """A lease or a lock of the engine whose owner is gone."""
    held = seen.lease.value
    if held is not None and held.alive is False:
        yield Finding(
            severity=Severity.WARNING,
            subject=f"Lease of {seen.environment}",
            evidence=(f"{held.command or 'a command'} of {held.owner}, which runs no more",),
            cause="The command was killed; the next one takes the lease over, a rollout may stand half-way.",
            command=f"./dwcp rollout --environment {seen.environment}"
            if "rollout" in held.command
            else f"./dwcp state unlock --environment {seen.environment}",
        )
    if held is None or held.alive is False:
        for lock in seen.stranded_locks.value:
            yield Finding(
                severity=Severity.WARNING,
                subject=f"Lock of the engine on {seen.environment}",
                evidence=(lock,),
                cause="An update was killed: the engine's locks never expire, and no command holds the lease.",
                command=f"./dwcp state unlock --environment {seen.environment}",
            )


@check("drift")
def drift(seen: Observations) -> Iterator[Finding]:
    """What was changed outside Pulumi, and what carries the project's tag but is in no state."""
    for changed in seen.drift.value:
        yield Finding(
            severity=Severity.CRITICAL if changed.critical else Severity.WARNING,
            subject=changed.what,
            evidence=(changed.how,),
            cause=changed.cause,
            command=changed.command or f"./dwcp drift --environment {seen.environment}",
        )
