"""Changes from one update to the next that EKS refuses, or that would lose nodes under load."""

from __future__ import annotations

from ipaddress import IPv4Network
from types import SimpleNamespace
from typing import Any, cast

import pytest
from recording import run_platform

from components.aws._last_update import described_network, described_node_groups, refuse_changes
from components.errors import ComponentsError
from components.settings import ClusterSettings, NetworkSettings, Settings
from program import _sdk


def settings(network: dict[str, Any] | None = None, **cluster: Any) -> Settings:
    """Settings with only the two compared groups; arguments replace their fields."""
    groups = SimpleNamespace(
        cluster=ClusterSettings(**{"version": "1.35", "min_nodes": 3, "max_nodes": 6, **cluster}),
        network=NetworkSettings(**network or {}),
    )
    return cast("Settings", groups)


LAST = {"version": "1.35", "network": described_network(settings()), "nodeGroups": described_node_groups(settings())}


@pytest.mark.parametrize(
    ("wanted", "problem", "valid"),
    [("1.33", "downgrades by one minor version at most", "'1.35'"), ("1.37", "one minor version at a time", "'1.36'")],
)
def test_a_version_that_eks_does_not_accept_is_refused_with_a_valid_one(wanted: str, problem: str, valid: str) -> None:
    with pytest.raises(ComponentsError, match=problem) as refused:
        refuse_changes(LAST, settings(version=wanted))
    assert valid in str(refused.value)


def test_a_rollback_by_one_version_warns_of_the_conditions_of_eks(monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    monkeypatch.setattr("pulumi.log.warn", warned.append)
    refuse_changes(LAST, settings(version="1.34"))
    assert len(warned) == 1
    for condition in ("within 7 days of the upgrade to 1.35", "no node is newer than 1.34", "not know the time of the upgrade"):
        assert condition in warned[0]


@pytest.mark.parametrize("last", [{}, LAST, {"version": "1.34"}])
def test_a_first_update_the_same_version_and_the_next_version_are_accepted(last: dict[str, str]) -> None:
    refuse_changes(last, settings())


@pytest.mark.parametrize(
    "changed", [{"max_nodes": 9}, {"min_nodes": 2}, {"instance_types": ("m7i.2xlarge",)}, {"capacity_type": "SPOT"}], ids=str
)
def test_a_change_that_resets_the_number_of_nodes_requires_resize_nodes(changed: dict[str, Any]) -> None:
    with pytest.raises(ComponentsError, match="would set the number that the group had at its creation") as refused:
        refuse_changes(LAST, settings(**changed))
    assert "cluster.resizeNodes" in str(refused.value)
    refuse_changes(LAST, settings(**changed, resize_nodes=True))


@pytest.mark.parametrize("changed", [{"zones": ("a", "b", "c", "d")}, {"vpc_cidr": IPv4Network("10.8.0.0/16")}], ids=str)
def test_a_network_change_that_eks_does_not_support_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ComponentsError, match=r"the cluster was created in 10\.\d+\.0\.0/16 in a, b, c") as refused:
        refuse_changes(LAST, settings(network=changed, resize_nodes=True))
    assert "add an environment with its own stack" in str(refused.value)


def test_resize_nodes_sends_the_configured_number_of_nodes() -> None:
    usual, resizing = run_platform("production"), run_platform("production", cluster={"resizeNodes": True})
    assert {each.ignore_changes for each in usual.of("aws:eks/nodeGroup:NodeGroup")} == {("scalingConfig.desiredSize",)}
    assert {each.ignore_changes for each in resizing.of("aws:eks/nodeGroup:NodeGroup")} == {()}


def test_the_program_compares_with_the_outputs_of_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    major, _, minor = ClusterSettings().version.partition(".")
    monkeypatch.setattr(_sdk.Providers, "published", {"cluster": {"version": f"{major}.{int(minor) + 2}"}})
    with pytest.raises(ComponentsError, match="downgrades by one minor version at most"):
        run_platform("production", environment={"owner": "compared"})
