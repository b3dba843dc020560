"""The table of other checkers' checks: complete for our types, and correct."""

from __future__ import annotations

import re

import pytest
from policies_bad import EXPECTED
from policies_spellings import CAUGHT
from recording import run_platform

import policies
from policies.rules.closed_world import named_by_rules
from program.catalogue import AWS
from tools.checks_reference import CHECKS_FILE, checks, rows

CHECKOV_FILE = CHECKS_FILE.with_name("checkov-checks.txt")
KUBE_LINTER_FILE = CHECKS_FILE.with_name("kube-linter-checks.txt")

RULES = {rule.name for rule in policies.RULES}
EXAMPLES = [(name, row[1], row[2] if len(row) > 2 else "") for listed in rows().values() for name, row in listed.items()]
EXAMPLES = [each for each in EXAMPLES if not each[1].startswith("- ")]
ANSWERS = [(checker, name, answer) for checker, listed in checks().items() for name, (_, answer) in listed.items()]


@pytest.mark.parametrize(("checker", "name", "answer"), ANSWERS, ids=[each[1] for each in ANSWERS])
def test_a_check_is_covered_by_a_rule_that_exists_or_has_a_reason(checker: str, name: str, answer: str) -> None:
    assert answer in RULES or (answer.startswith("- ") and len(answer) > 20)


@pytest.mark.parametrize(("rule", "example"), [each[1:] for each in EXAMPLES], ids=[each[0] for each in EXAMPLES])
def test_a_covered_check_names_an_example_that_the_rule_finds(rule: str, example: str) -> None:
    """``test_rules`` and ``test_meaning`` evaluate the rules on these examples."""
    name, _, part = example.partition(": ")
    expected = [message for resource, message in EXPECTED[rule] if resource == name and part in message]
    assert expected or (example, rule) in {(each[0], each[2]) for each in CAUGHT}


OTHER_NAMES = {
    "aws:lb/loadBalancer:LoadBalancer": "aws_lb",
    "aws:rds/clusterSnapshot:ClusterSnapshot": "aws_db_cluster_snapshot",
    "aws:rds/instance:Instance": "aws_db_instance",
}
"""Types whose name in Terraform does not follow from their token."""


def terraform_names(token: str) -> set[str]:
    _, module, kind = token.split(":")
    words = re.sub(r"(?<!^)([A-Z])", r"_\1", kind).lower()
    return {OTHER_NAMES.get(token, f"aws_{words}"), f"aws_{module.partition('/')[0]}_{words}"}


def listed_by_checkov() -> dict[str, set[str]]:
    lines = [each.split() for each in CHECKOV_FILE.read_text().splitlines() if not each.startswith("#")]
    return {name: set(types) for name, *types in lines}


def test_every_check_of_checkov_on_a_type_of_ours_has_a_row() -> None:
    program = {each.type for stack in ("local", "staging", "production") for each in run_platform(stack).resources}
    reviewed = {each for each, entry in AWS.items() if entry.reviewed}
    tokens = {each for each in {*named_by_rules(), *reviewed, *program} if each.startswith("aws:")}
    ours = {"aws_iam_policy_document"}.union(*map(terraform_names, tokens))
    rows = checks()["checkov, AWS"]
    listed = listed_by_checkov()
    assert [name for name, types in listed.items() if types & ours and name not in rows] == []
    assert set(rows) <= set(listed)
    assert len(listed) > 400


def test_every_check_of_kube_linter_has_a_row() -> None:
    listed = {each for each in KUBE_LINTER_FILE.read_text().splitlines() if not each.startswith("#")}
    assert listed == set(checks()["kube-linter"])
    assert len(listed) > 90
