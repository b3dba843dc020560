"""The rollout's decisions on a model of the platform: traffic always has healthy targets, and every path ends."""

from __future__ import annotations

import copy
import itertools
import math
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.settings import RolloutSettings
from delivery.rollout._printed_plan import abort_steps, present_index, steps_of, text_of
from delivery.rollout.actions import (
    Action,
    Analysis,
    GateOutcome,
    LoadCanary,
    Observation,
    Promote,
    RaiseFloor,
    Retire,
    Route,
    SizeCanary,
    TrackState,
)
from delivery.rollout.machine import decide, insisted, resumed
from delivery.rollout.plan import Phase, Plan, RolloutOutcome, RolloutProgress

OLD, NEW = "registry/app:v1", "registry/app:v2"
SETTINGS = RolloutSettings(
    interval_seconds=1,
    propagation_seconds=2,
    ready_seconds=20,
    weight_readback_seconds=5,
    grace_seconds=3,
    extend_seconds=5,
    bake_seconds=5,
)
PLAN = Plan(
    environment="production",
    image=NEW,
    previous_image=OLD,
    replicas=4,
    stable_floor=3,
    canary_floor=3,
    steps=(10, 50, 100),
    waits=(5, 5, 5),
    error_threshold=0.05,
    scrape_interval=1,
    drain=4,
    settings=SETTINGS,
)
PASSED = Analysis(outcome=GateOutcome.PASSED, reason="fine")


@dataclass
class Faults:
    """Faults and their times; a fault is active while the model's clock is in its span."""

    bad_images: frozenset[str] = frozenset()
    """Images whose pods never become ready."""
    unhealthy_from: dict[str, int] = field(default_factory=dict[str, int])
    """Time from which the pods of an image are unhealthy."""
    stuck_weight: range = range(0)
    """Times at which a new weight has no effect."""
    gates: dict[int, GateOutcome] = field(default_factory=dict[int, GateOutcome])
    """Outcome of the gates at a time; at all other times they pass."""
    stop_at: int | None = None
    engine_fails: range = range(0)
    load: dict[int, int] = field(default_factory=dict[int, int])
    """Pods that all of the traffic needs from a time on; before, the four pods of stable."""
    crashes: frozenset[int] = frozenset()
    """When the process is killed: an even number is before, and an odd number after, the action of turn ``number // 2``."""


@dataclass
class World:
    """Two Deployments behind one weighted rule, second by second."""

    faults: Faults
    now: int = 0
    images: dict[str, str] = field(default_factory=lambda: {"stable": OLD, "canary": OLD})
    replicas: dict[str, int] = field(default_factory=lambda: {"stable": 4, "canary": 0})
    floors: dict[str, int] = field(default_factory=lambda: {"stable": 3, "canary": 3})
    changed: dict[str, int] = field(default_factory=lambda: {"stable": -100, "canary": -100})
    """When the pods of a track were last changed; they become ready 2 s later."""
    zero_since: dict[str, int | None] = field(default_factory=lambda: {"stable": None, "canary": -100})
    split: int = 0
    flag: int = 100
    promoting: str = ""
    unmeasured: int = 0
    failed_gate: bool = False
    """Whether a gate failed in this rollout."""
    ceiling: int = 10
    """``maxReplicas`` of both autoscalers."""
    visible_load: int = 4
    """The load for which an autoscaler has added pods. A rollout cannot see a load that the minimum number of pods can serve."""

    @property
    def load(self) -> int:
        return max([4, *(pods for since, pods in self.faults.load.items() if since <= self.now)])

    def needs(self, track: str) -> int:
        """Pods for a track's share of the traffic."""
        return math.ceil(self.load * self.share(track) / 100)

    def autoscale(self) -> None:
        """Change the pods as the autoscalers do in a second; they are inactive at 0 pods. An added pod is ready 2 s later."""
        if any(self.replicas[track] and self.needs(track) > self.floors[track] for track in ("stable", "canary")):
            self.visible_load = self.load
        for track in ("stable", "canary"):
            if self.replicas[track]:
                wanted = min(self.ceiling, max(self.floors[track], self.needs(track)))
                if wanted != self.replicas[track] and self.share(track) == 0:
                    self.changed[track] = self.now
                self.replicas[track] = wanted

    def share(self, track: str) -> int:
        return self.split if track == "canary" else 100 - self.split

    def healthy(self, track: str) -> int:
        image = self.images[track]
        running = self.now - self.changed[track] >= 2 and image not in self.faults.bad_images and not self.unhealthy(track)
        return self.replicas[track] if running else 0

    def unhealthy(self, track: str) -> bool:
        return self.now >= self.faults.unhealthy_from.get(self.images[track], 10**6)

    def track(self, name: str) -> TrackState:
        healthy, unhealthy = self.healthy(name), self.unhealthy(name) and self.replicas[name] > 0
        since = max(self.faults.unhealthy_from.get(self.images[name], 10**6), self.changed[name])
        return TrackState(
            image=self.images[name],
            replicas=self.replicas[name],
            ready=healthy,
            healthy=healthy,
            settled=healthy == self.replicas[name],
            trouble="crash loop" if unhealthy else "",
            trouble_seconds=max(0, self.now - since) if unhealthy else 0,
            short_seconds=max(0, self.now - since) if unhealthy else 0,
            floor=self.floors[name],
            ceiling=self.ceiling,
        )

    def observe(self, progress: RolloutProgress, seconds: float) -> Observation:
        analysing = progress.phase in (Phase.ANALYSE, Phase.BAKE)
        gate = self.faults.gates.get(self.now, GateOutcome.PASSED) if analysing else GateOutcome.PASSED
        self.failed_gate |= gate is GateOutcome.FAILED
        self.unmeasured = self.unmeasured + 1 if gate is GateOutcome.UNMEASURED else 0
        wanted = OLD if progress.phase is Phase.RESTORE else NEW
        failing = self.now in self.faults.engine_fails and bool(self.promoting)
        promotion = "failed: engine" if failing else ("done" if self.promoting == wanted else "")
        return Observation(
            stable=self.track("stable"),
            canary=self.track("canary"),
            split=self.split,
            flag=self.flag,
            seconds=seconds,
            now=float(self.now),
            analysis=Analysis(outcome=gate, reason=str(gate), unmeasured=self.unmeasured),
            promotion=promotion,
            stop="stopped" if self.faults.stop_at is not None and self.now >= self.faults.stop_at else "",
        )

    @property
    def bad_canary(self) -> bool:
        """Whether the traffic must leave the canary, even if stable is too small. A rollout stopped by a person need not be bad."""
        return self.failed_gate or self.healthy("canary") < self.needs("canary")

    def idle(self, track: str) -> bool:
        """Whether a track has had no traffic for as long as an open request can last."""
        since = self.zero_since[track]
        return self.share(track) == 0 and since is not None and self.now - since >= PLAN.drain

    def perform(self, action: Action) -> None:
        """Assert the invariants, and perform the action."""
        match action:
            case LoadCanary(image):
                assert self.replicas["canary"] == 0 or self.idle("canary"), "a track that receives traffic was replaced"
                self.images["canary"], self.changed["canary"] = image, self.now
            case RaiseFloor(replicas):
                self.floors["stable"] = replicas
            case SizeCanary(replicas):
                assert replicas >= self.replicas["canary"], "the canary was scaled down during the rollout"
                if replicas > self.replicas["canary"] and self.share("canary") == 0:
                    self.changed["canary"] = self.now
                self.replicas["canary"], self.floors["canary"] = replicas, replicas
            case Route(split, flag):
                self.route(split, flag)
            case Promote(image):
                assert self.idle("stable"), "stable was replaced under traffic"
                self.promoting = image
                if self.images["stable"] != image:
                    self.images["stable"], self.changed["stable"] = image, self.now
            case Retire():
                assert self.idle("canary"), "the canary was scaled down under traffic"
                self.replicas["canary"] = 0
                self.floors.update(stable=PLAN.stable_floor, canary=PLAN.canary_floor)

    def route(self, split: int, flag: int) -> None:
        self.flag = flag
        if self.now in self.faults.stuck_weight or split == self.split:
            return
        for track, share in (("canary", split), ("stable", 100 - split)):
            if share > self.share(track):
                all_down = all(self.healthy(each) == 0 for each in ("stable", "canary"))
                needed = min(math.ceil(self.visible_load * share / 100), self.ceiling)
                enough = self.healthy(track) >= needed or (track == "stable" and self.bad_canary)
                assert enough, f"{track} got {share} % with {self.healthy(track)} pods, and needs {needed}"
                assert self.healthy(track) > 0 or (all_down and track == "stable"), f"{track} got traffic without a healthy target"
        self.split = split
        for track in ("stable", "canary"):
            if self.share(track) == 0:
                self.zero_since[track] = self.now if self.zero_since[track] is None else self.zero_since[track]
            else:
                self.zero_since[track] = None


def run(
    plan: Plan,
    faults: Faults,
    *,
    turns: int = 600,
    world: World | None = None,
    progress: RolloutProgress | None = None,
    path: list[RolloutProgress] | None = None,
) -> tuple[RolloutProgress, World]:
    """Run until the end or a hold, and append each progress to ``path``; a crash loses all but the last written progress."""
    world, progress = world or World(faults), progress or RolloutProgress()
    entered = world.now
    for turn in range(turns):
        if path is not None:
            path.append(progress)
        if progress.phase is Phase.DONE or progress.holding:
            return progress, world
        decision = decide(plan, progress, world.observe(progress, world.now - entered))
        if (decision.progress.phase, decision.progress.step) != (progress.phase, progress.step):
            entered = world.now
        moved = decision.progress != progress
        progress = RolloutProgress.model_validate_json(decision.progress.model_dump_json())
        if 2 * turn in faults.crashes:
            entered, world.promoting = world.now, ""
            continue
        if decision.action is not None:
            world.perform(decision.action)
        world.autoscale()
        if 2 * turn + 1 in faults.crashes:
            entered, world.promoting = world.now, ""
        if not moved or decision.action is not None:
            world.now += 1
    pytest.fail(f"the rollout does not end: {progress}, {world}")


spans = st.builds(lambda start, length: range(start, start + length), st.integers(0, 120), st.integers(0, 15))
gates = st.dictionaries(st.integers(0, 150), st.sampled_from(GateOutcome), max_size=30)
worlds = st.builds(
    Faults,
    bad_images=st.sampled_from([frozenset[str](), frozenset({NEW}), frozenset({OLD})]),
    unhealthy_from=st.dictionaries(st.sampled_from([OLD, NEW]), st.integers(0, 150), max_size=2),
    stuck_weight=spans,
    gates=gates,
    stop_at=st.none() | st.integers(0, 150),
    engine_fails=spans,
    crashes=st.frozensets(st.integers(0, 200), max_size=12),
    # The pods do not show some loads exactly, which are left out: even ones at 50 %, and those above the ceiling.
    load=st.dictionaries(st.integers(0, 150), st.sampled_from([5, 7, 9]), max_size=2),
)
plans = st.builds(
    lambda steps, bake, unmeasured: PLAN.model_copy(
        update={
            "steps": steps,
            "waits": (5.0,) * len(steps),
            "settings": SETTINGS.model_copy(update={"bake_seconds": bake, "on_unmeasured": unmeasured}),
        }
    ),
    st.sampled_from([(10, 50, 100), (50,), (100,), (0,), (1, 2, 3, 100), (10, 50)]),
    st.sampled_from([0.0, 5.0]),
    st.sampled_from(["hold", "abort"]),
)


@settings(max_examples=400, deadline=None)
@given(plan=plans, faults=worlds)
def test_a_rollout_ends_with_one_release_or_on_hold(plan: Plan, faults: Faults) -> None:
    progress, world = run(plan, faults)  # `perform` asserts the invariants at each action
    if progress.holding:
        assert progress.aborting or world.split in (0, 100, *plan.steps)
        return
    assert progress.phase is Phase.DONE
    assert world.split == 0
    assert world.replicas["canary"] == 0
    assert world.floors == {"stable": plan.stable_floor, "canary": plan.canary_floor}
    assert world.images["stable"] == (NEW if progress.outcome is RolloutOutcome.PROMOTED else OLD)
    assert (progress.outcome is RolloutOutcome.PROMOTED) == (world.flag == 100)


@settings(max_examples=100, deadline=None)
@given(faults=worlds, stop=st.booleans())
def test_a_held_rollout_continues_or_rolls_back(faults: Faults, stop: bool) -> None:
    progress, world = run(PLAN, faults)
    if not progress.holding:
        return
    progress, world.faults = resumed(progress), Faults(stop_at=0 if stop else None, load=faults.load)
    seconds = 0
    while progress.phase is not Phase.DONE and not progress.holding:
        before = (progress.phase, progress.step)
        decision = decide(PLAN, progress, world.observe(progress, seconds))
        progress = decision.progress
        if decision.action is not None:
            world.perform(decision.action)
        world.autoscale()
        world.now += 1
        seconds = seconds + 1 if (progress.phase, progress.step) == before else 0
        assert world.now < 1000
    assert progress.phase is Phase.DONE, progress.holding
    assert world.split == 0


def test_a_good_release_is_promoted() -> None:
    progress, world = run(PLAN, Faults())
    assert progress.outcome is RolloutOutcome.PROMOTED
    assert (world.images["stable"], world.split, world.flag) == (NEW, 0, 100)


@pytest.mark.parametrize(
    ("faults", "outcome", "reason"),
    [
        (Faults(bad_images=frozenset({NEW})), RolloutOutcome.ABORTED, "did not become ready"),
        (Faults(gates=dict.fromkeys(range(8, 200), GateOutcome.FAILED)), RolloutOutcome.ABORTED, "failed"),
        (Faults(stop_at=12), RolloutOutcome.ABORTED, "stopped"),
        (Faults(unhealthy_from={NEW: 60}), RolloutOutcome.ROLLED_BACK, "stable became unhealthy"),
    ],
)
def test_a_bad_release_is_rolled_back(faults: Faults, outcome: RolloutOutcome, reason: str) -> None:
    progress, world = run(PLAN.model_copy(update={"settings": SETTINGS.model_copy(update={"bake_seconds": 50})}), faults)
    assert progress.outcome is outcome
    assert reason in progress.aborting
    assert (world.images["stable"], world.split, world.flag) == (OLD, 0, 0)


def test_a_rollout_is_held_if_the_engine_can_update_stable_to_neither_image() -> None:
    progress, world = run(PLAN, Faults(engine_fails=range(500)))
    assert progress.aborting == "stable could not be updated to the new image: engine"
    assert progress.holding == f"stable could not be updated to {OLD}: engine"
    assert (progress.phase, progress.outcome, world.split) == (Phase.RESTORE, None, 100)
    assert world.healthy("canary") == 4


@pytest.mark.parametrize(
    ("plan", "gates", "reason"),
    [
        (PLAN, GateOutcome.UNMEASURED, "could not measure 4 times in a row"),
        (PLAN, GateOutcome.LITTLE_TRAFFIC, "too little traffic"),
        (PLAN.model_copy(update={"steps": (10, 50), "waits": (5, 5)}), GateOutcome.PASSED, "50 % reached, as requested"),
    ],
)
def test_a_held_rollout_keeps_its_canary_and_its_weight(plan: Plan, gates: GateOutcome, reason: str) -> None:
    progress, world = run(plan, Faults(gates=dict.fromkeys(range(200), gates)))
    assert reason in progress.holding
    assert progress.outcome is None
    assert world.split == plan.steps[progress.step]
    assert world.healthy("canary") == plan.size(progress.step)


def test_missing_measurements_can_abort_a_rollout() -> None:
    plan = PLAN.model_copy(update={"settings": SETTINGS.model_copy(update={"on_unmeasured": "abort"})})
    progress, _ = run(plan, Faults(gates=dict.fromkeys(range(200), GateOutcome.UNMEASURED)))
    assert progress.outcome is RolloutOutcome.ABORTED


def test_a_few_missing_measurements_have_no_effect() -> None:
    progress, _ = run(PLAN, Faults(gates={8: GateOutcome.UNMEASURED, 9: GateOutcome.UNMEASURED, 10: GateOutcome.UNMEASURED}))
    assert progress.outcome is RolloutOutcome.PROMOTED


def test_the_canary_keeps_its_pods_while_its_weight_cannot_be_changed() -> None:
    progress, world = run(PLAN, Faults(gates={12: GateOutcome.FAILED}, stuck_weight=range(12, 500)))
    assert "has no effect" in progress.holding
    assert world.split == 10
    assert world.healthy("canary") > 0


def test_a_rollout_of_only_the_flag_names_the_flag_that_does_not_change() -> None:
    plan = PLAN.model_copy(update={"strategy": "flag", "steps": (50,), "waits": (5,)})
    track = TrackState(image=NEW, replicas=4)
    observed = Observation(stable=track, canary=track, split=None, flag=10, seconds=6)
    decision = decide(plan, RolloutProgress(phase=Phase.SHIFT), observed)
    assert decision.progress.aborting == "the flag has no effect: set to 50 %, read back 10 %"


def test_a_rollout_resumes_after_kill_9_before_or_after_any_action() -> None:
    path = list[RolloutProgress]()
    run(PLAN, Faults(), path=path)
    assert {each.phase for each in path} == set(Phase) - {Phase.FLIP, Phase.RESTORE}
    for crash in range(2 * len(path)):
        progress, world = run(PLAN, Faults(crashes=frozenset({crash})))
        assert (progress.outcome, world.images["stable"]) == (RolloutOutcome.PROMOTED, NEW), crash


def test_a_rollout_is_held_if_another_command_changes_the_weights() -> None:
    world = World(Faults(), split=30, replicas={"stable": 4, "canary": 4}, images={"stable": OLD, "canary": NEW})
    progress = RolloutProgress(phase=Phase.ANALYSE, window_start=0)
    decision = decide(PLAN, progress, world.observe(progress, 1))
    assert "another command changed the traffic: 30 % instead of 10 %" in decision.progress.holding


def test_the_canary_is_sized_from_the_replicas_of_stable_at_the_start() -> None:
    plan = PLAN.model_copy(update={"replicas": 7})
    assert [plan.size(step) for step in range(3)] == [1, 4, 7]


@pytest.mark.parametrize("load", [5, 7, 9])
@pytest.mark.parametrize("since", range(0, 48, 3))
def test_a_track_is_sized_for_the_present_load_before_it_gets_traffic(since: int, load: int) -> None:
    """``World.route`` asserts this at each step; the load grows at any time of the rollout."""
    progress, world = run(PLAN, Faults(load={since: load}))
    assert progress.outcome is RolloutOutcome.PROMOTED, progress.holding
    assert world.healthy("stable") >= load or since > world.now


@pytest.mark.parametrize("since", range(0, 75, 3))
def test_a_release_that_fails_after_its_promotion_is_rolled_back_to_a_large_enough_track(since: int) -> None:
    """The canary is on standby with the previous image, sized for the present load."""
    plan = PLAN.model_copy(update={"settings": SETTINGS.model_copy(update={"bake_seconds": 50})})
    progress, _ = run(plan, Faults(load={since: 9}, unhealthy_from={NEW: 80}))
    assert progress.outcome is RolloutOutcome.ROLLED_BACK, progress.holding


@pytest.mark.parametrize("since", range(0, 50, 5))
@pytest.mark.parametrize("later", [1, 2, 10, 25])
def test_a_stopped_rollout_is_rolled_back_to_a_large_enough_track(since: int, later: int) -> None:
    """``World.route`` asserts this: the canary is not bad, so the traffic stays there until stable has enough pods."""
    progress, world = run(PLAN, Faults(load={since: 9}, stop_at=since + later))
    assert progress.outcome is not None, progress.holding
    assert progress.aborting or since + later > world.now - 3, "a stop before the phase RETIRE is an abort"
    assert world.split == 0
    assert world.healthy("stable") >= 9 or since + later > world.now


@pytest.mark.parametrize(
    ("at_once", "trouble_seconds", "action"), [(False, 0, RaiseFloor(9)), (True, 0, Route(0, 0)), (False, 4, Route(0, 0))]
)
def test_only_a_bad_canary_is_left_before_stable_is_large_enough(at_once: bool, trouble_seconds: float, action: Action) -> None:
    """A failed gate sets ``at_once``; a canary that becomes unhealthy while stable grows has ``trouble_seconds``."""
    world = World(Faults(), replicas={"stable": 4, "canary": 9}, images={"stable": OLD, "canary": NEW}, split=100)
    aborting = RolloutProgress(phase=Phase.TO_STABLE, step=2, aborting="stopped", at_once=at_once)
    now = world.observe(aborting, 0)
    assert decide(PLAN, aborting, replace(now, canary=replace(now.canary, trouble_seconds=trouble_seconds))).action == action


@pytest.mark.parametrize(
    ("healthy", "seconds", "aborted"),
    [(3, 100, False), (3, 181, True), (2, 100, True), (0, 100, True)],
    ids=["one pod is replaced", "one pod is not replaced", "two pods are missing", "no pod is left"],
)
def test_the_eviction_of_one_pod_does_not_end_a_rollout(healthy: int, seconds: float, aborted: bool) -> None:
    """The drain of a node, for example: its pod's replacement needs a minute and more until the load balancer uses it."""
    world = World(Faults(), split=100, images={"stable": OLD, "canary": NEW}, replicas={"stable": 4, "canary": 4})
    progress = RolloutProgress(phase=Phase.ANALYSE, step=2, window_start=0)
    observed = world.observe(progress, 10)
    canary = replace(observed.canary, healthy=healthy, ready=healthy, short_seconds=seconds)
    decision = decide(PLAN, progress, replace(observed, canary=canary))
    assert bool(decision.progress.aborting) is aborted


def test_a_second_abort_does_not_wait_for_pods_of_stable() -> None:
    world = World(Faults(), replicas={"stable": 4, "canary": 9}, images={"stable": OLD, "canary": NEW}, split=100)
    aborting = RolloutProgress(phase=Phase.TO_STABLE, step=2, aborting="stopped")
    held = decide(PLAN, aborting, world.observe(aborting, 21)).progress
    assert "stable has 4 healthy targets of 9; the traffic stays where it is" in held.holding
    assert "`dwcp rollout --abort --environment production` moves it anyway" in held.holding
    for again, action in ((resumed(held), RaiseFloor(9)), (insisted(held), Route(0, 0))):
        assert decide(PLAN, again, world.observe(again, 0)).action == action
    assert not insisted(RolloutProgress(holding="too little traffic")).at_once


def test_stable_grows_with_the_load_while_the_canary_is_measured() -> None:
    world = World(Faults(), replicas={"stable": 4, "canary": 9}, images={"stable": OLD, "canary": NEW}, split=100)
    last = RolloutProgress(phase=Phase.ANALYSE, step=2, window_start=0)
    assert decide(PLAN, last, world.observe(last, 1)).action == RaiseFloor(9)


def test_a_rollout_is_held_if_the_load_exceeds_the_autoscalers_maximum() -> None:
    world = World(Faults(), replicas={"stable": 12, "canary": 0})
    decision = decide(PLAN.model_copy(update={"replicas": 12}), RolloutProgress(), world.observe(RolloutProgress(), 0))
    assert decision.action is None
    assert (
        "the load needs 12 pods of stable, and its autoscaler allows 10: raise autoscaling.maxReplicas" in decision.progress.holding
    )
    half = RolloutProgress(phase=Phase.SCALE, step=2)
    busy = World(Faults(), replicas={"stable": 9, "canary": 9}, images={"stable": OLD, "canary": NEW}, split=50)
    reason = decide(PLAN, half, busy.observe(half, 0)).progress.holding
    assert "the load needs 17 pods of the canary" in reason


LOWER = [(high, low) for high in (99, 50, 10) for low in (50, 10, 0) if low < high]


def plan_to(low: int) -> Plan:
    return PLAN.model_copy(update={"steps": (low,), "waits": (5.0,)})


@pytest.mark.parametrize(("high", "low"), LOWER)
def test_a_percentage_is_lowered_when_stable_is_large_enough(high: int, low: int) -> None:
    """All of the traffic needs nine pods, and each track has only its share of them."""
    stable, canary = math.ceil(9 * (100 - high) / 100), math.ceil(9 * high / 100)
    world = World(Faults(), replicas={"stable": stable, "canary": canary}, images={"stable": OLD, "canary": NEW}, split=high)
    plan, need = plan_to(low).model_copy(update={"replicas": 9}), math.ceil(9 * (100 - low) / 100)
    progress = RolloutProgress(phase=Phase.SCALE)
    assert decide(plan, progress, world.observe(progress, 1)).action == (RaiseFloor(9) if stable < need else None)
    world.floors["stable"] = 9
    for healthy in range(stable, 10):
        world.replicas["stable"] = healthy
        for phase in (Phase.SCALE, Phase.SHIFT):
            progress = RolloutProgress(phase=phase)
            decision = decide(plan, progress, world.observe(progress, 1))
            if healthy < need:
                assert decision.action is None
                assert decision.progress.phase is Phase.SCALE
            elif phase is Phase.SHIFT:
                assert decision.action == Route(low, low)
            else:
                assert decision.progress.phase is Phase.SHIFT
    world.replicas["stable"] = need - 1
    late = decide(plan, RolloutProgress(phase=Phase.SCALE), world.observe(RolloutProgress(phase=Phase.SCALE), 21)).progress
    assert late.holding == f"stable has {need - 1} healthy targets of {need}; the traffic stays where it is"


@pytest.mark.parametrize(("high", "low"), LOWER)
@pytest.mark.parametrize("load", [4, 7, 9])
def test_a_percentage_is_lowered_under_any_load(high: int, low: int, load: int) -> None:
    """``World.route`` asserts that each track has enough pods before it gets its share."""
    share = {"stable": math.ceil(load * (100 - high) / 100), "canary": math.ceil(load * high / 100)}
    world = World(Faults(load={0: load}), replicas=share, images={"stable": OLD, "canary": NEW}, split=high, flag=high)
    progress, _ = run(plan_to(low), world.faults, world=world, progress=RolloutProgress(phase=Phase.SCALE))
    assert progress.holding == f"{low} % reached, as requested"
    assert (world.split, world.flag) == (low, low)


def test_a_lower_percentage_is_held_if_stable_would_exceed_the_autoscalers_maximum() -> None:
    world = World(Faults(), replicas={"stable": 10, "canary": 10}, images={"stable": OLD, "canary": NEW}, split=50)
    plan, scale = plan_to(10).model_copy(update={"replicas": 12}), RolloutProgress(phase=Phase.SCALE)
    reason = decide(plan, scale, world.observe(scale, 1)).progress.holding
    assert reason == "the load needs 18 pods of stable, and its autoscaler allows 10: raise autoscaling.maxReplicas"


def test_the_flag_strategy_changes_only_the_flag() -> None:
    plan = PLAN.model_copy(update={"strategy": "flag"})
    world, progress, flags = World(Faults(), flag=0), RolloutProgress(), []
    while progress.phase is not Phase.DONE:
        observed = replace(world.observe(progress, 5), split=None)
        decision = decide(plan, progress, observed)
        progress = decision.progress
        if decision.action is not None:
            assert isinstance(decision.action, Route)
            world.flag = decision.action.flag
            flags.append(world.flag)
    assert flags == [10, 50, 100]
    assert progress.outcome is RolloutOutcome.PROMOTED


@pytest.mark.parametrize("strategy", ["weighted", "flag"])
@pytest.mark.parametrize("bake", [0.0, 5.0])
@pytest.mark.parametrize("steps", [(10, 50, 100), (100,), (10, 50)])
def test_the_printed_steps_are_those_of_the_machine(strategy: str, bake: float, steps: tuple[int, ...]) -> None:
    changes = {"strategy": strategy, "steps": steps, "waits": (5.0,) * len(steps)}
    plan = PLAN.model_copy(update={**changes, "settings": SETTINGS.model_copy(update={"bake_seconds": bake})})
    rows, path = list(steps_of(plan)), list[RolloutProgress]()
    # The strategy "flag" is for an environment whose canary is already running, because it changes only the flag.
    pods = 4 if strategy == "flag" else 0
    world = World(Faults(), replicas={"stable": 4, "canary": pods}, floors={"stable": 3, "canary": max(3, pods)})
    end, _ = run(plan, world.faults, world=world, path=path)
    assert end.outcome is RolloutOutcome.PROMOTED or end.reached
    for progress in path:
        if not progress.reached and progress.outcome is None:
            assert sum(row.covers(progress) for row in rows) == 1, progress
    assert list(dict.fromkeys(present_index(rows, progress) for progress in path)) == list(range(len(rows)))


def test_every_phase_of_the_machine_has_a_printed_step() -> None:
    assert set(Phase) == {phase for row in steps_of(PLAN) for phase in row.phases}


def states_of(plan: Plan, faults: Faults) -> list[tuple[RolloutProgress, World]]:
    """Every progress of a rollout, with the platform at that moment."""
    found, world, progress, entered = list[tuple[RolloutProgress, World]](), World(faults), RolloutProgress(), 0
    while progress.phase is not Phase.DONE and not progress.holding:
        found.append((progress, copy.deepcopy(world)))
        decision = decide(plan, progress, world.observe(progress, world.now - entered))
        entered = entered if decision.progress.phase is progress.phase else world.now
        progress = decision.progress
        if decision.action is not None:
            world.perform(decision.action)
        world.autoscale()
        world.now += 1
    return [*found, (progress, copy.deepcopy(world))]


@pytest.mark.parametrize("gates", [{}, dict.fromkeys(range(200), GateOutcome.LITTLE_TRAFFIC)])
def test_the_dry_run_of_an_abort_prints_what_the_abort_does(gates: dict[int, GateOutcome]) -> None:
    printed_phases = set[Phase]()
    for progress, world in states_of(PLAN, Faults(gates=gates)):
        if progress.phase is Phase.DONE:
            continue
        progress, done = insisted(progress), list[str]()
        world.faults, world.promoting = Faults(stop_at=0), ""  # another process, which has started no update
        printed = list(abort_steps(PLAN, progress, world.observe(progress, 0)))
        path, perform = list[RolloutProgress](), world.perform
        world.perform = lambda action, perform=perform, done=done: (done.append(text_of(action)), perform(action))[1]  # type: ignore[method-assign]
        end, _ = run(PLAN, world.faults, world=world, progress=progress, path=path)
        assert end.phase is Phase.DONE
        waits = [line for line in printed if line.startswith("waiting") or "healthy targets of" in line]
        assert [line for line in printed if line not in waits] == done, progress
        assert waits or progress.phase is Phase.RETIRE
        printed_phases |= {each.phase for each in path}
    later = set[Phase]() if gates else {Phase.FLIP, Phase.RESTORE}
    assert {Phase.TO_STABLE, Phase.DRAIN, Phase.RETIRE, *later} <= printed_phases


@settings(max_examples=300, deadline=None)
@given(
    phase=st.sampled_from([each for each in Phase if each is not Phase.DONE]),
    flags=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    split=st.sampled_from([None, 0, 10, 100]),
    flag=st.sampled_from([0, 100]),
    pods=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    strategy=st.sampled_from(["weighted", "flag"]),
)
def test_a_dry_run_of_an_abort_ends_in_every_state(
    phase: Phase,
    flags: tuple[bool, bool, bool],
    split: int | None,
    flag: int,
    pods: tuple[int, int],
    strategy: str,
) -> None:
    late = phase in (Phase.TO_STABLE, Phase.DRAIN, Phase.STANDBY, Phase.FLIP, Phase.RESTORE, Phase.RETIRE)
    promoted = flags[0] and strategy == "weighted" and (late or phase in (Phase.PROMOTE, Phase.BAKE))
    aborting = "a gate" if flags[2] and late else ""
    progress = RolloutProgress(phase=phase, promoted=promoted, was_promoted=promoted and flags[1], aborting=aborting)
    tracks = [
        TrackState(image=image, replicas=count, ready=count, healthy=count, floor=3, ceiling=10)
        for image, count in zip((OLD, NEW), pods, strict=True)
    ]
    observed = Observation(stable=tracks[0], canary=tracks[1], split=split if strategy == "weighted" else None, flag=flag)
    steps = list(itertools.islice(abort_steps(PLAN.model_copy(update={"strategy": strategy}), progress, observed), 50))
    assert len(steps) < 50
    assert "None" not in " ".join(steps)


@pytest.mark.parametrize("phase", Phase)
def test_no_message_has_a_share_that_does_not_exist(phase: Phase) -> None:
    """If both weights are 0, neither track has a share of the traffic."""
    track = TrackState(image=NEW, replicas=4, ready=4, healthy=4, settled=True, floor=4)
    for seconds, aborting in itertools.product((0, 1000), ("", "a gate")):
        observed = Observation(stable=track, canary=track, split=None, flag=0, seconds=seconds)
        decision = decide(PLAN, RolloutProgress(phase=phase, aborting=aborting), observed)
        assert "None" not in f"{decision.progress.holding}{decision.waiting_for}{decision.progress.aborting}"
