"""The table of other checkers' checks: complete for our types, and correct."""

from __future__ import annotations

import pytest
from policies_spellings import CAUGHT

import policies
from tools.checks_reference import checks

RULES = {rule.name for rule in policies.RULES}
ANSWERS = [(checker, name, answer) for checker, listed in checks().items() for name, (_, answer) in listed.items()]


@pytest.mark.parametrize(("checker", "name", "answer"), ANSWERS, ids=[each[1] for each in ANSWERS])
def test_a_check_is_covered_by_a_rule_that_exists_or_has_a_reason(checker: str, name: str, answer: str) -> None:
    assert answer in RULES or (answer.startswith("- ") and len(answer) > 20)


def test_every_rule_about_a_spelling_exists() -> None:
    assert {rule for _, _, rule in CAUGHT} <= RULES
