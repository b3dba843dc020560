"""The fixes that a settings error prints, run by the Pulumi CLI on a stack file."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from components.settings import SettingsError, load
from sandbox.project import TOOLCHAIN

pytestmark = pytest.mark.cloud
"""The Pulumi CLI is a binary that only the cloud tests build."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: dwcp-v3\nruntime: python\n")
    (tmp_path / "state").mkdir()
    return tmp_path


def run(folder: Path, command: str) -> str:
    pulumi, *words = shlex.split(command)
    tool = TOOLCHAIN.ensure(pulumi)[pulumi]
    environment = {
        **{"PATH": os.environ["PATH"], "HOME": str(folder), "PULUMI_BACKEND_URL": f"file://{folder}/state"},
        **{"PULUMI_CONFIG_PASSPHRASE": "", "PULUMI_SKIP_UPDATE_CHECK": "true"},
    }
    return subprocess.check_output([tool, *words, "--non-interactive"], cwd=folder, env=environment, text=True)


def test_removing_a_key_with_a_dot_keeps_the_nested_field(project: Path) -> None:
    """A command with ``--path`` would remove the valid value."""
    file = project / "Pulumi.dev.yaml"
    run(project, "pulumi stack init dev")
    run(project, "pulumi config set -s dev --path 'dwcp-v3:network.nat' single")
    run(project, "pulumi config set -s dev dwcp-v3:network.nat per_zone")
    assert "dwcp-v3:network.nat" in yaml.safe_load(file.read_text())["config"]
    run(project, "pulumi config rm -s dev 'dwcp-v3:network.nat'")
    assert yaml.safe_load(file.read_text())["config"] == {"dwcp-v3:network": {"nat": "single"}}


@pytest.mark.parametrize(
    ("group", "content", "fixed"),
    [
        ("environment", {}, {"name": "staging"}),
        (
            "application",
            {"egress": [{"cidr": "10.1.0.0/16", "ports": [443]}, {"ports": [8443]}]},
            {"egress": [{"cidr": "10.1.0.0/16", "ports": [443]}, {"cidr": "10.0.0.0/16", "ports": [8443]}]},
        ),
        (
            "application",
            {"egress": [{"cidr": "10.1.0.0/16", "ports": ["https", 8443]}]},
            {"egress": [{"cidr": "10.1.0.0/16", "ports": [443, 8443]}]},
        ),
        (
            "cluster",
            {"addonVersions": {"vpc.cni": "v1.21.1-eksbuild.3", "coredns": "v1.12.1-eksbuild.2"}},
            {"addonVersions": {"coredns": "v1.12.1-eksbuild.2"}},
        ),
    ],
)
def test_the_printed_command_keeps_the_other_entries(
    project: Path, monkeypatch: pytest.MonkeyPatch, group: str, content: Any, fixed: Any
) -> None:
    file = project / "Pulumi.staging.yaml"
    run(project, "pulumi stack init staging")
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "config": {f"dwcp-v3:{group}": content}}))
    monkeypatch.setattr(pulumi, "get_stack", lambda: "staging")
    pulumi.runtime.set_all_config({f"dwcp-v3:{group}": json.dumps(content)}, [])
    with pytest.raises(SettingsError) as refused:
        load()
    pulumi.runtime.set_all_config({}, [])
    [command] = [
        each.fix for each in refused.value.mistakes if each.path.startswith(f"{group}.") and each.fix.startswith("pulumi ")
    ]
    run(project, command)
    assert yaml.safe_load(file.read_text())["config"] == {f"dwcp-v3:{group}": fixed}
