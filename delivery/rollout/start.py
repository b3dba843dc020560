"""From options and from what is, to a rollout to run: a new one, the open one, or a refusal with the way out."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import TypeAdapter, ValidationError

from components.monitoring.objectives import MINIMUM_REQUESTS
from components.settings import ApplicationSettings
from components.settings.types import ImageReference
from delivery.clients.environment import Environment
from delivery.errors import DeliveryError, UsageError
from delivery.rollout.journal import Journal, Record, Request
from delivery.rollout.machine import resumed
from delivery.rollout.plan import ERROR_THRESHOLD_PERCENT, STEPS, WAIT_SECONDS, OnUnmeasured, Phase, Plan, Strategy, Timing
from delivery.rollout.platform import Platform


class RefusedError(DeliveryError):
    """A rollout that cannot begin as things are; nothing was touched."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """The command line's, checked for themselves. ``None`` where it does not say."""

    image: str | None = None
    strategy: Strategy = "weighted"
    percentage: int | None = None
    steps: tuple[int, ...] = STEPS
    waits: tuple[float, ...] = (WAIT_SECONDS,)
    error_threshold_percent: float = ERROR_THRESHOLD_PERCENT
    minimum_requests: int = MINIMUM_REQUESTS
    on_unmeasured: OnUnmeasured = "hold"
    timing: Timing = field(default_factory=Timing)

    def __post_init__(self) -> None:
        """Refuses what cannot be meant."""
        for wrong, problem, fix in (
            (
                self.percentage is not None and not 0 <= self.percentage <= 100,
                f"--percentage {self.percentage} is not within 0 and 100",
                "for example --percentage 50",
            ),
            (
                not self.steps or list(self.steps) != sorted(set(self.steps)) or not all(0 < step <= 100 for step in self.steps),
                f"--steps {','.join(map(str, self.steps))} do not ascend within 1 and 100",
                "for example --steps 10,50,100",
            ),
            (min(self.waits, default=-1) < 0, f"--wait-time {_listed(self.waits)} is below 0", "for example --wait-time 300"),
            (
                len(self.waits) not in (1, len(self.steps)),
                f"--wait-time {_listed(self.waits)} has {len(self.waits)} times for {len(self.steps)} steps",
                "give one for all, or one for each step",
            ),
            (
                not 0 < self.error_threshold_percent < 100,
                f"--error-threshold {self.error_threshold_percent:g} is no percentage above 0 and below 100",
                "for example --error-threshold 5",
            ),
            (
                self.minimum_requests < 0,
                f"--minimum-requests {self.minimum_requests} is below 0",
                f"for example --minimum-requests {MINIMUM_REQUESTS}",
            ),
        ):
            if wrong:
                raise UsageError(problem, fix)

    def request(self, image: str) -> Request:
        """What the journal remembers of them."""
        return Request(
            image=image,
            strategy=self.strategy,
            percentage=self.percentage,
            steps=self.steps,
            waits=self.waits,
            error_threshold=self.error_threshold_percent,
            on_unmeasured=self.on_unmeasured,
        )

    def ways(self, above: int = 0) -> tuple[tuple[int, ...], tuple[float, ...]]:
        """The steps from ``above`` percent on, and their waits. ``--percentage N`` ends them there; 100 is all the way."""
        waits = self.waits * len(self.steps) if len(self.waits) == 1 else self.waits
        target = self.steps[-1] if self.percentage is None else self.percentage
        pairs = [(step, wait) for step, wait in zip(self.steps, waits, strict=True) if above < step < target]
        last = dict(zip(self.steps, waits, strict=True)).get(target, waits[-1])
        pairs.append((target, last))
        return tuple(step for step, _ in pairs), tuple(wait for _, wait in pairs)


def _listed(numbers: tuple[float, ...]) -> str:
    return ",".join(f"{number:g}" for number in numbers)


def checked_image(environment: Environment, image: str) -> str:
    """``image`` if it names one release in the repository that the stack uses. Raises ``UsageError``."""
    configured = environment.settings("application", ApplicationSettings).image
    example = f"for example --image {configured}"
    try:
        TypeAdapter[str](ImageReference).validate_python(image)
    except ValidationError as error:
        raise UsageError(f"--image {image} {error.errors()[0]['msg']}", example) from error
    if repository(image) != repository(configured):
        raise UsageError(f"--image {image} is not in {repository(configured)}, the one repository that is allowed", example)
    return image


def repository(image: str) -> str:
    """An image's name without tag and digest."""
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def make_plan(environment: Environment, platform: Platform, options: Options, image: str) -> Plan:
    """The plan of a new rollout of ``image``; only looks. Raises ``RefusedError``."""
    stable, canary = platform.cluster.track("stable"), platform.cluster.track("canary")
    split = 0 if platform.rule is None else platform.rule.weights().split
    healthy = len(stable.ready if platform.rule is None else stable.ready & platform.rule.healthy("stable"))
    if split != 0:
        raise RefusedError(
            f"the canary of {environment.name} receives {split} % of the traffic, and no rollout is open",
            f"take it back first: dwcp rollout --abort --environment {environment.name}",
        )
    if stable.replicas < 1 or healthy < stable.replicas:
        raise RefusedError(
            f"stable of {environment.name} is not healthy: {healthy} of {stable.replicas} pods",
            f"mend it first (`dwcp status --environment {environment.name}`): a rollout must have something to go back to",
        )
    if options.strategy == "flag" and stable.image != image:
        raise RefusedError(
            f"stable of {environment.name} runs {stable.image}, and the strategy flag moves nothing but the flag",
            f"deploy {image} first, or leave --strategy out",
        )
    steps, waits = options.ways()
    return Plan(
        environment=environment.name,
        strategy=options.strategy,
        image=image,
        previous_image=stable.image,
        replicas=stable.replicas,
        stable_floor=stable.floor,
        canary_floor=canary.floor,
        steps=steps,
        waits=waits,
        error_threshold=options.error_threshold_percent / 100,
        minimum_requests=options.minimum_requests,
        scrape_interval=platform.scrape_interval,
        drain=0 if platform.rule is None else platform.rule.drain_seconds(),
        on_unmeasured=options.on_unmeasured,
        timing=options.timing,
    )


def continued(record: Record, options: Options, image: str | None) -> Record:
    """The open rollout, told to go on. Raises ``RefusedError`` when the command line asks for another one."""
    plan, progress, request = record.plan, record.progress, record.request
    here = f"a rollout of {plan.image} is open at {_place(record)}"
    environment = f"--environment {plan.environment}"
    out = f"finish it (dwcp rollout --image {plan.image} {environment}) or take it back (dwcp rollout --abort {environment})"
    if image not in (None, plan.image):
        raise RefusedError(f"{here}, and this is another image: {image}", out)
    if progress.reached and not progress.aborting:
        return _onwards(record, options)
    asked = options.request(plan.image)
    if asked != request:
        changed = [name for name in Request.model_fields if getattr(asked, name) != getattr(request, name)]
        raise RefusedError(f"{here}, and this command has another {', '.join(changed)}", f"give the same options again, or {out}")
    return record.model_copy(update={"progress": resumed(progress)})


def _onwards(record: Record, options: Options) -> Record:
    """From a percentage that was asked for, and reached, to another."""
    plan, at = record.plan, record.plan.steps[record.progress.step]
    steps, waits = options.ways(above=at)
    if steps[-1] == at:
        return record
    up = steps[-1] > at
    following = plan.model_copy(update={"steps": steps, "waits": waits, "error_threshold": options.error_threshold_percent / 100})
    progress = resumed(record.progress).to(Phase.SCALE if up and plan.strategy == "weighted" else Phase.SHIFT, step=0)
    return record.model_copy(update={"plan": following, "progress": progress, "request": options.request(plan.image)})


def _place(record: Record) -> str:
    progress = record.progress
    step = f"{record.plan.steps[progress.step]} %"
    return f"{step} ({progress.holding or progress.phase})"


def stray(environment: Environment, platform: Platform, journal: Journal, options: Options) -> Record | None:
    """A rollout to take back traffic and pods that no journal accounts for; ``None`` where there are none."""
    stable, canary = platform.cluster.track("stable"), platform.cluster.track("canary")
    split = 0 if platform.rule is None else platform.rule.weights().split
    if split == 0 and not canary.replicas:
        return None
    plan = Plan(
        environment=environment.name,
        image=canary.image,
        previous_image=stable.image,
        replicas=max(1, stable.replicas),
        stable_floor=stable.floor,
        canary_floor=canary.floor,
        minimum_requests=options.minimum_requests,
        scrape_interval=platform.scrape_interval,
        drain=0 if platform.rule is None else platform.rule.drain_seconds(),
        timing=options.timing,
    )
    return journal.start(options.request(canary.image), plan)
