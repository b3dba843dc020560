"""One live platform for all tests of the rollout, reset before each."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
from live_platform import LivePlatform
from monitoring_stack import monitoring_stack
from recording import ROOT

from sandbox.cloud import Cloud


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if {"live", "platform"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.cloud)


@pytest.fixture(scope="session")
def platform() -> Iterator[LivePlatform]:
    """The platform, up and watched; gone with the session even when that is killed.

    ``DWCP_TEST_CLOUD`` names the folder of one that runs and stays, such as `make up`'s: for whoever works on these tests.
    """
    standing = os.environ.get("DWCP_TEST_CLOUD")
    folder = Path(standing or mkdtemp(prefix="dwcp-rollout-"))
    if not standing:
        reaper = ROOT / "tests/sandbox/reaper.py"
        subprocess.Popen([sys.executable, reaper, str(os.getpid()), folder], start_new_session=True)
    cloud = Cloud.open(folder)
    cloud.start()
    if not standing:
        cloud.engine.pulumi("up", "--yes", "--skip-preview", "--stack", "local")
    live = LivePlatform(cloud=cloud, monitoring=monitoring_stack(cloud), state=str(folder / "state"))
    live.prepare()
    yield live
    if not standing:
        cloud.processes.stop()


@pytest.fixture
def live(platform: LivePlatform) -> LivePlatform:
    """The platform with all traffic on a healthy stable."""
    platform.reset()
    return platform
