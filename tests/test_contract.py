"""No other module repeats a name of contract.py."""

import ast
from collections.abc import Iterator
from pathlib import Path

from recording import ROOT

import contract

PRODUCT = ("__main__.py", "bootstrap", "components", "policies", "program", "delivery", "sandbox", "tools", "bench", "docs/site")
"""Without the embedded cloud, which gets the names as parameters."""
NAMES = {
    value
    for name, value in vars(contract).items()
    if name.isupper() and isinstance(value, str) and ("-" in value or "_" in value or "/" in value or name == "PULL_SECRET")
}
"""The names of the contract, without those that are also ordinary words."""


def modules() -> list[Path]:
    files = (ROOT / each for each in PRODUCT)
    return sorted(file for each in files for file in ([each] if each.is_file() else each.rglob("*.py")))


def literals(file: Path) -> Iterator[str]:
    """Every string of a module except docstrings, parts of f-strings included."""
    tree = ast.parse(file.read_text())
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def test_no_other_module_repeats_a_name_of_the_contract() -> None:
    assert len(modules()) > 300
    repeated = {
        str(file.relative_to(ROOT)): found
        for file in modules()
        if (found := sorted({name for text in literals(file) for name in NAMES if name in text}))
    }
    assert repeated == {}, "take these names from contract.py"
