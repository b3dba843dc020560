"""``dwcp pipeline``: the steps that the pipelines call."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_args

import typer

from delivery.cli._output import EnvironmentOption, scope
from delivery.errors import DeliveryError, UsageError
from program.checkout import CHECKOUT

app = typer.Typer(no_args_is_help=True, help="The steps that the pipelines call.")

Reference = Annotated[str, typer.Option(help="What the run deploys: IMAGE:TAG@DIGEST.")]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _output(name: str, value: str) -> None:
    """For later steps where there are some, and for people."""
    _say(f"{name}={value}" if "\n" not in value else f"{name}:\n{value}")
    if file := os.environ.get("GITHUB_OUTPUT"):
        with Path(file).open("a") as stream:
            stream.write(f"{name}<<END-OF-VALUE\n{value}\nEND-OF-VALUE\n")


def _summary(text: str) -> None:
    if file := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(file).open("a") as stream:
            stream.write(f"{text}\n")


def _annotate(kind: Literal["error", "warning"], text: str) -> None:
    """Shown on the run's first page (GitHub: workflow commands)."""
    _say(f"::{kind}::{text}".replace("\n", "%0A"))


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", "name the file that an earlier step wrote") from error


@app.command()
def target(
    image: Annotated[str, typer.Option(help="The image without a tag.")],
    ref: Annotated[str, typer.Option(envvar="GITHUB_REF", help="refs/heads/main or refs/tags/...")],
    sha: Annotated[str, typer.Option(envvar="GITHUB_SHA", help="The commit.")],
) -> None:
    """What a run releases and how far it goes; refuses a tag that is not a release, or is not of a commit of main."""
    from delivery.github.tags import MAIN
    from delivery.github.tags import target as target_of

    found = target_of(ref, sha)
    created = _git("show", "--no-patch", "--format=%cI", sha, problem=f"there is no commit {sha} here")
    if ref.startswith("refs/tags/"):
        _git(
            "merge-base",
            "--is-ancestor",
            sha,
            f"origin/{MAIN}",
            problem=f"the tag {found.release} is at {sha[:12]}, which is not a commit of {MAIN}",
            fix=f"merge it into {MAIN}, then move the tag: git push --delete origin {found.release}, and tag the merged commit",
        )
    _output("release", found.release)
    _output("image-tags", "\n".join(found.references(image)))
    _output("grafana-tags", "\n".join(found.references(f"{image}-grafana")))
    _output("created", created)
    _output("production", "true" if found.production else "false")


@app.command()
def reference(
    image: Annotated[str, typer.Option(help="The image without a tag.")],
    release: Annotated[str, typer.Option(help="The tag that is deployed.")],
    digest: Annotated[str, typer.Option(help="What the build gave: sha256:...")],
) -> None:
    """What is deployed by its digest: `reference` for a rollout, `tag` for a deployment."""
    from delivery.github.tags import pinned

    found, tag = pinned(image, release, digest)
    _output("reference", found)
    _output("tag", tag)


@app.command()
def variables(environment: Annotated[str, scope(text="A GitHub environment: staging, production or preview.")]) -> None:
    """Whether the GitHub environment has every variable that its jobs need; names what is missing and how to set it."""
    from delivery.github.variables import require

    _say(f"{environment}: {', '.join(require(environment, os.environ))}")


@app.command()
def explain(
    topic: Annotated[str, typer.Argument(help="What failed: role or registry.")],
    environment: Annotated[str, scope(text="The GitHub environment of the job.")] = "",
) -> None:
    """Say why an action failed and what to do about it, on the run's first page."""
    from delivery.github.variables import explanation

    problem, fix = explanation(topic, environment)
    _annotate("error", f"{problem}\nfix: {fix}")


@app.command()
def running(environment: EnvironmentOption) -> None:
    """The release that runs, as the output `release`; empty before the first one."""
    from delivery.clients.environment import Environment
    from delivery.releases import Releases

    found = Releases(Environment.open(environment)).latest()
    _output("release", found.id if found is not None else "")


@app.command()
def health(
    environment: EnvironmentOption,
    track: Annotated[Literal["stable", "canary"], typer.Option(help="Which version to ask: canary is the new one.")],
    url: Annotated[str | None, typer.Option(help="Where the service answers; {track} in it is filled in.")] = None,
) -> None:
    """Ask one track itself whether it is healthy and answers: the new version gets no traffic from outside yet."""
    from delivery.clients.environment import Environment
    from delivery.clients.service import Service

    service = Service.of(Environment.open(environment), track, url)
    _say(service.require_health())
    _say(service.require_smoke())


@app.command("rollout-result")
def rollout_result(environment: EnvironmentOption, image: Reference) -> None:
    """How the rollout of an image stands, as the output `result`: promoted, held, open, went-back or none."""
    from delivery.clients.environment import Environment
    from delivery.github.recovery import rollout_result as result_of
    from delivery.rollout.journal import Journal

    opened = Environment.open(environment)
    result, why = result_of(Journal(opened.kubernetes, opened.name).read(), image)
    _output("result", result)
    if result == "held":
        again = f"./dwcp rollout --image {image} --yes"
        text = f"the rollout of {image} waits for a person: {why}\ngo on: {again}\nback: ./dwcp rollout --abort --yes"
        _annotate("warning", text)
        _summary(text)


@app.command()
def recovery(
    environment: EnvironmentOption,
    image: Reference,
    before: Annotated[str, typer.Option(help="The release that ran before; without it what the records say.")] = "",
) -> None:
    """What a failed run has left, as outputs: `need` (roll-back, went-back, not-needed, held, impossible), `reason`, `before`."""
    from delivery.clients.environment import Environment
    from delivery.github.recovery import decide, look

    facts = look(Environment.open(environment), image, before)
    found = decide(facts)
    _output("need", found.need)
    _output("reason", found.reason)
    _output("before", facts.before)


@app.command()
def incident(
    environment: EnvironmentOption,
    release: Annotated[str, typer.Option(help="What was being deployed.")],
    need: Annotated[str, typer.Option(help="What `recovery` decided; empty when it could not.")] = "",
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    rollback: Annotated[str, typer.Option(help="The result of the rollback's step.")] = "",
    run: Annotated[str, typer.Option(envvar="GITHUB_RUN_ID", help="The run that failed.")] = "",
) -> None:
    """Open the issue of a failed deployment, or add to the open one of its environment; the output `outcome` is for the figures."""
    from delivery.clients.github import GitHub
    from delivery.github.recovery import ending

    end = ending(release, environment, need=need, reason=reason, rollback=rollback)
    _output("outcome", end.outcome)
    server, repository = os.environ.get("GITHUB_SERVER_URL", "https://github.com"), os.environ.get("GITHUB_REPOSITORY", "")
    body = "\n".join(
        [
            end.text,
            "",
            f"- what happened: {server}/{repository}/actions/runs/{run}",
            f"- what runs now: `./dwcp releases --environment {environment}`",
            f"- what is wrong with it: `./dwcp doctor --environment {environment}`",
        ]
    )
    title = f"Deployment of {release} to {environment}: {end.outcome}"
    _annotate("error", end.text)
    done = GitHub.from_environment().set_issue(f"<!-- dwcp-incident-{environment} -->", title, body, ("incident",))
    _say(f"incident: {done}")


@app.command()
def report(
    environment: EnvironmentOption,
    image: Reference,
    output: Annotated[Path, typer.Option(help="Where to write it, as Markdown.")],
) -> None:
    """The report of the deployment of an image; fails when another release runs."""
    from delivery.clients.environment import Environment
    from delivery.releases import Releases
    from delivery.releases import report as reports

    running = Releases(Environment.open(environment)).latest()
    if running is None or running.image != image:
        what = "no release" if running is None else f"{running.id} ({running.image})"
        raise DeliveryError(f"{environment} runs {what}, not {image}", f"dwcp releases --environment {environment}")
    text = reports.markdown(running)
    output.write_text(text)
    _summary(text)
    _say(f"{running.id}: {output}")


@app.command()
def metrics(
    environment: EnvironmentOption,
    outcome: Annotated[str, typer.Option(help="success, rolled-back, stopped, held or failure.")],
    sha: Annotated[str, typer.Option(envvar="GITHUB_SHA", help="The commit that was deployed.")],
    region: Annotated[str, typer.Option(envvar="AWS_REGION", help="Where the figures go.")],
) -> None:
    """Add a deployment to CloudWatch's figures: how many, how they went, how long from commit to production."""
    from delivery.github.metrics import NAMESPACE, record
    from delivery.github.recovery import Outcome

    if outcome not in get_args(Outcome):
        raise UsageError(f"{outcome!r} is not an outcome", f"choose from {', '.join(get_args(Outcome))}")
    committed = _git("show", "--no-patch", "--format=%cI", sha, problem=f"there is no commit {sha} here")
    record(environment, cast(Outcome, outcome), datetime.fromisoformat(committed), region)
    _say(f"recorded in {NAMESPACE}")


@app.command()
def comment(
    file: Annotated[Path, typer.Argument(help="Markdown; empty when there is nothing to say.")],
    head: Annotated[str, typer.Option(help="Where the pull request comes from: OWNER:BRANCH.")],
    sha: Annotated[str, typer.Option(help="The commit that the text is about.")],
    topic: Annotated[str, typer.Option(help="Which of our comments it is; it holds <!-- TOPIC -->.")] = "dwcp-preview",
) -> None:
    """Say it in a pull request: one comment per topic, edited in place; none is made to say nothing."""
    from delivery.clients.github import GitHub

    body, marker = _read(file), f"<!-- {topic} -->"
    github = GitHub.from_environment()
    number = github.pull_request(head, sha)
    if number is None:
        _say(f"comment: {head} has no open pull request at {sha[:12]}; a newer commit has its own run")
        return
    _say(f"comment: {github.set_comment(number, marker, body, f'{marker}{chr(10)}Nothing changes any more.{chr(10)}')}")


@app.command()
def drift(environment: EnvironmentOption) -> None:
    """Compare the state with what runs, and keep one issue about it: open while there is drift, closed when it is gone.

    Exit codes as of `dwcp drift`: 0 no drift; 1 drift; 5 not everything could be looked at, and the issue stays as it is.
    """
    from delivery.clients.environment import Environment
    from delivery.clients.github import GitHub
    from delivery.errors import ExitCode
    from delivery.preview import drift_report
    from delivery.preview.drift import detect

    found = detect(Environment.open(environment))
    text = drift_report.to_markdown([found])
    _summary(text)
    _say(text)
    github, marker, labels = GitHub.from_environment(), f"<!-- dwcp-drift-{environment} -->", ("drift",)
    if found.exit_code is ExitCode.FAILED:
        _say(f"issue: {github.set_issue(marker, f'Drift in {environment}', text, labels)}")
    elif found.exit_code is ExitCode.DONE:
        _say(f"issue: {github.close_issue(marker, f'The drift in {environment} is gone.', labels)}")
    raise typer.Exit(int(found.exit_code))


@app.command("image-contract")
def image_contract(image: Annotated[str, typer.Argument(help="A built image on this machine's Docker engine.")]) -> None:
    """Whether a built image keeps docs/app-contract.md: its user, a read-only root, `/health`, SIGTERM."""
    from delivery.github.image_contract import check

    for line in check(image):
        _say(f"ok  {line}")


@app.command()
def verify(folder: Annotated[Path, typer.Argument(help="The service's root.")]) -> None:
    """Whether a production build is what docs/app-contract.md says: there, not empty, and JavaScript that parses."""
    main = folder / "dist" / "main.js"
    if not main.is_file() or not main.stat().st_size:
        raise DeliveryError(f"{main} is missing or empty", "run `npm run build` and look at what it wrote")
    done = subprocess.run(["node", "--check", str(main)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise DeliveryError(f"{main} is not JavaScript: {done.stderr.strip().splitlines()[-1]}", "look at the build")
    package: dict[str, Any] = json.loads(_read(folder / "package.json"))
    files = sorted(each for each in (folder / "dist").rglob("*") if each.is_file())
    size = sum(each.stat().st_size for each in files)
    _say(f"{package['name']} {package['version']}: {len(files)} files, {size} bytes")


def _git(*arguments: str, problem: str, fix: str = "check it out with its history (fetch-depth: 0)") -> str:
    done = subprocess.run(["git", "-C", str(CHECKOUT), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UsageError(problem, fix)
    return done.stdout.strip()
