"""What Prometheus says after an update: the rollout's own gates, asked of stable."""

from __future__ import annotations

import os
import time

from components.settings import MonitoringSettings, RolloutSettings
from delivery.clients.environment import Environment
from delivery.clients.prometheus import Prometheus
from delivery.errors import DeliveryError
from delivery.releases.steps import Skipped
from delivery.rollout.analysis import SCRAPES, read

WINDOW_VARIABLE = "DWCP_METRICS_WINDOW_SECONDS"


class DegradedError(DeliveryError):
    """The service answers, but worse than its objectives allow."""


def verify(environment: Environment) -> str | Skipped:
    """What stable's gates say over a few scrapes.

    Raises ``DegradedError`` for a gate that fails. No traffic and no Prometheus are not failures: no user was affected, and the
    health checks answer by themselves.
    """
    prometheus = Prometheus.of(environment)
    if prometheus.now() is None:
        return Skipped("Prometheus does not answer")
    interval = environment.settings("monitoring", MonitoringSettings).scrape_interval_seconds
    window = int(os.environ.get(WINDOW_VARIABLE) or SCRAPES * interval)
    time.sleep(window)  # so that nothing from before the update is in it
    threshold = environment.settings("rollout", RolloutSettings).error_threshold_percent / 100
    readings = read(prometheus, "stable", window, error_threshold=threshold, compare=False)
    measured = [each for each in readings if not each.missing]
    for each in measured:
        if not each.passes:
            raise DegradedError(f"stable is worse than its objectives: {each}", f"dwcp doctor --environment {environment.name}")
    return ", ".join(map(str, measured)) or Skipped(f"no traffic in {window} s")
