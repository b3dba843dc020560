"""The example of the README, in a separate folder: another project's program on an embedded cloud, by the Pulumi CLI."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from recording import ROOT

from sandbox.project import TOOLCHAIN

README = (ROOT / "embedded_cloud" / "README.md").read_text()
FILES = dict(re.findall(r'^```\w+ title="(.+?)"\n(.*?)^```', README, re.MULTILINE | re.DOTALL))
[COMMANDS] = re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.cloud


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    yield tmp_path
    shell(tmp_path, "python local_cloud.py down")


def shell(folder: Path, script: str) -> str:
    own = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "SHOP_TOOLCHAIN": str(TOOLCHAIN.cache.folder),
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder, env=os.environ | own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def processes_in(folder: Path) -> list[psutil.Process]:
    return [each for each in psutil.process_iter(["environ"]) if str(folder / ".cloud") in (each.info["environ"] or {}).values()]


def test_another_project_is_applied_inspected_and_removed_and_a_second_cloud_shows_debug_messages(folder: Path) -> None:
    """The second cloud uses the stack's file that the first `up` wrote."""
    said = shell(folder, COMMANDS)
    assert re.search(r"^shop +1 ", said, re.MULTILINE), said
    assert not (folder / ".cloud").exists()
    assert processes_in(folder) == []
    shell(folder, "python local_cloud.py up")
    preview = "source .cloud/env; pulumi preview --non-interactive --diff"
    assert "beginning rpc" not in shell(folder, preview)
    assert "beginning rpc" in shell(folder, f"{preview} --debug")
