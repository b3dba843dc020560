"""The time to evaluate the program with up to fifty applications instead of one."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from unittest import mock

from bench import Figure, Options, timed
from contract import APPLICATION

sys.path.append(str(Path(__file__).parent.parent / "tests/support"))
from recording import ROOT, run, stack_config

from components import field_owners
from components.workload.application import Application, ApplicationArgs

INSTANCES = 50


def figures(options: Options) -> Iterator[Figure]:
    """How much longer one more application takes to evaluate in a large program than in a small one."""
    evaluate(1)  # the first evaluation includes the imports
    half = INSTANCES // 2
    times = [[timed(partial(evaluate, count)) for count in (1, half, INSTANCES)] for _ in range(options.runs)]
    first = median(run[1] - run[0] for run in times) / (half - 1)
    second = median(run[2] - run[1] for run in times) / (INSTANCES - half)
    yield Figure(
        name="time per application in a program with many applications: "
        f"the {half + 1}th to the {INSTANCES}th, compared with the 2nd to the {half}th",
        value=second / first,
        unit="x",
        target="about 1 x: the time does not grow",
        how=f"{second * 1000:.0f} ms against {first * 1000:.0f} ms for 20 resources each, in one program under mocks",
    )


def evaluate(instances: int) -> int:
    """Run the program with ``instances`` applications; return the number of resources that it declares."""
    return len(run(lambda: program(instances), stack_config("local")).resources)


def program(instances: int) -> None:
    """Declare the platform with ``instances`` applications: its own, and additional ones with other names."""
    names = [f"{APPLICATION}-{number}" for number in range(1, instances)]
    rows = [replace(row, name=row.name.replace(APPLICATION, name)) for row in field_owners.OWNERSHIP for name in names]
    with mock.patch.object(field_owners, "OWNERSHIP", (*field_owners.OWNERSHIP, *rows)):
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
