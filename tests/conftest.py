"""The embedded cloud of a test session, gone with it even when that is killed; no test sees the checkout's own sandbox."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
from monitoring_stack import monitoring_stack
from reaping import gone_with_this_session, stop_clouds

from delivery.clients._sandbox import MARK
from embedded_cloud.cloud import Cloud
from embedded_cloud.control_plane import ControlPlane
from sandbox.monitoring import Monitoring
from sandbox.project import PROJECT

for name in list(os.environ):
    if name.startswith(("AWS_", "KUBECONFIG", "PULUMI_", "DWCP_PROMETHEUS", "DWCP_SERVICE")):
        del os.environ[name]
os.environ[MARK] = "s3://nowhere"  # so that no command adopts the sandbox's


CLOUDS = {"cloud": "cloud", "control_plane": "cloud", "live": "live", "platform": "live"}
"""The cloud that a fixture stands for."""


@pytest.hookimpl(tryfirst=True)  # before pytest selects by marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need a cloud, and bring those that share one together."""
    for item in items:
        if _clouds(item):
            item.add_marker(pytest.mark.cloud)
    first = {name: at for at, name in reversed(list(enumerate(map(_group, items))))}
    items.sort(key=lambda item: first[_group(item)])


def _clouds(item: pytest.Item) -> set[str]:
    return {CLOUDS[each] for each in getattr(item, "fixturenames", ()) if each in CLOUDS}


def _group(item: pytest.Item) -> str:
    """Tests of one group run after each other, in the order of their files: some build on those before them."""
    used, module = _clouds(item), getattr(item, "module", None)
    if hasattr(module, "standing"):
        return "standing"
    if item.path.parent.name == "docker":
        return "docker"
    if used == {"live"}:
        return "live"
    if used or item.path.parent.name == "sandbox":
        return "cloud"
    return str(item.path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """The clouds of a group end with it, after its fixtures have cleaned up: one that idles would slow the next group down."""
    yield
    if nextitem is not None and _group(nextitem) != _group(item):
        stop_clouds()


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """A started cloud with an empty stack."""
    folder = Path(mkdtemp(prefix="dwcp-cloud-"))
    gone_with_this_session(folder)
    cloud = Cloud.open(PROJECT, folder)
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
