"""The embedded cloud is independent of the project: it names nothing of it. import-linter checks its imports (pyproject.toml)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from recording import ROOT

PACKAGE = ROOT / "embedded_cloud"
MODULES = sorted(PACKAGE.rglob("*.py"))
NAMES = re.compile(r"dwcp|novacron|make (up|down|setup|status|logs|monitoring)\b|\.sandbox\b", re.IGNORECASE)


@pytest.mark.parametrize("file", [*MODULES, PACKAGE / "README.md"], ids=lambda path: str(path.relative_to(PACKAGE)))
def test_it_names_nothing_of_ours(file: Path) -> None:
    assert NAMES.findall(file.read_text()) == []
