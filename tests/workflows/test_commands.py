"""Every command line of the pipelines exists in ``dwcp``, npm or make, with its options."""

from __future__ import annotations

import json
import re
import shlex

import pytest
from command_lines import parse
from recording import ROOT

from delivery.github.workflow import jobs

SCRIPTS = sorted({step["run"] for job in jobs(ROOT) for step in job.steps if "run" in step})
APP = json.loads((ROOT / "tests/fixtures/app/package.json").read_text())["scripts"]
REQUIRED = {"GITHUB_REF": "refs/heads/main", "GITHUB_SHA": "0" * 40, "GITHUB_RUN_ATTEMPT": "1", "AWS_REGION": "us-east-1"}


def arguments_of(script: str) -> list[str]:
    """A command's arguments up to an unquoted redirection; a variable becomes 1, which every kind of option accepts."""
    script = re.sub(r"\$\{\w+:\+([^}]+)\}", r"\1", script)
    found = shlex.split(re.sub(r"\$\w+", "1", script))
    return found[: next((index for index, word in enumerate(found) if word.startswith(">")), len(found))]


@pytest.mark.parametrize("script", [each for each in SCRIPTS if each.startswith("./dwcp")])
def test_dwcp_accepts_the_command_and_its_options(script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    parse(arguments_of(script)[1:])


@pytest.mark.parametrize("script", [each for each in SCRIPTS if each.startswith("npm run")])
def test_every_npm_script_is_in_the_app_and_the_contract(script: str) -> None:
    assert arguments_of(script)[2] in APP
    assert re.search(rf"`{re.escape(arguments_of(script)[2])}(?![\w:-])", (ROOT / "docs/app-contract.md").read_text())


@pytest.mark.parametrize("script", [each for each in SCRIPTS if not each.startswith(("./dwcp", "npm"))])
def test_every_other_command_is_of_this_repository_or_a_usual_tool(script: str) -> None:
    assert arguments_of(script)[0] in ("make", ".venv/bin/pytest", "cat", "echo", "gh", "sudo")
