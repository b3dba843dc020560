"""docs/policies-checks.md: what checkov and kube-linter ask of our types, and the rule that covers it."""

from __future__ import annotations

from pathlib import Path

import yaml

CHECKS_FILE = Path(__file__).parent / "checks.yaml"
REFERENCE_FILE = Path("docs/policies-checks.md")

HEADER = """\
# Policies beside other checkers

<!-- Made by `make generate` from tools/checks.yaml: edit that. -->

checkov and kube-linter list what can be wrong with the types that the platform uses. For each of their checks that touches one of
these types the table names [the rule](policies.md) that covers it, or why none does.

{covered} of {count} checks are covered by a rule.
"""


def checks() -> dict[str, dict[str, tuple[str, str]]]:
    """By checker, each check: what it asks, and the name of a rule or a reason that begins with ``- ``."""
    content: dict[str, dict[str, list[str]]] = yaml.safe_load(CHECKS_FILE.read_text())
    return {checker: {name: (asks, answer) for name, (asks, answer) in listed.items()} for checker, listed in content.items()}


def reference() -> str:
    """The text of the page."""
    answers = [answer for listed in checks().values() for _, answer in listed.values()]
    covered = sum(not each.startswith("- ") for each in answers)
    lines = [HEADER.format(covered=covered, count=len(answers)).rstrip()]
    for checker, listed in checks().items():
        lines += ["", f"## {checker}", "", "| check | asks that | covered by |", "|---|---|---|"]
        for name, (asks, answer) in listed.items():
            shown = f"none: {answer.removeprefix('- ')}" if answer.startswith("- ") else f"[{answer}](policies.md#{answer})"
            lines.append(f"| {name} | {asks} | {shown} |")
    return "\n".join(lines) + "\n"


def files() -> dict[Path, str]:
    """The page, by its path in the checkout."""
    return {REFERENCE_FILE: reference()}
