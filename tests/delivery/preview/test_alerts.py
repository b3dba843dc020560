"""The comparison of alerting rules identifies each rule, also among rules with the same name."""

from __future__ import annotations

from typing import Any

import yaml

from delivery.preview import _alerts
from delivery.preview.change import Kind
from program.graph import Graph, Resource
from program.types import CONFIG_MAP


def declared(*rules: dict[str, Any]) -> Graph:
    data = {"rules.yml": yaml.safe_dump({"groups": [{"name": "service", "rules": list(rules)}]})}
    rules_file = Resource(urn="urn:rules", type=CONFIG_MAP, name="rules", inputs={"data": data})
    return Graph(stack="s", resources=(rules_file,), invokes=(), exports={})


def alert(threshold: int, **labels: str) -> dict[str, Any]:
    return {"alert": "HighErrorRate", "expr": f"errors > {threshold}", "labels": labels}


def test_a_change_of_each_rule_with_the_same_name_and_labels_is_shown() -> None:
    base = declared(*(alert(number, severity="critical") for number in range(4)))
    for changed in range(4):
        head = declared(*(alert(number + 10 * (number == changed), severity="critical") for number in range(4)))
        [found] = _alerts.compare(base, head)
        assert found.kind is Kind.UPDATE
        assert [(each.before, each.after) for each in found.details] == [(f"errors > {changed}", f"errors > {changed + 10}")]


def test_rules_with_the_same_name_are_identified_by_their_labels() -> None:
    base = declared(alert(1), alert(2, severity="critical"))
    [added] = _alerts.compare(base, declared(alert(1), alert(2, severity="critical"), alert(3, severity="warning")))
    assert (added.kind, added.name) == (Kind.CREATE, "HighErrorRate (severity=warning)")
