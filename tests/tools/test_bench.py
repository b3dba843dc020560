"""The benchmarks read what the commands print today."""

from __future__ import annotations

import json
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from bench.rollout import passing_seconds
from delivery.rollout._display import JsonLines
from delivery.rollout.actions import Analysis, GateOutcome, Observation, TrackState
from delivery.rollout.plan import Phase


@pytest.mark.parametrize(
    ("phase", "outcome", "seconds"),
    [
        (Phase.ANALYSE, GateOutcome.PASSED, 7.0),
        (Phase.ANALYSE, GateOutcome.FAILED, None),
        (Phase.ANALYSE, None, None),
        (Phase.PROPAGATE, GateOutcome.PASSED, None),
    ],
)
def test_a_benchmark_recognises_an_analysis_that_passes(phase: Phase, outcome: GateOutcome | None, seconds: float | None) -> None:
    printed = StringIO()
    analysis = None if outcome is None else Analysis(outcome=outcome, reason="a test")
    record: Any = SimpleNamespace(progress=SimpleNamespace(phase=phase))
    track = TrackState(image="app:v1", replicas=3)
    observed = Observation(stable=track, canary=track, split=10, flag=10, seconds=7.0, analysis=analysis)
    JsonLines(Console(file=printed)).waits(record, observed, "a wait")
    assert passing_seconds(json.loads(printed.getvalue())) == seconds
