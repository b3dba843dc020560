"""The monitoring of a test session's cloud, with windows that are short enough for tests."""

from __future__ import annotations

from embedded_cloud.cloud import Cloud
from sandbox.monitoring import SandboxMonitoring

SPEED = 60
"""Factor by which windows are shorter: five minutes become five seconds."""


def monitoring_stack(cloud: Cloud, alertmanager: str | None = None) -> SandboxMonitoring:
    """Start the simulator and a real Prometheus for ``cloud``, to which the platform must be deployed.

    ``query`` and ``value`` query Prometheus. ``control("versions/v3.1.0", "PUT", errorRate=0.2, latencySeconds=2)`` gives a version
    errors and latency, and ``control("load", "PUT", requestsPerSecond=500)`` changes the load. ``/tracks/canary/health`` under
    ``simulator_url`` answers as the track's pods would. The processes end with those of the cloud.
    """
    monitoring = SandboxMonitoring(cloud=cloud, speed=SPEED, alertmanager=alertmanager)
    monitoring.start()
    return monitoring
