"""Every ``dwcp`` command in a message or on a page exists, with its options."""

from __future__ import annotations

import pytest
from command_lines import Mention, in_product, in_texts, other_problem_of, others, problem_of

MENTIONS = sorted(set(in_product() + in_texts()), key=str)


@pytest.mark.parametrize("mention", MENTIONS, ids=str)
def test_every_mentioned_command_exists(mention: Mention) -> None:
    assert problem_of(mention.line, whole=mention.whole) == ""


@pytest.mark.parametrize("mention", sorted(set(others()), key=str), ids=lambda each: f"{each.where}: {each.line}")
def test_every_mentioned_module_and_make_target_exists(mention: Mention) -> None:
    assert other_problem_of(mention.line) == ""


def test_both_messages_and_pages_are_checked() -> None:
    places = {each.where.partition("/")[0] for each in MENTIONS}
    assert {"delivery", "docs", "README.md", ".github"} <= places


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
