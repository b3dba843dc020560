"""The ``dwcp`` command as the benchmarks run it on a sandbox."""

from __future__ import annotations

import sys

from embedded_cloud.cloud import Cloud
from sandbox.monitoring import SandboxMonitoring
from sandbox.project import PROJECT


def command(*arguments: str) -> tuple[str, ...]:
    """The command line of ``dwcp`` on the sandbox's environment."""
    return (sys.executable, "-m", "delivery", *arguments, "--environment", PROJECT.stack)


def environment(cloud: Cloud, monitoring: SandboxMonitoring, **more: str) -> dict[str, str]:
    """The environment variables of :func:`command`, with the addresses of the simulated service and of Prometheus."""
    return {
        **cloud.engine.process_environment(),
        "DWCP_PROMETHEUS_URL": monitoring.prometheus_url,
        "DWCP_SERVICE_URL": f"{monitoring.simulator_url}/tracks/{{track}}",
        "DWCP_WORK_DIR": str(cloud.folder / "work"),
        **more,
    }
