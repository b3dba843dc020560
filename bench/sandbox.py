"""The times of `make up`, of updates without changes, of the unit tests and of the toolchain's build."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from bench import Figure, Options, ratio, seconds, timed
from bench.preview import evaluate
from embedded_cloud.cloud import Cloud
from embedded_cloud.toolchain.go import GO_ENVIRONMENT
from program.checkout import CHECKOUT
from sandbox.project import PROJECT, TOOLCHAIN

PLAIN_UP = ("up", "--yes", "--skip-preview")

UP = (*PLAIN_UP, "--policy-pack", "policies")
"""The arguments of `pulumi` in `make up`."""

UNIT_TESTS = ("tests/components", "tests/policies", "tests/test_program.py", "tests/program/test_recording.py")

EMPTY = "empty"
"""The name of the stack whose program declares nothing."""


def figures(options: Options) -> Iterator[Figure]:
    """The times of `make up`, of an update without changes, of the unit tests and, with ``cold``, of the toolchain's build."""
    warm, applied, bare = zip(
        *((make_up(), start_and_apply(), timed(lambda: evaluate("production"))) for _ in range(options.runs)), strict=True
    )
    yield Figure(
        name="warm `make up` on an empty sandbox",
        value=median(warm),
        unit="s",
        target="30 s on 2 cores",
        how="the whole command",
    )
    yield Figure(
        name="the start of the embedded cloud and `pulumi up`, relative to one evaluation of the production program",
        value=median(up / evaluation for up, evaluation in zip(applied, bare, strict=True)),
        unit="x",
        target="at most 8 x",
        how=f"{median(applied):.1f} s against {median(bare):.1f} s; ends when all resources of the stack are ready",
    )
    with sandbox() as cloud, empty_program(cloud) as folder:
        run(cloud, CHECKOUT, *UP, "--stack", PROJECT.stack)
        for command, name in ((PLAIN_UP, "no-change `pulumi up`"), (UP, "no-change `pulumi up` with the policy pack")):
            change, change_seconds, preview_seconds = ratio(
                lambda command=command: run(cloud, CHECKOUT, *command, "--stack", PROJECT.stack),
                lambda: run(cloud, folder, "preview", "--stack", EMPTY),
                options.runs,
            )
            yield Figure(
                name=f"{name} compared with the preview of an empty program with the same imports",
                value=change,
                unit="x",
                target="at most 1.5 x" if command is PLAIN_UP else "none",
                how=f"{change_seconds:.1f} s against {preview_seconds:.1f} s, same engine and backend",
            )
    unit = [sys.executable, "-m", "pytest", "-q", "-n", "auto", "-m", "not cloud", *UNIT_TESTS]
    yield Figure(
        name="unit tests of the components, the policies and the whole program",
        value=seconds(lambda: subprocess.run(unit, cwd=CHECKOUT, check=True, stdout=subprocess.DEVNULL), 1),
        unit="s",
        target="under 60 s",
        how="under recording mocks, on all cores; one run",
    )
    if options.cold:
        yield cold_build()


def make_up() -> float:
    """Seconds that `make up` takes on an empty sandbox."""
    with tempfile.TemporaryDirectory(prefix="dwcp-bench-") as folder:
        environment = os.environ | {"DWCP_SANDBOX_FOLDER": folder}

        def sandbox_command(name: str) -> None:
            command = [sys.executable, "-m", "sandbox", name]
            subprocess.run(command, cwd=CHECKOUT, env=environment, check=True, stdout=subprocess.DEVNULL)

        try:
            return timed(lambda: sandbox_command("up"))
        finally:
            sandbox_command("down")


def start_and_apply() -> float:
    """Seconds from an empty sandbox until every resource of the stack is ready."""
    started = time.perf_counter()
    with sandbox() as cloud:
        run(cloud, CHECKOUT, *UP, "--stack", PROJECT.stack)
        return time.perf_counter() - started


@contextmanager
def sandbox() -> Iterator[Cloud]:
    """A started cloud in a temporary folder."""
    folder = Path(tempfile.mkdtemp(prefix="dwcp-bench-"))
    cloud = Cloud.open(PROJECT, folder)
    try:
        cloud.start()
        yield cloud
    finally:
        cloud.processes.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def empty_program(cloud: Cloud) -> Iterator[Path]:
    """A project on the same backend, whose program has the platform's imports and declares nothing."""
    with tempfile.TemporaryDirectory(prefix="dwcp-empty-") as name:
        folder = Path(name)
        (folder / "Pulumi.yaml").write_text(f"name: {PROJECT.name}\nruntime: python\n")
        (folder / "__main__.py").write_text("".join(f"import {module}\n" for module in imported_modules()))
        run(cloud, folder, "stack", "init", EMPTY, "--no-select", "--secrets-provider", PROJECT.secrets_provider)
        yield folder


def imported_modules() -> list[str]:
    """The modules of the SDKs that an evaluation of the program imports; an SDK imports most of its modules at their first use."""
    listing = (
        "import sys; sys.path.append('tests/support'); from recording import run_platform; run_platform('local'); "
        "print(*sorted(name for name in sys.modules if name.startswith(('pulumi.', 'pulumi_aws', 'pulumi_kubernetes'))))"
    )
    return subprocess.run([sys.executable, "-c", listing], cwd=CHECKOUT, check=True, capture_output=True, text=True).stdout.split()


def run(cloud: Cloud, folder: Path, *arguments: str) -> None:
    """Run the Pulumi CLI, with only its standard error on the terminal."""
    command = [cloud.engine.bin / "pulumi", *arguments, "--non-interactive"]
    environment = cloud.engine.process_environment()
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)


def cold_build() -> Figure:
    """The time to build the toolchain, compared with `go build` alone, with downloaded sources and empty build caches."""
    wanted = [bundle for bundle in TOOLCHAIN.bundles if bundle.tools and not bundle.only_when_named]
    names = [name for bundle in wanted for name in bundle.tools]
    ours = _built([sys.executable, "-m", "sandbox", "tools", *names], CHECKOUT)
    bare = 0.0
    for bundle in wanted:
        packages = [tool.package for tool in bundle.tools.values()]
        with tempfile.TemporaryDirectory(prefix="dwcp-bare-") as target:
            flags = ["-ldflags", bundle.ldflags, "-tags", ",".join(bundle.tags), "-o", f"{target}/"]
            bare += _built([str(TOOLCHAIN.go(bundle).command(bundle)), "build", *flags, *packages], bundle.folder)
    return Figure(
        name="build of all tools with empty caches, compared with the sum of the same `go build` commands run alone",
        value=ours / bare,
        unit="x",
        target="at most 1.1 x",
        how=f"{ours:.0f} s against {bare:.0f} s, sources already downloaded, build caches empty; one run",
    )


def _built(command: list[str], folder: Path) -> float:
    with tempfile.TemporaryDirectory(prefix="dwcp-cold-") as name:
        environment = os.environ | GO_ENVIRONMENT | {"GOCACHE": f"{name}/go", "DWCP_TOOLCHAIN": f"{name}/toolchain"}
        return seconds(lambda: subprocess.run(command, cwd=folder, env=environment, check=True), 1)
