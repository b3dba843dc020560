"""The metrics of each kind of pod, in Prometheus' text format.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterator

from contract import APP_LABEL, APPLICATION, CONNECTIONS_METRIC, ERRORS_METRIC, LATENCY_METRIC, REQUESTS_METRIC, TRANSFERRED_METRIC
from embedded_cloud.api_server import Manifest
from sandbox.simulator.load import BASE_MEMORY_BYTES, BUCKETS, MEMORY_BYTES_PER_CONNECTION, Counters, Load, Pod, VolumeState
from sandbox.simulator.world import World

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

NODE_DISK_BYTES = 50 * 2**30
NODE_FREE_BYTES = 35 * 2**30
VOLUME_BYTES = 10 * 2**30
REDIS_MAX_BYTES = 384 * 2**20


def text_of(lines: Iterator[str]) -> str:
    """The samples as text, one per line."""
    return "".join(f"{line}\n" for line in lines)


def sample(name: str, value: float, **labels: str) -> str:
    """One sample as a line, with escaped label values."""
    escaped = {key: text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for key, text in labels.items()}
    inner = ",".join(f'{key}="{text}"' for key, text in escaped.items())
    return f"{name}{{{inner}}} {value!r}"


def metrics(pod: Pod, load: Load, world: World) -> str | None:
    """The metrics of ``pod``, or None if the pod exports no metrics."""
    if pod.app == APPLICATION:
        return text_of(service(load, pod))
    match pod.app.removeprefix(f"{APPLICATION}-"):
        case "redis":
            return text_of(redis(load))
        case "kube-state-metrics":
            return text_of(kube_state(world))
        case "node-exporter":
            return text_of(node())
        case _:
            return None


def service(load: Load, pod: Pod) -> Iterator[str]:
    """The metrics that docs/app-contract.md requires of the service, for one pod."""
    counters, behaviour = load.counters.get(pod.name) or Counters(), load.behaviour(pod.version)
    yield f"# TYPE {REQUESTS_METRIC} counter"
    yield sample(REQUESTS_METRIC, counters.requests)
    yield f"# TYPE {ERRORS_METRIC} counter"
    yield sample(ERRORS_METRIC, counters.errors)
    yield f"# TYPE {TRANSFERRED_METRIC} counter"
    yield sample(TRANSFERRED_METRIC, counters.transferred_bytes)
    yield f"# TYPE {LATENCY_METRIC} histogram"
    for bound, count in zip(BUCKETS, counters.buckets, strict=True):
        yield sample(f"{LATENCY_METRIC}_bucket", count, le=f"{bound:g}")
    yield sample(f"{LATENCY_METRIC}_bucket", counters.requests, le="+Inf")
    yield sample(f"{LATENCY_METRIC}_sum", counters.latency_sum)
    yield sample(f"{LATENCY_METRIC}_count", counters.requests)
    yield f"# TYPE {CONNECTIONS_METRIC} gauge"
    yield sample(CONNECTIONS_METRIC, counters.connections)
    yield "# TYPE process_resident_memory_bytes gauge"
    memory = BASE_MEMORY_BYTES + counters.connections * MEMORY_BYTES_PER_CONNECTION
    yield sample("process_resident_memory_bytes", memory if behaviour.memory_bytes is None else behaviour.memory_bytes)


def redis(load: Load) -> Iterator[str]:
    """The metrics of redis_exporter; if Redis does not run, only ``redis_up 0``."""
    yield "# TYPE redis_up gauge"
    yield sample("redis_up", int(load.redis.up))
    if load.redis.up:
        yield sample("redis_memory_used_bytes", REDIS_MAX_BYTES * load.redis.used_ratio)
        yield sample("redis_memory_max_bytes", REDIS_MAX_BYTES)
        yield sample("redis_connected_clients", 3)
        yield sample("redis_aof_enabled", 1)
        yield sample("redis_aof_last_write_status", int(load.redis.writes))


def kube_state(world: World) -> Iterator[str]:
    """The metrics of kube-state-metrics for Deployments and container restarts. The other metrics are not simulated."""
    for deployment in world.deployments:
        where = {"namespace": deployment["metadata"]["namespace"], "deployment": deployment["metadata"]["name"]}
        yield sample("kube_deployment_spec_replicas", deployment["spec"]["replicas"], **where)
        yield sample("kube_deployment_status_replicas_available", deployment["status"].get("availableReplicas", 0), **where)
    for pod in world.manifests:
        where = {"namespace": pod["metadata"]["namespace"], "pod": pod["metadata"]["name"]}
        for status in pod["status"].get("containerStatuses", []):
            restarts = status.get("restartCount", 0)
            yield sample("kube_pod_container_status_restarts_total", restarts, **where, container=status["name"])


def node() -> Iterator[str]:
    """The metrics of node_exporter for a node's disk."""
    where = {"device": "/dev/nvme0n1p1", "fstype": "xfs", "mountpoint": "/"}
    yield sample("node_filesystem_avail_bytes", NODE_FREE_BYTES, **where)
    yield sample("node_filesystem_size_bytes", NODE_DISK_BYTES, **where)


def kubelet(load: Load, world: World, address: str, path: str) -> str:
    """The metrics of the kubelet at ``address``.

    ``/metrics/cadvisor`` has the metrics of containers. Every other path has the metrics of volumes.
    """
    here = [pod for pod in world.manifests if pod["status"].get("hostIP") == address]
    return text_of(_containers(load, here) if path.endswith("/cadvisor") else _volumes(load, here))


def _containers(load: Load, pods: list[Manifest]) -> Iterator[str]:
    for pod in pods:
        name = pod["metadata"]["name"]
        if pod["metadata"].get("labels", {}).get(APP_LABEL) == APPLICATION:
            used = (load.counters.get(name) or Counters()).cpu_seconds
            where = {"namespace": pod["metadata"]["namespace"], "pod": name, "container": APPLICATION}
            yield sample("container_cpu_usage_seconds_total", used, **where)


def _volumes(load: Load, pods: list[Manifest]) -> Iterator[str]:
    for pod in pods:
        for volume in pod["spec"].get("volumes", []):
            if claim := volume.get("persistentVolumeClaim"):
                where = {"namespace": pod["metadata"]["namespace"], "persistentvolumeclaim": claim["claimName"]}
                free = load.volumes.get(claim["claimName"], VolumeState()).free_ratio
                yield sample("kubelet_volume_stats_available_bytes", VOLUME_BYTES * free, **where)
                yield sample("kubelet_volume_stats_capacity_bytes", VOLUME_BYTES, **where)
