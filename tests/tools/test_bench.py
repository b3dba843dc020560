"""The benchmarks read the events of the current program, and the modules and tests that they name exist."""

from __future__ import annotations

import json
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from recording import ROOT
from rich.console import Console

from bench.rollout import passing_seconds
from bench.sandbox import UNIT_TESTS, imported_modules
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
def test_a_benchmark_finds_the_time_of_a_passed_analysis(phase: Phase, outcome: GateOutcome | None, seconds: float | None) -> None:
    printed = StringIO()
    analysis = None if outcome is None else Analysis(outcome=outcome, reason="a test")
    record: Any = SimpleNamespace(progress=SimpleNamespace(phase=phase))
    track = TrackState(image="app:v1", replicas=3)
    observed = Observation(stable=track, canary=track, split=10, flag=10, seconds=7.0, analysis=analysis)
    JsonLines(Console(file=printed)).waits(record, observed, "a wait")
    assert passing_seconds(json.loads(printed.getvalue())) == seconds


def test_the_empty_program_imports_the_sdks_of_the_platform() -> None:
    modules = imported_modules()
    assert {"pulumi_aws.eks.cluster", "pulumi_kubernetes.apps.v1.Deployment"} <= set(modules), modules[:20]


def test_the_unit_tests_that_are_measured_exist() -> None:
    assert all((ROOT / each).exists() for each in UNIT_TESTS)
