"""The fixes that a settings error prints, run by the Pulumi CLI on a stack file."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from sandbox.project import TOOLCHAIN

pytestmark = pytest.mark.cloud
"""The Pulumi CLI is a binary that only the cloud tests build."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: dwcp-v3\nruntime: python\n")
    (tmp_path / "state").mkdir()
    run(tmp_path, "pulumi stack init dev")
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
    run(project, "pulumi config set -s dev --path 'dwcp-v3:network.nat' single")
    run(project, "pulumi config set -s dev dwcp-v3:network.nat per_zone")
    assert "dwcp-v3:network.nat" in yaml.safe_load(file.read_text())["config"]
    run(project, "pulumi config rm -s dev 'dwcp-v3:network.nat'")
    assert yaml.safe_load(file.read_text())["config"] == {"dwcp-v3:network": {"nat": "single"}}
