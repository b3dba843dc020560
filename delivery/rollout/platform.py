"""The platform that a rollout reads and changes: cluster, load balancer, Prometheus, and the engine that updates stable."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from components.settings import MonitoringSettings
from contract import TrackName
from delivery.clients.environment import Environment
from delivery.clients.load_balancer import WeightedRule
from delivery.clients.prometheus import PrometheusClient
from delivery.clients.tracks import TrackPods, Tracks
from delivery.errors import DeliveryError
from delivery.rollout import actions as model
from delivery.rollout.actions import Action, Analysis, GateOutcome, Observation, TrackState
from delivery.rollout.analysis import conclude, measure
from delivery.rollout.plan import Phase, Plan, RolloutProgress

POLL_SECONDS = 0.5
"""Seconds between two observations during a wait. In the phases ANALYSE and BAKE, the setting ``interval_seconds`` applies."""


@dataclass
class _Since:
    """Measures for how long a condition has been true."""

    start: float | None = None

    def seconds(self, holds: bool, now: float) -> float:
        self.start = (self.start if self.start is not None else now) if holds else None
        return 0 if self.start is None else now - self.start


@dataclass
class _StableUpdate:
    """The last update of stable that this process started."""

    image: str
    done: Future[None]

    def state(self, wanted: str) -> str:
        if not self.done.done():
            return "running"
        if self.image != wanted:
            return ""
        error = self.done.exception()
        if error is None:
            return "done"
        return f"failed: {error.problem if isinstance(error, DeliveryError) else error}"


@dataclass
class Platform:
    """The platform of one environment.

    Between observations, a platform stores only the last update of stable, the number of consecutive analyses with the outcome
    ``UNMEASURED``, and the times at which conditions became true.
    """

    tracks: Tracks
    rule: WeightedRule | None
    """``None`` for the strategy ``flag``, which does not use the load balancer."""
    prometheus: PrometheusClient
    scrape_interval: float
    promote: Callable[[str], None] | None = None
    """Updates stable to an image, so that the next ``pulumi up`` does not change the image. Raises ``DeliveryError``.

    ``None`` if the platform is only observed.
    """
    stop: Callable[[], str] = lambda: ""
    """Returns the reason for a requested abort, or an empty string."""
    clock: Callable[[], float] = time.monotonic
    _update: _StableUpdate | None = None
    _waiting: dict[str, _Since] = field(default_factory=dict[str, _Since])
    _unmeasured: int = 0
    _worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=1))

    @classmethod
    def of(cls, environment: Environment, *, weighted: bool) -> Platform:
        """The platform of ``environment``, with the load balancer if ``weighted``. Nothing is changed."""
        prometheus = PrometheusClient.of(environment)
        configured = environment.settings("monitoring", MonitoringSettings).scrape_interval_seconds
        return cls(
            tracks=environment.tracks,
            rule=WeightedRule(environment) if weighted else None,
            prometheus=prometheus,
            scrape_interval=prometheus.scrape_interval() or configured,
        )

    def observe(self, plan: Plan, progress: RolloutProgress, seconds: float) -> Observation:
        """The observation for the next decision. Raises ``ClusterError`` and ``LoadBalancerError``."""
        stable, canary = self.tracks.read("stable"), self.tracks.read("canary")
        split = None if self.rule is None else self.rule.weights().split
        need = {"stable": plan.replicas, "canary": plan.size(min(progress.step, len(plan.steps) - 1))}
        observed = Observation(
            stable=self._track("stable", stable, need["stable"]),
            canary=self._track("canary", canary, need["canary"]),
            split=split,
            flag=self.tracks.flag(),
            seconds=seconds,
            promotion="" if self._update is None else self._update.state(_wanted(plan, progress)),
            stop=self.stop(),
        )
        if progress.phase not in (Phase.ANALYSE, Phase.BAKE):
            self._unmeasured = 0
            return observed
        return self._measured(plan, progress, observed)

    def _track(self, name: TrackName, pods: TrackPods, need: int) -> TrackState:
        targets = pods.ready if self.rule is None else self.rule.healthy(name)
        healthy = len(targets & pods.ready)
        now = self.clock()
        return TrackState(
            image=pods.image,
            replicas=pods.replicas,
            ready=len(pods.ready),
            healthy=healthy,
            settled=pods.settled,
            trouble=pods.trouble,
            trouble_seconds=self._since(f"{name} trouble").seconds(bool(pods.trouble), now),
            short_seconds=self._since(f"{name} short").seconds(healthy < need, now),
            floor=pods.floor,
            ceiling=pods.ceiling,
        )

    def _since(self, what: str) -> _Since:
        return self._waiting.setdefault(what, _Since())

    def _measured(self, plan: Plan, progress: RolloutProgress, observed: Observation) -> Observation:
        """``observed`` with the gates' results, or with the time on Prometheus' clock if the measurement window has not begun."""
        if progress.window_start is None:
            now = self.prometheus.now()
            return replace(observed, now=now, analysis=self._counted(conclude(plan, None)) if now is None else None)
        track: TrackName = "stable" if plan.strategy == "flag" or progress.phase is Phase.BAKE else "canary"
        compare = plan.strategy == "weighted" and progress.phase is Phase.ANALYSE and 0 < (observed.split or 0) < 100
        measurement = measure(plan, self.prometheus, track, window_start=progress.window_start, compare=compare)
        return replace(observed, analysis=self._counted(conclude(plan, measurement)))

    def _counted(self, analysis: Analysis) -> Analysis:
        """The analysis with the number of consecutive analyses with the outcome ``UNMEASURED``."""
        self._unmeasured = self._unmeasured + 1 if analysis.outcome is GateOutcome.UNMEASURED else 0
        return replace(analysis, unmeasured=self._unmeasured)

    def perform(self, plan: Plan, action: Action) -> None:
        """Perform the action. Every action can be repeated."""
        match action:
            case model.LoadCanary(image):
                self.tracks.set_image("canary", image)
            case model.RaiseFloor(replicas):
                self.tracks.set_floor("stable", replicas)
            case model.SizeCanary(replicas):
                self.tracks.set_floor("canary", replicas)
                self.tracks.scale("canary", replicas)
            case model.Route(split, flag):
                if self.rule is not None:
                    self.rule.set(split)
                self.tracks.set_flag(flag)
            case model.Promote(image):
                if self.promote is None:
                    raise TypeError("a platform without a promoter cannot promote")
                if self._update is None or self._update.done.done():
                    self._update = _StableUpdate(image, self._worker.submit(self.promote, image))
            case model.Retire():
                self.tracks.scale("canary", 0)
                self.tracks.set_floor("canary", plan.canary_floor)
                self.tracks.set_floor("stable", plan.stable_floor)


def _wanted(plan: Plan, progress: RolloutProgress) -> str:
    return plan.previous_image if progress.phase is Phase.RESTORE else plan.image
