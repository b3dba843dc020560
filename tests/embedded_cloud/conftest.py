"""A moto server for the session, with the world of :mod:`aws_cases.world`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

import pytest
from aws_cases.world import World
from recording import ROOT as CHECKOUT

from embedded_cloud import waiting
from embedded_cloud.processes import free_ports
from embedded_cloud.providers.aws.provider import AwsPlugin
from sandbox.project import PROJECT


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The endpoint of a moto server."""
    [port] = free_ports(1)
    endpoint = f"http://127.0.0.1:{port}"
    options = {"PYTHONPATH": str(CHECKOUT), "MOTO_ACM_VALIDATION_WAIT": "0", "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}
    command = [sys.executable, "-m", "embedded_cloud.moto_server", str(port), PROJECT.account.to_json()]
    server = subprocess.Popen(command, env=os.environ | options, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in waiting.looks(60):
        assert server.poll() is None, "moto ended before it answered"
        if _answers(endpoint):
            break
    yield endpoint
    server.terminate()
    server.wait()


def _answers(endpoint: str) -> bool:
    try:
        with urllib.request.urlopen(f"{endpoint}/moto-api/", timeout=2):
            return True
    except OSError:
        return False


@pytest.fixture(scope="session")
def world(moto: str) -> Iterator[World]:
    """A configured provider and the dependencies of its resources."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", moto)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        plugin = AwsPlugin()
        plugin.configure({"region": "us-east-1", "defaultTags": json.dumps({"tags": {"project": "test"}})})
        yield World(moto, plugin)
