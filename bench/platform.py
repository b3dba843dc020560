"""Issue 3: what evaluating the program costs, with one application and with fifty."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest import mock

from bench import Figure, Options, ratio

sys.path.append(str(Path(__file__).parent.parent / "tests"))
from recording import ROOT, run, stack_config

from components import ownership
from components.application import Application, ApplicationArgs

INSTANCES = 50


def figures(options: Options) -> Iterator[Figure]:
    """The time per resource, which must not grow with their number."""
    evaluate(1)  # imports
    few, many = evaluate(1), evaluate(INSTANCES)
    _, many_seconds, few_seconds = ratio(lambda: evaluate(INSTANCES), lambda: evaluate(1), options.runs)
    yield Figure(
        name=f"evaluation per resource, {INSTANCES} application instances against 1",
        value=(many_seconds / many) / (few_seconds / few),
        unit="x",
        target="flat",
        how=f"{many} resources in {many_seconds:.1f} s against {few} in {few_seconds:.1f} s, under mocks",
    )


def evaluate(instances: int) -> int:
    """Run the program with so many applications; return how many resources it registered."""
    return len(run(lambda: program(instances), stack_config("local")).resources)


def program(instances: int) -> None:
    """The platform, and beside its application some more of the same."""
    names = [f"dwcp-v3-{number}" for number in range(1, instances)]
    rows = [replace(row, name=row.name.replace("dwcp-v3", name)) for row in ownership.OWNERSHIP for name in names]
    with mock.patch.object(ownership, "OWNERSHIP", (*ownership.OWNERSHIP, *rows)):
        platform = runpy.run_path(str(ROOT / "__main__.py"))
        for name in names:
            args = ApplicationArgs(
                settings=platform["settings"],
                namespace=platform["namespace"],
                redis=platform["redis"],
                load_balancer=platform["load_balancer"],
                api_keys=platform["secrets"].api_keys,
            )
            Application(name, args, platform["kubernetes"])
