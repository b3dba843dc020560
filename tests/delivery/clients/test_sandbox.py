"""The sandbox's variables are read without sourcing, passed explicitly, and never set in this process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from delivery.clients import _sandbox
from delivery.clients.environment import Environment

BACKEND = "s3://state?endpoint=127.0.0.1:1"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The env file of this checkout's monitored sandbox; the caller's shell has none of its variables."""
    file = tmp_path / ".sandbox" / "env"
    (file.parent / "monitoring").mkdir(parents=True)
    file.write_text(
        f"export PULUMI_BACKEND_URL='{BACKEND}'\nexport AWS_ENDPOINT_URL=http://127.0.0.1:1\nexport AWS_ACCESS_KEY_ID=sandbox\n"
        "export AWS_SECRET_ACCESS_KEY=sandbox\nexport KUBECONFIG=/sandbox/kubeconfig\n"
        'case ":$PATH:" in *:/x:*) ;; *) export PATH=/x:"$PATH" ;; esac\n'
    )
    (file.parent / "monitoring" / "env").write_text("export DWCP_PROMETHEUS_URL=http://127.0.0.1:2\n")
    monkeypatch.setattr(_sandbox, "FILE", file)
    monkeypatch.delenv(_sandbox.MARK, raising=False)
    return file


def test_local_is_the_sandbox_without_sourcing_and_the_process_stays_as_it_was(file: Path) -> None:
    before = dict(os.environ)
    local = Environment.open("local")
    assert local.variables["PULUMI_BACKEND_URL"] == BACKEND
    assert local.variables["PATH"] == f"{file.parent / 'bin'}{os.pathsep}{before['PATH']}"
    assert local.prometheus_url == "http://127.0.0.1:2"
    client = local.aws("s3")
    assert client.meta.endpoint_url == "http://127.0.0.1:1"
    assert client._request_signer._credentials.access_key == "sandbox"
    assert dict(os.environ) == before


def test_no_other_environment_is_the_sandbox(file: Path) -> None:
    assert Environment.open("staging").variables == dict(os.environ)


def test_a_shell_that_points_to_another_backend_is_left_alone(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(_sandbox.MARK, "s3://elsewhere")
    assert Environment.open("local").variables == dict(os.environ)


def test_a_shell_that_was_sourced_under_an_earlier_sandbox_needs_no_second_sourcing(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(_sandbox.MARK, "s3://state?endpoint=127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # where nothing listens any more
    assert Environment.open("local").variables["PULUMI_BACKEND_URL"] == BACKEND


def test_a_shell_that_was_sourced_before_monitoring_started_sees_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(_sandbox.MARK, BACKEND)
    assert Environment.open("local").prometheus_url == "http://127.0.0.1:2"


def test_the_sandboxs_cluster_wins_over_the_users_own_and_the_users_prometheus_over_the_sandboxs(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/home/user/kubeconfig")
    monkeypatch.setenv("DWCP_PROMETHEUS_URL", "http://127.0.0.1:3")
    local = Environment.open("local")
    assert local.variables["KUBECONFIG"] == "/sandbox/kubeconfig"
    assert local.prometheus_url == "http://127.0.0.1:3"
