"""Every check by name: the name is the finding's, and the page's in ``docs/runbooks``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from delivery.doctor.checks import cluster, operations, pods, service, traffic
from delivery.doctor.findings import Finding
from delivery.doctor.observations import Observations

Check = Callable[[Observations], Iterable[Finding]]

CHECKS: Mapping[str, Check] = {
    # The guide's Common Issues, in its order.
    "deployment-stuck-in-pending": pods.pending,
    "high-error-rate": service.error_rate,
    "image-pull-errors": pods.image_pull,
    "health-check-failures": pods.health_checks,
    "performance-issues": service.performance,
    # What it does not list, but happens.
    "autoscaler-without-metrics": cluster.autoscaler,
    "drain-blocked": cluster.disruption_budgets,
    "nodes-not-ready": cluster.nodes,
    "low-disk-space": cluster.volumes,
    "dns-trouble": cluster.dns,
    "unhealthy-targets": traffic.targets,
    "certificate-expired": traffic.certificates,
    "no-way-out": traffic.ways_out,
    "redis-down": service.redis_down,
    "redis-memory": service.redis_memory,
    "redis-persistence": service.redis_persistence,
    "no-metrics": operations.monitoring,
    "stale-lease": operations.lease,
    "drift": operations.drift,
}
