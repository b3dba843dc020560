"""The embedded cloud of a test session. The cloud ends with the session, even if the session is killed.

No test uses the sandbox of this checkout.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import HealthCheck, settings
from monitoring_stack import monitoring_stack
from reaping import remove_after_session

from delivery.clients._sandbox import BACKEND_VARIABLE
from embedded_cloud.cloud import Cloud
from embedded_cloud.control_plane import ControlPlane
from sandbox.monitoring import SandboxMonitoring
from sandbox.project import PROJECT

for name in list(os.environ):
    if name.startswith(("AWS_", "KUBECONFIG", "PULUMI_", "DWCP_PROMETHEUS", "DWCP_SERVICE", "GITHUB_")) or name == "GH_TOKEN":
        del os.environ[name]
os.environ[BACKEND_VARIABLE] = "s3://nowhere"  # so that no command uses the checkout's sandbox


gc.set_threshold(200_000, 20, 100)  # the collector would use a sixth of the time, for the objects of the SDKs and of moto
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")  # a busy machine is not a failure

CLOUDS = {
    **{"cloud": "own", "control_plane": "own", "live": "live", "platform": "live"},
    **{"staging": "stacks", "production": "stacks"},
}
"""Fixture -> the cloud that it needs: ``own`` (only for this test session), ``live`` (the platform for tests of `dwcp`), or
``stacks`` (staging and production)."""

SHARED = frozenset({"live", "stacks"})
"""The clouds that only one group of tests uses."""


@pytest.hookimpl(tryfirst=True)  # before pytest selects by marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need a cloud, and the groups of tests that share a cloud.

    `make test` runs each group in its own process.
    """
    for item in items:
        clouds = {CLOUDS[each] for each in getattr(item, "fixturenames", ()) if each in CLOUDS}
        if clouds:
            item.add_marker("cloud")
        if item.get_closest_marker("cloud") and hasattr(getattr(item, "module", None), "standing"):
            item.add_marker("standing")
        elif len(clouds) == 1 and clouds < SHARED:
            item.add_marker(*clouds)


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """A started cloud with an empty stack."""
    folder = Path(mkdtemp(prefix="dwcp-cloud-"))
    remove_after_session(folder)
    cloud = Cloud.open(PROJECT, folder)
    cloud.start()
    yield cloud
    cloud.processes.stop()


@pytest.fixture(scope="session")
def control_plane(cloud: Cloud) -> ControlPlane:
    """The Kubernetes control plane of the session's cloud."""
    return cloud.control_plane


@pytest.fixture(scope="session")
def monitoring(cloud: Cloud) -> SandboxMonitoring:
    """Simulator and Prometheus on the platform, which must already be up on the session's cloud."""
    return monitoring_stack(cloud)
