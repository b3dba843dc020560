"""Messages about the present state are read from the cluster and the load balancer, not from a record."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest

from delivery.clients.load_balancer import LoadBalancerError, Weights
from delivery.clients.tracks import TrackPods
from delivery.errors import ExitCode
from delivery.releases import running_now
from delivery.rollout._ending import ending
from delivery.rollout.plan import Phase, RolloutOutcome, RolloutProgress

OLD, NEW = "app:v1", "app:v2"


@dataclass
class World:
    """The present state of a cluster and a load balancer."""

    healthy: int = 3
    split: int | None = 0
    """The canary's share; ``None`` if both weights are 0."""
    image: str = OLD
    """The image of stable; the canary has ``NEW``."""
    unreachable: bool = False
    name: str = "staging"
    pods: frozenset[str] = field(default_factory=lambda: frozenset({"10.0.0.1", "10.0.0.2", "10.0.0.3"}))

    @property
    def tracks(self) -> Any:
        pods = TrackPods(image=self.image, replicas=3, ready=self.pods, settled=True, trouble="", floor=3, ceiling=10)
        return SimpleNamespace(read=lambda track: pods if track == "stable" else replace(pods, image=NEW))

    def rule(self) -> Any:
        if self.unreachable:
            raise LoadBalancerError("the load balancer's API does not answer", "check the network")
        targets = frozenset(sorted(self.pods)[: self.healthy])
        weights = Weights(stable=0, canary=0) if self.split is None else Weights(stable=100 - self.split, canary=self.split)
        return SimpleNamespace(weights=lambda: weights, healthy=lambda _: targets)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    found = World()
    monkeypatch.setattr(running_now, "WeightedRule", lambda environment: environment.rule())
    return found


def test_the_running_image_is_reported_with_pods_targets_and_weight(world: World) -> None:
    assert running_now.sentence(world) == "stable runs app:v1: 3 of 3 pods ready, 3 targets healthy, 100 % of the traffic"  # pyright: ignore
    world.split, world.healthy = 10, 1
    assert "canary runs app:v2: 3 of 3 pods ready, 1 targets healthy, 10 % of the traffic" in running_now.sentence(world)  # pyright: ignore
    world.split = None
    assert "canary runs app:v2: 3 of 3 pods ready, 1 targets healthy, 0 % of the traffic" in running_now.sentence(world)  # pyright: ignore
    world.unreachable = True
    assert "cannot be read" in running_now.sentence(world)  # pyright: ignore


@pytest.mark.parametrize("changes", [{"healthy": 0}, {"split": 10}, {"image": "app:v2"}])
def test_a_rollback_that_did_not_restore_the_image_or_its_traffic_is_an_error(world: World, changes: dict[str, Any]) -> None:
    """For example, an update has replaced the target groups that receive the traffic."""
    assert running_now.require_image(world, OLD) == running_now.sentence(world)  # pyright: ignore
    vars(world).update(changes)
    with pytest.raises(running_now.NotAsWantedError, match="app:v1 should have all of the traffic, but stable runs"):
        running_now.require_image(world, OLD)  # pyright: ignore


def test_an_aborted_rollout_reports_the_present_state() -> None:
    plan: Any = SimpleNamespace(image="app:v2", previous_image=OLD, environment="staging", strategy="weighted", steps=(10,))
    progress = RolloutProgress(phase=Phase.DONE, outcome=RolloutOutcome.ABORTED, aborting="stopped by SIGTERM")
    record: Any = SimpleNamespace(plan=plan, progress=progress)
    assert "(stopped by SIGTERM): app:v1 gets all traffic of staging" in ending(record).text
    unexpected = ending(record, "app:v1 should have all of the traffic, but stable runs app:v1: 0 targets healthy")
    assert "gets all traffic" not in unexpected.text
    assert "0 targets healthy" in unexpected.text
    assert unexpected.code is ExitCode.FAILED
