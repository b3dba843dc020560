"""Changes from one update to the next that EKS refuses, or that would lose nodes under load."""

from __future__ import annotations

from typing import Any

import pytest
from recording import run_platform

from components.aws.last_update import refuse_changes
from components.errors import ComponentsError
from components.settings import ClusterSettings
from program import evaluation

LAST = {"version": "1.35", "nodeLimits": "3 to 6"}


def settings(**changes: Any) -> ClusterSettings:
    return ClusterSettings(**{"version": "1.35", "min_nodes": 3, "max_nodes": 6, **changes})


@pytest.mark.parametrize(
    ("wanted", "problem", "right"),
    [("1.34", "cannot downgrade", "'1.35'"), ("1.37", "one minor version at a time", "'1.36'")],
)
def test_a_version_that_eks_would_refuse_is_refused_with_the_right_one(wanted: str, problem: str, right: str) -> None:
    with pytest.raises(ComponentsError, match=problem) as refused:
        refuse_changes(LAST, settings(version=wanted))
    assert right in str(refused.value)


@pytest.mark.parametrize("last", [{}, LAST, {"version": "1.34"}])
def test_a_first_update_the_same_version_and_the_next_go_on(last: dict[str, str]) -> None:
    refuse_changes(last, settings())


def test_other_limits_of_the_nodes_need_the_number_of_nodes_with_them() -> None:
    with pytest.raises(ComponentsError, match="would return to that of the first update") as refused:
        refuse_changes(LAST, settings(max_nodes=9))
    assert "cluster.resizeNodes" in str(refused.value)
    refuse_changes(LAST, settings(max_nodes=9, resize_nodes=True))


def test_an_update_that_resizes_sends_the_number_of_the_settings() -> None:
    usual, resizing = run_platform("production"), run_platform("production", cluster={"resizeNodes": True})
    assert {each.ignore_changes for each in usual.of("aws:eks/nodeGroup:NodeGroup")} == {("scalingConfig.desiredSize",)}
    assert {each.ignore_changes for each in resizing.of("aws:eks/nodeGroup:NodeGroup")} == {()}


def test_the_program_compares_with_what_the_stack_published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "published", lambda stack: {"cluster": {"version": "1.36"}})
    with pytest.raises(ComponentsError, match="cannot downgrade"):
        run_platform("production", environment={"owner": "compared"})
