"""The settings group ``application`` of a stack file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from annotated_types import Interval, Len
from pydantic import AfterValidator, Field
from typing_extensions import override

from components.settings.groups._group import Conflict, Group
from components.settings.quantities import parse_quantity
from components.settings.types import (
    AnyPort,
    Cidr,
    Cpu,
    Delay,
    ImageReference,
    Memory,
    ObjectName,
    Pods,
    Port,
    Storage,
    Variable,
    Whole,
    unique,
)
from contract import FIRST_IMAGE, METRICS_PORT, PORT


class EgressRule(Group):
    """A network outside the cluster that the service may call, and the allowed ports."""

    cidr: Cidr
    """The network; write a single host as a /32."""
    ports: Annotated[tuple[AnyPort, ...], Len(1), AfterValidator(unique)]
    """TCP ports."""


class ApplicationSettings(Group):
    """The DWCP v3 service itself."""

    image: ImageReference = FIRST_IMAGE
    """Image of the first release in Kubernetes, which later releases replace, and of the Docker stack (guide: Gradual Rollout)."""
    release: ImageReference | None = None
    """Image for one `pulumi up` that `dwcp` runs; `dwcp` sets it in a temporary copy of the stack file (docs: Delivery)."""
    log_level: Annotated[Literal["info", "debug", "error"], Variable("LOG_LEVEL")] = "info"
    """Lowest level of the messages that the service logs (guide: Environment Variables)."""
    port: Annotated[Port, Variable("PORT")] = PORT
    """Port on which the service receives requests (guide: Environment Variables)."""
    metrics_port: Annotated[Port, Variable("PROMETHEUS_PORT")] = METRICS_PORT
    """Port on which Prometheus scrapes the service (guide: Environment Variables)."""
    cpu_request: Cpu = "500m"
    """CPU that is reserved for a pod (guide: Resource Limits)."""
    memory_request: Memory = "512Mi"
    """Memory that is reserved for a pod (guide: Resource Limits)."""
    cpu_limit: Cpu = "2000m"
    """CPU above which a pod is throttled (guide: Resource Limits)."""
    memory_limit: Memory = "2Gi"
    """Memory above which a pod is killed (guide: Resource Limits)."""
    replicas: Pods = 3
    """Number of pods at creation; afterwards the autoscaler owns the number (guide: Deployment Manifests)."""
    # The maximum leaves a minute of the Deployment's progress deadline to schedule a pod and to pull its image.
    startup_seconds: Annotated[Whole, Interval(ge=10, le=540)] = 120
    """Seconds in which the service must answer `/health` after its start, or it is restarted (Kubernetes: startup probes)."""
    liveness_delay_seconds: Delay = 30
    """Seconds before the first liveness check, `/health`; the startup check has no delay (guide: Health Checks)."""
    readiness_delay_seconds: Delay = 10
    """Seconds before the first readiness check, `/ready` (guide: Health Checks)."""
    egress: tuple[EgressRule, ...] = Field(default=(), examples=[[{"cidr": "10.0.0.0/16", "ports": [443]}]])
    """Networks that the service may call besides Redis and DNS, each with `cidr` and `ports` (Kubernetes: network policies)."""
    shared_volume: Storage | None = None
    """Size of a volume that all pods share on EFS, or null for none (AWS: EFS CSI driver)."""
    shared_volume_class: ObjectName = "efs-sc"
    """Storage class of `sharedVolume`; it must exist and allow ReadWriteMany (AWS: EFS CSI driver)."""

    @override
    def conflicts(self) -> Iterator[Conflict]:
        if self.port == self.metrics_port:
            yield "metrics_port", f"is the same as port ({self.port})", str(self.port + 1 if self.port < 65535 else self.port - 1)
        for request, limit, name in (
            (self.cpu_request, self.cpu_limit, "cpu"),
            (self.memory_request, self.memory_limit, "memory"),
        ):
            if parse_quantity(request) > parse_quantity(limit):
                yield f"{name}_request", f"is above {name}Limit ({limit})", limit
