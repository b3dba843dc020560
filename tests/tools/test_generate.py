"""The committed generated files are up to date, and ``make generate`` finds outdated files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from recording import ROOT

from tools import __main__ as generate


def test_every_committed_generated_file_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, "-m", "tools", "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_changed_missing_and_orphaned_files_are_found_and_fixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "CHECKOUT", tmp_path)
    monkeypatch.setattr(generate, "OWNED_FOLDERS", (Path("owned"),))
    (tmp_path / "owned").mkdir()
    (tmp_path / "owned/old").write_text("x")
    (tmp_path / "same").write_text("x")
    (tmp_path / "differs").write_text("y")
    files = {Path("same"): "x", Path("differs"): "x", Path("missing"): "x"}
    assert generate.outdated(files) == [Path("differs"), Path("missing"), Path("owned/old")]
    generate.write(files)
    assert generate.outdated(files) == []
    assert not (tmp_path / "owned/old").exists()
