"""A real Redis server with the platform's configuration."""

from __future__ import annotations

import hashlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from recording import run_platform

needs_redis = pytest.mark.skipif(shutil.which("redis-server") is None, reason="needs Debian's redis-server")


@contextmanager
def redis_server(folder: Path, data: Path) -> Iterator[list[str]]:
    """The redis-cli command for a running server with the program's redis.conf; the server is killed at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = run_platform("local").one("ConfigMap", "dwcp-v3-redis-config")["data"]["redis.conf"]
    acl = folder / "users.acl"
    acl.write_text(f"user default on #{hashlib.sha256(b'secret').hexdigest()} ~* &* +@all\n")
    changed = config.replace("port 6379", f"port {port}").replace("dir /data", f"dir {data}")
    changed = changed.replace("aclfile /run/secrets/redis/users.acl", f"aclfile {acl}")
    assert str(acl) in changed
    assert str(data) in changed
    file = folder / "redis.conf"
    file.write_text(changed + "bind 127.0.0.1\n")
    server = subprocess.Popen(["redis-server", file], stdout=subprocess.DEVNULL)
    cli = ["redis-cli", "-p", str(port), "-a", "secret", "--no-auth-warning"]
    try:
        deadline = time.monotonic() + 30
        while subprocess.run([*cli, "PING"], capture_output=True, text=True, check=False).stdout.strip() != "PONG":
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.05)
        yield cli
    finally:
        server.kill()
        server.wait()
