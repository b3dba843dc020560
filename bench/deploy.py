"""The time of `dwcp deploy` compared with the engine's own preview and update of the same kind of change: a new image."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench import Figure, Options, _dwcp, timed
from bench.rollout import IMAGE, platform
from delivery.releases.stack_file import of_checkout, with_release
from embedded_cloud.cloud import Cloud
from program.checkout import CHECKOUT
from sandbox.monitoring import SandboxMonitoring
from sandbox.project import PROJECT


def figures(options: Options) -> Iterator[Figure]:
    """The time of `dwcp deploy` relative to the engine's own preview and update, measured in pairs under the same load."""
    with platform() as (cloud, monitoring):
        pairs = [(_deploy(cloud, monitoring, 100 + 2 * run), _engine(cloud, 101 + 2 * run)) for run in range(options.runs)]
    deploy_seconds, engine_seconds = (median(pair[at] for pair in pairs) for at in (0, 1))
    yield Figure(
        name="`dwcp deploy` of an image, relative to the engine's own preview and update with a new image",
        value=median(deploy / engine for deploy, engine in pairs),
        unit="x",
        target="at most 1.5 x",
        how=f"{deploy_seconds:.1f} s against {engine_seconds:.1f} s, with policies; without tests and without the wait for metrics",
    )


def _deploy(cloud: Cloud, monitoring: SandboxMonitoring, number: int) -> float:
    tag = IMAGE.format(number).rpartition(":")[2]
    command = _dwcp.command("deploy", "--tag", tag, "--skip-tests")
    environment = _dwcp.environment(cloud, monitoring, DWCP_METRICS_WINDOW_SECONDS="0")
    return timed(lambda: subprocess.run(command, cwd=CHECKOUT, env=environment, check=True, capture_output=True))


def _engine(cloud: Cloud, number: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"Pulumi.{PROJECT.stack}.yaml"
        file.write_text(with_release(of_checkout(PROJECT.stack), IMAGE.format(number)))
        options = ("--stack", PROJECT.stack, "--config-file", str(file), "--policy-pack", "policies")

        def both() -> None:
            cloud.engine.pulumi("preview", "--diff", *options)
            cloud.engine.pulumi("up", "--yes", "--skip-preview", *options)

        return timed(both)
