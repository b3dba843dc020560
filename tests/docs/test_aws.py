"""docs/aws.md names every setting that the user must replace, and the costs that the policies estimate."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from recording import ROOT, run_platform

import policies
from tools import settings_reference

PAGE = (ROOT / "docs/aws.md").read_text()


def test_the_page_names_every_setting_with_an_example_value() -> None:
    fields = [(key, alias, model, name) for key, model in settings_reference.groups() for name, alias in _aliases(model)]
    examples = [
        (key, alias)
        for key, alias, model, name in fields
        if isinstance(value := model.model_fields[name].default, str) and re.search(r"novacron|example\.com", value)
    ]
    assert len(examples) >= 6
    missing = [f"{key}.{alias}" for key, alias in examples if not re.search(rf"`({key}\.)?{alias}`", PAGE)]
    assert missing == []
    for place in ("`IMAGE` in `.github/workflows/dwcp-v3-cd.yml`", "`trusted_registries` in `policies/limits.py`"):
        assert place in PAGE
        file = re.findall(r"`([^`]+)`", place)[1]
        assert "ghcr.io/novacron/" in (ROOT / file).read_text()
    source = 'org.opencontainers.image.source="https://github.com/novacron/novacron"'
    named = [file.name for file in (ROOT / "docker").glob("Dockerfile.*") if source in file.read_text()]
    assert named, "no Dockerfile names the repository"
    assert [name for name in named if f"`docker/{name}`" not in PAGE] == []


def _aliases(model: type) -> list[tuple[str, str]]:
    return [(name, field.alias) for name, field in model.model_fields.items()]


@pytest.mark.parametrize(("stack", "column"), [("staging", 1), ("production", 2)])
def test_the_costs_on_the_page_are_those_of_the_estimate(stack: str, column: int) -> None:
    items = policies.estimate(run_platform(stack).resources)
    least = sum((each.total for each in items), Decimal(0))
    most = sum((each.usd * max(each.count, each.highest) for each in items), Decimal(0))
    assert amounts("per month", column) == [round(least, -1), round(most, -1)]
    for row, what in (("including: EKS", "EKS"), ("including: NAT", "NAT"), ("including: interface", "interface")):
        total = sum((each.total for each in items if each.what.startswith(what)), Decimal(0))
        assert abs(sum(amounts(row, column)) - total) < 1, row
    [nodes] = [each for each in items if each.what.startswith("node ")]
    assert f"{nodes.count} to {nodes.highest} {nodes.what.removeprefix('node ')}" in cells("including: nodes")[column]


VCPUS = {"large": 2, "xlarge": 4, "2xlarge": 8}
"""The virtual CPUs by the size in the name of an instance type, for the current types."""


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_the_quotas_on_the_page_are_enough_for_an_update_of_the_nodes(stack: str) -> None:
    """EKS adds up to two nodes to a group in one zone: https://docs.aws.amazon.com/eks/latest/userguide/managed-node-update-behavior.html."""
    groups = run_platform(stack).of("aws:eks/nodeGroup:NodeGroup")
    most = 0
    for each in groups:
        largest = max(VCPUS[type_.partition(".")[2]] for type_ in each.inputs["instanceTypes"])
        most += (each.inputs["scalingConfig"]["maxSize"] + 2) * largest
    assert most
    assert f"{stack}: {most} on " in PAGE


def amounts(row: str, column: int) -> list[Decimal]:
    return [Decimal(each.replace(",", "")) for each in re.findall(r"([\d,]+)(?= to [\d,]+ USD| USD)", cells(row)[column])]


def cells(row: str) -> list[str]:
    [line] = [each for each in PAGE.splitlines() if each.startswith(f"| {row}")]
    return [each.strip() for each in line.strip("|").split("|")]
