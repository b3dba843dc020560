"""Checks of the service's own figures, and of Redis: the guide's Common Issues 2 and 5, and what stands behind them."""

from __future__ import annotations

from collections.abc import Iterator

from contract import APP_LABEL, NAMESPACE, REDIS
from delivery.doctor._objects import app_of, condition, name_of
from delivery.doctor.checks import _alerts as alerts
from delivery.doctor.checks._registry import check
from delivery.doctor.findings import Finding, Severity
from delivery.doctor.observations import Observations

REDIS_MEMORY_RATIO = 0.9
"""Of ``maxmemory``; beyond it Redis evicts keys or refuses writes, as its policy says."""


@check("high-error-rate")
def error_rate(seen: Observations) -> Iterator[Finding]:
    """Requests that fail."""
    yield from alerts.of("high-error-rate", seen)


@check("performance-issues")
def performance(seen: Observations) -> Iterator[Finding]:
    """Latency, throughput, memory, CPU, and an autoscaler at its end."""
    for scaler in seen.autoscalers.value:
        if condition(scaler, "ScalingLimited").get("reason") == "TooManyReplicas":
            yield Finding(
                severity=Severity.WARNING,
                subject=f"HorizontalPodAutoscaler {name_of(scaler)}",
                evidence=(f"stands at its maximum of {scaler['spec']['maxReplicas']} pods and wants more",),
                cause="The load is higher than autoscaling.maxReplicas allows for.",
                command=f"kubectl describe hpa {name_of(scaler)} -n {NAMESPACE}",
            )
    yield from alerts.of("performance-issues", seen)


@check("redis-down")
def redis_down(seen: Observations) -> Iterator[Finding]:
    """Whether Redis has a ready pod and answers."""
    if not seen.alerts.missing:  # either source alone says that Redis is down: a missing one must not hide the other
        yield from alerts.of("redis-down", seen)
    for deployment in seen.deployments.value:
        scaled_to_zero = deployment["spec"].get("replicas") == 0  # which has a check of its own
        if app_of(deployment) == REDIS and not deployment.get("status", {}).get("readyReplicas") and not scaled_to_zero:
            yield Finding(
                severity=Severity.CRITICAL,
                subject=f"Deployment {name_of(deployment)}",
                evidence=(f"0 of {deployment['spec'].get('replicas', 1)} pods ready",),
                cause="Its pod is not placed, crashes, or still loads its data.",
                command=f"kubectl describe pods -n {NAMESPACE} -l {APP_LABEL}={REDIS}",
            )
    _ = seen.alerts.value


@check("redis-memory")
def redis_memory(seen: Observations) -> Iterator[Finding]:
    """Redis near its memory limit."""
    if not seen.alerts.missing:
        yield from alerts.of("redis-memory", seen)
    metrics = seen.redis_metrics.value
    used, most = metrics.get("redis_memory_used_bytes"), metrics.get("redis_memory_max_bytes")
    if used and most and used / most > REDIS_MEMORY_RATIO:
        yield Finding(
            severity=Severity.WARNING,
            subject=f"Deployment {REDIS}",
            evidence=(f"{used / 2**20:.0f} MiB of {most / 2**20:.0f} MiB used ({used / most:.0%})",),
            cause="The data outgrows redis.memory; what then happens is redis.maxmemoryPolicy.",
            command=f"kubectl top pods -n {NAMESPACE} -l {APP_LABEL}={REDIS} --containers",
        )


@check("redis-persistence")
def redis_persistence(seen: Observations) -> Iterator[Finding]:
    """Whether Redis' data would outlive its pod."""
    for deployment in seen.deployments.value:
        if app_of(deployment) == REDIS:
            volumes = deployment["spec"]["template"]["spec"].get("volumes", [])
            if not any("persistentVolumeClaim" in each for each in volumes):
                yield _not_persistent("no volume claim in the pod template", "The claim was taken out of the Deployment.")
    metrics = seen.redis_metrics.value
    problems = {
        "redis_aof_enabled": "the append-only file is off",
        "redis_aof_last_write_status": "the last write to the append-only file failed",
        "redis_aof_last_bgrewrite_status": "the last rewrite of the append-only file failed",
        "redis_rdb_last_bgsave_status": "the last snapshot failed",
    }
    for metric, problem in problems.items():
        if metrics.get(metric, 1) == 0:
            yield _not_persistent(f"{metric} 0: {problem}", "The volume is full or read-only, or the setting was changed by hand.")


def _not_persistent(evidence: str, cause: str) -> Finding:
    return Finding(
        severity=Severity.CRITICAL,
        subject=f"Deployment {REDIS}",
        evidence=(evidence,),
        cause=cause,
        command=f"kubectl describe pods -n {NAMESPACE} -l {APP_LABEL}={REDIS}",
    )
