"""``dwcp rollout``: traffic to a new release step by step, and back by itself when it is not good."""

from __future__ import annotations

import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from contract import FIRST_IMAGE, IMAGE_REPOSITORY
from delivery.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from delivery.clients.environment import Environment
    from delivery.rollout.flow import Reporter
    from delivery.rollout.journal import Journal, Record
    from delivery.rollout.platform import Platform
    from delivery.rollout.start import Options


def rollout(
    image: Annotated[str | None, typer.Option(help="Image to roll out. Without it: --tag, else the newest staged release.")] = None,
    tag: Annotated[str | None, typer.Option(help=f"The same by its tag in {IMAGE_REPOSITORY}.")] = None,
    environment: Annotated[str, typer.Option("--environment", "-e", help="local, staging or production.")] = "production",
    percentage: Annotated[int | None, typer.Option(help="Go to this part of the traffic and hold there.")] = None,
    wait_time: Annotated[str, typer.Option(help="Seconds of analysis at each step, or one number per step.")] = "300",
    error_threshold: Annotated[float, typer.Option(help="Percent of failed requests above which it goes back.")] = 5,
    steps: Annotated[str, typer.Option(help="Percentages of the traffic, one after the other.")] = "10,50,100",
    strategy: Annotated[
        str, typer.Option(help="weighted: the load balancer splits the traffic. flag: only the flag moves.")
    ] = "weighted",
    bake_time: Annotated[float, typer.Option(help="Seconds of watching after 100 %, with the previous release standing by.")] = 300,
    on_unmeasured: Annotated[str, typer.Option(help="hold or abort, when Prometheus cannot say.")] = "hold",
    minimum_requests: Annotated[int | None, typer.Option(help="In a window, below which nothing is concluded.")] = None,
    interval: Annotated[float, typer.Option(help="Seconds between two looks at the metrics.")] = 10,
    propagation_time: Annotated[float, typer.Option(help="Seconds for a weight to reach the load balancer's nodes.")] = 15,
    ready_time: Annotated[float, typer.Option(help="Seconds for pods to get ready and targets healthy.")] = 600,
    take_time: Annotated[float, typer.Option(help="Seconds for a weight to read back as set.")] = 60,
    grace_time: Annotated[float, typer.Option(help="Seconds for which pods may be missing or in trouble.")] = 30,
    extend_time: Annotated[float, typer.Option(help="Seconds beyond --wait-time for traffic to be enough.")] = 300,
    wait: Annotated[float, typer.Option(help="Seconds to wait for another command that changes the environment.")] = 0,
    abort: Annotated[bool, typer.Option("--abort", help="Take the open rollout back.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before production is changed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per event on standard output.")] = False,
) -> None:
    """Roll a release out gradually: 10 % -> 50 % -> 100 % of the traffic, each step measured; back by itself on failure.

    Exit codes: 0 done, or held at --percentage as asked; 1 aborted, rolled back or refused; 2 wrong options; 3 on hold, a person
    has to decide. Ctrl-C takes it back; a second one leaves everything as it is. Run again, it goes on.
    """
    from delivery.clients.environment import Environment
    from delivery.rollout.plan import Timing
    from delivery.rollout.start import Options, checked_image

    target = Environment.open(environment)
    defaults = {} if minimum_requests is None else {"minimum_requests": minimum_requests}
    options = Options(
        image=_image(target, image, tag),
        strategy=_choice("--strategy", strategy, ("weighted", "flag")),
        percentage=percentage,
        steps=tuple(map(int, _numbers("--steps", steps, "10,50,100"))),
        waits=_numbers("--wait-time", wait_time, "300"),
        error_threshold_percent=error_threshold,
        on_unmeasured=_choice("--on-unmeasured", on_unmeasured, ("hold", "abort")),
        timing=Timing(
            interval=_at_least("--interval", interval, 0.05),
            bake=_at_least("--bake-time", bake_time, 0),
            propagation=_at_least("--propagation-time", propagation_time, 0),
            ready=_at_least("--ready-time", ready_time, 0),
            take=_at_least("--take-time", take_time, 0),
            grace=_at_least("--grace-time", grace_time, 0),
            extend=_at_least("--extend-time", extend_time, 0),
        ),
        **defaults,
    )
    if options.image is not None:
        checked_image(target, options.image)
    _at_least("--wait", wait, 0)
    console = Console()
    if not dry_run:
        _confirm(
            target, yes=yes, what="take the open rollout back" if abort else f"roll out {options.image or 'the staged release'}"
        )
    raise typer.Exit(_run(target, options, console, abort=abort, dry_run=dry_run, wait=wait, as_json=as_json))


def _run(
    target: Environment, options: Options, console: Console, *, abort: bool, dry_run: bool, wait: float, as_json: bool
) -> ExitCode:
    from delivery.rollout.display import reporter
    from delivery.rollout.flow import Runner
    from delivery.rollout.journal import Journal
    from delivery.rollout.outcome import ending
    from delivery.rollout.platform import Platform
    from delivery.rollout.promotion import EnginePromoter
    from delivery.rollout.records import configs, leave
    from delivery.state.lease import Lease

    target.require_aws()
    with reporter(console, as_json=as_json) as says:
        journal = Journal(target.kubernetes, target.name, warn=says.warns)
        found = journal.read()
        strategy = found.plan.strategy if found is not None and found.is_open else options.strategy
        platform = Platform.of(target, weighted=strategy == "weighted")
        if dry_run:
            _show_plan(_record(target, platform, journal, options, abort=abort, only_look=True), console, as_json=as_json)
            return ExitCode.DONE
        with Lease.take(target, command="rollout", wait_seconds=wait) as lease, _signals(platform) as (wake, ask):
            if found is not None:  # a former one may have been killed just before this
                _say(says, leave(target, journal, found, lease.fencing))
            record = _record(target, platform, journal, options, abort=abort, only_look=False)
            if record is None:
                console.print("nothing to do", markup=False)
                return ExitCode.DONE
            if abort:
                ask("taken back by `dwcp rollout --abort`")
            platform.promoter = EnginePromoter(target, lease, configs(target))
            says.begins(record, resumed=record.sequence > 0)
            record = Runner(platform=platform, journal=journal, reporter=says, guard=lease, wake=wake).run(record)
            _say(says, leave(target, journal, record, lease.fencing))
    end = ending(record)
    if as_json:
        from delivery.rollout.display import JsonLines

        JsonLines(console).say("end", result=end.result, exit_code=int(end.code), text=end.text, rollout=record.id)
    else:
        console.print(end.text, markup=False, highlight=False, soft_wrap=True)
    return end.code


def _say(says: Reporter, texts: list[str]) -> None:
    for text in texts:
        says.warns(text)


def _record(
    target: Environment, platform: Platform, journal: Journal, options: Options, *, abort: bool, only_look: bool
) -> Record | None:
    """The open rollout, or a new one; ``None`` where there is nothing to do."""
    from delivery.rollout.journal import Record
    from delivery.rollout.machine import resumed
    from delivery.rollout.plan import Progress
    from delivery.rollout.start import continued, make_plan, stray

    found = journal.read()
    if found is not None and found.is_open:
        if abort:
            return found.model_copy(update={"progress": resumed(found.progress)})
        return continued(found, options, options.image)
    if abort:
        return None if only_look else stray(target, platform, journal, options)
    image = options.image or (platform.cluster.track("stable").image if options.strategy == "flag" else _staged(target))
    if options.strategy == "weighted" and platform.cluster.track("stable").image == image:
        return None
    plan = make_plan(target, platform, options, image)
    if only_look:
        return Record(id="", cluster="", request=options.request(image), plan=plan, progress=Progress())
    return journal.start(options.request(image), plan)


def _show_plan(record: Record | None, console: Console, *, as_json: bool) -> None:
    from delivery.rollout.display import described

    if record is None:
        console.print("nothing to do", markup=False)
    elif as_json:
        console.print(record.plan.model_dump_json(indent=1), markup=False, highlight=False, soft_wrap=True)
    else:
        plan = record.plan
        console.print(f"{plan.environment}: {plan.previous_image} -> {plan.image}", markup=False, highlight=False, soft_wrap=True)
        for name, how in described(plan):
            console.print(f"  {name:8} {how}", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _signals(platform: Platform) -> Generator[tuple[SimpleQueue[str], Any]]:
    """The first SIGINT or SIGTERM takes the rollout back, the second leaves it as it is."""
    wake: SimpleQueue[str] = SimpleQueue()
    reasons: list[str] = []

    def ask(reason: str) -> None:
        reasons.append(reason)
        wake.put(reason)

    def handle(number: int, _: FrameType | None) -> None:
        if any(reason.startswith("stopped by") for reason in reasons):
            raise KeyboardInterrupt
        ask(f"stopped by {signal.Signals(number).name}")

    platform.stop = lambda: reasons[0] if reasons else ""
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield wake, ask
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _image(target: Environment, image: str | None, tag: str | None) -> str | None:
    from components.settings import ApplicationSettings
    from delivery.rollout.start import repository

    if image is not None and tag is not None:
        raise UsageError("--image and --tag both name a release", "give one of them")
    if tag is None:
        return image
    return f"{repository(target.settings('application', ApplicationSettings).image)}:{tag}"


def _staged(target: Environment) -> str:
    from delivery.releases.store import Releases

    staged = Releases(target).staged()
    if staged is None:
        raise UsageError(
            f"no release of {target.name} is staged, and no image was given",
            f"name one, as with --image {FIRST_IMAGE}, or stage one: dwcp deploy --environment {target.name} --tag v3.0.0",
        )
    return staged.image


def _confirm(target: Environment, *, yes: bool, what: str) -> None:
    if not target.is_production or yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"this would {what} in production, and nobody can be asked", "add --yes if that is meant")
    typer.confirm(f"{what} in production?", abort=True)


def _numbers(option: str, text: str, example: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(f"{option} {text} is no list of numbers", f"for example {option} {example}") from error


def _choice(option: str, value: str, allowed: tuple[str, ...]) -> Any:
    if value not in allowed:
        raise UsageError(f"{option} {value} is none of {', '.join(allowed)}", f"for example {option} {allowed[0]}")
    return value


def _at_least(option: str, value: float, least: float) -> float:
    if not value >= least:
        raise UsageError(f"{option} {value:g} is below {least:g}", f"for example {option} {max(least, 10):g}")
    return value
