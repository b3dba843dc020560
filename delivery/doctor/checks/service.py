"""Checks of the service's metrics (the guide's Common Issues 2 and 5) and of Redis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from components.monitoring.alerts import AUTOSCALER_AT_MAXIMUM, REDIS_MEMORY
from contract import APP_LABEL, NAMESPACE, REDIS
from delivery.doctor._objects import app_of, condition, name_of
from delivery.doctor.checks._registry import check
from delivery.doctor.findings import Finding, FindingSeverity
from delivery.doctor.observations import RedisMetric, Snapshot


@check("high-error-rate")
def error_rate(_: Snapshot) -> Iterable[Finding]:
    """Requests that fail."""
    return ()  # the only findings are alerts: the decorator adds those whose runbook has the check's name


@check("performance-issues")
def performance(observed: Snapshot) -> Iterator[Finding]:
    """High latency, low throughput, high use of memory or CPU, and an autoscaler at its maximum."""
    # The decorator adds the alerts for latency, throughput, memory and CPU.
    for scaler in observed.autoscalers.value:
        if condition(scaler, "ScalingLimited").get("reason") == "TooManyReplicas":
            yield Finding(
                severity=FindingSeverity.WARNING,
                subject=f"HorizontalPodAutoscaler {name_of(scaler)}",
                evidence=(f"is at its maximum of {scaler['spec']['maxReplicas']} pods and needs more",),
                cause=AUTOSCALER_AT_MAXIMUM.advice.cause,
                command=f"kubectl describe hpa {name_of(scaler)} -n {NAMESPACE}",
            )


@check("redis-down")
def redis_down(observed: Snapshot) -> Iterator[Finding]:
    """Redis that has no ready pod, or does not answer."""
    # The decorator adds the alert for a Redis that does not answer.
    for deployment in observed.deployments.value:
        scaled_to_zero = deployment["spec"].get("replicas") == 0  # the check scaled-to-zero reports it
        if app_of(deployment) == REDIS and not deployment.get("status", {}).get("readyReplicas") and not scaled_to_zero:
            yield Finding(
                severity=FindingSeverity.CRITICAL,
                subject=f"Deployment {name_of(deployment)}",
                evidence=(f"0 of {deployment['spec'].get('replicas', 1)} pods ready",),
                cause="The Redis pod is not scheduled, crashes, or still loads its data.",
                command=f"kubectl describe pods -n {NAMESPACE} -l {APP_LABEL}={REDIS}",
            )


@check("redis-memory")
def redis_memory(observed: Snapshot) -> Iterator[Finding]:
    """Redis data that is near the memory limit."""
    metrics = observed.redis_metrics.value
    used, maximum = metrics.get("redis_memory_used_bytes"), metrics.get("redis_memory_max_bytes")
    if used and maximum and used / maximum > REDIS_MEMORY.threshold:
        yield Finding(
            severity=FindingSeverity.WARNING,
            subject=f"Deployment {REDIS}",
            evidence=(f"{used / 2**20:.0f} MiB of {maximum / 2**20:.0f} MiB used ({used / maximum:.0%})",),
            cause=REDIS_MEMORY.advice.cause,
            command=REDIS_MEMORY.advice.command,
        )


@check("redis-persistence")
def redis_persistence(observed: Snapshot) -> Iterator[Finding]:
    """Redis data that does not survive a restart of the pod."""
    for deployment in observed.deployments.value:
        if app_of(deployment) == REDIS:
            volumes = deployment["spec"]["template"]["spec"].get("volumes", [])
            if not any("persistentVolumeClaim" in each for each in volumes):
                yield _not_persistent("no volume claim in the pod template", "The claim was removed from the Deployment.")
    metrics = observed.redis_metrics.value
    problems: dict[RedisMetric, str] = {
        "redis_aof_enabled": "the append-only file is disabled",
        "redis_aof_last_write_status": "the last write to the append-only file failed",
        "redis_aof_last_bgrewrite_status": "the last rewrite of the append-only file failed",
        "redis_rdb_last_bgsave_status": "the last snapshot failed",
    }
    for metric, problem in problems.items():
        if metrics.get(metric, 1) == 0:
            yield _not_persistent(f"{metric} 0: {problem}", "The volume is full or read-only, or the setting was changed by hand.")


def _not_persistent(evidence: str, cause: str) -> Finding:
    return Finding(
        severity=FindingSeverity.CRITICAL,
        subject=f"Deployment {REDIS}",
        evidence=(evidence,),
        cause=cause,
        command=f"kubectl describe pods -n {NAMESPACE} -l {APP_LABEL}={REDIS}",
    )
