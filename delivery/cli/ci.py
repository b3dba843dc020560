"""``dwcp ci``: any job of the pipelines on this machine. ``dwcp pipeline``: the steps that the pipelines call."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer

from delivery.errors import DeliveryError, UsageError
from program.checkout import CHECKOUT

pipeline = typer.Typer(no_args_is_help=True, help="The steps that the pipelines call.")


def ci(
    job: Annotated[str, typer.Argument(help="A job of the pipelines, or WORKFLOW/JOB; without it they are listed.")] = "",
    matrix: Annotated[list[str] | None, typer.Option(help="Only the variants with KEY=VALUE; may be given several times.")] = None,
    given: Annotated[list[str] | None, typer.Option("--input", help="NAME=VALUE, what the workflow would be started with.")] = None,
    root: Annotated[Path, typer.Option(help="The checkout.", hidden=True)] = CHECKOUT,
) -> None:
    """Run a job of the pipelines here: its commands as GitHub runs them, its services from PATH, its actions stood in for."""
    from delivery.github.runner import Runner
    from delivery.github.workflow import find, jobs

    if not job:
        for each in jobs(root):
            sys.stdout.write(f"{each.workflow}/{each.name}: {each.title}\n")
        return
    found = find(root, job)
    wanted = _pairs(matrix)
    variants = [each for each in found.variants() if all(str(each.get(key)) == value for key, value in wanted.items())]
    if not variants:
        raise UsageError(f"no variant of {job} has {', '.join(matrix or [])}", f"its matrix is {json.dumps(found.variants())}")
    failed: list[str] = []
    for variant in variants:
        suffix = f" ({', '.join(f'{key}={value}' for key, value in variant.items())})" if variant else ""
        _say(f"{found.workflow}/{found.name}{suffix}")
        result = Runner(found, root, _say, inputs=_pairs(given)).run(variant)
        failed += [f"{each}{suffix}" for each in result.failed]
    if failed:
        raise DeliveryError(f"failed: {'; '.join(failed)}", "what they printed is above")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _pairs(texts: list[str] | None) -> dict[str, str]:
    wrong = [each for each in texts or [] if "=" not in each]
    if wrong:
        raise UsageError(f"{wrong[0]!r} is not NAME=VALUE", "write it as node=20")
    return dict(each.split("=", 1) for each in texts or [])


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


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", "name the file that an earlier step wrote") from error


@pipeline.command()
def comment(
    file: Annotated[Path, typer.Argument(help="Markdown; empty when there is nothing to say.")],
    number: Annotated[int, typer.Option(help="The pull request.")],
    topic: Annotated[str, typer.Option(help="Which of our comments it is; it holds <!-- TOPIC -->.")] = "dwcp-preview",
) -> None:
    """Say it in a pull request: one comment per topic, edited in place; none is made to say nothing.

    Where the token may only read, as for a fork's pull request, it goes to the run's summary and the command succeeds.
    """
    from delivery.github.api import GitHub, ReadOnlyError

    body, marker = _read(file), f"<!-- {topic} -->"
    nothing = f"{marker}\nNothing changes any more.\n"
    try:
        _say(f"comment: {GitHub.from_environment().set_comment(number, marker, body, nothing)}")
    except ReadOnlyError as error:
        _say(f"comment: not made, {error.problem}; it is in the run's summary")
        _summary(body)


@pipeline.command()
def issue(
    file: Annotated[Path, typer.Argument(help="Markdown.")],
    title: Annotated[str, typer.Option(help="The issue's title.")],
    topic: Annotated[str, typer.Option(help="What it is about: one open issue per topic.")],
    label: Annotated[list[str] | None, typer.Option(help="May be given several times.")] = None,
) -> None:
    """Open an issue, or add to the open one of the same topic."""
    from delivery.github.api import GitHub

    _say(f"issue: {GitHub.from_environment().set_issue(f'<!-- {topic} -->', title, _read(file), tuple(label or ()))}")


@pipeline.command()
def incident(
    environment: Annotated[str, typer.Option(help="Where it happened.")],
    release: Annotated[str, typer.Option(help="What was being deployed.")],
    run: Annotated[str, typer.Option(envvar="GITHUB_RUN_ID", help="The run that failed.")] = "",
) -> None:
    """Open the issue of a failed deployment, or add to the open one of the same environment."""
    from delivery.github.api import GitHub

    server, repository = os.environ.get("GITHUB_SERVER_URL", "https://github.com"), os.environ.get("GITHUB_REPOSITORY", "")
    body = "\n".join(
        [
            f"The deployment of `{release}` to {environment} failed and was rolled back; feature flags are at 0.",
            "",
            f"- what happened: {server}/{repository}/actions/runs/{run}",
            f"- what runs now: `./dwcp releases --environment {environment}`",
            f"- what is wrong with it: `./dwcp doctor --environment {environment}`",
        ]
    )
    title = f"Deployment of {release} to {environment} failed"
    done = GitHub.from_environment().set_issue(f"<!-- dwcp-incident-{environment} -->", title, body, ("incident",))
    _say(f"incident: {done}")


@pipeline.command()
def running(environment: Annotated[str, typer.Option(help="local, staging or production.")]) -> None:
    """The release that runs, as the output `release`; empty before the first one."""
    from delivery.clients.environment import Environment
    from delivery.releases import Releases

    found = Releases(Environment.open(environment)).latest()
    _output("release", found.id if found is not None else "")


@pipeline.command("image-tags")
def image_tags(
    image: Annotated[str, typer.Option(help="The image without a tag.")],
    ref: Annotated[str, typer.Option(envvar="GITHUB_REF", help="refs/heads/... or refs/tags/...")],
    sha: Annotated[str, typer.Option(envvar="GITHUB_SHA", help="The commit.")],
) -> None:
    """The image's tags from branch, tag and commit: `release` is deployed, `tags` are all of them."""
    from delivery.github.tags import image_tags as tags_of

    found = tags_of(ref, sha)
    _output("release", found.release)
    _output("reference", f"{image}:{found.release}")
    _output("tags", "\n".join(found.references(image)))
    _output("created", _committed(sha).isoformat())


@pipeline.command()
def metrics(
    environment: Annotated[str, typer.Option(help="The environment that was deployed to.")],
    outcome: Annotated[str, typer.Option(help="success, failure or rolled-back.")],
    sha: Annotated[str, typer.Option(envvar="GITHUB_SHA", help="The commit that was deployed.")],
    region: Annotated[str, typer.Option(envvar="AWS_REGION", help="Where the figures go.")],
) -> None:
    """Add a deployment to CloudWatch's figures: how many, how they went, how long from commit to production."""
    from delivery.github.metrics import NAMESPACE, Outcome, record

    if outcome not in get_args(Outcome):
        raise UsageError(f"{outcome!r} is no outcome", f"choose from {', '.join(get_args(Outcome))}")
    record(environment, cast(Outcome, outcome), _committed(sha), region)
    _say(f"recorded in {NAMESPACE}")


@pipeline.command()
def verify(folder: Annotated[Path, typer.Argument(help="The service's root.")]) -> None:
    """Whether a production build is what docs/app-contract.md says: there, not empty, and JavaScript that parses."""
    main = folder / "dist" / "main.js"
    if not main.is_file() or not main.stat().st_size:
        raise DeliveryError(f"{main} is missing or empty", "run `npm run build` and look at what it wrote")
    done = subprocess.run(["node", "--check", str(main)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise DeliveryError(f"{main} is no JavaScript: {done.stderr.strip().splitlines()[-1]}", "look at the build")
    package: dict[str, Any] = json.loads(_read(folder / "package.json"))
    files = sorted(each for each in (folder / "dist").rglob("*") if each.is_file())
    size = sum(each.stat().st_size for each in files)
    _say(f"{package['name']} {package['version']}: {len(files)} files, {size} bytes")


def _committed(sha: str) -> datetime:
    """When a commit was made."""
    command = ["git", "-C", str(CHECKOUT), "show", "--no-patch", "--format=%cI", sha]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UsageError(f"there is no commit {sha} here", "check it out with its history")
    return datetime.fromisoformat(done.stdout.strip())
