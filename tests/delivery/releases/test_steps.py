"""A command runs the same list of steps that its dry run prints."""

from __future__ import annotations

import dataclasses
import io
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from delivery.clients.environment import Environment
from delivery.clients.kubernetes import ClusterError
from delivery.clients.load_balancer import LoadBalancerError, Weights
from delivery.errors import DeliveryError
from delivery.releases import restore
from delivery.releases.deploy import Deployment
from delivery.releases.release import StepRecord
from delivery.releases.request import DeployRequest
from delivery.releases.rollback import Rollback, RollbackRequest
from delivery.releases.steps import Skipped, Step, StepRunner


class Story:
    """A runner, what it printed, and what its steps did."""

    def __init__(self) -> None:
        self.file = io.StringIO()
        self.runner = StepRunner(Console(file=self.file, soft_wrap=True, highlight=False))
        self.done: list[str] = []

    def step(self, name: str, answer: str | Skipped | BaseException = "", **how: Any) -> Step:
        def run() -> str | Skipped:
            self.done.append(name)
            if isinstance(answer, BaseException):
                raise answer
            return answer

        return Step(name=name, detail=f"what {name} does", run=run, **how)

    @property
    def printed(self) -> str:
        return self.file.getvalue()

    @property
    def results(self) -> list[tuple[str, str, str]]:
        return [(each.name, each.result, each.detail) for each in self.runner.records]


def test_steps_run_in_order_and_are_recorded() -> None:
    story = Story()
    story.runner.run([story.step("backup", "kept"), story.step("tests", Skipped("--skip-tests"))])
    assert story.done == ["backup", "tests"]
    assert story.results == [("backup", "done", "kept"), ("tests", "skipped", "--skip-tests")]
    assert "ok      backup" in story.printed
    assert StepRecord.model_validate_json(story.runner.records[0].model_dump_json()) == story.runner.records[0]


@pytest.mark.parametrize(
    ("error", "detail"),
    [(DeliveryError("the disk is full", "free some"), "the disk is full"), (KeyboardInterrupt(), "interrupted")],
)
def test_a_failed_step_ends_the_run_and_is_recorded(error: BaseException, detail: str) -> None:
    story = Story()
    failing = story.step("update", error, rolls_back=True)
    with pytest.raises(type(error)):
        story.runner.run([story.step("state"), failing, story.step("health checks")])
    assert story.done == ["state", "update"]
    assert story.results[-1] == ("update", "failed", detail)
    assert story.runner.latest is failing


def test_a_dry_run_prints_every_step_and_runs_those_that_change_nothing() -> None:
    story = Story()
    story.runner.show([story.step("backup"), story.step("preview", "2 update", changes_nothing=True), story.step("update")])
    assert story.done == ["preview"]
    for line in ("  1. backup: what backup does", "  2. preview: what preview does", "  3. update: what update does"):
        assert line in story.printed
    assert "ok      preview" in story.printed


def deployment(mode: str = "direct", **options: Any) -> Deployment:
    found = Deployment(DeployRequest(environment="staging", tag="v3.1.0", **options), Story().runner)
    found.image, found.mode = "app:v3.1.0", cast("Any", mode)
    return found


def test_only_failures_from_the_update_on_are_rolled_back() -> None:
    steps = deployment("staged").steps(ExitStack())
    names = [each.name for each in steps]
    assert len(names) == len(set(names))
    update = names.index("update")
    assert [each.rolls_back for each in steps] == [index >= update for index in range(len(steps))]
    assert {each.name for each in steps if each.changes_nothing} == {
        "manifests, checked by the API server",
        "images",
        "preview with policies",
    }
    assert "stage at 0 %" in names
    assert "stage at 0 %" not in [each.name for each in deployment().steps(ExitStack())]


def test_skipped_tests_are_printed_in_the_plan() -> None:
    [tests] = [each for each in deployment(skip_tests=True).steps(ExitStack()) if each.name == "tests"]
    assert "skipped" in tests.detail
    assert isinstance(tests.run(), Skipped)


def test_a_rollback_restores_with_the_same_steps_as_a_failed_deployment() -> None:
    rollback = Rollback(RollbackRequest(environment="staging"), Story().runner)
    rollback.environment = Environment.open("staging")
    rollback.former = restore.Former(name="before", image="app:v3.0.0", file="config: {}")
    restoration = restore.Restoration(
        environment=rollback.environment,
        former=rollback.former,
        runner=rollback.runner,
        lease=lambda: rollback.lease,
        command="dwcp rollback",
    )
    names = [each.name for each in rollback.steps(ExitStack())]
    assert names == ["abort the open rollout", "lease", "state", *[each.name for each in restoration.steps()], "canary"]
    # If the former image needs its settings, one update restores both.
    in_one_update = dataclasses.replace(restoration, former=dataclasses.replace(rollback.former, by_engine=True))
    order = [each.name for each in in_one_update.steps()]
    assert sorted(order) == sorted(each.name for each in restoration.steps())
    assert order.index("state and configuration follow") < order.index("restore app:v3.0.0") < order.index("health checks")


@pytest.mark.parametrize(
    ("canary", "result", "scaled"),
    [
        ({"spec": {"replicas": 2}}, "2 pods stopped", [("canary", 0)]),
        ({"spec": {"replicas": 0}}, Skipped("it has no pods"), []),
        (ClusterError("no Deployment", "", status=404), Skipped("there is no canary"), []),
    ],
)
def test_a_rollback_stops_a_canary_that_belongs_to_no_rollout(canary: Any, result: object, scaled: list[tuple[str, int]]) -> None:
    """The step does not read the load balancer, because a rollback must work without its rule."""

    def deployment(_: str) -> dict[str, Any]:
        if isinstance(canary, ClusterError):
            raise canary
        return canary

    done: list[tuple[str, int]] = []
    tracks = SimpleNamespace(deployment=deployment, scale=lambda track, pods: done.append((track, pods)))
    rollback = Rollback(RollbackRequest(environment="staging"), Story().runner)
    rollback.environment = cast("Any", SimpleNamespace(tracks=tracks))
    rollback.lease = cast("Any", SimpleNamespace(check=lambda: None))
    assert rollback._stop_canary() == result
    assert done == scaled


def test_a_loss_of_data_must_be_accepted() -> None:
    how = {"what": "this deployment", "command": "dwcp deploy --environment staging"}
    restore.require_accepted([], accept_loss=False, **how)
    restore.require_accepted(["delete a volume"], accept_loss=True, **how)
    with pytest.raises(restore.RestoreError, match="this deployment would lose data: delete a volume") as error:
        restore.require_accepted(["delete a volume"], accept_loss=False, **how)
    assert error.value.fix.endswith("dwcp deploy --environment staging --accept-loss")


@pytest.mark.parametrize(
    ("weights", "flag", "result"),
    [
        (Weights(stable=100, canary=0), 0, ""),
        (Weights(stable=80, canary=20), 0, "the canary had 20 % of the traffic"),
        (Weights(stable=0, canary=0), 0, "neither track had traffic"),
        (Weights(stable=0, canary=0), 50, "neither track had traffic; the flag was 50 %"),
    ],
)
def test_a_rollback_first_moves_all_traffic_to_stable(
    monkeypatch: pytest.MonkeyPatch, weights: Weights, flag: int, result: str
) -> None:
    """Throttled calls of the load balancer are repeated. The canary is not read, because it can be missing."""
    world, throttled = {"weights": weights, "flag": flag}, iter([True, False] * 9)

    def route(canary: int) -> None:
        world["weights"] = Weights(stable=100 - canary, canary=canary)

    def read() -> Weights:
        if next(throttled):
            raise LoadBalancerError("the load balancer's API refuses a call: Throttling", "run it again", transient=True)
        return world["weights"]

    tracks = SimpleNamespace(flag=lambda: world["flag"], set_flag=lambda percentage: world.update(flag=percentage))
    monkeypatch.setattr(restore, "WeightedRule", lambda _: SimpleNamespace(weights=read, set=route))
    monkeypatch.setattr(restore, "RETRY_SECONDS", 0)
    monkeypatch.setattr(restore, "States", lambda _: SimpleNamespace(read=lambda: None))
    monkeypatch.setattr(restore._hand_changes, "find", lambda *_: [])
    restoration = restore.Restoration(
        environment=cast("Any", SimpleNamespace(kubernetes=None, tracks=tracks)),
        former=restore.Former(name="before", image="app:v3.0.0", file="config: {}"),
        runner=Story().runner,
        lease=lambda: cast("Any", SimpleNamespace(check=lambda: None)),
        command="dwcp rollback",
    )
    assert restoration.steps()[0].run() == result
    assert world == {"weights": Weights(stable=100, canary=0), "flag": 0}
