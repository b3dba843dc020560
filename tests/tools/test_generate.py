"""``make generate`` finds and fixes outdated files. ``make lint`` checks the committed ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import __main__ as generate


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


def test_an_unknown_argument_writes_no_file(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(generate, "generated", lambda: pytest.fail("the generators ran"))
    with pytest.raises(SystemExit) as ended:
        generate.main(["--cheque"])
    assert ended.value.code == 2
    assert "unrecognized arguments: --cheque" in capsys.readouterr().err
