"""A simple rollout plan for tests: one step, three pods."""

from __future__ import annotations

from typing import Any

from components.settings import RolloutSettings
from delivery.rollout.plan import Plan


def plan(**changes: Any) -> Plan:
    """A plan from ``app:v1`` to ``app:v2`` in ``local``. ``changes`` replace fields of the plan."""
    fields: dict[str, Any] = {
        **{"environment": "local", "image": "app:v2", "previous_image": "app:v1", "replicas": 3},
        **{"stable_floor": 3, "canary_floor": 3, "steps": (100,), "waits": (1,), "error_threshold": 0.05},
        **{"scrape_interval": 1, "drain": 1, "settings": RolloutSettings()},
    }
    return Plan(**{**fields, **changes})
