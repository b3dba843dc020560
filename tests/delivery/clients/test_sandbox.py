"""`local` reads the sandbox's env file, which need not be sourced, and sets no variable of this process."""

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
    monkeypatch.delenv(_sandbox.BACKEND_VARIABLE, raising=False)
    return file


def test_local_reads_the_env_file_and_leaves_the_process_unchanged(file: Path) -> None:
    before = dict(os.environ)
    local = Environment.open("local")
    assert local.variables["PULUMI_BACKEND_URL"] == BACKEND
    assert local.variables["PATH"] == f"{file.parent / 'bin'}{os.pathsep}{before['PATH']}"
    assert local.prometheus_url == "http://127.0.0.1:2"
    client = local.aws("s3")
    assert client.meta.endpoint_url == "http://127.0.0.1:1"
    assert client._request_signer._credentials.access_key == "sandbox"
    assert dict(os.environ) == before


def test_other_environments_do_not_read_the_env_file(file: Path) -> None:
    assert Environment.open("staging").variables == dict(os.environ)


def test_the_env_file_is_not_read_in_a_shell_with_another_backend(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(_sandbox.BACKEND_VARIABLE, "s3://elsewhere")
    assert Environment.open("local").variables == dict(os.environ)


def test_the_env_file_replaces_the_variables_of_an_earlier_sandbox(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(_sandbox.BACKEND_VARIABLE, "s3://state?endpoint=127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # where nothing listens any more
    assert Environment.open("local").variables["PULUMI_BACKEND_URL"] == BACKEND


def test_monitoring_that_started_after_the_shell_was_sourced_is_found(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(_sandbox.BACKEND_VARIABLE, BACKEND)
    assert Environment.open("local").prometheus_url == "http://127.0.0.1:2"


def test_the_cluster_is_the_sandboxs_and_prometheus_is_the_users(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/home/user/kubeconfig")
    monkeypatch.setenv("DWCP_PROMETHEUS_URL", "http://127.0.0.1:3")
    local = Environment.open("local")
    assert local.variables["KUBECONFIG"] == "/sandbox/kubeconfig"
    assert local.prometheus_url == "http://127.0.0.1:3"
