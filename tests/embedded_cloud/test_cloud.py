"""The file `env` of a cloud, commands that fail, and credentials that a new start replaces."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from embedded_cloud.engine import LocalEngine
from sandbox.project import PROJECT


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("name", ["cloud", "my cloud", "a*b [c] 'd' \"e\" $f"])
def test_a_shell_can_read_the_file_env_twice_in_any_folder(tmp_path: Path, shell: str, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    engine = LocalEngine(PROJECT, folder, {}, 1, folder / "kubeconfig")
    engine.write_exports()
    script = '. "$1" && . "$1" && printf "%s\\n" "$PATH" "$KUBECONFIG"'
    done = subprocess.run(
        [shell, "-c", script, shell, folder / "env"], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [f"{engine.bin}:/usr/bin:/bin", str(engine.kubeconfig)]
