"""The settings group ``autoscaling`` of a stack file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from annotated_types import Interval
from typing_extensions import override

from components.settings.groups._group import Conflict, Group
from components.settings.types import Percent, Pods, Whole


class AutoscalingSettings(Group):
    """The HorizontalPodAutoscaler of the service."""

    min_replicas: Pods = 3
    """Minimum number of pods at creation; change it afterwards with `kubectl patch hpa` (guide: Deployment Manifests)."""
    max_replicas: Pods = 10
    """Maximum number of pods (guide: Deployment Manifests)."""
    cpu_percent: Percent = 70
    """Average CPU usage, in percent of `cpuRequest`, above which pods are added (Kubernetes: HorizontalPodAutoscaler)."""
    memory_percent: Percent = 80
    """Average memory usage, in percent of `memoryRequest`, above which pods are added (Kubernetes: HorizontalPodAutoscaler)."""
    scale_down_window_seconds: Annotated[Whole, Interval(ge=0, le=3600)] = 300
    """Seconds of lower load before pods are removed (Kubernetes: HPA stabilization window)."""

    @override
    def conflicts(self) -> Iterator[Conflict]:
        if self.min_replicas > self.max_replicas:
            yield "max_replicas", f"is below minReplicas ({self.min_replicas})", str(self.min_replicas)
