"""The file `env` of a cloud, commands that fail, and credentials that a new start replaces."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from embedded_cloud.cloud import Cloud
from embedded_cloud.control_plane import ControlPlane, Ports
from embedded_cloud.engine import LocalEngine
from embedded_cloud.errors import EmbeddedCloudError
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


@pytest.mark.parametrize("command", [("false",), ("false", "--yes", "--stack")])
def test_a_command_that_fails_is_named(tmp_path: Path, command: tuple[str, ...]) -> None:
    cloud = SimpleNamespace(project=replace(PROJECT, directory=tmp_path), engine=SimpleNamespace(process_environment=dict))
    with pytest.raises(EmbeddedCloudError, match=f"^{' '.join(command[:2])} failed with exit code 1"):
        Cloud.run(cast("Any", cloud), *command)


def test_the_client_has_the_credentials_of_the_last_start(tmp_path: Path) -> None:
    processes = PROJECT.processes(tmp_path)
    control_plane = ControlPlane(PROJECT, processes, {}, Ports(**dict.fromkeys(Ports.__annotations__, 1)), "http://127.0.0.1:1")
    tokens: list[str] = []
    for _ in range(2):
        control_plane._write_credentials()
        tokens.append(control_plane.api._token)
        assert tokens[-1] in (control_plane.pki / "tokens.csv").read_text()
    assert tokens[0] != tokens[1]
