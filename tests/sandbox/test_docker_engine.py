"""The separate Docker engine, with a substitute for ``dockerd``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sandbox.images.docker_engine import DockerEngine, UnavailableError, _running  # pyright: ignore[reportPrivateUsage]


def test_an_engine_that_does_not_start_reports_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "dockerd"
    program.write_text("#!/bin/sh\necho cannot create the folder overlay2\nseq 5\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    engine = DockerEngine(tmp_path / "engine")
    with pytest.raises(UnavailableError) as raised:
        next(_running(engine))
    assert "cannot create the folder overlay2" in raised.value.problem
    assert not engine.folder.exists()
    assert str(engine.folder) not in raised.value.fix  # the log is removed with the folder
