"""The objectives, except the SLOs in ``objectives``. Each has a measure, a threshold, a runbook and an alert in Prometheus.

``OBJECTIVES``, at the end of this module, lists all of them.
"""

from __future__ import annotations

from components.monitoring import promql
from components.monitoring.objectives import (
    ABSOLUTE_ERRORS,
    CPU_LIMIT_SERIES,
    CPU_RATIO,
    ERROR_RATIO,
    FAILED_NOTIFICATIONS,
    FREE_DISK_RATIO,
    FREE_REPLICAS,
    HOUR,
    KILLED,
    LATENCY_SECONDS,
    MEMORY_LIMIT_SERIES,
    MEMORY_RATIO,
    MINIMUM_REQUESTS,
    MINUTE,
    NODE_PRESSURE,
    NODE_READY,
    REDIS_MEMORY_RATIO,
    REDIS_REPLICAS,
    REDIS_UP,
    REPLICA_DIFFERENCE,
    RESTART_WINDOW_SECONDS,
    RESTARTS,
    SERVICE_LOGS,
    TARGET_UP,
    THROTTLED_RATIO,
    THROUGHPUT_BYTES_PER_SECOND,
    THROUGHPUT_MINIMUM_REQUESTS,
    WINDOW_SECONDS,
    Advice,
    Objective,
    unique,
)
from components.monitoring.promql import REDIS_JOB, duration, series
from contract import APP_LABEL, APPLICATION, NAMESPACE, REDIS


def _restarts(window_seconds: int) -> str:
    """PromQL of the exact number of restarts; ``increase`` extrapolates, and would report 1.03 for one restart."""
    restarts = f"{series('kube_pod_container_status_restarts_total', namespace=NAMESPACE)}[{duration(window_seconds)}]"
    return f"max by (pod, container) (max_over_time({restarts}) - min_over_time({restarts}))"


def _replica_difference(_: int) -> str:
    wanted = series("kube_deployment_spec_replicas", namespace=NAMESPACE)
    available = series("kube_deployment_status_replicas_available", namespace=NAMESPACE)
    return f"abs(max by (deployment) ({wanted}) - max by (deployment) ({available}))"


def _redis_up(_: int) -> str:
    return f"min({series('redis_up', job=REDIS_JOB)})"


def _memory(_: int) -> str:
    used = series("process_resident_memory_bytes", job=promql.JOB)
    return f"max by (pod, track) ({used}) / on () group_left () {series(MEMORY_LIMIT_SERIES)}"


def _cpu(window_seconds: int) -> str:
    used = series("container_cpu_usage_seconds_total", namespace=NAMESPACE, container=promql.JOB)
    return f"max by (pod) (rate({used}[{duration(window_seconds)}])) / on () group_left () {series(CPU_LIMIT_SERIES)}"


def _free_disk(_: int) -> str:
    kinds = ('fstype!~"tmpfs|overlay|squashfs|ramfs"', 'mountpoint!~"/(run|var/lib/kubelet)($|/.*)"')
    free, size = (series(f"node_filesystem_{part}_bytes", *kinds) for part in ("avail", "size"))
    return f"min by (instance, node, mountpoint) ({free} / {size})"


def _free_volume(_: int) -> str:
    free, size = (series(f"kubelet_volume_stats_{part}_bytes", namespace=NAMESPACE) for part in ("available", "capacity"))
    return f"min by (persistentvolumeclaim) ({free} / {size})"


def _targets(_: int) -> str:
    return f"min by (job, instance, pod, node) ({series('up')})"


def _failed_notifications(window_seconds: int) -> str:
    """PromQL of the number of failed notifications.

    The number is approximate, because ``increase`` extrapolates. But ``increase`` handles a restart, which resets the counter.
    """
    return f"sum by (integration) (increase({series('alertmanager_notifications_failed_total')}[{duration(window_seconds)}]))"


def _node_ready(_: int) -> str:
    return f"min by (node) ({series('kube_node_status_condition', condition='Ready', status='true')})"


def _node_pressure(_: int) -> str:
    pressure = series("kube_node_status_condition", condition=promql.Pattern(".*Pressure|NetworkUnavailable"), status="true")
    return f"max by (node, condition) ({pressure})"


def _free_replicas(_: int) -> str:
    most = series("kube_horizontalpodautoscaler_spec_max_replicas", namespace=NAMESPACE)
    now = series("kube_horizontalpodautoscaler_status_current_replicas", namespace=NAMESPACE)
    return f"min by (horizontalpodautoscaler) ({most} - {now})"


def _throttled(window_seconds: int) -> str:
    """PromQL of the share of throttled CPU periods of the service and of Redis.

    The query selects the containers by name, for two reasons. Exporters have short bursts and low limits, so they are often
    throttled without an effect. The kubelet also exports a series for each pod as a whole, with an empty ``container``.
    """
    of = {"namespace": NAMESPACE, "container": promql.Pattern(f"{promql.JOB}|redis")}
    periods, throttled = (
        f"sum by (pod, container) (rate({series(metric, **of)}[{duration(window_seconds)}]))"
        for metric in ("container_cpu_cfs_periods_total", "container_cpu_cfs_throttled_periods_total")
    )
    return f"{throttled} / ({periods} > 0)"


def _killed_for_memory(window_seconds: int) -> str:
    reason = series("kube_pod_container_status_last_terminated_reason", namespace=NAMESPACE, reason="OOMKilled")
    return f"max by (pod, container) ({reason}) * on (pod, container) ({_restarts(window_seconds)})"


def _redis_memory(_: int) -> str:
    used, most = (series(f"redis_memory_{part}_bytes", job=REDIS_JOB) for part in ("used", "max"))
    return f"max({used} / ({most} > 0))"


def _redis_replicas(_: int) -> str:
    available = series("kube_deployment_status_replicas_available", namespace=NAMESPACE, deployment=REDIS_JOB)
    return f"min by (deployment) ({available})"


def _errors_under_low_traffic(window_seconds: int) -> str:
    enough = f"{promql.request_count(window_seconds, '')} >= {MINIMUM_REQUESTS * window_seconds // WINDOW_SECONDS}"
    return f"({promql.error_count(window_seconds)} unless {enough})"


POD_RESTARTS = Objective(
    name="PodRestarts",
    severity="critical",
    description=(
        "Container {{ $labels.container }} of pod {{ $labels.pod }} restarted {{ $value }} times "
        f"in {RESTART_WINDOW_SECONDS // MINUTE} minutes."
    ),
    source="kube-state-metrics",
    measure=_restarts,
    breach=">",
    threshold=RESTARTS,
    unit="restarts",
    window_seconds=RESTART_WINDOW_SECONDS,
    runbook="health-check-failures",
    advice=Advice(
        "The container ends by itself, is killed for its memory, or fails its liveness probe.",
        f"kubectl describe pods -n {NAMESPACE}",
    ),
)
REPLICA_MISMATCH = Objective(
    name="DeploymentReplicaMismatch",
    severity="critical",
    description="Deployment {{ $labels.deployment }} has {{ $value }} replicas too few or too many.",
    source="kube-state-metrics",
    measure=_replica_difference,
    breach=">",
    threshold=REPLICA_DIFFERENCE,
    unit="replicas",
    for_seconds=10 * MINUTE,  # the default progress deadline of a Deployment
    runbook="deployment-stuck-in-pending",
    advice=Advice(
        "Pods are not scheduled or do not become ready; their events have the reason.",
        f"kubectl get events -n {NAMESPACE} --field-selector type=Warning",
    ),
)
REDIS_DOWN = Objective(
    name="RedisDown",
    severity="critical",
    description="Redis does not answer its exporter.",
    source="redis",
    measure=_redis_up,
    breach="<",
    threshold=REDIS_UP,
    unit="state",
    for_seconds=MINUTE,
    runbook="redis-down",
    advice=Advice(
        "Redis hangs, loads its data, or refuses the exporter's password.",
        f"kubectl describe pods -n {NAMESPACE} -l {APP_LABEL}={REDIS}",
    ),
)
HIGH_ERROR_RATE = Objective(
    name="HighErrorRate",
    severity="warning",
    description="{{ $value | humanizePercentage }} of the requests on track {{ $labels.track }} fail.",
    source="service",
    measure=promql.error_ratio,
    breach=">",
    threshold=ERROR_RATIO,
    unit="ratio",
    for_seconds=5 * MINUTE,
    minimum_requests=MINIMUM_REQUESTS,
    runbook="high-error-rate",
    advice=Advice("The service itself fails. Its log has the error; a release in the last hour is a likely cause.", SERVICE_LOGS),
)
HIGH_LATENCY = Objective(
    name="HighLatency",
    severity="warning",
    description="P95 latency on track {{ $labels.track }} is {{ $value | humanizeDuration }}.",
    source="service",
    measure=promql.latency,
    breach=">",
    threshold=LATENCY_SECONDS,
    unit="seconds",
    for_seconds=5 * MINUTE,
    minimum_requests=MINIMUM_REQUESTS,
    runbook="performance-issues",
    advice=Advice("Too few pods, a slow Redis, or a release that does more work per request.", f"kubectl top pods -n {NAMESPACE}"),
)
LOW_THROUGHPUT = Objective(
    name="LowThroughput",
    severity="warning",
    description="The service transfers {{ $value | humanize }}B/s while it receives requests.",
    source="service",
    measure=promql.throughput,
    breach="<",
    threshold=THROUGHPUT_BYTES_PER_SECOND,
    unit="bytes per second",
    for_seconds=10 * MINUTE,
    minimum_requests=THROUGHPUT_MINIMUM_REQUESTS,
    minimum_by="",
    runbook="performance-issues",
    advice=Advice(
        "The service transfers few bytes while it receives requests: clients are slow, or pods wait for Redis.",
        f"kubectl top pods -n {NAMESPACE}",
    ),
)
HIGH_MEMORY_USAGE = Objective(
    name="HighMemoryUsage",
    severity="warning",
    description="Pod {{ $labels.pod }} uses {{ $value | humanizePercentage }} of its memory limit.",
    source="service",
    measure=_memory,
    breach=">",
    threshold=MEMORY_RATIO,
    unit="ratio",
    for_seconds=5 * MINUTE,
    runbook="performance-issues",
    advice=Advice(
        "The load or a leak brings the pod near its memory limit; above the limit, the pod is killed.",
        f"kubectl top pods -n {NAMESPACE} --containers",
    ),
)
HIGH_CPU_USAGE = Objective(
    name="HighCpuUsage",
    severity="warning",
    description="Pod {{ $labels.pod }} uses {{ $value | humanizePercentage }} of its CPU limit.",
    source="kubelet",
    measure=_cpu,
    breach=">",
    threshold=CPU_RATIO,
    unit="ratio",
    for_seconds=5 * MINUTE,
    runbook="performance-issues",
    advice=Advice("The pod is near its CPU limit, at which it is throttled.", f"kubectl get hpa -n {NAMESPACE}"),
)
LOW_DISK_SPACE = Objective(
    name="LowDiskSpace",
    severity="warning",
    description="{{ $value | humanizePercentage }} of {{ $labels.mountpoint }} on {{ $labels.instance }} is free.",
    source="node",
    measure=_free_disk,
    breach="<",
    threshold=FREE_DISK_RATIO,
    unit="ratio",
    for_seconds=5 * MINUTE,
    runbook="low-disk-space",
    advice=Advice("Images, logs and emptyDir volumes fill the node's disk.", "kubectl describe nodes"),
)
LOW_VOLUME_SPACE = Objective(
    name="LowVolumeSpace",
    severity="warning",
    description="{{ $value | humanizePercentage }} of the volume {{ $labels.persistentvolumeclaim }} is free.",
    source="kubelet",
    measure=_free_volume,
    breach="<",
    threshold=FREE_DISK_RATIO,
    unit="ratio",
    for_seconds=5 * MINUTE,
    runbook="low-disk-space",
    advice=Advice(
        "The data nearly fills the volume; a full volume stops Redis' append-only file or Prometheus.",
        f"kubectl get pvc -n {NAMESPACE}",
    ),
)
ERRORS_UNDER_LOW_TRAFFIC = Objective(
    name="ErrorsUnderLowTraffic",
    severity="warning",
    description="{{ $value | humanize }} requests failed in an hour, with too little traffic for an error rate.",
    source="service",
    measure=_errors_under_low_traffic,
    breach=">",
    threshold=ABSOLUTE_ERRORS,
    unit="requests",
    window_seconds=HOUR,
    runbook="high-error-rate",
    advice=Advice("The service itself fails, and gets few requests.", SERVICE_LOGS),
)

TARGET_DOWN = Objective(
    name="TargetDown",
    severity="warning",
    description="{{ $labels.job }} {{ $labels.pod }} at {{ $labels.instance }} does not answer its scrape.",
    source="monitoring",
    measure=_targets,
    breach="<",
    threshold=TARGET_UP,
    unit="state",
    for_seconds=10 * MINUTE,
    runbook="no-metrics",
    advice=Advice(
        "The target does not run or does not answer on its metrics port, or a network policy blocks Prometheus.",
        f"kubectl get pods,networkpolicies -n {NAMESPACE}",
    ),
)
NOTIFICATIONS_FAILED = Objective(
    name="NotificationsFailed",
    severity="critical",
    description=(
        'Alertmanager failed to deliver {{ $value | printf "%.0f" }} notifications through {{ $labels.integration }} '
        f"in {RESTART_WINDOW_SECONDS // MINUTE} minutes."
    ),
    source="monitoring",
    measure=_failed_notifications,
    breach=">",
    threshold=FAILED_NOTIFICATIONS,
    unit="notifications",
    window_seconds=RESTART_WINDOW_SECONDS,
    runbook="no-metrics",
    advice=Advice(
        "Alertmanager cannot reach a receiver: the address or the credential is wrong.",
        f"kubectl logs deployment/{APPLICATION}-alertmanager -n {NAMESPACE} --tail=100",
    ),
)
NODE_NOT_READY = Objective(
    name="NodeNotReady",
    severity="critical",
    description="Node {{ $labels.node }} is not ready.",
    source="kube-state-metrics",
    measure=_node_ready,
    breach="<",
    threshold=NODE_READY,
    unit="state",
    for_seconds=10 * MINUTE,
    runbook="nodes-not-ready",
    advice=Advice("The machine or its kubelet is down, or its network add-on does not start.", "kubectl describe nodes"),
)
NODE_UNDER_PRESSURE = Objective(
    name="NodeUnderPressure",
    severity="warning",
    description="Node {{ $labels.node }} reports {{ $labels.condition }}.",
    source="kube-state-metrics",
    measure=_node_pressure,
    breach=">",
    threshold=NODE_PRESSURE,
    unit="state",
    for_seconds=5 * MINUTE,
    runbook="nodes-not-ready",
    advice=Advice(
        "The node runs out of memory, disk or process ids, or its network is not available.",
        "kubectl describe nodes",
    ),
)
AUTOSCALER_AT_MAXIMUM = Objective(
    name="AutoscalerAtMaximum",
    severity="warning",
    description="The autoscaler {{ $labels.horizontalpodautoscaler }} has reached its maximum number of replicas.",
    source="kube-state-metrics",
    measure=_free_replicas,
    breach="<",
    threshold=FREE_REPLICAS,
    unit="replicas",
    for_seconds=15 * MINUTE,
    runbook="performance-issues",
    advice=Advice("The load needs more pods than autoscaling.maxReplicas allows.", f"kubectl describe hpa -n {NAMESPACE}"),
)
CPU_THROTTLED = Objective(
    name="CpuThrottled",
    severity="warning",
    description="{{ $labels.container }} of {{ $labels.pod }} is throttled in {{ $value | humanizePercentage }} of CPU periods.",
    source="kubelet",
    measure=_throttled,
    breach=">",
    threshold=THROTTLED_RATIO,
    unit="ratio",
    for_seconds=15 * MINUTE,
    runbook="performance-issues",
    advice=Advice("The pod reaches its CPU limit and is throttled.", f"kubectl top pods -n {NAMESPACE} --containers"),
)
KILLED_FOR_MEMORY = Objective(
    name="KilledForMemory",
    severity="warning",
    description="Container {{ $labels.container }} of pod {{ $labels.pod }} was killed because it ran out of memory.",
    source="kube-state-metrics",
    measure=_killed_for_memory,
    breach=">",
    threshold=KILLED,
    unit="restarts",
    window_seconds=RESTART_WINDOW_SECONDS,
    runbook="health-check-failures",
    advice=Advice(
        "A container used more than its memory limit: a leak, or a limit that is too low.",
        f"kubectl describe pods -n {NAMESPACE}",
    ),
)
REDIS_MEMORY = Objective(
    name="RedisMemoryHigh",
    severity="warning",
    description="Redis uses {{ $value | humanizePercentage }} of its memory limit (maxmemory).",
    source="redis",
    measure=_redis_memory,
    breach=">",
    threshold=REDIS_MEMORY_RATIO,
    unit="ratio",
    for_seconds=15 * MINUTE,
    runbook="redis-memory",
    advice=Advice(
        "The data is near maxmemory, a share of redis.memory. At maxmemory, redis.maxmemoryPolicy applies.",
        f"kubectl top pods -n {NAMESPACE} -l {APP_LABEL}={REDIS} --containers",
    ),
)
REDIS_UNAVAILABLE = Objective(
    name="RedisUnavailable",
    severity="critical",
    description="No Redis pod is available. A pending pod has no exporter, so the alert RedisDown cannot fire.",
    source="kube-state-metrics",
    measure=_redis_replicas,
    breach="<",
    threshold=REDIS_REPLICAS,
    unit="replicas",
    for_seconds=2 * MINUTE,
    runbook="redis-down",
    advice=Advice(
        "The Redis pod is not scheduled or does not become ready; its events have the reason.",
        f"kubectl describe pods -n {NAMESPACE} -l {APP_LABEL}={REDIS}",
    ),
)

GUIDE_OBJECTIVES = (
    *(POD_RESTARTS, REPLICA_MISMATCH, REDIS_DOWN),
    *(HIGH_ERROR_RATE, HIGH_LATENCY, LOW_THROUGHPUT, HIGH_MEMORY_USAGE, HIGH_CPU_USAGE, LOW_DISK_SPACE),
)
"""The three critical and six warning alerts of the guide (Alert Rules)."""

OBJECTIVES = unique(
    (
        *(*GUIDE_OBJECTIVES, LOW_VOLUME_SPACE, ERRORS_UNDER_LOW_TRAFFIC),
        *(TARGET_DOWN, NOTIFICATIONS_FAILED, NODE_NOT_READY, NODE_UNDER_PRESSURE),
        *(AUTOSCALER_AT_MAXIMUM, CPU_THROTTLED, KILLED_FOR_MEMORY, REDIS_MEMORY, REDIS_UNAVAILABLE),
    )
)
