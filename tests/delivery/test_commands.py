"""Every ``dwcp`` command in a message or on a page exists, with its options."""

from __future__ import annotations

import pytest
from command_lines import command_paths, in_product, in_texts, other_problem_of, others, problem_of


# One test for all commands: with one test for each, every worker of every run would search all files for commands.
def test_every_mentioned_command_exists() -> None:
    mentions = {*in_product(), *in_texts()}
    assert {"delivery", "docs", "README.md", ".github"} <= {each.where.partition("/")[0] for each in mentions}
    assert {str(each): found for each in mentions if (found := problem_of(each.line, whole=each.whole))} == {}


def test_every_command_is_on_a_page() -> None:
    """The steps of the pipelines can be in a workflow instead."""
    mentions = list(in_texts())
    for path in command_paths():
        places = ("docs/", ".github/") if path.startswith("pipeline ") else ("docs/",)
        found = any(f"{each.line} ".startswith(f"{path} ") for each in mentions if each.where.startswith(places))
        assert found, f"describe `dwcp {path}` on a page in docs/"


def test_every_mentioned_module_and_make_target_exists() -> None:
    mentions = set(others())
    assert len(mentions) > 50
    assert {f"{each.where}: {each.line}": found for each in mentions if (found := other_problem_of(each.line))} == {}


def test_a_missing_module_or_target_is_reported() -> None:
    assert other_problem_of("python -m components.compose") == "there is no module components.compose to run"
    assert other_problem_of("make everything") == "the Makefile has no target everything"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("state check", "dwcp state knows no command 'check'"),
        ("1 --environment local", "dwcp knows no command '1'"),
        ("rollout --environment local --resume", "dwcp rollout has no option --resume"),
        ("state restore --version 1", "dwcp state restore needs --environment"),
        ("state verify --environment local prints a valid version", ""),
        ("releases", "dwcp releases needs --environment"),
        ("deploy --plan", ""),
    ],
)
def test_an_unknown_command_is_reported(line: str, problem: str) -> None:
    assert problem_of(line) == problem
