"""Checks of monitoring, the lease, the engine's locks, and drift."""

from __future__ import annotations

from collections.abc import Iterator

from contract import APP_LABEL, NAMESPACE, PROMETHEUS
from delivery.doctor._objects import name_of
from delivery.doctor.checks._registry import check
from delivery.doctor.findings import Finding, FindingSeverity
from delivery.doctor.observations import Snapshot


@check("no-metrics")
def monitoring(observed: Snapshot) -> Iterator[Finding]:
    """Prometheus that does not answer, or targets that it fails to scrape."""
    if observed.scrapes_failing.missing:
        _ = observed.deployments.value  # ends this check without a finding if no platform is deployed
        if any(name_of(each) == PROMETHEUS and each["spec"].get("replicas") == 0 for each in observed.deployments.value):
            return  # the check scaled-to-zero reports it
        if observed.scrapes_failing.skipped:
            _ = observed.scrapes_failing.value  # ends this check without a finding, because this Prometheus is optional
        yield Finding(
            severity=FindingSeverity.CRITICAL,
            subject="Prometheus",
            evidence=(observed.scrapes_failing.missing,),
            cause="Prometheus is down, has no targets, or cannot be reached from this machine. If it is down, no alert "
            "fires; without targets, only the alerts on absent metrics fire. A rollout cannot measure its gates.",
            command=f"kubectl get pods,pvc -n {NAMESPACE} -l {APP_LABEL}={PROMETHEUS}",
        )
        return
    for sample in observed.scrapes_failing.value:
        job, instance = sample.labels.get("job", "?"), sample.labels.get("pod") or sample.labels.get("instance", "?")
        yield Finding(
            severity=FindingSeverity.WARNING,
            subject=f"Scrape of {instance}",
            evidence=(f"up 0 for job {job}, instance {sample.labels.get('instance', '?')}",),
            cause="The pod does not answer on its metrics port, or a network policy blocks Prometheus.",
            command=f"kubectl get pods,networkpolicies -n {NAMESPACE}",
        )


@check("stale-lease")
def lease(observed: Snapshot) -> Iterator[Finding]:
    """A lease or a lock of the engine whose owner no longer runs, or a lock that is older than an hour."""
    held = observed.lease.value
    if held is not None and not held.alive:
        yield Finding(
            severity=FindingSeverity.WARNING,
            subject=f"Lease of {observed.environment}",
            evidence=(f"{held.command or 'a command'} of {held.owner}, which no longer runs",),
            cause="The command was killed during a rollout. The command below continues the rollout."
            if held.unfinished
            else "The command was killed. The next command takes over the lease; `dwcp state unlock` removes the lease now.",
            command=f"./dwcp rollout --environment {observed.environment}"
            if held.unfinished
            else f"./dwcp state unlock --environment {observed.environment}",
        )
    if held is None or not held.alive:
        for lock in observed.stale_locks.value:
            yield Finding(
                severity=FindingSeverity.WARNING,
                subject=f"Lock of the engine on {observed.environment}",
                evidence=(lock,),
                cause="An update was killed, or has run for more than an hour. The engine's locks never expire, and no running "
                "command holds the lease.",
                command=f"./dwcp state unlock --environment {observed.environment}",
            )


@check("drift")
def drift(observed: Snapshot) -> Iterator[Finding]:
    """Resources that were changed outside Pulumi, and resources with the project's tag that the state does not contain."""
    for changed in observed.drift.value:
        yield Finding(
            severity=FindingSeverity.CRITICAL if changed.critical else FindingSeverity.WARNING,
            subject=changed.what,
            evidence=(changed.how,),
            cause=changed.cause,
            command=changed.command or f"./dwcp drift --environment {observed.environment}",
        )
