"""`dwcp rollout` while a rollout is open: that rollout continues with its original settings."""

from __future__ import annotations

import pytest
from plans import plan

from components.settings import RolloutSettings
from delivery.rollout._start import RolloutRefusedError, continued
from delivery.rollout.journal import Record
from delivery.rollout.options import RolloutRequest
from delivery.rollout.plan import Phase, RolloutProgress

FIRST = RolloutSettings(steps=(20, 40, 100), wait_seconds=7, error_threshold_percent=2)
PLAN = plan(environment="staging", steps=(20, 40), waits=(7, 7), error_threshold=0.02, scrape_interval=30, drain=30, settings=FIRST)


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
