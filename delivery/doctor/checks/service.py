"""Checks of the service's own figures, and of Redis: the guide's Common Issues 2 and 5, and what stands behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from delivery.doctor.findings import Finding, Severity
from delivery.doctor.kubernetes import NAMESPACE, app_of, condition, name_of
from delivery.doctor.observations import Observations, Sample

REDIS = "dwcp-v3-redis"
REDIS_MEMORY_RATIO = 0.9
"""Of ``maxmemory``; beyond it Redis evicts keys or refuses writes, as its policy says."""
ERROR_OBJECTIVES = ("HighErrorRate", "ErrorsUnderLowTraffic")
PERFORMANCE: Mapping[str, str] = {
    "HighLatency": "Too few pods, a slow Redis, or a release that does more work per request.",
    "LowThroughput": "Requests come in and little goes out: clients are slow, or pods wait for Redis.",
    "HighMemoryUsage": "The pod's load or a leak outgrows its memory limit; beyond it the pod is killed.",
    "HighCpuUsage": "The pod is near its CPU limit, where it is slowed down.",
}


def error_rate(seen: Observations) -> Iterator[Finding]:
    """Requests that fail."""
    for objective in ERROR_OBJECTIVES:
        for sample in seen.breaches.value.get(objective, ()):
            track = sample.labels.get("track", "all")
            measured = f"{sample.value:.1%} of the requests" if objective == "HighErrorRate" else f"{sample.value:.0f} requests"
            canary = track == "canary"
            yield Finding(
                check="high-error-rate",
                severity=Severity.CRITICAL,
                subject=f"Track {track}",
                evidence=(f"{objective}: {measured} failed", *_redis_words(seen)),
                cause="The release under rollout fails." if canary else _why_errors(seen),
                command=f"./dwcp rollback --environment {seen.environment}"
                if canary
                else f"kubectl logs -n {NAMESPACE} -l app=dwcp-v3,track={'stable' if track == 'all' else track} --tail=100",
            )


def _redis_words(seen: Observations) -> tuple[str, ...]:
    return ("RedisDown: Redis does not answer its exporter",) if seen.breaches.value.get("RedisDown") else ()


def _why_errors(seen: Observations) -> str:
    if _redis_words(seen):
        return "Redis is down, and the service answers with errors without it."
    return "The service itself fails: its log names the error; a release in the last hour is the first suspect."


def performance(seen: Observations) -> Iterator[Finding]:
    """Latency, throughput, memory, CPU, and an autoscaler at its end."""
    full = [scaler for scaler in seen.autoscalers.value if condition(scaler, "ScalingLimited").get("reason") == "TooManyReplicas"]
    for objective, cause in PERFORMANCE.items():
        for sample in seen.breaches.value.get(objective, ()):
            yield Finding(
                check="performance-issues",
                severity=Severity.WARNING,
                subject=_subject(sample),
                evidence=(f"{objective}: {_measured(objective, sample.value)}",),
                cause=cause,
                command=f"kubectl top pods -n {NAMESPACE}",
            )
    for scaler in full:
        yield Finding(
            check="performance-issues",
            severity=Severity.WARNING,
            subject=f"HorizontalPodAutoscaler {name_of(scaler)}",
            evidence=(f"stands at its maximum of {scaler['spec']['maxReplicas']} pods and wants more",),
            cause="The load is higher than autoscaling.maxReplicas allows for.",
            command=f"kubectl describe hpa {name_of(scaler)} -n {NAMESPACE}",
        )


def _subject(sample: Sample) -> str:
    if "pod" in sample.labels:
        return f"Pod {sample.labels['pod']}"
    return f"Track {sample.labels['track']}" if "track" in sample.labels else "Service"


def _measured(objective: str, value: float) -> str:
    texts = {
        "HighLatency": f"P95 {value:.2f} s",
        "LowThroughput": f"{value / 1_000_000:.2f} MB/s",
        "HighMemoryUsage": f"{value:.0%} of the limit",
        "HighCpuUsage": f"{value:.2f} cores",
    }
    return texts[objective]


def redis_down(seen: Observations) -> Iterator[Finding]:
    """Whether Redis has a ready pod and answers."""
    if not seen.breaches.missing:  # either source alone says that Redis is down: a missing one must not hide the other
        yield from _unanswered(seen)
    for deployment in seen.deployments.value:
        if app_of(deployment) == REDIS and not deployment.get("status", {}).get("readyReplicas"):
            yield Finding(
                check="redis-down",
                severity=Severity.CRITICAL,
                subject=f"Deployment {name_of(deployment)}",
                evidence=(f"0 of {deployment['spec'].get('replicas', 1)} pods ready",),
                cause="Its pod is not placed, crashes, or still loads its data.",
                command=f"kubectl describe pods -n {NAMESPACE} -l app={REDIS}",
            )
    _ = seen.breaches.value


def _unanswered(seen: Observations) -> Iterator[Finding]:
    if seen.breaches.value.get("RedisDown"):
        yield Finding(
            check="redis-down",
            severity=Severity.CRITICAL,
            subject=f"Service {REDIS}",
            evidence=("RedisDown: Redis does not answer its exporter",),
            cause="Redis hangs, loads its data, or refuses the exporter's password.",
            command=f"kubectl logs -n {NAMESPACE} -l app={REDIS} -c redis --tail=100",
        )


def redis_memory(seen: Observations) -> Iterator[Finding]:
    """Redis near its memory limit."""
    metrics = seen.redis_metrics.value
    used, most = metrics.get("redis_memory_used_bytes"), metrics.get("redis_memory_max_bytes")
    if used and most and used / most > REDIS_MEMORY_RATIO:
        yield Finding(
            check="redis-memory",
            severity=Severity.WARNING,
            subject=f"Deployment {REDIS}",
            evidence=(f"{used / 2**20:.0f} MiB of {most / 2**20:.0f} MiB used ({used / most:.0%})",),
            cause="The data outgrows redis.memory; what then happens is redis.maxmemoryPolicy.",
            command=f"kubectl top pods -n {NAMESPACE} -l app={REDIS} --containers",
        )


def redis_persistence(seen: Observations) -> Iterator[Finding]:
    """Whether Redis' data would outlive its pod."""
    for deployment in seen.deployments.value:
        if app_of(deployment) == REDIS:
            volumes = deployment["spec"]["template"]["spec"].get("volumes", [])
            if not any("persistentVolumeClaim" in each for each in volumes):
                yield _not_persistent("no volume claim in the pod template", "Somebody took the claim out of the Deployment.")
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
        check="redis-persistence",
        severity=Severity.CRITICAL,
        subject=f"Deployment {REDIS}",
        evidence=(evidence,),
        cause=cause,
        command=f"kubectl describe pods -n {NAMESPACE} -l app={REDIS}",
    )
