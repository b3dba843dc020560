"""The installation by ``pip install .``, and the declaration of each package's dependencies."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from recording import ROOT
from uv import find_uv_bin

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
INSTALLED = ("components", "delivery", "policies", "program")
"""The packages of the wheel."""
OURS = {*INSTALLED, "bench", "contract", "embedded_cloud", "sandbox", "tools"}
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


def run(*command: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(each) for each in command], cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=False)


def run_uv(command: str, *arguments: object) -> None:
    done = run(find_uv_bin(), *command.split(), *arguments)
    assert done.returncode == 0, done.stderr


def files_of_the_packages() -> set[str]:
    """The files of the installed packages, without those that git ignores."""
    done = run("git", "ls-files", "--cached", "--others", "--exclude-standard", *INSTALLED)
    assert done.returncode == 0, done.stderr
    return {name for name in done.stdout.splitlines() if (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built with the locked setuptools from a copy, since a build leaves files next to its sources."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in files_of_the_packages():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    for file in (ROOT / "pyproject.toml", *ROOT.glob("contract.py")):
        shutil.copy(file, source)
    run_uv("build --wheel --quiet --offline --no-build-isolation", "--python", sys.executable, "--out-dir", target, source)
    return next(target.glob("*.whl"))


@pytest.fixture(scope="module")
def dwcp(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command in an environment with only the wheel and the packages of requirements.txt."""
    environment = tmp_path_factory.mktemp("installed") / "venv"
    run_uv("venv --quiet", "--python", sys.executable, environment)
    interpreter = ("--python", environment / "bin/python")
    run_uv("pip install --quiet --require-hashes", *interpreter, "--requirement", ROOT / "requirements.txt")
    run_uv("pip install --quiet --no-deps", *interpreter, wheel)
    run_uv("pip check --quiet", *interpreter)
    return environment / "bin/dwcp"


def test_the_wheel_contains_every_file_of_its_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    present = files_of_the_packages()
    assert {name.partition("/")[0] for name in present} == set(INSTALLED)
    assert present - packed == set(), "add them to [tool.setuptools.package-data] in pyproject.toml"
    assert packed - present <= {"contract.py"}


@pytest.mark.parametrize("arguments", ["--help", "state verify --help"])
def test_help_works_outside_a_checkout(dwcp: Path, tmp_path: Path, arguments: str) -> None:
    done = run(dwcp, *arguments.split(), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: dwcp" in done.stdout


@pytest.mark.parametrize("arguments", ["preview", "policy", "doctor", "--verbose deploy --tag v3.0.0"])
def test_a_command_outside_a_checkout_fails_with_one_line(dwcp: Path, tmp_path: Path, arguments: str) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: another-project\nruntime: python\n")
    done = run(dwcp, *arguments.split(), cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(rf"error: {tmp_path} is not inside a DWCP v3 checkout; fix: .+\n", done.stderr)


def test_commands_use_the_checkout_that_contains_the_current_folder(dwcp: Path) -> None:
    done = run(dwcp, "policy", "-e", "staging", cwd=ROOT / "docs/runbooks")
    assert done.returncode in (0, 1), done.stderr  # 1: on a later date, a rule that depends on the date can find a violation
    assert "rules over" in done.stdout


def test_a_preview_needs_no_dependency_group(dwcp: Path) -> None:
    done = run(dwcp, *["preview", "--base", "HEAD", "--head", "HEAD", "-e", "local"])
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_the_installed_command_runs_the_code_of_the_checkout(dwcp: Path, tmp_path: Path) -> None:
    """Otherwise the policies, waivers and components of an older installation would be applied to the checkout."""
    (tmp_path / "Pulumi.yaml").write_text((ROOT / "Pulumi.yaml").read_text())
    for package in ("components", "delivery"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "delivery/__main__.py").write_text("import sys; print('the checkout runs', *sys.argv[1:])")
    (tmp_path / "docs").mkdir()
    assert run(dwcp, "policy", "-e", "local", cwd=tmp_path / "docs").stdout == "the checkout runs policy -e local\n"


def test_the_wrapper_runs_the_code_of_its_own_checkout_in_any_folder(tmp_path: Path) -> None:
    (tmp_path / "delivery").mkdir()
    for name in ("delivery/__init__.py", "delivery/__main__.py", "rich.py"):
        (tmp_path / name).write_text("print('another checkout runs')")
    done = run(ROOT / "dwcp", "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "another checkout runs" not in done.stdout
    assert "Usage: dwcp" in done.stdout


def normalized(distribution: str) -> str:
    """The normalized name: https://packaging.python.org/en/latest/specifications/name-normalization/"""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def distribution_names(requirements: list[Any]) -> Iterator[str]:
    for each in requirements:
        if isinstance(each, str):
            yield normalized(re.split(r"[^\w.-]", each)[0])
        else:
            yield from distribution_names(PROJECT["dependency-groups"][each["include-group"]])


GROUPS = {
    **dict.fromkeys(("__main__.py", "contract.py", "bootstrap", *INSTALLED), ()),
    **dict.fromkeys(("embedded_cloud", "sandbox"), ("embedded-cloud",)),
    "tools": ("installer",),
    **dict.fromkeys(("bench", "tests"), ("dev",)),
}
"""The dependency groups that a package may import from, besides the project's dependencies."""


@pytest.mark.parametrize("package", GROUPS)
def test_every_imported_package_is_declared(package: str) -> None:
    declared = {*distribution_names(PROJECT["project"]["dependencies"])}
    declared |= {name for group in GROUPS[package] for name in distribution_names(PROJECT["dependency-groups"][group])}
    owners = packages_distributions()
    local = OURS | {each.stem for folder in ("support", "fixtures") for each in (ROOT / "tests" / folder).iterdir()}
    path = ROOT / package
    undeclared = {
        f"{file.relative_to(ROOT)}: {module}"
        for file in ([path] if path.is_file() else path.rglob("*.py"))
        for module in imported_modules(ast.parse(file.read_text())) - local - sys.stdlib_module_names
        if not {normalized(name) for name in owners.get(module, [])} & declared
    }
    assert undeclared == set(), "declare it in pyproject.toml, then: make lock"


def imported_modules(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def test_settings_are_the_only_input_of_the_program() -> None:
    """Otherwise the caller's environment variables could change the resources that a checkout declares."""
    files = [ROOT / "__main__.py", ROOT / "contract.py"]
    files += [file for package in ("bootstrap", "components", "policies", "program") for file in (ROOT / package).rglob("*.py")]
    reading = {
        str(file.relative_to(ROOT)) for file in files for node in ast.walk(ast.parse(file.read_text())) if reads_environment(node)
    }
    # They control the environment variables of the evaluation, and of the interpreter that they start.
    assert reading == {"program/evaluation_process.py", "program/evaluation.py"}


def reads_environment(node: ast.AST) -> bool:
    """Whether a part of a program reads the environment variables of its process, or imports a function that reads them."""
    names = {"environ", "environb", "getenv", "getenvb"}
    if isinstance(node, ast.ImportFrom):
        return node.module == "os" and any(each.name in names for each in node.names)
    return isinstance(node, ast.Attribute) and node.attr in names


@pytest.mark.parametrize("line", ["os.environ['A']", "os.getenv('A')", "from os import environ as given", "from os import getenv"])
def test_each_way_to_read_environment_variables_is_found(line: str) -> None:
    assert any(map(reads_environment, ast.walk(ast.parse(line))))
