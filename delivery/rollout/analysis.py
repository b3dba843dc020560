"""What the gates say of a track: four outcomes, of which three are no reason to go on and only one is a reason to go back."""

from __future__ import annotations

from dataclasses import dataclass

from components.monitoring.gates import Gate, gates, request_count
from components.monitoring.objectives import WINDOW_SECONDS
from components.monitoring.promql import JOB, duration, series
from contract import REQUESTS_METRIC, TrackName
from delivery.clients.prometheus import Gap, Prometheus, Reading
from delivery.rollout.actions import Finding, Verdict
from delivery.rollout.plan import Plan

SCRAPES = 3
"""That must fit into a window before a missing result means anything; a rate needs two."""
COVERED = 0.5
"""The part of a window's scrapes that must be there: with less, a rate is made up from the rest."""
STALE_SCRAPES = 3
"""Scrape intervals after which the newest sample is too old to speak of now."""


@dataclass(frozen=True, kw_only=True)
class GateReading:
    """One gate's answer; ``stable`` where it compares."""

    gate: Gate
    track: Reading
    stable: Reading | None = None


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Everything that was asked at one time."""

    window_seconds: int
    requests: Reading
    samples: Reading
    """The most scrapes that any pod of the track has in the window."""
    age: Reading
    """Seconds since the track's newest sample."""
    gates: tuple[GateReading, ...]


def measure(plan: Plan, prometheus: Prometheus, track: TrackName, *, window_start: float, compare: bool) -> Measurement | None:
    """Ask about ``track`` since ``window_start``, or the last minutes of it; ``None`` when Prometheus tells no time.

    With ``compare`` the canary is held against stable, which must have traffic.
    """
    now = prometheus.now()
    if now is None:
        return None
    window = max(1, min(int(now - window_start), WINDOW_SECONDS))
    counter = series(REQUESTS_METRIC, job=JOB, track=track)
    asked = [gate for gate in gates(plan.error_threshold) if compare or gate.relative is None]
    return Measurement(
        window_seconds=window,
        requests=prometheus.ask(request_count(track, window)),
        samples=prometheus.ask(f"max(count_over_time({counter}[{duration(window)}]))"),
        age=prometheus.ask(f"time() - max(timestamp({counter}))"),
        gates=tuple(
            GateReading(
                gate=gate,
                track=prometheus.ask(gate.query(track, window)),
                stable=None if gate.relative is None else prometheus.ask(gate.query("stable", window)),
            )
            for gate in asked
        ),
    )


def judge(plan: Plan, measurement: Measurement | None) -> Verdict:
    """What a measurement means. A failed gate counts before a gap in another."""
    if measurement is None:
        return Verdict(finding=Finding.UNMEASURED, reason="Prometheus does not answer")
    window = measurement.window_seconds
    if window < SCRAPES * plan.scrape_interval and measurement.requests.gap is not Gap.UNREACHABLE:
        return Verdict(finding=Finding.LITTLE_TRAFFIC, reason=f"{window} s are too short for {SCRAPES} scrapes")
    if problem := _gap(plan, measurement):
        return Verdict(finding=Finding.UNMEASURED, reason=problem)
    requests = measurement.requests.value or 0
    traffic = f"{requests:.0f} requests in {window} s"
    if requests < plan.minimum_requests:
        return Verdict(finding=Finding.LITTLE_TRAFFIC, reason=f"{traffic}, of {plan.minimum_requests} needed")
    unmeasured: list[str] = []
    for each in measurement.gates:
        problem = _missing(each)
        if problem:
            unmeasured.append(problem)
        elif not _passes(each):
            return Verdict(finding=Finding.FAILED, reason=f"{_described(each)} at {traffic}")
    if unmeasured:
        return Verdict(finding=Finding.UNMEASURED, reason="; ".join(unmeasured))
    return Verdict(finding=Finding.PASSED, reason=f"{', '.join(map(_described, measurement.gates))} at {traffic}")


def _gap(plan: Plan, measurement: Measurement) -> str:
    """Why the measurement as a whole says nothing, or nothing."""
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
        return f"only {samples:.0f} of {expected:.0f} scrapes lie in the window"
    if plan.scrape_interval and age > STALE_SCRAPES * plan.scrape_interval:
        return f"the newest sample is {age:.0f} s old"
    return ""


def _missing(each: GateReading) -> str:
    """A comparison is made only above the gate's own floor, so that stable's value may be missing below it."""
    if each.track.value is None:
        return f"{each.gate.name}: {each.track.gap}"
    beyond = each.track.value > each.gate.threshold
    if each.stable is not None and each.stable.value is None and beyond:
        return f"{each.gate.name}: {each.stable.gap} from stable"
    return ""


def _passes(each: GateReading) -> bool:
    return each.track.value is None or each.gate.passes(each.track.value, None if each.stable is None else each.stable.value)


def _described(each: GateReading) -> str:
    gate, value = each.gate, each.track.value
    shown = _quantity(gate, value)
    if gate.relative is None:
        return f"{gate.name} {shown} (limit {_quantity(gate, gate.threshold)})"
    stable = None if each.stable is None else each.stable.value
    return f"{gate.name} {shown} (limit {gate.relative:g} x {_quantity(gate, stable)})"


def _quantity(gate: Gate, value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{100 * value:.2g} %" if gate.unit == "ratio" else f"{value:.3g} s"
