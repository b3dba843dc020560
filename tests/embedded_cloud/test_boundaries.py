"""The embedded cloud is independent of the project: it imports no other package of this repository, and names nothing of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from recording import ROOT

PACKAGE = ROOT / "embedded_cloud"
MODULES = sorted(PACKAGE.rglob("*.py"))
OURS = {path.name.removesuffix(".py") for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
NAMES = re.compile(r"dwcp|novacron|make (up|down|setup|status|logs|monitoring)\b|\.sandbox\b", re.IGNORECASE)


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            yield node.module or ""


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_it_imports_nothing_of_ours(module: Path) -> None:
    assert {"components", "delivery", "policies", "program", "sandbox", "tests"} <= OURS | {"tests"}
    found = {name.split(".")[0] for name in imported(ast.parse(module.read_text()))}
    assert found & (OURS - {"embedded_cloud"}) == set()


@pytest.mark.parametrize("file", [*MODULES, PACKAGE / "README.md"], ids=lambda path: str(path.relative_to(PACKAGE)))
def test_it_names_nothing_of_ours(file: Path) -> None:
    assert NAMES.findall(file.read_text()) == []
