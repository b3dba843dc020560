"""The monitoring of a test session's cloud, at a pace that tests can wait for."""

from __future__ import annotations

from embedded_cloud.cloud import Cloud
from sandbox.monitoring import SandboxMonitoring

SPEED = 60
"""A window of five minutes is one of five seconds."""


def monitoring_stack(cloud: Cloud, alertmanager: str | None = None) -> SandboxMonitoring:
    """The simulator and a real Prometheus, started, on what is deployed to ``cloud``: the platform must be up.

    ``query`` and ``value`` ask Prometheus; ``control("versions/v3.1.0", "PUT", errorRate=0.2, latencySeconds=2)`` makes a
    version misbehave, ``control("load", "PUT", requestsPerSecond=500)`` changes the load; ``/tracks/canary/health`` under
    ``simulator_url`` answers as the track's pods would. The processes end with the cloud's.
    """
    monitoring = SandboxMonitoring(cloud=cloud, speed=SPEED, alertmanager=alertmanager)
    monitoring.start()
    return monitoring
