"""Updates and reviews: Renovate finds every version in the files, and each file has its owners."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from pathlib import Path, PurePath
from typing import Any

import pytest
from pydantic import BaseModel
from recording import ROOT

from components.aws import controllers
from components.settings import Settings

CONFIG: dict[str, Any] = json.loads((ROOT / ".github/renovate.json").read_text())
OURS = "ghcr.io/novacron/"


def dependencies_in(file: str) -> set[tuple[str, str]]:
    """Name and version of each dependency that Renovate's custom patterns find in a file."""
    text, matches = (ROOT / file).read_text(), set[tuple[str, str]]()
    for manager in CONFIG["customManagers"]:
        if any(re.search(pattern.strip("/"), file) for pattern in manager["managerFilePatterns"]):
            for pattern in manager["matchStrings"]:
                for match in re.finditer(pattern.replace("(?<", "(?P<"), text):
                    matches.add((match.groupdict().get("depName") or manager["depNameTemplate"], match["currentValue"]))
    return matches


def default_images() -> set[str]:
    """Every default image in the settings, except the project's own."""
    groups = [field.annotation for field in Settings.model_fields.values()]
    defaults = [
        field.default
        for group in groups
        if isinstance(group, type) and issubclass(group, BaseModel)
        for name, field in group.model_fields.items()
        if name == "image" or name.endswith("_image")
    ]
    return {each for each in defaults if isinstance(each, str) and not each.startswith(OURS)}


def test_renovate_finds_every_default_image() -> None:
    assert len(default_images()) > 5
    files = (str(each.relative_to(ROOT)) for each in (ROOT / "components/settings/groups").glob("*.py"))
    assert {f"{name}:{version}" for file in files for name, version in dependencies_in(file)} >= default_images()


def test_renovate_finds_every_chart() -> None:
    charts = [each for each in vars(controllers).values() if isinstance(each, controllers.Chart)]
    assert charts
    assert dependencies_in("components/aws/controllers.py") == {(each.name.removeprefix("oci://"), each.version) for each in charts}


@pytest.mark.parametrize("file", sorted((ROOT / ".github/workflows").glob("*.yml")), ids=lambda file: file.stem)
def test_renovate_finds_the_pulumi_cli_of_every_pipeline(file: Path) -> None:
    expected = {("pulumi/pulumi", version) for version in re.findall(r"pulumi-version: (\S+)", file.read_text())}
    assert dependencies_in(f".github/workflows/{file.name}") == expected


def test_renovate_ignores_the_projects_own_images() -> None:
    [rule] = [each for each in CONFIG["packageRules"] if each.get("enabled") is False]
    assert rule["matchPackageNames"] == [f"{OURS}**"]


@pytest.mark.parametrize(
    ("manager", "pattern"),
    [
        ("github-actions", ".github/workflows/*.yml"),
        ("npm", "tests/fixtures/app/package.json"),
        ("dockerfile", "docker/Dockerfile.*"),
        ("gomod", "embedded_cloud/toolchain/*/go.mod"),
        ("pep621", "pyproject.toml"),
    ],
)
def test_every_manager_is_enabled_and_has_files(manager: str, pattern: str) -> None:
    assert manager in CONFIG["enabledManagers"]
    assert list(ROOT.glob(pattern))


def code_owners() -> dict[str, list[str]]:
    lines = [line.split() for line in (ROOT / ".github/CODEOWNERS").read_text().splitlines() if line and not line.startswith("#")]
    return {path: owners for path, *owners in lines}


def owners_of(file: str) -> list[str]:
    """The owners of a file: those of the last line that matches it."""
    found: list[str] = []
    for path, owners in code_owners().items():
        if path == "*" or (path.endswith("/") and f"/{file}".startswith(path)) or PurePath(f"/{file}").match(path):
            found = owners
    return found


def packages_with_a_role() -> set[str]:
    """The packages and modules in the root folder that run with a role or enforce a rule, and those that they import."""
    found, waiting = set[str](), {"__main__", "bootstrap", "delivery", "policies"}
    while waiting:
        name = waiting.pop()
        found.add(name)
        files = [ROOT / f"{name}.py", *(ROOT / name).rglob("*.py")]
        for node in (node for file in files if file.exists() for node in ast.walk(ast.parse(file.read_text()))):
            imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            imported += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names = {each.partition(".")[0] for each in imported} - found - {""}
            waiting |= {each for each in names if (ROOT / each).is_dir() or (ROOT / f"{each}.py").exists()}
    return found


FILES = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.parametrize("path", code_owners())
def test_every_path_with_an_owner_exists(path: str) -> None:
    assert list(ROOT.glob(path.strip("/")))
    assert all(owner.startswith("@") for owner in code_owners()[path])
    assert code_owners()[path]


def test_what_enforces_a_rule_or_runs_with_a_role_belongs_to_security_alone() -> None:
    """One of several owners on a line is sufficient, so a second owner could change the rules without the first."""
    packages = packages_with_a_role()
    assert {"components", "contract", "program"} <= packages
    others = (".github", "docker", "scripts", "Makefile", "dwcp", "pyproject.toml", "uv.lock", ".secrets.baseline")
    roots = {*packages, *others, *(f"{name}.py" for name in packages)}
    files = [file for file in FILES if file.split("/")[0] in roots or re.match(r"(requirements|Pulumi).*\.(txt|yaml)$", file)]
    assert len(files) > 200
    assert {file: owners for file in files if (owners := owners_of(file)) != ["@novacron/security"]} == {}


def test_the_service_belongs_to_its_team() -> None:
    assert owners_of("tests/fixtures/app/package.json") == ["@novacron/service"]
    assert owners_of("a-new-file") == ["@novacron/security"]
    assert owners_of("CHANGELOG.md") == owners_of("tests/sandbox/test_stacks.py") == ["@novacron/platform"]
    assert owners_of("tests/workflows/test_updates.py") == ["@novacron/security"]
