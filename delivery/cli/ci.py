"""``dwcp ci``: runs a job of the pipelines on this machine."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from delivery.errors import DeliveryError, UsageError
from program.checkout import CHECKOUT


def _names(incomplete: str) -> list[str]:
    """The names of jobs for the shell's completion."""
    from delivery.github.workflow import jobs

    return sorted({each.name for each in jobs(CHECKOUT) if each.name.startswith(incomplete)})


def ci(
    job: Annotated[
        str, typer.Argument(help="Run this JOB or WORKFLOW/JOB of the pipelines; without it, list all jobs.", autocompletion=_names)
    ] = "",
    matrix: Annotated[
        list[str] | None, typer.Option(help="Run only the variants of the job's matrix that have KEY=VALUE; repeatable.")
    ] = None,
    given: Annotated[
        list[str] | None, typer.Option("--input", help="Set an input of the workflow, as NAME=VALUE; repeatable.")
    ] = None,
    root: Annotated[Path, typer.Option(help="The checkout.", hidden=True)] = CHECKOUT,
) -> None:
    """Run the commands of a pipeline's job on this machine. Local servers replace its services. Most of its actions are skipped."""
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
        raise UsageError(f"no variant of {job} has {', '.join(matrix or [])}", f"choose from {json.dumps(found.variants())}")
    failed: list[str] = []
    for variant in variants:
        suffix = f" ({', '.join(f'{key}={value}' for key, value in variant.items())})" if variant else ""
        typer.echo(f"{found.workflow}/{found.name}{suffix}")
        result = Runner(found, root, typer.echo, inputs=_pairs(given)).run(variant)
        failed += [f"{each}{suffix}" for each in result.failed]
    if failed:
        raise DeliveryError(f"these steps failed: {'; '.join(failed)}", "read the output of these steps above")


def _pairs(texts: list[str] | None) -> dict[str, str]:
    wrong = [each for each in texts or [] if "=" not in each]
    if wrong:
        raise UsageError(f"{wrong[0]!r} is not of the form NAME=VALUE", "for example node=20")
    return dict(each.split("=", 1) for each in texts or [])
