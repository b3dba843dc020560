"""``dwcp pipeline``: the steps that the pipelines call."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, cast, get_args

import typer

from delivery.cli._output import EnvironmentOption, scope
from delivery.errors import DeliveryError, UsageError
from program.checkout import CHECKOUT

app = typer.Typer(no_args_is_help=True, help="Run the steps that the pipelines call.")

Reference = Annotated[str, typer.Option(help="Use this image, as IMAGE:TAG@DIGEST.")]


def _output(name: str, value: str) -> None:
    """Print an output of the step, and in GitHub Actions also pass it to later steps."""
    typer.echo(f"{name}={value}" if "\n" not in value else f"{name}:\n{value}")
    if file := os.environ.get("GITHUB_OUTPUT"):
        with Path(file).open("a") as stream:
            stream.write(f"{name}<<END-OF-VALUE\n{value}\nEND-OF-VALUE\n")


def _summary(text: str) -> None:
    if file := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(file).open("a") as stream:
            stream.write(f"{text}\n")


def _annotate(kind: Literal["error", "warning"], text: str) -> None:
    """Show a message on the run's summary page (GitHub: workflow commands)."""
    typer.echo(f"::{kind}::{text}".replace("\n", "%0A"))


def _read(file: Path, fix: str = "pass the file that an earlier step wrote") -> str:
    try:
        return file.read_text()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", fix) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not UTF-8", fix) from error


@app.command()
def target(
    image: Annotated[str, typer.Option(help="Use this image repository, without a tag.")],
    ref: Annotated[str, typer.Option(envvar="GITHUB_REF", help="Use this ref: refs/heads/main or refs/tags/...")],
    sha: Annotated[str, typer.Option(envvar="GITHUB_SHA", help="Use this commit.")],
) -> None:
    """Print the release of a run, its image tags and its commit's time, and whether production gets the release.

    Every branch except main is refused. A git tag is refused if it is neither a release nor a release candidate, or if its commit
    is not on main.
    """
    from delivery.clients import git
    from delivery.github.image_tags import MAIN, require_commit_of_main, tags_of

    found = tags_of(ref, sha)
    created = _git("show", "--no-patch", "--format=%cI", sha, problem=f"there is no commit {sha} in this checkout")
    if ref.startswith("refs/tags/"):
        done = git.run(CHECKOUT, "merge-base", "--is-ancestor", sha, f"origin/{MAIN}")
        require_commit_of_main(found, sha, on_main=done.returncode == 0)
    _output("release", found.release)
    _output("image-tags", "\n".join(found.references(image)))
    _output("grafana-tags", "\n".join(found.references(f"{image}-grafana")))
    _output("created", created)
    _output("production", "true" if found.production else "false")


@app.command()
def reference(
    image: Annotated[str, typer.Option(help="Use this image repository, without a tag.")],
    release: Annotated[str, typer.Option(help="Use this tag.")],
    digest: Annotated[str, typer.Option(help="Use this digest of the built image: sha256:...")],
) -> None:
    """Print the image with its digest, as the outputs `reference` (for a rollout) and `tag` (for a deployment)."""
    from delivery.github.image_tags import pinned

    found, tag = pinned(image, release, digest)
    _output("reference", found)
    _output("tag", tag)


@app.command()
def variables(
    environment: Annotated[str, scope(text="Check this GitHub environment: staging, production or preview.")],
) -> None:
    """Check that the GitHub environment has every variable that the jobs need.

    For each variable that is missing or wrong, print a command that sets an example value.
    """
    from delivery.github.variables import require_variables

    typer.echo(f"{environment}: {', '.join(require_variables(environment, os.environ))}")


@app.command()
def reviewers(environment: Annotated[str, scope(text="Check this GitHub environment.")]) -> None:
    """Check that the GitHub environment has required reviewers. Without reviewers, GitHub starts the environment's jobs at once."""
    from delivery.clients.github import GitHub
    from delivery.github.variables import require_reviewers

    require_reviewers(environment, found=GitHub.from_environment().has_reviewers(environment))
    typer.echo(f"{environment} has required reviewers")


@app.command("release-tags")
def release_tags() -> None:
    """Check that a ruleset restricts who may create and move the tags v*.

    GitHub takes the workflow from the tagged commit, so a tag on a commit without a review could omit every check.
    """
    from delivery.clients.github import GitHub, GitHubError
    from delivery.github.variables import require_release_tags

    try:
        restricted = GitHub.from_environment().restricts_tags("refs/tags/v*")
    except GitHubError as error:
        fix = "a private repository has rulesets only with GitHub Team or Enterprise; otherwise run the job again"
        raise GitHubError(f"the rulesets cannot be read: {error.problem}", fix) from error
    require_release_tags(os.environ.get("GITHUB_REPOSITORY", ""), restricted=restricted)
    typer.echo("a ruleset restricts who may create and move the tags v*")


@app.command()
def approved(
    attempt: Annotated[str, typer.Option(help="Check this attempt of the run, in which the release was approved.")],
    present: Annotated[str, typer.Option(envvar="GITHUB_RUN_ATTEMPT", help="Use this number as the present attempt of the run.")],
) -> None:
    """Check that the release was approved in the present attempt of the run.

    If only some jobs run again, GitHub keeps the approval of the earlier attempt.
    """
    from delivery.github.variables import require_approval

    require_approval(attempt, present)
    typer.echo(f"the release was approved in this attempt of the run: {present}")


@app.command()
def explain(
    topic: Annotated[str, typer.Argument(help="Explain this failure: role or registry.")],
    environment: Annotated[str, scope(text="Explain a failure in this GitHub environment; needed for role.")] = "",
) -> None:
    """Show why a GitHub action failed, and the fix, on the run's summary page."""
    from delivery.github.variables import explanation

    problem, fix = explanation(topic, environment)
    _annotate("error", f"{problem}\nfix: {fix}")


@app.command()
def running(environment: EnvironmentOption) -> None:
    """Print the release that runs, as the output `release`; empty before the first release."""
    from delivery.clients.environment import Environment
    from delivery.releases import Releases

    found = Releases(Environment.open(environment)).latest()
    _output("release", found.id if found is not None else "")


@app.command()
def health(
    environment: EnvironmentOption,
    track: Annotated[Literal["stable", "canary"], typer.Option(help="Call this track; in a rollout, canary has the new release.")],
    url: Annotated[str | None, typer.Option(help="Call the service at this URL; {track} stands for the track.")] = None,
) -> None:
    """Check the health of one track, and send test requests to it. A canary at 0 % of the traffic gets no other requests."""
    from delivery.clients.environment import Environment
    from delivery.clients.service import ServiceClient

    service = ServiceClient.of(Environment.open(environment), track, url)
    typer.echo(service.require_health())
    typer.echo(service.require_smoke())


@app.command("rollout-result")
def rollout_result(environment: EnvironmentOption, image: Reference) -> None:
    """Print the state of an image's rollout, as the output `result`: promoted, held, open, rolled-back or none."""
    from delivery.clients.environment import Environment
    from delivery.github.recovery import rollout_result as result_of
    from delivery.rollout.journal import Journal

    opened = Environment.open(environment)
    result, why = result_of(Journal(opened.kubernetes, opened.name).read(), image)
    _output("result", result)
    if result == "held":
        text = f"the rollout of {image} waits for a person: {why}"
        for what, option in (("continue", f"--image {image}"), ("roll back", "--abort")):
            text += f"\n{what}: ./dwcp rollout {option} --environment {opened.name} --yes"
        _annotate("warning", text)
        _summary(text)


@app.command()
def recovery(
    environment: EnvironmentOption,
    image: Reference,
    before: Annotated[
        str,
        typer.Option(help="Name this release as the target of a rollback; by default, the release before IMAGE in the records."),
    ] = "",
) -> None:
    """Print how to recover from a failed run, as the outputs `need`, `reason` and `before`.

    `need` is roll-back, rolled-back, not-needed, held or impossible. `before` is the release to roll back to; empty if no earlier
    release is known. If `need` is roll-back and `before` is empty, `dwcp rollback` restores the image before the first release.
    """
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
    release: Annotated[str, typer.Option(help="Name this release in the issue.")],
    need: Annotated[str, typer.Option(help="Use this `need` of `recovery`; empty if `recovery` failed.")] = "",
    reason: Annotated[str, typer.Option(help="Use this `reason` of `recovery`.")] = "",
    rollback: Annotated[str, typer.Option(help="Use this result of the rollback step.")] = "",
    run: Annotated[str, typer.Option(envvar="GITHUB_RUN_ID", help="Link this failed run.")] = "",
) -> None:
    """Open an issue about a failed deployment, or comment on the environment's open issue; print the `outcome` for the metrics."""
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
            f"- problems of {environment}: `./dwcp doctor --environment {environment}`",
        ]
    )
    title = f"Deployment of {release} to {environment}: {end.outcome}"
    _annotate("error", end.text)
    done = GitHub.from_environment().set_issue(f"<!-- dwcp-incident-{environment} -->", title, body, ("incident",))
    typer.echo(f"incident: {done}")


@app.command()
def report(
    environment: EnvironmentOption,
    image: Reference,
    output: Annotated[Path, typer.Option(help="Write the Markdown to this file.")],
) -> None:
    """Write the report of the deployment of an image; fail if another release runs."""
    from delivery.clients.environment import Environment
    from delivery.releases import Releases, release_report

    running = Releases(Environment.open(environment)).latest()
    if running is None or running.image != image:
        what = "no release" if running is None else f"{running.id} ({running.image})"
        raise DeliveryError(f"{environment} runs {what}, not {image}", f"dwcp releases --environment {environment}")
    text = release_report.markdown(running)
    output.write_text(text)
    _summary(text)
    typer.echo(f"{running.id}: {output}")


@app.command()
def metrics(
    environment: EnvironmentOption,
    outcome: Annotated[str, typer.Option(help="Record this outcome: success, rolled-back, stopped, held or failure.")],
    sha: Annotated[str, typer.Option(envvar="GITHUB_SHA", help="Record this deployed commit.")],
    region: Annotated[str, typer.Option(envvar="AWS_REGION", help="Record the metrics in this region.")],
) -> None:
    """Record a deployment in CloudWatch's metrics: its outcome and, after a success, the time from commit to deployment."""
    from delivery.github.metrics import NAMESPACE, record
    from delivery.github.recovery import Outcome

    if outcome not in get_args(Outcome):
        raise UsageError(f"{outcome!r} is not an outcome", f"choose from {', '.join(get_args(Outcome))}")
    committed = _git("show", "--no-patch", "--format=%cI", sha, problem=f"there is no commit {sha} in this checkout")
    record(environment, cast(Outcome, outcome), datetime.fromisoformat(committed), region)
    typer.echo(f"recorded in {NAMESPACE}")


@app.command()
def comment(
    file: Annotated[Path, typer.Argument(help="Post this Markdown file.")],
    head: Annotated[str, typer.Option(help="Find the pull request of OWNER:BRANCH.")],
    sha: Annotated[str, typer.Option(help="Post only if this is the pull request's newest commit.")],
    topic: Annotated[str, typer.Option(help="Edit the comment that contains <!-- TOPIC -->.")] = "dwcp-preview",
) -> None:
    """Write a comment to a pull request, or edit the existing comment of the topic.

    An empty file creates no comment, and changes an existing comment to "Nothing changes any more.".
    """
    from delivery.clients.github import GitHub

    body, marker = _read(file), f"<!-- {topic} -->"
    github = GitHub.from_environment()
    number = github.pull_request(head, sha)
    if number is None:
        typer.echo(f"comment: {head} has no open pull request at {sha[:12]}, so nothing is posted")
        return
    typer.echo(f"comment: {github.set_comment(number, marker, body, f'{marker}{chr(10)}Nothing changes any more.{chr(10)}')}")


@app.command()
def drift(environment: EnvironmentOption) -> None:
    """Compare the state with the cloud and the cluster, and report drift in a GitHub issue.

    If there is drift, the command opens an issue, or adds to the open issue. If there is no drift, it closes the open issue.

    Exit codes: 0 no drift; 1 drift; 5 no drift found, but not everything could be checked, so the issue does not change.
    """
    from delivery.clients.environment import Environment
    from delivery.clients.github import GitHub
    from delivery.errors import ExitCode
    from delivery.preview import drift_report
    from delivery.preview.drift import detect

    found = detect(Environment.open(environment))
    text = drift_report.to_markdown([found])
    _summary(text)
    typer.echo(text)
    github, marker, labels = GitHub.from_environment(), f"<!-- dwcp-drift-{environment} -->", ("drift",)
    if found.exit_code is ExitCode.FAILED:
        typer.echo(f"issue: {github.set_issue(marker, f'Drift in {environment}', text, labels)}")
    elif found.exit_code is ExitCode.DONE:
        typer.echo(f"issue: {github.close_issue(marker, f'There is no drift in {environment} any more.', labels)}")
    raise typer.Exit(int(found.exit_code))


@app.command("image-contract")
def image_contract(image: Annotated[str, typer.Argument(help="Check this built image on this machine's Docker engine.")]) -> None:
    """Check that a built image follows docs/app-contract.md: label, user, a read-only root, `/health`, SIGTERM."""
    from delivery.github.image_contract import check

    for line in check(image):
        typer.echo(f"ok  {line}")


@app.command()
def verify(folder: Annotated[Path, typer.Argument(help="Check the build in this checkout of the service.")]) -> None:
    """Check that a production build follows docs/app-contract.md: `dist/main.js` exists, is not empty, and is valid JavaScript."""
    main = folder / "dist" / "main.js"
    if not main.is_file() or not main.stat().st_size:
        raise DeliveryError(f"{main} is missing or empty", "run `npm run build` and read its output")
    done = subprocess.run(["node", "--check", str(main)], capture_output=True, text=True, check=False)
    if done.returncode:
        errors = re.findall(r"^\w*Error\b.*", done.stderr, re.MULTILINE)  # Node prints the source before and the stack after it
        raise DeliveryError(f"{main} is not valid JavaScript: {errors[-1] if errors else done.stderr.strip()}", "correct the build")
    files = sorted(each for each in (folder / "dist").rglob("*") if each.is_file())
    size = sum(each.stat().st_size for each in files)
    typer.echo(f"{folder / 'dist'}: {len(files)} files, {size} bytes")


def _git(*arguments: str, problem: str) -> str:
    from delivery.clients import git

    done = git.run(CHECKOUT, *arguments)
    if done.returncode:
        raise UsageError(problem, "check out the repository with its history (fetch-depth: 0)")
    return done.stdout.decode().strip()
