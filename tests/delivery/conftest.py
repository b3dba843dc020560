"""Fixtures: AWS by moto, one live platform for all tests of commands, and a GitHub API whose answers a test sets."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from accounts import Account
from live_platform import LivePlatform
from monitoring_stack import monitoring_stack
from moto.server import ThreadedMotoServer
from reaping import remove_after_session
from state_files import state

from delivery.clients.checkpoint import States
from delivery.clients.state_backend import LEASE_KEY, LEASE_TABLE, Backend
from embedded_cloud.cloud import Cloud
from sandbox.project import PROJECT


@pytest.fixture(scope="session")
def aws_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def account(aws_endpoint: str) -> Account:
    """A new environment with an artifact bucket and the table of leases."""
    account = Account(endpoint=aws_endpoint)
    account.aws("s3").create_bucket(Bucket=account.output("artifacts", "bucketName"))
    dynamodb = account.aws("dynamodb")
    if LEASE_TABLE not in dynamodb.list_tables()["TableNames"]:
        dynamodb.create_table(
            TableName=LEASE_TABLE,
            KeySchema=[{"AttributeName": LEASE_KEY, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": LEASE_KEY, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    return account


@dataclass
class GitHub:
    """The API's answers by path, and the requests that it got."""

    answers: dict[str, Any] = field(default_factory=dict)
    requests: list[tuple[str, str, Any]] = field(default_factory=list)


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHub]:
    github = GitHub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            github.requests.append((self.command, self.path, json.loads(body) if body else None))
            answer = github.answers.get(self.path)
            self.send_response(404 if answer is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        do_POST = do_GET  # noqa: N815 - the protocol's name

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("GITHUB_API_URL", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("GITHUB_TOKEN", "token")
    yield github
    server.shutdown()
    server.server_close()


@pytest.fixture
def states(account: Account) -> States:
    """A versioned bucket with the state of one stack."""
    bucket = f"state-{account.name}"
    s3 = account.aws("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    states = States(account, Backend(bucket=bucket, prefix="dwcp-v3"))
    states.write(state())
    return states


@pytest.fixture(scope="session")
def platform() -> Iterator[LivePlatform]:
    """The platform, applied and monitored; it ends with the session, even if the session is killed.

    To reuse a running platform, such as that of `make up`, set ``DWCP_TEST_CLOUD`` to its folder; it is not ended.
    """
    existing = os.environ.get("DWCP_TEST_CLOUD")
    folder = Path(existing or mkdtemp(prefix="dwcp-rollout-"))
    if not existing:
        remove_after_session(folder)
    cloud = Cloud.open(PROJECT, folder)
    cloud.start()
    if not existing:
        cloud.engine.pulumi("up", "--yes", "--skip-preview", "--stack", "local")
    live = LivePlatform(cloud=cloud, monitoring=monitoring_stack(cloud), state=str(folder / "state"))
    live.prepare()
    yield live
    if not existing:
        cloud.processes.stop()


@pytest.fixture
def live(platform: LivePlatform) -> LivePlatform:
    """The platform, with all traffic on stable, which is healthy."""
    platform.reset()
    return platform
