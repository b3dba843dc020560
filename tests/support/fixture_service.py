"""The fixture service as a process on this machine, with its own Redis."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from embedded_cloud.processes import free_ports

SECONDS = 30
"""Maximum time until the service is ready."""


@contextmanager
def running(app: Path) -> Iterator[str]:
    """Run the service that is built in ``app``, and yield its URL."""
    redis, port, metrics = free_ports(3)
    environment = os.environ | {
        "PORT": str(port),
        "PROMETHEUS_PORT": str(metrics),
        "REDIS_URL": f"redis://127.0.0.1:{redis}/0",
        "NODE_ENV": "production",
    }
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with (
        subprocess.Popen(["redis-server", "--port", str(redis), "--save", "", "--bind", "127.0.0.1"], **quiet) as store,
        subprocess.Popen(["node", "dist/main.js"], cwd=app, env=environment, **quiet) as process,
    ):
        try:
            _wait_until_ready(f"http://127.0.0.1:{port}/ready")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            store.terminate()


@retry(
    retry=retry_if_exception_type((URLError, ConnectionError)), stop=stop_after_delay(SECONDS), wait=wait_fixed(0.1), reraise=True
)
def _wait_until_ready(url: str) -> None:
    urlopen(url, timeout=2).close()
