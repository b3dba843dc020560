"""The time from a breach until the canary has no traffic."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import datetime
from statistics import median
from typing import Any

from bench import Figure, Options, _dwcp
from bench.sandbox import sandbox
from components.monitoring.gates import gates
from contract import ERRORS_METRIC, IMAGE_REPOSITORY
from delivery.rollout.actions import GateOutcome
from delivery.rollout.options import SETTINGS_VARIABLE
from delivery.rollout.plan import Phase
from embedded_cloud.cloud import Cloud
from program.checkout import CHECKOUT
from sandbox.monitoring import SandboxMonitoring
from sandbox.project import PROJECT
from sandbox.stacks import bootstrap_state

SPEED = 30
"""Factor by which the windows in Prometheus' rules are shorter than in production. With it, Prometheus scrapes every second."""
INTERVAL_SECONDS = 1.0
REQUESTS_PER_SECOND = 1000
IMAGE = IMAGE_REPOSITORY + ":v9.{}.0"
END_SECONDS = 120
TARGET = f"one query interval + 1 s, here {INTERVAL_SECONDS + 1:g} s"
GATE = next(each for each in gates() if each.name == "error rate")


def figures(options: Options) -> Iterator[Figure]:
    """The median time from the scrape that shows a breach until AWS returns weight 0."""
    with platform() as (cloud, monitoring):
        taken = [breach_to_zero(cloud, monitoring, IMAGE.format(run)) for run in range(options.runs)]
    yield Figure(
        name="time from the scrape that shows a breach until AWS returns weight 0",
        value=median(taken),
        unit="s",
        target=TARGET,
        how=f"errors begin during the analysis; scrapes every 1 s, queries every {INTERVAL_SECONDS:g} s; worst {max(taken):.2f} s",
    )


@contextmanager
def platform() -> Generator[tuple[Cloud, SandboxMonitoring]]:
    """A separate cloud with the local stack, simulated load and a Prometheus. The cloud is stopped when the block ends."""
    with sandbox() as cloud:
        cloud.engine.pulumi("up", "--yes", "--skip-preview", "--stack", PROJECT.stack)
        monitoring = SandboxMonitoring(cloud=cloud, speed=SPEED)
        monitoring.start()
        monitoring.control("load", "PUT", requestsPerSecond=REQUESTS_PER_SECOND)
        bootstrap_state(cloud)
        yield cloud, monitoring


def breach_to_zero(cloud: Cloud, monitoring: SandboxMonitoring, image: str) -> float:
    """Seconds from the sample that raises the error rate above its limit until the rollout has read weight 0 from AWS."""
    process = rollout(cloud, monitoring, image)
    assert process.stdout is not None
    breach = zero = 0.0
    for line in process.stdout:
        event = json.loads(line)
        if not breach and (seconds := passing_seconds(event)) is not None:
            misbehave(monitoring, image)
            [breach] = first_breaches(monitoring, growing_window(seconds))
        if event["event"] == "phase" and event["phase"] == "drain":
            zero = datetime.fromisoformat(event["at"]).timestamp()
    process.wait(END_SECONDS)
    if not breach or not zero:
        raise RuntimeError(f"the rollout of {image} had no breach or did not drain the canary")
    return zero - breach


def passing_seconds(event: dict[str, Any]) -> float | None:
    """The duration of the analysis so far if ``event`` reports that the analysis passes, otherwise ``None``."""
    if event["event"] != "wait" or event["phase"] != Phase.ANALYSE:
        return None
    observed = event["observed"]
    passes = observed["analysis"] is not None and observed["analysis"]["outcome"] == GateOutcome.PASSED
    return float(observed["seconds"]) if passes else None


def rollout(cloud: Cloud, monitoring: SandboxMonitoring, image: str) -> subprocess.Popen[str]:
    """Start `dwcp rollout` of ``image``. The standard output of the process has one JSON event per line."""
    pace = {"intervalSeconds": INTERVAL_SECONDS, "propagationSeconds": 1}
    return subprocess.Popen(
        _dwcp.command("rollout", "--image", image, "--json", "--wait-time", "60"),
        cwd=CHECKOUT,
        env=_dwcp.environment(cloud, monitoring, **{SETTINGS_VARIABLE: json.dumps(pace)}),
        stdout=subprocess.PIPE,
        text=True,
    )


def misbehave(monitoring: SandboxMonitoring, image: str) -> None:
    """Make every second request to the pods of ``image`` fail."""
    monitoring.control(f"versions/{image.rpartition(':')[2]}", "PUT", errorRate=0.5)


def growing_window(seconds: float) -> Callable[[], int]:
    """A function that returns the present length of a gate's window, in seconds.

    The analysis began ``seconds`` before this call, and the window grows with the analysis.
    """
    started = time.time() - seconds
    return lambda: max(1, int(time.time() - started))


def first_breaches(monitoring: SandboxMonitoring, *windows: Callable[[], int]) -> list[float]:
    """Wait until the error rate over each window exceeds the limit.

    Returns for each window the timestamp of the canary's newest sample when the error rate over this window exceeded the limit.
    """
    found: dict[int, float] = {}
    while len(found) < len(windows):
        for index, window in enumerate(windows):
            value = None if index in found else monitoring.value(GATE.query("canary", window()))
            if value is not None and value > GATE.threshold:
                newest = monitoring.value(f'max(timestamp({ERRORS_METRIC}{{track="canary"}}))')
                assert newest is not None
                found[index] = newest
        time.sleep(0.02)
    return [found[index] for index in range(len(windows))]
