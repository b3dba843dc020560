"""The embedded cloud of a test session: its own folder and ports, gone with the session even when that is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
from monitoring_stack import monitoring_stack

from sandbox.cloud import Cloud
from sandbox.control_plane import ControlPlane
from sandbox.monitoring import Monitoring


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if {"cloud", "control_plane"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.cloud)


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """A started cloud with an empty stack."""
    folder = Path(mkdtemp(prefix="dwcp-cloud-"))
    reaper = Path(__file__).with_name("reaper.py")
    subprocess.Popen([sys.executable, reaper, str(os.getpid()), folder], start_new_session=True)
    cloud = Cloud.open(folder)
    cloud.start()
    yield cloud
    cloud.processes.stop()


@pytest.fixture(scope="session")
def control_plane(cloud: Cloud) -> ControlPlane:
    """The Kubernetes control plane of the session's cloud."""
    return cloud.control_plane


@pytest.fixture(scope="session")
def monitoring(cloud: Cloud) -> Monitoring:
    """Simulator and Prometheus on the platform, which must be up on the session's cloud by the time this is asked for."""
    return monitoring_stack(cloud)
