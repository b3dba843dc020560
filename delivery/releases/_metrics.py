"""The metrics check after an update: evaluates the gates on stable. A gate is an objective that a release must meet."""

from __future__ import annotations

import os
import time

from components.monitoring.promql import request_count
from components.settings import MonitoringSettings, RolloutSettings
from delivery.clients.environment import Environment
from delivery.clients.prometheus import PrometheusClient
from delivery.errors import DeliveryError
from delivery.releases.steps import Skipped
from delivery.rollout.analysis import SCRAPES, read

WINDOW_VARIABLE = "DWCP_METRICS_WINDOW_SECONDS"


class DegradedError(DeliveryError):
    """The service answers, but does not meet its objectives."""


def verify(environment: Environment) -> str | Skipped:
    """Wait for ``SCRAPES`` scrape intervals, or the seconds in ``WINDOW_VARIABLE``, and return the results of the gates on stable.

    Raises ``DegradedError`` if a gate fails. Returns ``Skipped`` if Prometheus does not answer, if there is too little traffic, or
    if no gate has a value. These cases are not errors, because the service has already passed the health checks.
    """
    prometheus = PrometheusClient.of(environment)
    if prometheus.now() is None:
        return Skipped("Prometheus does not answer")
    interval = environment.settings("monitoring", MonitoringSettings).scrape_interval_seconds
    window = int(os.environ.get(WINDOW_VARIABLE) or SCRAPES * interval)
    time.sleep(window)  # so that the window has no samples from before the update
    return conclude(prometheus, environment.settings("rollout", RolloutSettings), window, environment.name)


def conclude(prometheus: PrometheusClient, settings: RolloutSettings, window: int, environment: str) -> str | Skipped:
    """The results of the gates over the last ``window`` seconds; ``Skipped`` for too few requests, or if no gate has a value.

    Raises ``DegradedError`` if a gate fails.
    """
    requests = prometheus.query(request_count(window, track="stable")).value or 0
    if requests < settings.minimum_requests:
        return Skipped(f"{requests:.0f} requests in {window} s; {settings.minimum_requests} are needed for a result")
    readings = read(prometheus, "stable", window, error_threshold=settings.error_threshold_percent / 100, compare=False)
    measured = [each for each in readings if not each.missing]
    for each in measured:
        if not each.passes:
            fix = f"dwcp doctor --environment {environment}"
            raise DegradedError(f"stable is worse than its objectives: {each} at {requests:.0f} requests in {window} s", fix)
    return ", ".join(map(str, measured)) or Skipped(f"no gate has a value in {window} s")
