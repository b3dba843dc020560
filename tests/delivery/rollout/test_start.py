"""`dwcp rollout` continues the open rollout with its original settings; a dry run prints what it would do."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import pytest
from plans import plan
from rich.console import Console

from components.settings import RolloutSettings
from contract import ROLLOUT_KEY
from delivery.clients.environment import Environment
from delivery.clients.load_balancer import Weights
from delivery.clients.tracks import TrackPods, Tracks
from delivery.errors import ExitCode
from delivery.rollout._start import RolloutRefusedError, continued
from delivery.rollout.flow import Rollout
from delivery.rollout.journal import Record
from delivery.rollout.machine import decide
from delivery.rollout.options import RolloutRequest
from delivery.rollout.plan import Phase, RolloutProgress
from delivery.rollout.platform import Platform

FIRST = RolloutSettings(steps=(20, 40, 100), wait_seconds=7, error_threshold_percent=2)
PLAN = plan(environment="staging", steps=(20, 40), waits=(7, 7), error_threshold=0.02, scrape_interval=30, drain=30, settings=FIRST)


@pytest.mark.parametrize(
    ("text", "percentage"),
    [("10\n", 10), (" 100 ", 100), ("007", 7), ("101", 0), ("0010", 0), ("-1", 0), ("5 %", 0), ("٣", 0), ("half", 0), ("", 0)],
)
def test_the_flag_is_read_as_the_service_reads_it(text: str, percentage: int) -> None:
    """The rule of ``rolloutPercentage`` in the service's ``src/config.ts``."""
    cluster = SimpleNamespace(namespace="dwcp-v3", request=lambda *_: {"data": {ROLLOUT_KEY: text}})
    assert Tracks(cast("Any", cluster)).flag() == percentage


def open_rollout(**progress: object) -> Record:
    request = RolloutRequest(image="app:v2", percentage=40).with_defaults(FIRST)
    state = RolloutProgress(phase=Phase.ANALYSE, step=1).replace(**progress)
    return Record(id="1", cluster="here", request=request, plan=PLAN, progress=state)


def test_an_open_rollout_continues_with_its_plan() -> None:
    record = open_rollout(holding="too little traffic")
    continuing = continued(Record.model_validate_json(record.model_dump_json()), RolloutRequest(image="app:v2"))
    assert continuing.plan == PLAN
    assert (continuing.progress.phase, continuing.progress.step, continuing.progress.holding) == (Phase.ANALYSE, 1, "")


def test_after_a_reached_percentage_the_other_steps_follow_with_the_original_settings() -> None:
    continuing = continued(open_rollout(holding="40 % reached, as requested", reached=True), RolloutRequest())
    assert (continuing.plan.steps, continuing.plan.waits, continuing.plan.error_threshold) == ((100,), (7,), 0.02)
    assert continuing.progress.phase is Phase.SCALE
    assert continuing.request.percentage is None


@pytest.mark.parametrize("percentage", [60, 20, 0])
def test_the_tracks_are_sized_before_the_weight_changes_to_another_percentage(percentage: int) -> None:
    record = open_rollout(holding="40 % reached, as requested", reached=True)
    continuing = continued(record, RolloutRequest(percentage=percentage))
    assert (continuing.plan.steps, continuing.progress.phase) == ((percentage,), Phase.SCALE)


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (RolloutRequest(image="app:v3"), "this command has another image: app:v3"),
        (RolloutRequest(percentage=60), "this command has another --percentage"),
        (RolloutRequest(waits=(300,)), "this command has another --wait-time"),
        (RolloutRequest(error_threshold_percent=5), "this command has another --error-threshold"),
    ],
)
def test_a_different_rollout_is_refused_with_the_fix(wanted: RolloutRequest, problem: str) -> None:
    with pytest.raises(RolloutRefusedError) as error:
        continued(open_rollout(), wanted)
    assert "a rollout of app:v2 is open at 40 %" in error.value.problem
    assert problem in error.value.problem
    assert "dwcp rollout --image app:v2 --environment staging" in error.value.fix
    assert "dwcp rollout --abort --environment staging" in error.value.fix


class FakeTracks:
    """Tracks whose canary runs although no rollout is open."""

    canary_pods = 2

    def read(self, track: str) -> TrackPods:
        pods = 3 if track == "stable" else self.canary_pods
        ready = frozenset(f"{track}-{number}" for number in range(pods))
        return TrackPods(image=f"app:{track}", replicas=pods, ready=ready, settled=True, trouble="", floor=3, ceiling=10)

    def flag(self) -> int:
        return 20


@dataclass
class FakeRule:
    present: Weights

    def weights(self) -> Weights:
        return self.present

    def healthy(self, track: str) -> frozenset[str]:
        return FakeTracks().read(track).ready

    def drain_seconds(self) -> float:
        return 7


class FakeJournal:
    """A journal with ``record``. It has no method that writes, because a dry run changes nothing."""

    def __init__(self, record: Record | None = None) -> None:
        self.record = record

    def read(self) -> Record | None:
        return self.record


def dry_run(weights: Weights, *, record: Record | None = None, abort: bool = True, as_json: bool = False, **options: Any) -> str:
    output = io.StringIO()
    environment, request = Environment.open("staging"), RolloutRequest(image="app:v9", **options)
    rollout = Rollout(environment, request, Console(file=output, width=200), abort=abort, dry_run=True, as_json=as_json)
    tracks, rule = cast("Any", FakeTracks()), cast("Any", FakeRule(weights))
    prometheus = cast("Any", None)
    rollout.__dict__["platform"] = Platform(tracks=tracks, rule=rule, prometheus=prometheus, scrape_interval=30)
    rollout.__dict__["journal"] = FakeJournal(record)
    assert rollout.run() is ExitCode.DONE
    return output.getvalue()


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Environment, "require_aws", lambda _: "a test")


@pytest.mark.parametrize("weights", [Weights(stable=80, canary=20), Weights(stable=0, canary=0)])
def test_a_dry_run_of_an_abort_finds_a_canary_without_a_rollout(weights: Weights) -> None:
    assert dry_run(weights).splitlines() == [
        "staging: abort the rollout of app:canary, roll back to app:stable",
        "  canary gets 0 % of the traffic, flag is set to 0 %",
        "  waiting 7 s until the canary's open requests have ended",
        "  canary is scaled to 0 pods, the autoscalers' minimums are restored",
    ]


def test_a_dry_run_of_an_abort_prints_the_abort_of_the_open_rollout() -> None:
    printed = dry_run(Weights(stable=60, canary=40), record=open_rollout())
    assert printed.startswith("staging: abort the rollout of app:v2, roll back to app:v1\n  canary gets 0 % of the traffic")
    assert "analysis" not in printed
    data = json.loads(dry_run(Weights(stable=60, canary=40), record=open_rollout(), as_json=True))
    assert data["abort"][-1] == printed.splitlines()[-1].strip()


def test_a_dry_run_of_an_abort_without_a_canary_prints_that_there_is_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeTracks, "canary_pods", 0)
    assert dry_run(Weights(stable=100, canary=0)) == "nothing to do\n"
    assert json.loads(dry_run(Weights(stable=100, canary=0), as_json=True))["result"] == "nothing to do"


@pytest.mark.parametrize(
    ("weights", "problem"),
    [
        (Weights(stable=80, canary=20), "the canary of staging receives 20 % of the traffic"),
        (Weights(stable=0, canary=0), "neither track receives any of the traffic"),
    ],
)
def test_a_new_rollout_is_refused_if_stable_does_not_get_all_traffic(weights: Weights, problem: str) -> None:
    with pytest.raises(RolloutRefusedError, match=f"^{problem}, and no rollout is open") as error:
        dry_run(weights, abort=False)
    assert error.value.fix.endswith("dwcp rollout --abort --environment staging")


def test_the_options_of_the_command_are_in_the_plan_of_a_dry_run() -> None:
    printed = dry_run(Weights(stable=100, canary=0), abort=False, percentage=10, waits=(60,), error_threshold_percent=2)
    head, _, step = printed.splitlines()[:3]
    assert head == "staging: app:stable -> app:v9"
    assert step.strip().startswith("10 ")
    assert "60 s of analysis (errors up to 2 %, latency gates, " in step


def test_a_measurement_begins_on_the_clock_of_prometheus() -> None:
    """The clock of this machine can be minutes off."""
    tracks, rule = cast("Any", FakeTracks()), cast("Any", FakeRule(Weights(stable=80, canary=20)))
    prometheus = cast("Any", SimpleNamespace(now=lambda: 5.0))
    platform = Platform(tracks=tracks, rule=rule, prometheus=prometheus, scrape_interval=30)
    progress = RolloutProgress(phase=Phase.ANALYSE)
    observed = platform.observe(PLAN, progress, seconds=0)
    assert (observed.now, observed.analysis) == (5.0, None)
    assert decide(PLAN, progress, observed).progress.window_start == 5.0
