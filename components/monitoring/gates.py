"""The gates of a rollout: the objectives that the canary must meet before it gets more traffic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from components.monitoring.alerts import HIGH_ERROR_RATE, HIGH_LATENCY
from components.monitoring.objectives import Objective, ObjectiveError, Unit

LATENCY_AGAINST_STABLE = 1.5
"""Maximum ratio of the canary track's P95 latency to the stable track's P95 latency."""
LATENCY_FLOOR_SECONDS = 0.1
"""Up to this P95 latency, the canary is not compared with stable, because a difference of a few milliseconds is noise."""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One measurement of a track, and its limit. A measured value up to the limit passes."""

    name: str
    objective: Objective
    threshold: float
    """Limit in ``unit``. A value up to the limit passes. Above it, an absolute gate fails, and a relative gate checks the ratio."""
    unit: Unit
    relative: float | None = None
    """Maximum ratio of the canary's value to the value of stable; ``None`` for an absolute gate."""

    def query(self, track: str, window_seconds: int) -> str:
        """PromQL of the gate's value. No result or ``NaN`` means that Prometheus has no requests of the track in the window."""
        measure: Callable[..., str] = self.objective.measure
        return measure(window_seconds, track=track)

    def passes(self, value: float, stable: float | None = None) -> bool:
        """Whether the measured value passes. Only a relative gate uses ``stable``, the measured value of the stable track.

        Raises ``ValueError`` if ``stable`` is ``None`` and a relative gate needs it.
        """
        if self.relative is None or value <= self.threshold:
            return value <= self.threshold
        if stable is None:
            raise ValueError(f"gate {self.name!r} compares the canary with stable, but the value of stable is missing")
        return value <= self.relative * stable


def gates(error_threshold: float = HIGH_ERROR_RATE.threshold) -> tuple[Gate, ...]:
    """The gates of a rollout. ``error_threshold`` is a ratio: 0.05 for ``--error-threshold 5``.

    Raises ``ObjectiveError`` for a threshold that is not a ratio.
    """
    if not 0 < error_threshold < 1:
        raise ObjectiveError(f"gate 'error rate' has a threshold of {error_threshold}, not a ratio between 0 and 1")
    error, slow = HIGH_ERROR_RATE, HIGH_LATENCY
    return (
        Gate(name="error rate", objective=error, threshold=error_threshold, unit=error.unit),
        Gate(name="latency", objective=slow, threshold=slow.threshold, unit=slow.unit),
        Gate(
            name="latency against stable",
            objective=slow,
            threshold=LATENCY_FLOOR_SECONDS,
            unit=slow.unit,
            relative=LATENCY_AGAINST_STABLE,
        ),
    )
