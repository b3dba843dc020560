"""The table of scenarios in docs/ci.md: for each event and outcome what runs, what serves and what is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from contract import PROJECT
from program.checkout import CHECKOUT
from tools.ci_model import OLD, SUCCESS, Event, Run, World

PAGE = Path("docs/ci.md")
BEGIN = "<!-- scenarios: made by `make generate` from the workflows -->"
END = "<!-- end of scenarios -->"

MAIN = Event()
TAG = Event(ref="refs/tags/v3.1.0")
CANDIDATE = Event(ref="refs/tags/v3.1.0-rc.1")
OURS = {"pull_request": {"head": {"repo": {"full_name": "novacron/novacron"}}}}
FORKS = {"pull_request": {"head": {"repo": {"full_name": "contributor/novacron"}}}}
CD, CI, INFRASTRUCTURE, COMMENT, DRIFT = f"{PROJECT}-cd", f"{PROJECT}-ci", "infrastructure", "preview-comment", "drift"


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One row: what happens in the repository, what goes wrong, and in which workflow it is looked at."""

    title: str
    event: Event
    workflow: str = CD
    disturbances: Mapping[str, str] = field(default_factory=dict[str, str])
    missing: tuple[str, ...] = ()
    """Variables that are not set in GitHub."""

    def play(self, root: Path = CHECKOUT) -> Run:
        """The run, in a fresh world."""
        world = World()
        for name in self.missing:
            del world.variables[name]
        return Run(self.workflow, self.event, world, self.disturbances, root).play()


DEPLOY, SMOKE = "Deploy", "Smoke tests"
STAGE, STARTS, HEALTH = "Back up, deploy at 0 %", "The new version starts", "Health of the new version"
ROLLOUT, E2E, ROLLBACK = "10 % -> 50 %", "End-to-end", "Previous release"


def finished(event: str, *, conclusion: str = SUCCESS) -> Event:
    """The event of another workflow's run that is over."""
    run = {"event": event, "conclusion": conclusion, "head_branch": "change", "head_sha": "b" * 40, "id": 7}
    return Event(name="workflow_run", payload={"workflow_run": {**run, "head_repository": {"owner": {"login": "contributor"}}}})


SCENARIOS = (
    Scenario(title="a push to `main`", event=MAIN),
    Scenario(title="a push to `main`, whose CI fails", event=MAIN, disturbances={"ci / unit: Unit tests": "failure"}),
    Scenario(title="a push to `main`, seen by CI alone", event=MAIN, workflow=CI),
    Scenario(title="a push to `feature/x`", event=Event(ref="refs/heads/feature/x"), workflow=CI),
    Scenario(title="started by hand on another branch", event=Event(name="workflow_dispatch", ref="refs/heads/feature/x")),
    Scenario(title="started by hand on `main`", event=Event(name="workflow_dispatch")),
    Scenario(title="started by hand on a release's tag", event=Event(name="workflow_dispatch", ref="refs/tags/v3.1.0")),
    Scenario(title="the image has a vulnerability", event=MAIN, disturbances={"image: The image's vulnerabilities": "failure"}),
    Scenario(title="the registry refuses", event=TAG, disturbances={"image: Registry": "failure"}),
    Scenario(title="staging's deployment fails and goes back", event=TAG, disturbances={f"staging: {DEPLOY}": "failure"}),
    Scenario(title="staging's smoke tests fail", event=TAG, disturbances={f"staging: {SMOKE}": "failure"}),
    Scenario(
        title="staging's smoke tests fail, and going back too",
        event=TAG,
        disturbances={f"staging: {SMOKE}": "failure", "staging: Back, when": "failure"},
    ),
    Scenario(title="staging has no ROLE_ARN", event=TAG, missing=("ROLE_ARN",)),
    Scenario(title="staging's role is refused, or the token has expired", event=TAG, disturbances={"staging: Role of": "failure"}),
    Scenario(title="the provenance is not ours", event=TAG, disturbances={"staging: The image is the one": "failure"}),
    Scenario(title="a tag that is not a release: `v3`", event=Event(ref="refs/tags/v3")),
    Scenario(title="a release's tag at a commit that is not in `main`", event=Event(ref="refs/tags/v3.1.0", in_main=False)),
    Scenario(title="a release candidate", event=CANDIDATE),
    Scenario(title="a release", event=TAG),
    Scenario(title="a release, whose CI fails", event=TAG, disturbances={"ci / integration: Integration tests": "failure"}),
    Scenario(title="a reviewer rejects", event=TAG, disturbances={"approval": "rejected"}),
    Scenario(title="cancelled while CI runs", event=TAG, disturbances={"ci / quality: ESLint": "cancelled"}),
    Scenario(title="cancelled in staging", event=TAG, disturbances={f"staging: {DEPLOY}": "cancelled"}),
    Scenario(
        title="production's role is refused",
        event=TAG,
        disturbances={"production: Role of": "failure", "rollback: Role of": "failure"},
    ),
    Scenario(
        title="production refuses the deployment before it touches anything",
        event=TAG,
        disturbances={f"production: {STAGE}": "refused"},
    ),
    Scenario(title="production's deployment fails and goes back", event=TAG, disturbances={f"production: {STAGE}": "failure"}),
    Scenario(title="production's deployment fails and cannot go back", event=TAG, disturbances={f"production: {STAGE}": "left"}),
    Scenario(
        title="production's deployment fails, cannot go back, nor can the rollback",
        event=TAG,
        disturbances={f"production: {STAGE}": "left", f"rollback: {ROLLBACK}": "failure"},
    ),
    Scenario(title="production's deployment is cancelled", event=TAG, disturbances={f"production: {STAGE}": "cancelled"}),
    Scenario(title="production's deployment does not end", event=TAG, disturbances={f"production: {STAGE}": "timeout"}),
    Scenario(title="production's runner is lost", event=TAG, disturbances={f"production: {STAGE}": "lost"}),
    Scenario(title="the new version does not start", event=TAG, disturbances={f"production: {STARTS}": "failure"}),
    Scenario(title="the new version is not healthy", event=TAG, disturbances={f"production: {HEALTH}": "failure"}),
    Scenario(title="the rollout fails and goes back", event=TAG, disturbances={f"rollout: {ROLLOUT}": "failure"}),
    Scenario(title="the rollout is on hold (exit 3)", event=TAG, disturbances={f"rollout: {ROLLOUT}": "held"}),
    Scenario(
        title="the rollout is on hold, and its runner is lost",
        event=TAG,
        disturbances={f"rollout: {ROLLOUT}": "held", "rollout: How it ended": "lost"},
    ),
    Scenario(title="the rollout is cancelled", event=TAG, disturbances={f"rollout: {ROLLOUT}": "cancelled"}),
    Scenario(title="the rollout does not end", event=TAG, disturbances={f"rollout: {ROLLOUT}": "timeout"}),
    Scenario(title="the rollout's runner is lost", event=TAG, disturbances={f"rollout: {ROLLOUT}": "lost"}),
    Scenario(title="the end-to-end tests fail", event=TAG, disturbances={f"validation: {E2E}": "failure"}),
    Scenario(
        title="the end-to-end tests fail, and the rollback too",
        event=TAG,
        disturbances={f"validation: {E2E}": "failure", f"rollback: {ROLLBACK}": "failure"},
    ),
    Scenario(
        title="the end-to-end tests fail, and production cannot be looked at",
        event=TAG,
        disturbances={f"validation: {E2E}": "failure", "rollback: What serves": "failure"},
    ),
    Scenario(title="a pull request of this repository", event=Event(name="pull_request", payload=OURS), workflow=INFRASTRUCTURE),
    Scenario(title="a pull request of a fork", event=Event(name="pull_request", payload=FORKS, fork=True), workflow=INFRASTRUCTURE),
    Scenario(
        title="a pull request of a fork, the service's", event=Event(name="pull_request", payload=FORKS, fork=True), workflow=CI
    ),
    Scenario(title="the run of a pull request is over", event=finished("pull_request"), workflow=COMMENT),
    Scenario(title="the run of a push is over", event=finished("push"), workflow=COMMENT),
    Scenario(title="every morning, without drift", event=Event(name="schedule"), workflow=DRIFT),
    Scenario(
        title="every morning, with drift", event=Event(name="schedule"), workflow=DRIFT, disturbances={"drift: Compare": "failure"}
    ),
    Scenario(
        title="every morning, and the setup fails",
        event=Event(name="schedule"),
        workflow=DRIFT,
        disturbances={"drift: The dwcp command": "failure"},
    ),
)


def short(image: str) -> str:
    """An image by its tag."""
    return image.partition("@")[0].rpartition(":")[2]


def row(scenario: Scenario, run: Run) -> str:
    """One line of the table."""
    folded = [name for name in run.ran() if " / " not in name]
    failed = [name for name in folded if run.jobs[name].result != SUCCESS]
    ran = " → ".join(f"**{name}**" if name in failed else name for name in folded) or "nothing"
    serves = ["-", "-"] if scenario.workflow != CD else [_serves(run, name) for name in ("staging", "production")]
    recorded = ", ".join(run.world.recorded) or "-"
    return f"| {scenario.title} | {ran} | {run.result} | {' | '.join(serves)} | {recorded} |"


def _serves(run: Run, name: str) -> str:
    place = run.world.places[name]
    new = "" if place.serves == OLD and not place.percent else "new" if place.serves != OLD else f"new {place.percent} %"
    return new or "old"


def table() -> str:
    """The whole table, by workflow."""
    lines: list[str] = []
    for workflow in (CD, CI, INFRASTRUCTURE, COMMENT, DRIFT):
        lines += [f"### `{workflow}.yml`", "", "| event and outcome | jobs that run | run | staging | production | recorded |"]
        lines += ["|---|---|---|---|---|---|"]
        lines += [row(each, each.play()) for each in SCENARIOS if each.workflow == workflow]
        lines += [""]
    return "\n".join(lines).rstrip()


def files() -> dict[Path, str]:
    """``docs/ci.md`` with the table as the workflows make it."""
    text = (CHECKOUT / PAGE).read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return {PAGE: f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"}
