"""Complete runs of the pipelines: for each event and outcome, the expected jobs, serving images and records.

``tools/ci_model.py`` runs the workflow files in a model, which also generates docs/ci.md. The expectations are written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from recording import ROOT

from components.account.pipeline_access import SESSION_SECONDS
from contract import IMAGE_REPOSITORY
from delivery.errors import DeliveryError
from delivery.github.expressions import Contexts, fill
from delivery.github.image_tags import pinned, tags_of
from delivery.github.recovery import Facts, Need, decide, ending, rollout_result
from delivery.github.variables import EXPLANATIONS, VARIABLES, explanation, require_variables
from delivery.github.workflow import jobs, load
from tools.ci_model import (
    COMMANDS,
    DIGEST,
    EXAMPLES,
    OLD,
    REVIEWED,
    SHA,
    CommandCall,
    Event,
    PipelineWorld,
    Run,
    StepStoppedError,
)
from tools.ci_scenarios import CD, CI, MAIN, SCENARIOS, TAG

NEW = f"{IMAGE_REPOSITORY}:v3.1.0@{DIGEST}"
COMMIT = f"{IMAGE_REPOSITORY}:sha-{SHA[:12]}@{DIGEST}"
RC = f"{IMAGE_REPOSITORY}:v3.1.0-rc.1@{DIGEST}"
TO_STAGING = ("release", "ci", "image", "staging")
TO_SMOKE = (*TO_STAGING, "staging-smoke")
APPROVED = (*TO_SMOKE, "approval")
TO_PRODUCTION = (*APPROVED, "production")
TO_ROLLOUT = (*TO_PRODUCTION, "production-smoke", "rollout")
TO_VALIDATION = (*TO_ROLLOUT, "validation")
TO_REPORT = (*TO_VALIDATION, "report")
ROLLED_BACK = ("production: back to v3.0.0-1", "incident: rolled-back", "figures: rolled-back")
STAGED = ("staging: v3.1.0 deployed", "production: v3.1.0 staged")
DEPLOYED = (*STAGED, "production: v3.1.0 deployed")
STOPPED = ("incident: stopped", "figures: stopped")
FAILED = ("incident: failure", "figures: failure")


@dataclass(frozen=True)
class Expected:
    """The expected result of a run; ``serves`` is staging's image, then production's."""

    ran: tuple[str, ...]
    result: str = "failure"
    serves: tuple[str, str] = (OLD, OLD)
    recorded: tuple[str, ...] = ()
    percent: int = 0


EXPECTED = {
    "a push to `main`": Expected(TO_SMOKE, "success", (COMMIT, OLD), (f"staging: sha-{SHA[:12]} deployed",)),
    "a push to `main`, CI fails": Expected(("release", "ci")),
    "started by hand on another branch": Expected(("release",)),
    "started by hand on `main`": Expected(TO_SMOKE, "success", (COMMIT, OLD), (f"staging: sha-{SHA[:12]} deployed",)),
    "started by hand on a release's tag": Expected(TO_REPORT, "success", (NEW, NEW), (*DEPLOYED, "report", "figures: success")),
    "the image has a vulnerability": Expected(("release", "ci", "image")),
    "the registry rejects the login": Expected(("release", "ci", "image")),
    "the registry rejects the push": Expected(("release", "ci", "image")),
    "a push to `main`, without code scanning": Expected(TO_SMOKE, "success", (COMMIT, OLD), (f"staging: sha-{SHA[:12]} deployed",)),
    "the next push, after a push that was cancelled in staging": Expected(
        TO_SMOKE, "success", (COMMIT, OLD), (f"staging: sha-{SHA[:12]} deployed",)
    ),
    "the next release, after a release that lost its runners in production": Expected(
        TO_REPORT, "success", (NEW, NEW), (*DEPLOYED, "report", "figures: success")
    ),
    "a release, without reviewers in `production-approval`": Expected(("release",)),
    "a release, without a ruleset for its tags": Expected(("release",)),
    "staging's deployment fails and is rolled back": Expected(TO_STAGING, recorded=("staging: v3.1.0 rolled back",)),
    "staging's smoke tests fail": Expected(
        (*TO_SMOKE, "staging-rollback"), recorded=("staging: v3.1.0 deployed", "staging: back to v3.0.0-1")
    ),
    "staging's smoke tests fail, and the rollback too": Expected(
        (*TO_SMOKE, "staging-rollback"), serves=(NEW, OLD), recorded=("staging: v3.1.0 deployed",)
    ),
    "staging has no ROLE_ARN": Expected(TO_STAGING),
    "staging's role is denied, or the token has expired": Expected(TO_STAGING),
    "the image's provenance is of another repository": Expected(TO_STAGING),
    "a tag that is not a release, `v3`": Expected(("release",)),
    "a release's tag, on a commit outside `main`": Expected(("release",)),
    "a release candidate": Expected(TO_SMOKE, "success", (RC, OLD), ("staging: v3.1.0-rc.1 deployed",)),
    "a release": Expected(TO_REPORT, "success", (NEW, NEW), (*DEPLOYED, "report", "figures: success")),
    "a release, CI fails": Expected(("release", "ci")),
    "a reviewer rejects": Expected(APPROVED, serves=(NEW, OLD), recorded=STAGED[:1]),
    "cancelled while CI runs": Expected(("release", "ci"), "cancelled"),
    "cancelled in staging": Expected(TO_STAGING, "cancelled", recorded=("staging: v3.1.0 running",)),
    "a release; later a person runs only `production` again": Expected(("production",), serves=(NEW, NEW)),
    "the rollout is on hold; later a person runs only `rollout` again": Expected(("rollout",), serves=(NEW, OLD), percent=10),
    "a reviewer rejects; later a person runs only `approval` again": Expected(
        TO_REPORT[len(TO_SMOKE) :], "success", (NEW, NEW), (*DEPLOYED[1:], "report", "figures: success")
    ),
    "production's role is denied": Expected((*TO_PRODUCTION, "rollback"), serves=(NEW, OLD), recorded=(*STAGED[:1], *FAILED[:1])),
    "production rejects the deployment before any change": Expected(
        (*TO_PRODUCTION, "rollback"), serves=(NEW, OLD), recorded=(*STAGED[:1], *STOPPED)
    ),
    "production's deployment fails and is rolled back": Expected(
        (*TO_PRODUCTION, "rollback"), serves=(NEW, OLD), recorded=(*STAGED[:1], "production: v3.1.0 rolled back", *ROLLED_BACK[1:])
    ),
    "production's deployment fails and cannot be rolled back": Expected(
        (*TO_PRODUCTION, "rollback"), serves=(NEW, OLD), recorded=(*STAGED[:1], "production: v3.1.0 failed", *ROLLED_BACK)
    ),
    "production's deployment fails, and so do both rollbacks": Expected(
        (*TO_PRODUCTION, "rollback"), serves=(NEW, OLD), recorded=(*STAGED[:1], "production: v3.1.0 failed", *FAILED)
    ),
    "production's deployment is cancelled": Expected(
        (*TO_PRODUCTION, "rollback"), "cancelled", (NEW, OLD), (*STAGED[:1], "production: v3.1.0 running", *ROLLED_BACK)
    ),
    "production's deployment times out": Expected(
        (*TO_PRODUCTION, "rollback"), serves=(NEW, OLD), recorded=(*STAGED[:1], "production: v3.1.0 running", *ROLLED_BACK)
    ),
    "production's runner is lost": Expected(
        (*TO_PRODUCTION, "rollback"), serves=(NEW, OLD), recorded=(*STAGED[:1], "production: v3.1.0 running", *ROLLED_BACK)
    ),
    "the new version does not start": Expected(
        (*TO_PRODUCTION, "rollback"), serves=(NEW, OLD), recorded=(*STAGED, "production: v3.1.0 rolled back", *ROLLED_BACK[1:])
    ),
    "the new version is not healthy": Expected((*TO_PRODUCTION, "rollback"), serves=(NEW, OLD), recorded=(*STAGED, *ROLLED_BACK)),
    "the smoke tests of the version that serves fail": Expected(
        (*TO_PRODUCTION, "production-smoke", "rollback"), serves=(NEW, OLD), recorded=(*STAGED, *ROLLED_BACK)
    ),
    "the rollout fails and is rolled back": Expected(
        (*TO_ROLLOUT, "rollback"), serves=(NEW, OLD), recorded=(*STAGED, "production: v3.1.0 rolled back", *ROLLED_BACK[1:])
    ),
    "the rollout is on hold (exit 3)": Expected(TO_ROLLOUT, serves=(NEW, OLD), recorded=STAGED, percent=10),
    "the rollout is on hold, then its runner is lost": Expected(
        (*TO_ROLLOUT, "rollback"), serves=(NEW, OLD), recorded=(*STAGED, "incident: held", "figures: held"), percent=10
    ),
    "the rollout is cancelled": Expected((*TO_ROLLOUT, "rollback"), "cancelled", (NEW, OLD), (*STAGED, *ROLLED_BACK)),
    "the rollout times out": Expected((*TO_ROLLOUT, "rollback"), serves=(NEW, OLD), recorded=(*STAGED, *ROLLED_BACK)),
    "the rollout's runner is lost": Expected((*TO_ROLLOUT, "rollback"), serves=(NEW, OLD), recorded=(*STAGED, *ROLLED_BACK)),
    "the end-to-end tests fail": Expected((*TO_VALIDATION, "rollback"), serves=(NEW, OLD), recorded=(*DEPLOYED, *ROLLED_BACK)),
    "the first release: staging's smoke tests fail": Expected(
        (*TO_SMOKE, "staging-rollback"), recorded=("staging: v3.1.0 deployed", "staging: back to the image before")
    ),
    "the first release: a cancelled rollout": Expected(
        (*TO_ROLLOUT, "rollback"), "cancelled", (NEW, OLD), (*STAGED, "production: back to the image before", *ROLLED_BACK[1:])
    ),
    "the first release: the end-to-end tests fail": Expected(
        (*TO_VALIDATION, "rollback"),
        serves=(NEW, OLD),
        recorded=(*DEPLOYED, "production: back to the image before", *ROLLED_BACK[1:]),
    ),
    "the end-to-end tests fail, and the rollback too": Expected(
        (*TO_VALIDATION, "rollback"), serves=(NEW, NEW), recorded=(*DEPLOYED, *FAILED)
    ),
    "the end-to-end tests fail, and production's state cannot be read": Expected(
        (*TO_VALIDATION, "rollback"), serves=(NEW, NEW), recorded=(*DEPLOYED, *FAILED)
    ),
    "a push to `main`, CI only": Expected((), "success"),
    "a push to `feature/x`": Expected(
        (
            *("quality", "unit", "integration", "components", "coverage", "performance"),
            *("security", "build", "docker", "findings"),
        ),
        "success",
    ),
    "a pull request of a fork, CI only": Expected(
        ("quality", "unit", "integration", "components", "coverage", "performance", "security", "build", "docker"), "success"
    ),
    "a pull request of this repository": Expected(("lint", "platform", "cloud", "policies", "findings", "preview"), "success"),
    "a pull request of a fork": Expected(("lint", "platform", "cloud", "policies", "preview"), "success"),
    "the run of a pull request has finished": Expected(("comment",), "success", recorded=("comment",)),
    "the run of a push has finished": Expected((), "success"),
    "every morning, without drift": Expected(("drift",), "success", recorded=("drift issue closed",)),
    "every morning, with drift": Expected(("drift",), recorded=("drift issue open",)),
    "every morning, but the setup fails": Expected(("drift",)),
}
each_title = pytest.mark.parametrize("title", [each.title for each in SCENARIOS])


@cache
def played(title: str) -> Run:
    """The run of a scenario. Tests must not change it."""
    [scenario] = [each for each in SCENARIOS if each.title == title]
    return scenario.play()


def test_every_scenario_has_an_expected_result() -> None:
    assert [each.title for each in SCENARIOS if each.title not in EXPECTED] == []
    assert len(EXPECTED) == len(SCENARIOS) >= 25


@each_title
def test_jobs_serving_images_and_records_are_as_expected(title: str) -> None:
    run, expected = played(title), EXPECTED[title]
    environments = run.world.environments
    assert tuple(name for name in run.ran() if " / " not in name) == expected.ran
    assert (run.result, (environments["staging"].serves, environments["production"].serves)) == (expected.result, expected.serves)
    assert (tuple(run.world.recorded), environments["production"].percent) == (expected.recorded, expected.percent)


@each_title
def test_only_the_approval_job_needs_a_reviewer(title: str) -> None:
    ran = played(title).jobs
    assert [name for name, each in ran.items() if each.started and each.environment in REVIEWED] in ([], ["approval"])


@each_title
def test_production_does_not_change_before_the_approval(title: str) -> None:
    """Also not after an approval in an earlier attempt of the run."""
    ran = played(title)
    if "approval" not in ran.ran() or ran.jobs["approval"].result != "success":
        assert not any(each.started and each.role and each.environment == "production" for each in ran.jobs.values())
        assert not [each for each in ran.world.recorded if each.startswith(("production", "incident", "figures"))]


@each_title
def test_every_deployed_image_has_the_built_digest(title: str) -> None:
    for place in played(title).world.environments.values():
        assert all(image.endswith(DIGEST) for image in place.results)


@pytest.mark.parametrize(
    ("scenario", "job", "problem", "fix"),
    [
        (
            "staging has no ROLE_ARN",
            "staging",
            "ROLE_ARN is not set; nothing was deployed",
            "gh variable set ROLE_ARN --env staging",
        ),
        ("a tag that is not a release, `v3`", "release", "the tag 'v3' is not a release", "git tag v3.0.0"),
        ("started by hand on another branch", "release", "neither main nor a tag", "run the pipeline for main"),
        (
            "a release's tag, on a commit outside `main`",
            "release",
            "the tag v3.1.0 is at 0123456789ab, which is not a commit of main",
            "merge the commit into main, run `git push --delete origin v3.1.0`",
        ),
        (
            "a release, without reviewers in `production-approval`",
            "release",
            "the GitHub environment production-approval has no required reviewers",
            "add required reviewers",
        ),
        (
            "a release, without a ruleset for its tags",
            "release",
            "no ruleset restricts who may create and move the tags v*; nothing was deployed",
            "gh api --method POST repos/novacron/novacron/rulesets",
        ),
        (
            "a release; later a person runs only `production` again",
            "production",
            "of attempt 1, and this is attempt 2; nothing was deployed",
            "run all jobs again, so that the release is approved again",
        ),
    ],
)
def test_bad_input_is_reported_before_any_change(scenario: str, job: str, problem: str, fix: str) -> None:
    run = played(scenario)
    [reported] = run.jobs[job].problems
    assert problem in reported
    assert fix in reported
    assert run.world.recorded == []


@pytest.mark.parametrize(
    ("scenario", "job", "step"),
    [
        ("staging's role is denied, or the token has expired", "staging", "Why there is no role"),
        ("the registry rejects the login", "image", "Why the registry refuses"),
        ("the registry rejects the push", "image", "Why the registry refuses"),
    ],
)
def test_a_refused_action_is_explained(scenario: str, job: str, step: str) -> None:
    run = played(scenario)
    assert run.jobs[job].steps[step] == "success"


def test_a_job_without_the_right_to_read_runs_cannot_take_over_the_lease_of_a_killed_job() -> None:
    world = PipelineWorld()
    Run(CD, MAIN, world, {"staging: Deploy": "lost"}).play()
    run = Run(CD, MAIN, world, {"staging: Lock of a run": "failure"}).play()
    assert (run.result, run.jobs["staging"].steps["Deploy"]) == ("failure", "skipped")
    with pytest.raises(StepStoppedError) as refused:
        COMMANDS["deploy",](CommandCall({"environment": "staging", "tag": "sha-0123456"}, "", run, {}, {}))
    assert "staging is being changed by" in refused.value.problem
    with pytest.raises(StepStoppedError) as refused:
        COMMANDS["state", "unlock"](CommandCall({"environment": "staging"}, "", run, {"GITHUB_TOKEN": "token"}, {}))
    assert "actions: read" in refused.value.problem


def test_without_code_scanning_only_the_upload_is_skipped() -> None:
    run = played("a push to `main`, without code scanning")
    assert [name for name, each in run.jobs.items() if each.result == "skipped" and "ci / " in name] == ["ci / findings"]


def starts(event: Event) -> list[str]:
    """The workflows that an event starts."""
    return [name for name, content in load(ROOT).items() if _matches(content[True], event)]


def _matches(on: Mapping[str, Any], event: Event) -> bool:
    if event.name not in on:
        return False
    filters = on[event.name] or {}
    if event.name != "push":
        return True
    kind = "tags" if event.ref.startswith("refs/tags/") else "branches"
    return any(re.fullmatch(_pattern(each), event.context()["ref_name"]) for each in filters.get(kind, []))


def _pattern(text: str) -> str:
    """A filter pattern as a regular expression: only ``**`` matches ``/`` (GitHub: Filter pattern cheat sheet)."""
    return re.escape(text).replace(r"\*\*", ".*").replace(r"\*", "[^/]*")


def replaced(workflow: str, job: str | None, earlier: Event, later: Event, *, running: bool) -> bool:
    """Whether GitHub cancels an earlier run (or ``job``), running or waiting, for a later one of the same concurrency group."""
    content: Mapping[str, Any] = load(ROOT)[workflow] if job is None else load(ROOT)[workflow]["jobs"][job]
    concurrency = content.get("concurrency")
    if concurrency is None:
        return False

    def seen(event: Event) -> tuple[str, bool]:
        contexts = Contexts(values={"github": event.context(), "inputs": {}})
        return fill(concurrency["group"], contexts).lower(), fill(concurrency["cancel-in-progress"], contexts) == "true"

    (group, _), (other, cancels) = seen(earlier), seen(later)
    return group == other and (cancels if running else concurrency.get("queue") != "max")


@pytest.mark.parametrize(
    ("event", "workflows"),
    [
        (MAIN, ["dwcp-v3-cd", "dwcp-v3-ci", "infrastructure"]),
        (TAG, ["dwcp-v3-cd"]),
        (Event(ref="refs/heads/develop"), ["dwcp-v3-ci"]),
        (Event(ref="refs/heads/feature/a/b"), ["dwcp-v3-ci"]),
        (Event(ref="refs/heads/dwcp-v3/a"), ["dwcp-v3-ci"]),
        (Event(ref="refs/heads/other"), []),
        (Event(name="pull_request"), ["dwcp-v3-ci", "infrastructure"]),
        (Event(name="schedule"), ["drift"]),
    ],
)
def test_an_event_starts_its_workflows(event: Event, workflows: list[str]) -> None:
    assert starts(event) == workflows


def test_a_newer_push_replaces_only_a_waiting_push() -> None:
    newer, other_tag = Event(sha="f" * 40), Event(ref="refs/tags/v3.2.0")
    assert replaced(CD, None, MAIN, newer, running=False)
    for later in (newer, other_tag):
        assert not replaced(CD, None, TAG, later, running=False)
        assert not replaced(CD, None, TAG, later, running=True)
        for job in ("staging", "staging-rollback", "production", "rollout", "rollback"):
            assert not replaced(CD, job, TAG, later, running=False), "a waiting job, such as a rollback, was cancelled"
            assert not replaced(CD, job, TAG, later, running=True)
    assert not replaced(CD, None, MAIN, newer, running=True)


def test_ci_within_cd_is_not_replaced_by_a_separate_ci_run() -> None:
    assert replaced(CI, None, Event(ref="refs/heads/develop"), Event(ref="refs/heads/develop"), running=False)
    run = played("a push to `main`")
    assert run.jobs["ci / quality"].result == "success"


@pytest.mark.parametrize(
    "job", [each for each in jobs(ROOT) if "configure-aws-credentials" in str(each.steps)], ids=lambda each: each.name
)
def test_a_session_covers_the_timeout_of_its_job_within_the_limit_of_its_role(job: object) -> None:
    from delivery.github.workflow import Job

    assert isinstance(job, Job)
    [seconds] = [step["with"]["role-duration-seconds"] for step in job.steps if "configure-aws" in step.get("uses", "")]
    assert min(60 * job.content["timeout-minutes"], SESSION_SECONDS) <= seconds <= SESSION_SECONDS


FACTS = {"environment": "production", "image": "new", "before": "r1"}


@pytest.mark.parametrize(
    ("facts", "need", "reason"),
    [
        ({"serves": "old"}, Need.NOT_NEEDED, "old serves, as before"),
        ({"serves": "old", "ended": "staged"}, Need.NOT_NEEDED, "old serves"),
        ({"serves": "old", "ended": "rolled back"}, Need.ROLLED_BACK, "rolled back automatically"),
        ({"serves": "old", "ended": "failed"}, Need.ROLL_BACK, "is unfinished"),
        ({"serves": "old", "ended": "running"}, Need.ROLL_BACK, "is unfinished"),
        ({"serves": "old", "percent": 10}, Need.ROLL_BACK, "receives 10 %"),
        ({"serves": "old", "percent": 50, "rollout": "new"}, Need.ROLL_BACK, "interrupted at 50 %"),
        ({"serves": "old", "percent": 10, "rollout": "new", "holds": "too little traffic"}, Need.HELD, "too little traffic"),
        ({"serves": "old", "percent": 10, "rollout": "newer"}, Need.NOT_NEEDED, "newer"),
        ({"serves": "new", "ended": "deployed"}, Need.ROLL_BACK, "a later check failed"),
        ({"serves": "new", "before": ""}, Need.IMPOSSIBLE, "no previous release is recorded"),
        ({"serves": "new", "before": "", "first_image": "old"}, Need.ROLL_BACK, "a later check failed"),
        ({"serves": "old", "percent": 50, "rollout": "new", "before": "", "first_image": "old"}, Need.ROLL_BACK, "at 50 %"),
        ({"serves": "newest", "ended": "deployed"}, Need.NOT_NEEDED, "newest serves"),
    ],
)
def test_the_need_for_a_rollback_follows_from_the_facts(facts: dict[str, object], need: Need, reason: str) -> None:
    found = decide(Facts(**{**FACTS, **facts}))  # type: ignore[arg-type]
    assert found.need is need
    assert reason in found.reason


@pytest.mark.parametrize(
    ("need", "rollback", "outcome", "included", "excluded"),
    [
        ("roll-back", "success", "rolled-back", "was rolled back", "by hand"),
        ("roll-back", "failure", "failure", "so did the rollback", "was rolled back"),
        ("roll-back", "skipped", "failure", "so did the rollback", "was rolled back"),
        ("rolled-back", "skipped", "rolled-back", "No further rollback was needed", "by hand"),
        ("not-needed", "skipped", "stopped", "No rollback was needed", "was rolled back"),
        ("held", "skipped", "held", "waits for a person", "failed"),
        ("impossible", "skipped", "failure", "cannot be rolled back", "was rolled back"),
        ("", "skipped", "failure", "could not be read", "and was rolled back"),
    ],
)
def test_an_incident_states_what_happened(need: str, rollback: str, outcome: str, included: str, excluded: str) -> None:
    end = ending("v3.1.0", "production", need=need, reason="because", rollback=rollback)
    assert end.outcome == outcome
    assert included in end.text
    assert excluded not in end.text


@pytest.mark.parametrize(("need"), [each.value for each in Need])
def test_every_decision_has_its_own_incident_text(need: str) -> None:
    assert "could not be read" not in ending("v", "production", need=need, reason="r", rollback="skipped").text


def test_without_a_rollout_there_is_no_result() -> None:
    assert rollout_result(None, "x") == ("none", "")


@pytest.mark.parametrize("environment", VARIABLES)
def test_a_missing_or_invalid_variable_is_reported_with_its_command(environment: str) -> None:
    assert require_variables(environment, EXAMPLES)
    for name in [each.name for each in VARIABLES[environment]]:
        for value, problem in (("", "is not set"), ("wrong value", "does not look like")):
            with pytest.raises(DeliveryError, match=problem) as raised:
                require_variables(environment, {**EXAMPLES, name: value})
            assert f"gh variable set {name}" in raised.value.fix
            assert "{environment}" not in str(raised.value)


@pytest.mark.parametrize("environment", VARIABLES)
def test_the_placeholders_of_a_printed_command_are_refused(environment: str) -> None:
    """A command that was pasted without a change would otherwise pass the check, and the deployment would fail later."""
    for each in VARIABLES[environment]:
        for value in (each.example.strip("'").format(environment=environment), "file:///tmp/state"):
            with pytest.raises(DeliveryError, match=f"{each.name}=.* does not look like"):
                require_variables(environment, {**EXAMPLES, each.name: value})


def test_the_workflows_pass_every_variable_that_the_check_requires() -> None:
    for job in jobs(ROOT):
        for step in job.steps:
            if "pipeline variables" in step.get("run", ""):
                environment = step["run"].rpartition(" ")[2]
                assert environment == job.environment
                assert {each.name for each in VARIABLES[environment]} <= set(job.content["env"])


@pytest.mark.parametrize(
    ("call"), [lambda: explanation("x", ""), lambda: require_variables("x", {}), lambda: pinned(IMAGE_REPOSITORY, "v1.0.0", "")]
)
def test_an_unknown_topic_or_environment_or_an_empty_digest_is_refused(call: object) -> None:
    with pytest.raises(DeliveryError):
        call()  # type: ignore[operator]


def test_every_explanation_states_that_nothing_was_done() -> None:
    assert all("nothing was" in problem for problem, _ in EXPLANATIONS.values())


def test_a_target_has_every_tag_once() -> None:
    assert tags_of("refs/tags/v3.1.0", SHA).references("i") == ["i:v3.1.0", "i:v3.1", f"i:sha-{SHA[:12]}"]
