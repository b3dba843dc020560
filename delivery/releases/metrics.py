"""What Prometheus says after an update: the rollout's own gates, asked of stable."""

from __future__ import annotations

import os
import time

from components.monitoring.gates import gates
from components.settings import MonitoringSettings
from delivery.clients.environment import Environment
from delivery.clients.prometheus import Prometheus
from delivery.errors import DeliveryError

WINDOW_VARIABLE = "DWCP_METRICS_WINDOW_SECONDS"
SCRAPES = 3
"""Of a window: a rate needs two."""


class MetricsError(DeliveryError):
    """The service answers, but worse than its objectives allow."""


def verify(environment: Environment) -> tuple[str, bool]:
    """Measure stable over a few scrapes; what was found, and whether there was nothing to find.

    Raises ``MetricsError`` for a gate that fails. No traffic and no Prometheus are no failures: nobody was hurt, and the health
    checks have their own word.
    """
    prometheus = Prometheus.of(environment)
    if prometheus.now() is None:
        return "Prometheus does not answer", True
    interval = environment.settings("monitoring", MonitoringSettings).scrape_interval_seconds
    window = int(os.environ.get(WINDOW_VARIABLE) or SCRAPES * interval)
    time.sleep(window)  # so that nothing from before the update is in it
    measured: list[str] = []
    for gate in gates():
        if gate.relative is not None:
            continue
        value = prometheus.ask(gate.query("stable", window)).value
        if value is None:
            continue
        shown = f"{100 * value:.2g} %" if gate.unit == "ratio" else f"{value:.3g} s"
        limit = f"{100 * gate.threshold:.2g} %" if gate.unit == "ratio" else f"{gate.threshold:.3g} s"
        if not gate.passes(value):
            raise MetricsError(f"{gate.name} of stable is {shown}, above {limit}", "look for the cause: dwcp doctor")
        measured.append(f"{gate.name} {shown} (limit {limit})")
    return (", ".join(measured), False) if measured else (f"no traffic in {window} s", True)
