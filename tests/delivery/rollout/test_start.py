"""A command on an open rollout, which continues with the settings that it began with."""

from __future__ import annotations

import pytest
from plans import plan

from components.settings import RolloutSettings
from delivery.rollout._start import RolloutRefusedError, continued
from delivery.rollout.journal import Record
from delivery.rollout.options import RolloutRequest
from delivery.rollout.plan import Phase, RolloutProgress

BEGAN = RolloutSettings(steps=(20, 40, 100), wait_seconds=7, error_threshold_percent=2)
PLAN = plan(environment="staging", steps=(20, 40), waits=(7, 7), error_threshold=0.02, scrape_interval=30, drain=30, settings=BEGAN)


def opened(**progress: object) -> Record:
    request = RolloutRequest(image="app:v2", percentage=40).with_defaults(BEGAN)
    state = RolloutProgress(phase=Phase.ANALYSE, step=1).replace(**progress)
    return Record(id="1", cluster="here", request=request, plan=PLAN, progress=state)


def test_an_open_rollout_goes_on_with_the_plan_that_it_began_with() -> None:
    record = opened(holding="too little traffic")
    following = continued(Record.model_validate_json(record.model_dump_json()), RolloutRequest(image="app:v2"))
    assert following.plan == PLAN
    assert (following.progress.phase, following.progress.step, following.progress.holding) == (Phase.ANALYSE, 1, "")


def test_from_a_percentage_that_was_reached_the_steps_go_on_as_the_settings_were() -> None:
    following = continued(opened(holding="40 % reached, as requested", reached=True), RolloutRequest())
    assert (following.plan.steps, following.plan.waits, following.plan.error_threshold) == ((100,), (7,), 0.02)
    assert following.progress.phase is Phase.SCALE
    assert following.request.percentage is None


@pytest.mark.parametrize("percentage", [60, 20, 0])
def test_to_another_percentage_the_tracks_are_sized_before_the_weight_moves(percentage: int) -> None:
    record = opened(holding="40 % reached, as requested", reached=True)
    following = continued(record, RolloutRequest(percentage=percentage))
    assert (following.plan.steps, following.progress.phase) == ((percentage,), Phase.SCALE)


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (RolloutRequest(image="app:v3"), "this command has another image: app:v3"),
        (RolloutRequest(percentage=60), "this command has another --percentage"),
        (RolloutRequest(waits=(300,)), "this command has another --wait-time"),
        (RolloutRequest(error_threshold_percent=5), "this command has another --error-threshold"),
    ],
)
def test_another_rollout_than_the_open_one_is_refused_with_the_fix(wanted: RolloutRequest, problem: str) -> None:
    with pytest.raises(RolloutRefusedError) as error:
        continued(opened(), wanted)
    assert "a rollout of app:v2 is open at 40 %" in error.value.problem
    assert problem in error.value.problem
    assert "dwcp rollout --image app:v2 --environment staging" in error.value.fix
    assert "dwcp rollout --abort --environment staging" in error.value.fix
