"""The time that the policy checks take, offline and in the engine."""

from __future__ import annotations

from collections.abc import Iterator

import policies
from bench import Figure, Options, ratio, seconds
from bench.sandbox import run, sandbox
from program.checkout import CHECKOUT
from program.evaluation import evaluate_here
from sandbox.project import PROJECT

PREVIEW = ("preview", "--stack", PROJECT.stack)


def figures(options: Options) -> Iterator[Figure]:
    """Yield the time of all rules over the production graph, and the ratio of preview times with and without the policy pack."""
    resources = evaluate_here("production").resources
    yield Figure(
        name="all rules over the production graph",
        value=seconds(lambda: policies.check(resources, "production"), options.runs),
        unit="s",
        target="at most 0.04 s",
        how=f"{len(policies.RULES)} rules, {len(resources)} resources, without the evaluation of the program",
    )
    with sandbox() as cloud:
        run(cloud, CHECKOUT, *PREVIEW)  # to fill the caches of compiled modules and files
        times, with_pack, without = ratio(
            lambda: run(cloud, CHECKOUT, *PREVIEW, "--policy-pack", "policies"),
            lambda: run(cloud, CHECKOUT, *PREVIEW),
            options.runs,
        )
    yield Figure(
        name="first preview with the policy pack, relative to a first preview without it",
        value=times,
        unit="x",
        target="at most 1.15 x",
        how=f"{with_pack:.1f} s against {without:.1f} s; the preview plans the creation of every resource of the local stack",
    )
