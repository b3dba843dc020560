"""Every ``dwcp`` command that a message or a page names is one that exists, with its options."""

from __future__ import annotations

import pytest
from command_lines import Mention, in_product, in_texts, problem_of

MENTIONS = sorted(set(in_product() + in_texts()), key=str)


@pytest.mark.parametrize("mention", MENTIONS, ids=str)
def test_a_command_that_is_named_exists(mention: Mention) -> None:
    assert problem_of(mention.line, whole=mention.whole) == ""


def test_both_messages_and_pages_are_looked_at() -> None:
    places = {each.where.partition("/")[0] for each in MENTIONS}
    assert {"delivery", "docs", "README.md", ".github"} <= places


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("state check", "dwcp state knows no command 'check'"),
        ("1 --environment local", "dwcp knows no command '1'"),
        ("rollout --environment local --resume", "dwcp rollout has no option --resume"),
        ("state restore --version 1", "dwcp state restore needs --environment"),
        ("state verify --environment local names a sound version", ""),
        ("releases", "dwcp releases needs --environment"),
        ("deploy --plan", ""),
    ],
)
def test_what_is_not_a_command_is_told(line: str, problem: str) -> None:
    assert problem_of(line) == problem
