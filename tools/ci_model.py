"""A small model of a GitHub run: it computes which jobs and steps run for an event, and their effect on the environments.

The model reads the real workflows and uses the pipelines' decisions in ``delivery.github``. By default every step succeeds;
``faults`` make steps or jobs fail. A job with a matrix runs only for the first combination.

Source: https://docs.github.com/en/actions/reference/workflows-and-actions
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from contract import FIRST_IMAGE, IMAGE_REPOSITORY
from delivery.errors import DeliveryError
from delivery.github.expressions import Contexts, condition, fill, value_of
from delivery.github.image_tags import pinned, require_commit_of_main, tags_of
from delivery.github.recovery import Facts, decide, ending
from delivery.github.variables import require_approval, require_release_tags, require_reviewers, require_variables
from delivery.github.workflow import Job, jobs
from delivery.releases.request import PRODUCTION_TAG, TAG
from program.checkout import CHECKOUT

SHA = "0123456789abcdef0123456789abcdef01234567"
DIGEST = f"sha256:{'d' * 64}"
OLD = FIRST_IMAGE
REVIEWED = frozenset({"production-approval"})
"""Environments that must have required reviewers (docs/ci.md: Setup in GitHub)."""

SUCCESS, FAILURE, CANCELLED, SKIPPED = "success", "failure", "cancelled", "skipped"


@cache
def _jobs(workflow: str) -> Mapping[str, Job]:
    return {each.name: each for each in jobs(CHECKOUT) if each.workflow == workflow}


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event in the repository that starts workflows."""

    name: str = "push"
    ref: str = "refs/heads/main"
    sha: str = SHA
    payload: Mapping[str, Any] = field(default_factory=dict[str, Any])
    in_main: bool = True
    """Whether ``main`` contains the commit."""

    def context(self) -> dict[str, Any]:
        """The ``github`` context of a run for this event."""
        return {
            "event_name": self.name,
            "ref": self.ref,
            "ref_name": self.ref.split("/", 2)[-1],
            "sha": self.sha,
            "repository": "novacron/novacron",
            "run_id": "42",
            "token": "token",
            "event": self.payload,
        }


@dataclass
class EnvironmentState:
    """The state of an environment: the image that gets the traffic (``serves``), and the records of ``dwcp``.

    ``rollout`` is the image of the open rollout, ``percent`` is its share of the traffic, and ``holds`` is the reason why the
    rollout is on hold. ``results`` has the result of each image's latest release record.
    """

    serves: str = OLD
    release: str = "v3.0.0-1"
    percent: int = 0
    rollout: str = ""
    holds: str = ""
    results: dict[str, str] = field(default_factory=dict[str, str])
    lease: Run | None = None
    """The run whose killed command still holds the lease; ``None`` if the lease is free."""

    def facts(self, environment: str, image: str, before: str) -> Facts:
        """The facts that ``delivery.github.recovery.look`` would return in this state."""
        ended = self.results.get(image, "")
        return Facts(
            environment=environment,
            image=image,
            serves=self.serves,
            percent=self.percent,
            rollout=self.rollout,
            holds=self.holds,
            ended=ended,
            before=before or (self.release if ended else ""),
            first_image="" if self.release else OLD,
        )


EXAMPLES = {
    "AWS_REGION": "us-east-1",
    "PULUMI_BACKEND_URL": "s3://state?region=us-east-1&awssdk=v2",
    **dict.fromkeys(("ROLE_ARN", "STAGING_PREVIEW_ROLE_ARN", "PRODUCTION_PREVIEW_ROLE_ARN"), "arn:aws:iam::123456789012:role/any"),
    "BASE_URL": "https://dwcp.example.com",
}
"""Values of GitHub's variables that ``dwcp pipeline variables`` accepts."""


@dataclass
class PipelineWorld:
    """The state outside of GitHub's runners: the environments, the records that steps write, and GitHub's variables."""

    environments: dict[str, EnvironmentState] = field(
        default_factory=lambda: {"staging": EnvironmentState(), "production": EnvironmentState()}
    )
    recorded: list[str] = field(default_factory=list[str])
    variables: dict[str, str] = field(default_factory=lambda: dict(EXAMPLES))
    reviewed: frozenset[str] = REVIEWED
    """Environments that have required reviewers."""
    tags_restricted: bool = True
    """Whether a ruleset restricts who may create and move release tags."""


@dataclass
class JobRun:
    """The result of one job."""

    result: str
    environment: str = ""
    started: bool = True
    role: bool = False
    """Whether the job has assumed a role in AWS."""
    steps: dict[str, str] = field(default_factory=dict[str, str])
    """Label of a step -> outcome; the label is the step's name, command or action."""
    outputs: dict[str, str] = field(default_factory=dict[str, str])
    problems: list[str] = field(default_factory=list[str])
    """The problems that the job's steps reported."""


class StepStoppedError(Exception):
    """Raised by a step that does not succeed; ``outcome`` is ``FAILURE`` or ``CANCELLED``."""

    def __init__(self, outcome: str = FAILURE, problem: str = "") -> None:
        super().__init__(problem)
        self.outcome = outcome
        self.problem = problem


Faults = Mapping[str, str]
"""Place -> fault. The place of ``rejected`` is ``JOB``; the place of any other fault is ``JOB: part of the step's label``.

- ``rejected``: a reviewer rejects the job.
- ``failure``: the step fails. A deployment or rollout is rolled back.
- ``left``: a deployment fails and is not rolled back.
- ``held``: the rollout is on hold.
- ``refused``: a deployment fails before it changes anything; a rollout stays open at 50 %.
- ``cancelled``: a person cancels the run.
- ``timeout``: GitHub ends the job.
- ``lost``: the runner is lost.
"""


@dataclass
class Run:
    """One run of one workflow. ``jobs`` are in the order of execution. A job of a called workflow has the name ``caller / job``."""

    workflow: str
    event: Event
    world: PipelineWorld
    faults: Faults = field(default_factory=dict[str, str])
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    jobs: dict[str, JobRun] = field(default_factory=dict[str, JobRun])
    cancelled: bool = False
    attempt: int = 1

    def again(self, name: str) -> Run:
        """A new attempt that runs one job, and the jobs that depend on it. The other jobs keep their results and outputs."""
        jobs = _jobs(self.workflow)
        repeated = {each.name for each in jobs.values() if name in (each.name, *self._ancestors(each))}
        kept = {key: replace(each, started=False) for key, each in self.jobs.items() if key.partition(" / ")[0] not in repeated}
        return Run(self.workflow, self.event, self.world, {}, self.inputs, kept, attempt=self.attempt + 1).play()

    def play(self) -> Run:
        """Run the jobs that have no result yet, in the order of their dependencies; return this run."""
        waiting = {name: each for name, each in _jobs(self.workflow).items() if name not in self.jobs}
        while waiting:
            ready = [each for each in waiting.values() if not set(each.needs) & waiting.keys()]
            if not ready:
                raise DeliveryError(f"the jobs {', '.join(waiting)} of {self.workflow} depend on each other", "fix their `needs`")
            job = waiting.pop(ready[0].name)
            self.jobs[job.name] = self._job(job)
        return self

    @property
    def result(self) -> str:
        """The result of the run as a whole."""
        results = {each.result for each in self.jobs.values()}
        return CANCELLED if self.cancelled else FAILURE if results & {FAILURE, CANCELLED} else SUCCESS

    def ran(self) -> list[str]:
        """The names of the jobs that started in this attempt. A job that a reviewer rejected is included."""
        return [name for name, each in self.jobs.items() if each.started]

    def _contexts(self, job: Job, values: Mapping[str, Any], *, failed: bool) -> Contexts:
        needs = {name: {"result": self.jobs[name].result, "outputs": self.jobs[name].outputs} for name in job.needs}
        github = {**self.event.context(), "run_attempt": str(self.attempt)}
        known = {"github": github, "inputs": self.inputs, "vars": self.world.variables, "needs": needs}
        skipped = any(self.jobs[name].result == SKIPPED for name in job.needs)
        return Contexts(values={**known, **values}, failed=failed, cancelled=self.cancelled, skipped=skipped and not values)

    def _job(self, job: Job) -> JobRun:
        results = {self.jobs[name].result for name in self._ancestors(job)}
        contexts = self._contexts(job, {}, failed=bool(results & {FAILURE, CANCELLED}))
        if not condition(job.content.get("if"), contexts):
            return JobRun(CANCELLED if self.cancelled and job.content.get("if") is None else SKIPPED, started=False)
        if job.environment in REVIEWED and self.faults.get(job.name) == "rejected":
            return JobRun(FAILURE, job.environment)
        if job.called_workflow:
            return self._called(job, contexts)
        return self._steps(job)

    def _ancestors(self, job: Job) -> set[str]:
        found = set(job.needs)
        for name in job.needs:
            found |= self._ancestors(_jobs(self.workflow)[name])
        return found

    def _called(self, job: Job, contexts: Contexts) -> JobRun:
        given = {
            name: value_of(value, contexts) if isinstance(value, str) else value for name, value in job.content["with"].items()
        }
        faults = {
            name.removeprefix(f"{job.name} / "): fault for name, fault in self.faults.items() if name.startswith(f"{job.name} / ")
        }
        inner = Run(job.called_workflow, self.event, self.world, faults, given).play()
        self.jobs |= {f"{job.name} / {name}": each for name, each in inner.jobs.items()}
        self.cancelled = self.cancelled or inner.cancelled
        return JobRun(inner.result)

    def _steps(self, job: Job) -> JobRun:
        run = JobRun(SUCCESS, job.environment)
        steps: dict[str, Any] = {}
        ended = False
        for variant in job.variants()[:1]:
            values: dict[str, Any] = {"steps": steps, "matrix": variant, "env": {}}
            contexts = self._contexts(job, values, failed=False)
            env = {name: fill(value, contexts) for name, value in {**job.env, **job.content.get("env", {})}.items()}
            for step in job.steps:
                contexts = self._contexts(job, {**values, "env": env}, failed=run.result == FAILURE)
                label = str(step.get("name") or step.get("run") or step.get("uses"))
                outputs: dict[str, str] = {}
                if ended or not condition(step.get("if"), self._step_contexts(contexts, run)):
                    outcome = SKIPPED
                else:
                    outcome, outputs, ended = self._step(job, step, label, contexts, env, run)
                run.steps[label] = outcome
                steps[step.get("id", label)] = {"outputs": outputs, "outcome": outcome}
            if ended:
                return JobRun(FAILURE, job.environment, steps=run.steps)
            contexts = self._contexts(job, {**values, "env": env}, failed=False)
            run.outputs = {name: fill(value, contexts) for name, value in job.content.get("outputs", {}).items()}
        return run

    def _step_contexts(self, contexts: Contexts, run: JobRun) -> Contexts:
        """The contexts of a step, in which ``failure()`` and ``cancelled()`` depend on the job's result so far."""
        return Contexts(values=contexts.values, failed=run.result == FAILURE, cancelled=run.result == CANCELLED)

    def _step(
        self, job: Job, step: Mapping[str, Any], label: str, contexts: Contexts, env: Mapping[str, str], run: JobRun
    ) -> tuple[str, dict[str, str], bool]:
        fault = next((fault for name, fault in self.faults.items() if ": " in name and _applies(name, job.name, label)), "")
        given = {**env, **{name: fill(value, contexts) for name, value in step.get("env", {}).items()}}
        try:
            outputs = _run_step(step, given, fault, self, run, job.content["permissions"])
            run.role = run.role or "configure-aws-credentials" in step.get("uses", "")
        except StepStoppedError as stopped:
            run.problems += [stopped.problem] if stopped.problem else []
            # The first step that fails or is cancelled determines the job's result.
            run.result = stopped.outcome if run.result == SUCCESS else run.result
            self.cancelled = self.cancelled or fault == "cancelled"
            return stopped.outcome, {}, fault == "lost"
        return SUCCESS, outputs, False


def _applies(place: str, job: str, label: str) -> bool:
    named, part = place.split(": ", 1)
    return named == job and part in label


def _run_step(
    step: Mapping[str, Any], env: Mapping[str, str], fault: str, run: Run, job: JobRun, permissions: Mapping[str, str]
) -> dict[str, str]:
    """The outputs of a step. Raises ``StepStoppedError`` if it does not succeed."""
    if "uses" in step:
        _end(fault)
        return {"digest": DIGEST}
    script = re.sub(r"\$\{(\w+):\+([^}]+)\}", lambda found: found[2] if env.get(found[1]) else "", str(step["run"]))
    arguments = [re.sub(r"\$(\w+)", lambda found: env.get(found[1], ""), each) for each in shlex.split(script)]
    event = run.event
    known = {**env, "GITHUB_REF": event.ref, "GITHUB_SHA": event.sha, "IN_MAIN": str(event.in_main)}
    known["GITHUB_RUN_ATTEMPT"] = str(run.attempt)
    for name, effect in COMMANDS.items():
        if arguments[: 1 + len(name)] == ["./dwcp", *name]:
            if effect not in WITHOUT_ROLE and not job.role:
                raise StepStoppedError(FAILURE, "the job has no AWS credentials")
            return effect(CommandCall(_options(arguments[1 + len(name) :]), fault, run, known, permissions))
    _end(fault)
    return {}


def _options(arguments: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=False):
        if argument.startswith("--"):
            found[argument[2:]] = "" if following.startswith("--") else following
    return found


def _end(fault: str) -> None:
    if fault in ("cancelled", "timeout"):
        raise StepStoppedError(CANCELLED)
    if fault:
        raise StepStoppedError


def _checked(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except DeliveryError as error:
        raise StepStoppedError(FAILURE, f"{error.problem}; fix: {error.fix}") from error


@dataclass(frozen=True)
class CommandCall:
    """One ``dwcp`` command in a step."""

    options: Mapping[str, str]
    fault: str
    run: Run
    env: Mapping[str, str]
    permissions: Mapping[str, str]
    """The permissions of the job's token."""

    @property
    def world(self) -> PipelineWorld:
        """The world of the run."""
        return self.run.world

    def require_actions_read(self) -> None:
        """Stop the step if GitHub does not let it read runs and environments."""
        if not self.env.get("GITHUB_TOKEN") or self.permissions.get("actions") != "read":
            raise StepStoppedError(FAILURE, "the step has no token with the permission `actions: read`")

    def take_lease(self, place: EnvironmentState) -> None:
        """Take the lease of an environment; a killed command does not release it. A later job of the same run may take it over."""
        if place.lease not in (None, self.run):
            raise StepStoppedError(FAILURE, f"{self.options['environment']} is being changed by a command of an earlier run")
        place.lease = self.run if self.fault in KILLED else None


Effect = Callable[[CommandCall], dict[str, str]]


def _target(call: CommandCall) -> dict[str, str]:
    _end(call.fault)
    found = _checked(lambda: tags_of(call.env["GITHUB_REF"], call.env["GITHUB_SHA"]))
    if call.env["GITHUB_REF"].startswith("refs/tags/"):
        _checked(lambda: require_commit_of_main(found, call.env["GITHUB_SHA"], on_main=call.env["IN_MAIN"] == "True"))
    tags = "\n".join(found.references(call.options["image"]))
    return {"release": found.release, "image-tags": tags, "production": "true" if found.production else "false"}


def _reference(call: CommandCall) -> dict[str, str]:
    _end(call.fault)
    reference, tag = _checked(lambda: pinned(call.options["image"], call.options["release"], call.options["digest"]))
    return {"reference": reference, "tag": tag}


def _variables(call: CommandCall) -> dict[str, str]:
    _end(call.fault)
    _checked(lambda: require_variables(call.options["environment"], call.env))
    return {}


def _running(call: CommandCall) -> dict[str, str]:
    _end(call.fault)
    return {"release": call.world.environments[call.options["environment"]].release}


KILLED = ("cancelled", "timeout", "lost")
"""The faults that kill a command."""
RESULTS = {"left": "failed", **dict.fromkeys(KILLED, "running")}
"""Fault of a deployment -> result in its release record. After any other fault, the result is ``rolled back``."""


def _deploy(call: CommandCall) -> dict[str, str]:
    environment, tag = call.options["environment"], call.options["tag"]
    place, image = call.world.environments[environment], f"{IMAGE_REPOSITORY}:{tag}"
    if call.fault == "refused" or not (PRODUCTION_TAG if environment == "production" else TAG).fullmatch(tag):
        raise StepStoppedError(FAILURE, f"--tag {tag} is refused")
    call.take_lease(place)
    if call.fault:
        place.results[image] = RESULTS.get(call.fault, "rolled back")
        call.world.recorded.append(f"{environment}: {tag.partition('@')[0]} {place.results[image]}")
        _end(call.fault)
    place.results[image] = "staged" if environment == "production" else "deployed"
    call.world.recorded.append(f"{environment}: {tag.partition('@')[0]} {place.results[image]}")
    if environment != "production":
        place.serves = image
    return {}


def _unlock(call: CommandCall) -> dict[str, str]:
    _end(call.fault)
    call.require_actions_read()
    call.world.environments[call.options["environment"]].lease = None
    return {}


def _reviewers(call: CommandCall) -> dict[str, str]:
    _end(call.fault)
    call.require_actions_read()
    _checked(lambda: require_reviewers(call.options["environment"], found=call.options["environment"] in call.world.reviewed))
    return {}


def _release_tags(call: CommandCall) -> dict[str, str]:
    _end(call.fault)
    _checked(lambda: require_release_tags("novacron/novacron", restricted=call.world.tags_restricted))
    return {}


def _approved(call: CommandCall) -> dict[str, str]:
    _end(call.fault)
    _checked(lambda: require_approval(call.options["attempt"], call.env["GITHUB_RUN_ATTEMPT"]))
    return {}


def _rollout(call: CommandCall) -> dict[str, str]:
    place, image = call.world.environments["production"], call.options["image"]
    release = image.rpartition(":")[0].rpartition("@")[0].rpartition(":")[2]
    call.take_lease(place)
    if call.fault == "failure":
        place.rollout, place.percent, place.results[image] = "", 0, "rolled back"
        call.world.recorded.append(f"production: {release} rolled back")
        raise StepStoppedError
    place.rollout = image
    if call.fault == "held":
        place.percent, place.holds = 10, "too little traffic"
        raise StepStoppedError
    if call.fault:
        place.percent = 50
        _end(call.fault)
    if call.options.get("percentage") != "0":
        place.rollout, place.percent, place.serves, place.results[image] = "", 0, image, "deployed"
        call.world.recorded.append(f"production: {release} deployed")
    return {}


def _rollout_result(call: CommandCall) -> dict[str, str]:
    _end(call.fault)
    place, image = call.world.environments["production"], call.options["image"]
    if place.rollout == image:
        return {"result": "held" if place.holds else "open"}
    return {"result": "promoted" if place.serves == image else "rolled-back"}


def _recovery(call: CommandCall) -> dict[str, str]:
    _end(call.fault)
    environment = call.options["environment"]
    facts = call.world.environments[environment].facts(environment, call.options["image"], call.options.get("before", ""))
    found = decide(facts)
    return {"need": found.need, "reason": found.reason, "before": facts.before}


def _rollback(call: CommandCall) -> dict[str, str]:
    environment = call.options["environment"]
    place = call.world.environments[environment]
    call.take_lease(place)
    _end(call.fault)
    place.rollout, place.holds, place.percent = "", "", 0
    place.serves = OLD
    call.world.recorded.append(f"{environment}: back to {call.options.get('to', 'the image before')}")
    return {}


def _incident(call: CommandCall) -> dict[str, str]:
    _end(call.fault)
    end = ending(
        call.options["release"],
        call.options["environment"],
        need=call.options["need"],
        reason=call.options["reason"],
        rollback=call.options["rollback"],
    )
    call.world.recorded.append(f"incident: {end.outcome}")
    return {"outcome": end.outcome}


def _metrics(call: CommandCall) -> dict[str, str]:
    _end(call.fault)
    call.world.recorded.append(f"figures: {call.options['outcome']}")
    return {}


def _report(call: CommandCall) -> dict[str, str]:
    _end(call.fault)
    if call.world.environments["production"].serves != call.options["image"]:
        raise StepStoppedError(FAILURE, "production runs another release")
    call.world.recorded.append("report")
    return {}


def _comment(call: CommandCall) -> dict[str, str]:
    _end(call.fault)
    call.world.recorded.append("comment")
    return {}


def _drift(call: CommandCall) -> dict[str, str]:
    if call.fault == "failure":
        call.world.recorded.append("drift issue open")
    _end(call.fault)
    call.world.recorded.append("drift issue closed")
    return {}


COMMANDS: Mapping[tuple[str, ...], Effect] = {
    ("deploy",): _deploy,
    ("rollout",): _rollout,
    ("rollback",): _rollback,
    ("state", "unlock"): _unlock,
    ("pipeline", "target"): _target,
    ("pipeline", "reviewers"): _reviewers,
    ("pipeline", "release-tags"): _release_tags,
    ("pipeline", "approved"): _approved,
    ("pipeline", "reference"): _reference,
    ("pipeline", "variables"): _variables,
    ("pipeline", "running"): _running,
    ("pipeline", "rollout-result"): _rollout_result,
    ("pipeline", "recovery"): _recovery,
    ("pipeline", "incident"): _incident,
    ("pipeline", "metrics"): _metrics,
    ("pipeline", "report"): _report,
    ("pipeline", "comment"): _comment,
    ("pipeline", "drift"): _drift,
}
"""Command -> its effect on the :class:`PipelineWorld`. Other commands affect only the runner."""

WITHOUT_ROLE = (_target, _reviewers, _release_tags, _approved, _reference, _variables, _incident, _comment)
"""The effects of the commands that do not call AWS."""
