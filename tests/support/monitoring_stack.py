"""The monitoring of a test session's cloud, with windows that are short enough for tests."""

from __future__ import annotations

from embedded_cloud.cloud import Cloud
from sandbox.monitoring import SandboxMonitoring

SPEED = 60
"""Factor by which windows are shorter: five minutes become five seconds."""


def monitoring_stack(cloud: Cloud, alertmanager: str | None = None) -> SandboxMonitoring:
    """Start the simulator and a real Prometheus for ``cloud``, to which the platform must be deployed.

    ``query`` and ``value`` query Prometheus. ``control("versions/v3.1.0", "PUT", errorRate=0.2, latencySeconds=2)`` sets the errors
    and the latency of a version, and ``control("load", "PUT", requestsPerSecond=500)`` sets the load. ``/tracks/canary/health``
    under ``simulator_url`` answers for the track's pods. The simulator and Prometheus end with the cloud.
    """
    monitoring = SandboxMonitoring(cloud=cloud, speed=SPEED, alertmanager=alertmanager)
    monitoring.start()
    return monitoring
