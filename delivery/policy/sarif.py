"""Formats policy reports as SARIF for code scanning. A violation's location is the class of the resource's component.

Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/ and GitHub, "SARIF support for code scanning".
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from delivery.policy.check import PolicyReport
from policies import RULES, Rule, Violation
from program.evaluation import CHECKOUT

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
PROGRAM = ("__main__.py", 1)
COMPONENT_PREFIX = "dwcp:platform:"

SCORES = {"critical": "9.5", "high": "8.0", "medium": "5.0", "low": "2.0"}
"""The ``security-severity`` of each severity. On GitHub, a score above 9.0 is critical, from 7.0 high, and from 4.0 medium."""


def as_sarif(reports: Sequence[PolicyReport]) -> str:
    """A SARIF log as JSON text, with every violation of every stack in one run."""
    results = [_result(violation, report) for report in reports for violation in report.violations]
    driver = {
        "name": "dwcp policy",
        "semanticVersion": "1.0.0",
        "informationUri": "docs/policies.md",
        "rules": [*(_rule(rule) for rule in RULES), _WAIVERS],
    }
    run = {"tool": {"driver": driver}, "results": results, "columnKind": "utf16CodeUnits"}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


_WAIVERS: dict[str, Any] = {"id": "waiver-in-force", "shortDescription": {"text": "No waiver has expired"}}


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.why} {rule.fix}", "markdown": f"{rule.why}\n\n{rule.fix}"},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["security", rule.concern, *rule.frameworks], "security-severity": SCORES[rule.severity]},
    }


def _result(violation: Violation, report: PolicyReport) -> dict[str, Any]:
    file, line = declared_at(violation.urn)
    place = f"{violation.path}: " if violation.path else ""
    level = "error" if violation.blocks else "note" if violation.status == "deferred" else "warning"
    identity = "\n".join((report.stack, violation.rule, violation.urn, violation.path, violation.message))
    result: dict[str, Any] = {
        "ruleId": violation.rule,
        "level": level,
        "message": {"text": f"{report.stack}: {violation.resource}: {place}{violation.message}. {violation.fix}"},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": file}, "region": {"startLine": line}},
                "logicalLocations": [{"fullyQualifiedName": violation.urn or report.stack, "kind": "resource"}],
            }
        ],
        "partialFingerprints": {"violation/v1": hashlib.sha256(identity.encode()).hexdigest()},
        "properties": {"stack": report.stack, "status": violation.status, "policyLevel": violation.level},
    }
    if violation.status == "waived":
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": violation.fix}]
    return result


def declared_at(urn: str) -> tuple[str, int]:
    """The file and line where the class of a resource's innermost component is defined.

    Without a component in the URN, line 1 of ``__main__.py``; without a URN, line 1 of the waiver file.
    """
    if not urn:
        return "policies/waivers.yaml", 1
    types = urn.split("::")[2].split("$") if urn.count("::") >= 3 else []
    components = [each.removeprefix(COMPONENT_PREFIX) for each in types if each.startswith(COMPONENT_PREFIX)]
    return _classes().get(components[-1], PROGRAM) if components else PROGRAM


@cache
def _classes() -> dict[str, tuple[str, int]]:
    found: dict[str, tuple[str, int]] = {}
    for file in sorted((CHECKOUT / "components").rglob("*.py")):
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if match := re.match(r"class (\w+)\(Component\):", line):
                found[match[1]] = (file.relative_to(CHECKOUT).as_posix(), number)
    return found
