"""No client uses a proxy for local addresses."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from recording import ROOT

from contract import NO_PROXY_HOSTS
from delivery.clients.proxies import bypass_for_local_addresses

UNREACHABLE_PROXY = "http://127.0.0.1:9"
REQUESTS = """
import os, sys
from delivery.clients.proxies import bypass_for_local_addresses
bypass_for_local_addresses(os.environ)
import urllib.request
from kubernetes.client import ApiClient, Configuration
from delivery.clients.aws import client
from delivery.clients.kubernetes import KubernetesClient
url = sys.argv[1]
assert urllib.request.urlopen(url, timeout=5).status == 200
assert KubernetesClient(ApiClient(Configuration(host=url)), "default").request("GET", "/version") == {}
os.environ["AWS_ENDPOINT_URL"] = url
s3 = client("s3", "us-east-1", {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"})
assert s3.head_bucket(Bucket="any")["ResponseMetadata"]["HTTPStatusCode"] == 200
"""


@pytest.fixture
def server() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(b"{}")

        do_HEAD = do_GET  # noqa: N815 - the protocol's name

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("names", [("HTTP_PROXY", "HTTPS_PROXY"), ("http_proxy", "https_proxy"), ("ALL_PROXY",)])
def test_no_client_uses_a_proxy_for_local_addresses(server: str, names: tuple[str, ...]) -> None:
    environment = {**dict.fromkeys(names, UNREACHABLE_PROXY), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", REQUESTS, server], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_existing_no_proxy_entries_are_kept() -> None:
    variables = {"no_proxy": "intranet.example.com, 10.0.0.0/8"}
    bypass_for_local_addresses(variables)
    expected = ",".join(["intranet.example.com", "10.0.0.0/8", *NO_PROXY_HOSTS])
    assert variables == {"NO_PROXY": expected, "no_proxy": expected}
