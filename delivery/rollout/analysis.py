"""Measures a track and evaluates the gates."""

from __future__ import annotations

from dataclasses import dataclass

from components.monitoring.gates import Gate, gates
from components.monitoring.objectives import WINDOW_SECONDS
from components.monitoring.promql import JOB, duration, request_count, series
from contract import REQUESTS_METRIC, TrackName
from delivery.clients.prometheus import Gap, PrometheusClient, Reading
from delivery.rollout.actions import Analysis, GateOutcome
from delivery.rollout.plan import Plan

SCRAPES = 3
"""A window is evaluated only if it is at least this number of scrape intervals long.

``rate()`` needs two scrapes, and one scrape can be late or missing.
"""
COVERED = 0.5
"""A window must have this share of the expected scrapes, minus one scrape. With fewer scrapes, ``rate()`` extrapolates too much."""
STALE_SCRAPES = 3
"""Number of scrape intervals after which the newest sample is too old."""


@dataclass(frozen=True, kw_only=True)
class GateReading:
    """The measured values of one gate; ``stable`` is set if the gate compares the track with stable."""

    gate: Gate
    track: Reading
    stable: Reading | None = None

    @property
    def missing(self) -> str:
        """The reason why the gate cannot be evaluated, or an empty string.

        The value of stable is needed only if the track's value is above the gate's threshold.
        """
        if self.track.value is None:
            return f"{self.gate.name}: {self.track.gap}"
        beyond = self.track.value > self.gate.threshold
        if self.stable is not None and self.stable.value is None and beyond:
            return f"{self.gate.name}: {self.stable.gap} from stable"
        return ""

    @property
    def passes(self) -> bool:
        """Whether the gate passes. The result is valid only if ``missing`` is empty."""
        return self.track.value is None or self.gate.passes(self.track.value, None if self.stable is None else self.stable.value)

    def __str__(self) -> str:
        """The text of the result, for example ``error rate 30 % (limit 5 %)``."""
        gate = self.gate
        shown = _quantity(gate, self.track.value)
        if gate.relative is None or (self.track.value or 0) <= gate.threshold:
            return f"{gate.name} {shown} (limit {_quantity(gate, gate.threshold)})"
        stable = None if self.stable is None else self.stable.value
        return f"{gate.name} {shown} (limit {gate.relative:g} x {_quantity(gate, stable)})"


def read(
    prometheus: PrometheusClient, track: TrackName, window_seconds: int, *, error_threshold: float, compare: bool
) -> tuple[GateReading, ...]:
    """The values of the gates for ``track``. Gates that compare with stable are included only with ``compare``.

    With ``compare``, stable must have traffic.
    """
    return tuple(
        GateReading(
            gate=gate,
            track=prometheus.query(gate.query(track, window_seconds)),
            stable=None if gate.relative is None else prometheus.query(gate.query("stable", window_seconds)),
        )
        for gate in gates(error_threshold)
        if compare or gate.relative is None
    )


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """All values that were read for one analysis."""

    window_seconds: int
    requests: Reading
    samples: Reading
    """The highest number of scrapes of one pod of the track in the window."""
    age: Reading
    """Seconds since the track's newest sample."""
    gates: tuple[GateReading, ...]


def measure(
    plan: Plan, prometheus: PrometheusClient, track: TrackName, *, window_start: float, compare: bool
) -> Measurement | None:
    """Measure ``track`` from ``window_start``, but at most the last ``WINDOW_SECONDS``. ``None`` if Prometheus does not answer.

    With ``compare``, ``track`` is compared with stable, and both tracks must have traffic.
    """
    now = prometheus.now()
    if now is None:
        return None
    window = max(1, min(int(now - window_start), WINDOW_SECONDS))
    counter = series(REQUESTS_METRIC, job=JOB, track=track)
    return Measurement(
        window_seconds=window,
        requests=prometheus.query(request_count(window, track=track)),
        samples=prometheus.query(f"max(count_over_time({counter}[{duration(window)}]))"),
        age=prometheus.query(f"time() - max(timestamp({counter}))"),
        gates=read(prometheus, track, window, error_threshold=plan.error_threshold, compare=compare),
    )


def conclude(plan: Plan, measurement: Measurement | None) -> Analysis:
    """The analysis of a measurement. A failed gate takes precedence over a gate without a value."""
    if measurement is None:
        return Analysis(outcome=GateOutcome.UNMEASURED, reason="Prometheus does not answer")
    window = measurement.window_seconds
    if window < SCRAPES * plan.scrape_interval and measurement.requests.gap is not Gap.FAILED:
        return Analysis(outcome=GateOutcome.LITTLE_TRAFFIC, reason=f"{window} s is too short for {SCRAPES} scrapes")
    if problem := _gap(plan, measurement):
        return Analysis(outcome=GateOutcome.UNMEASURED, reason=problem)
    requests = measurement.requests.value or 0
    traffic = f"{requests:.0f} requests in {window} s"
    if requests < plan.settings.minimum_requests:
        return Analysis(outcome=GateOutcome.LITTLE_TRAFFIC, reason=f"{traffic}; {plan.settings.minimum_requests} are needed")
    failed = next((each for each in measurement.gates if not each.missing and not each.passes), None)
    if failed is not None:
        return Analysis(outcome=GateOutcome.FAILED, reason=f"{failed} at {traffic}")
    if unmeasured := [each.missing for each in measurement.gates if each.missing]:
        return Analysis(outcome=GateOutcome.UNMEASURED, reason="; ".join(unmeasured))
    return Analysis(outcome=GateOutcome.PASSED, reason=f"{', '.join(map(str, measurement.gates))} at {traffic}")


def _gap(plan: Plan, measurement: Measurement) -> str:
    """The reason why the measurement as a whole cannot be used, or an empty string."""
    for reading, what in (
        (measurement.requests, "the count of requests"),
        (measurement.samples, "the count of scrapes"),
        (measurement.age, "the age of the newest sample"),
    ):
        if reading.gap is not None:
            return f"{what}: {reading.gap}{f' ({reading.detail})' if reading.detail else ''}"
    samples, age = measurement.samples.value or 0, measurement.age.value or 0
    expected = measurement.window_seconds / plan.scrape_interval if plan.scrape_interval else 0
    if samples < COVERED * expected - 1:
        return f"the window has only {samples:.0f} of {expected:.0f} scrapes"
    if plan.scrape_interval and age > STALE_SCRAPES * plan.scrape_interval:
        return f"the newest sample is {age:.0f} s old"
    return ""


def _quantity(gate: Gate, value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{100 * value:.2g} %" if gate.unit == "ratio" else f"{value:.3g} s"
