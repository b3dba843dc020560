"""The structure of the code: names are unique, packages document their modules, and the page shows the checked imports."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from recording import ROOT

PACKAGES = ("bench", "components", "delivery", "embedded_cloud", "policies", "program", "sandbox", "tools")
CONVENTIONS = {"__init__", "__main__", "errors"}
"""Modules that every package may have: Python's own, and the one with the base exception of the package."""
LISTS = (
    "bench/",
    "components/settings/groups/",
    "delivery/cli/",
    "delivery/doctor/checks/",
    "embedded_cloud/front/refusals/",
    "embedded_cloud/providers/",
    "policies/rules/",
)
"""Folders with one module per command, settings group or AWS service, which gives the module its name."""
TYPES = ("embedded_cloud/providers/aws/types/", "embedded_cloud/providers/docker/types/")
"""Folders whose classes have the names of the cloud's own types."""
SAME_FUNCTION = {"main"}
"""``main`` is the entry point of a process."""


@cache
def modules() -> dict[str, ast.Module]:
    """The syntax tree of each module of the product, by its path."""
    files = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in files}


def is_public(path: str) -> bool:
    """Whether a module may be imported from outside its package."""
    return not Path(path).stem.startswith("_") or path.endswith("__init__.py")


def imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Module and name of each ``from MODULE import NAME`` and ``import MODULE.NAME``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                module, dot, name = alias.name.rpartition(".")
                if dot:
                    yield module, name


def package_of(path: str) -> str:
    return path.rpartition("/")[0]


def domain_of(path: str) -> str:
    """The first two folders of a path: a package with its sub-packages."""
    return "/".join(path.split("/")[:-1][:2])


def test_a_public_class_name_is_unique() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for path, tree in modules().items():
        if is_public(path) and not path.startswith(TYPES):
            for node in tree.body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    found[node.name].append(path)
    assert {name: paths for name, paths in found.items() if len(paths) > 1} == {}


def test_a_module_name_is_unique_within_its_package() -> None:
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in modules():
        name = Path(path).stem
        if is_public(path) and name not in CONVENTIONS and not path.startswith(LISTS):
            found[path.partition("/")[0], name].append(path)
    assert [paths for paths in found.values() if len(paths) > 1] == []


def test_the_name_of_a_function_that_other_packages_import_is_unique() -> None:
    defined: dict[tuple[str, str], str] = {
        (path.removesuffix(".py").replace("/", "."), node.name): path
        for path, tree in modules().items()
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }
    found: dict[str, set[str]] = defaultdict(set)
    for user, tree in modules().items():
        for module, name in imports(tree):
            source = defined.get((module, name))
            if source is not None and domain_of(source) != domain_of(user) and name not in SAME_FUNCTION:
                found[name].add(source)
    assert {name: paths for name, paths in found.items() if len({domain_of(each) for each in paths}) > 1} == {}


def test_private_modules_are_used_only_in_their_package() -> None:
    wrong = [
        f"{user} imports {module}"
        for user, tree in modules().items()
        for base, name in imports(tree)
        for module in (base, f"{base}.{name}")
        if (ROOT / f"{module.replace('.', '/')}.py").exists()
        and module.rpartition(".")[2].startswith("_")
        and not module.endswith("__")
        and not package_of(user).startswith(module.rpartition(".")[0].replace(".", "/"))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "package",
    [
        *(
            "components",
            "components/aws",
            "components/account",
            "components/compose",
            "components/monitoring",
            "components/workload",
        ),
        *("delivery/clients", "delivery/doctor", "delivery/github", "delivery/policy", "delivery/releases", "delivery/rollout"),
        *("delivery/state", "embedded_cloud/nodes", "sandbox"),
    ],
)
def test_a_package_names_each_of_its_public_modules(package: str) -> None:
    text = ast.get_docstring(modules()[f"{package}/__init__.py"]) or ""
    here = {path for path in modules() if package_of(path) == package and is_public(path) and not path.endswith("__init__.py")}
    folders = {each.name for each in (ROOT / package).iterdir() if (each / "__init__.py").exists()}
    names = sorted({Path(path).stem for path in here} | folders)
    assert [name for name in names if not re.search(rf"``{name}[`.]", text)] == []  # ``name`` or ``name.Class``


def modules_that(found: Callable[[ast.Module], bool], inside: str = "") -> set[str]:
    """The modules in ``inside`` for which ``found`` is true."""
    return {path for path, tree in modules().items() if path.startswith(inside) and found(tree)}


def test_delivery_has_one_client_of_each_outside_system() -> None:
    """AWS is called, its error codes are read, Pulumi is started and a condition is waited for in one place each."""

    def reads_error_codes(tree: ast.Module) -> bool:
        return any(isinstance(each, ast.Constant) and each.value == "Error" for each in ast.walk(tree))

    def uses_boto3(tree: ast.Module) -> bool:
        modules = [module for module, _ in imports(tree)]
        modules += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        return any(module.partition(".")[0] == "boto3" for module in modules)

    def waits_for_a_deadline(tree: ast.Module) -> bool:
        return any(isinstance(each, ast.While) and "monotonic" in ast.unparse(each.test) for each in ast.walk(tree))

    def starts_pulumi(tree: ast.Module) -> bool:
        """Whether the first argument of a call is "pulumi" or a list that begins with it."""
        first = [each.args[0] for each in ast.walk(tree) if isinstance(each, ast.Call) and each.args]
        first += [each.elts[0] for each in first if isinstance(each, ast.List | ast.Tuple) and each.elts]
        return any(isinstance(each, ast.Constant) and each.value == "pulumi" for each in first)

    assert modules_that(reads_error_codes, "delivery/") == {"delivery/clients/aws.py"}
    assert modules_that(uses_boto3, "delivery/") == {"delivery/clients/aws.py"}
    assert modules_that(starts_pulumi, "delivery/") == {"delivery/clients/pulumi.py"}
    assert modules_that(waits_for_a_deadline, "delivery/") == set()


def test_contract_and_program_files_import_only_allowed_packages() -> None:
    allowed = {"contract.py": (), "__main__.py": ("components", "contract"), "bootstrap/__main__.py": ("components", "contract")}
    for file, targets in allowed.items():
        tree = ast.parse((ROOT / file).read_text())
        used = {module.partition(".")[0] for module, _ in imports(tree)}
        used |= {alias.name.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        assert used & {*PACKAGES, "contract"} <= set(targets), file


def rule_of(contract: dict[str, Any]) -> str:
    """A contract of import-linter as a row of the page."""
    if contract["type"] == "layers":
        rule = " → ".join(f"`{each.replace(' : ', '`, `')}`" for each in contract["layers"])
    else:
        rule = f"no {listed(contract['forbidden_modules'])} in {listed(contract['source_modules'])}"
    return f"| {contract['name']} | {rule} |"


def listed(names: list[str]) -> str:
    return ", ".join(f"`{each}`" for each in names)


def test_the_architecture_page_shows_every_import_contract() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert set(settings["root_packages"]) == set(PACKAGES)
    page = (ROOT / "docs/architecture.md").read_text()
    table = page.partition("| checked imports | rule |\n|---|---|\n")[2].partition("\n\n")[0].splitlines()
    assert table == [rule_of(each) for each in settings["contracts"]]
    assert not any("ignore_imports" in each for each in settings["contracts"])
