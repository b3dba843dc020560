"""The four outcomes of an analysis, for each kind of answer from Prometheus."""

from __future__ import annotations

from dataclasses import replace

import pytest
from plans import plan

from components.monitoring.gates import gates
from components.settings import RolloutSettings
from delivery.clients.prometheus import Gap, PrometheusClient, Reading
from delivery.rollout.actions import GateOutcome
from delivery.rollout.analysis import GateReading, Measurement, conclude, measure

PLAN = plan(environment="staging", waits=(300,), scrape_interval=10, drain=30, settings=RolloutSettings(minimum_requests=100))
ERRORS, LATENCY, COMPARED = gates(0.05)


def measurement(errors: float = 0.01, latency: float = 0.2, stable: Reading | None = None) -> Measurement:
    """A measurement of five minutes, which passes unless a value is replaced."""
    return Measurement(
        window_seconds=300,
        requests=Reading(5000),
        samples=Reading(30),
        age=Reading(4),
        gates=(
            GateReading(gate=ERRORS, track=Reading(errors)),
            GateReading(gate=LATENCY, track=Reading(latency)),
            GateReading(gate=COMPARED, track=Reading(latency), stable=stable or Reading(0.2)),
        ),
    )


GOOD = measurement()


@pytest.mark.parametrize(
    ("observed", "outcome", "reason"),
    [
        (GOOD, GateOutcome.PASSED, "error rate 1 % (limit 5 %), latency 0.2 s (limit 1 s)"),
        (measurement(errors=0.05), GateOutcome.PASSED, "error rate 5 %"),
        (measurement(errors=0.051), GateOutcome.FAILED, "error rate 5.1 % (limit 5 %) at 5000 requests in 300 s"),
        (measurement(latency=1.2, stable=Reading(1.1)), GateOutcome.FAILED, "latency 1.2 s (limit 1 s)"),
        (measurement(latency=0.08, stable=Reading(0.04)), GateOutcome.PASSED, "latency against stable 0.08 s (limit 0.1 s)"),
        (measurement(latency=0.5), GateOutcome.FAILED, "latency against stable 0.5 s (limit 1.5 x 0.2 s)"),
        (replace(GOOD, requests=Reading(99)), GateOutcome.LITTLE_TRAFFIC, "99 requests in 300 s; 100 are needed"),
        (replace(measurement(errors=1), requests=Reading(20)), GateOutcome.LITTLE_TRAFFIC, "20 requests"),
        (replace(GOOD, requests=Reading(None, Gap.EMPTY)), GateOutcome.UNMEASURED, "the count of requests: no result"),
        (replace(GOOD, requests=Reading(None, Gap.NOT_A_NUMBER)), GateOutcome.UNMEASURED, "NaN"),
        (replace(GOOD, requests=Reading(None, Gap.PARTIAL, "store down")), GateOutcome.UNMEASURED, "a partial answer (store down)"),
        (replace(GOOD, requests=Reading(None, Gap.FAILED, "refused")), GateOutcome.UNMEASURED, "the query failed (refused)"),
        (replace(GOOD, samples=Reading(13)), GateOutcome.UNMEASURED, "only 13 of 30 scrapes"),
        (replace(GOOD, age=Reading(31)), GateOutcome.UNMEASURED, "the newest sample is 31 s old"),
        (replace(GOOD, window_seconds=20), GateOutcome.LITTLE_TRAFFIC, "20 s is too short for 3 scrapes"),
        (measurement(latency=0.5, stable=Reading(None, Gap.NOT_A_NUMBER)), GateOutcome.UNMEASURED, "NaN from stable"),
        (measurement(latency=0.05, stable=Reading(None, Gap.NOT_A_NUMBER)), GateOutcome.PASSED, ""),
        (None, GateOutcome.UNMEASURED, "Prometheus does not answer"),
    ],
)
def test_every_answer_has_one_outcome(observed: Measurement | None, outcome: GateOutcome, reason: str) -> None:
    analysis = conclude(PLAN, observed)
    assert analysis.outcome is outcome
    assert reason in analysis.reason


def test_a_failed_gate_has_priority_over_an_unmeasured_one() -> None:
    gap = GateReading(gate=LATENCY, track=Reading(None, Gap.NOT_A_NUMBER))
    observed = replace(GOOD, gates=(gap, GateReading(gate=ERRORS, track=Reading(0.5))))
    assert conclude(PLAN, observed).outcome is GateOutcome.FAILED
    assert conclude(PLAN, replace(observed, gates=(gap,))).outcome is GateOutcome.UNMEASURED


def test_the_window_follows_the_clock_of_prometheus_up_to_the_window_of_the_objectives() -> None:
    requests: list[str] = []

    def fetch(path: str, seconds: float) -> bytes:
        requests.append(path)
        return b'{"status": "success", "data": {"resultType": "scalar", "result": [10000000, "1"]}}'

    prometheus = PrometheusClient(fetch)
    short = measure(PLAN, prometheus, "canary", window_start=10000000 - 42, compare=False)
    strict = PLAN.model_copy(update={"error_threshold": 0.02})
    long = measure(strict, prometheus, "canary", window_start=10000000 - 4200, compare=True)
    assert short is not None
    assert long is not None
    assert (short.window_seconds, long.window_seconds) == (42, 300)
    assert [each.gate.name for each in short.gates] == ["error rate", "latency"]
    assert [each.gates[0].gate.threshold for each in (short, long)] == [0.05, 0.02], "the threshold of the plan"
    assert any("track%3D%22stable%22" in path for path in requests)
