"""Updates and reviews: Renovate finds every version in the files, and every path in CODEOWNERS exists."""

from __future__ import annotations

import json
import re
from pathlib import Path
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


@pytest.mark.parametrize("path", code_owners())
def test_every_path_with_an_owner_exists(path: str) -> None:
    assert path == "*" or (ROOT / path.strip("/")).exists()
    assert all(owner.startswith("@") for owner in code_owners()[path])
    assert code_owners()[path]


def test_policies_aws_and_pipelines_have_owners() -> None:
    assert {"*", "/policies/", "/components/aws/", "/.github/"} <= set(code_owners())
