"""The ownership table: each row is a real property, and the program really lets go of it."""

from __future__ import annotations

import re
import runpy
from collections.abc import Iterator
from typing import Any

import pytest
from pulumi.runtime.mocks import MockMonitor
from recording import ROOT, Graph, run, stack_config

from components.ownership import DEPLOYMENT, OWNERSHIP, Ownership, ignored


@pytest.fixture(scope="module")
def evaluated() -> Iterator[tuple[Graph, dict[tuple[str, str], set[str]]]]:
    """The production graph, and what each resource was registered to ignore."""
    ignoring: dict[tuple[str, str], set[str]] = {}
    register = MockMonitor.RegisterResource

    def remember(self: MockMonitor, request: Any) -> Any:
        if request.ignoreChanges:
            ignoring[request.type, request.name] = set(request.ignoreChanges)
        return register(self, request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MockMonitor, "RegisterResource", remember)
        yield run(lambda: runpy.run_path(str(ROOT / "__main__.py")), stack_config("production"), stack_name="production"), ignoring


def values_at(data: Any, path: str) -> list[Any]:
    """The values at a property path; ``[*]`` is every item."""
    found = [data]
    for part in re.findall(r"[^.\[\]]+", path):
        if part == "*":
            found = [item for each in found for item in each]
        else:
            found = [each[int(part) if part.isdecimal() else part] for each in found]
    return found


@pytest.mark.parametrize("row", OWNERSHIP, ids=lambda row: f"{row.name}:{row.path}")
def test_each_row_names_a_property_that_the_program_sets_first(row: Ownership, evaluated: Any) -> None:
    graph, _ = evaluated
    values = values_at(graph.one(row.type, row.name), row.path)
    assert values
    assert all(value is not None for value in values)


def test_the_program_ignores_what_others_own(evaluated: Any) -> None:
    _, ignoring = evaluated
    for row in OWNERSHIP:
        assert row.path in ignoring[row.type, row.name]


def test_of_the_application_and_the_load_balancer_nothing_else_is_ignored(evaluated: Any) -> None:
    _, ignoring = evaluated
    owned = {(row.type, row.name) for row in OWNERSHIP}
    assert {paths for resource, found in ignoring.items() if resource in owned for paths in found} == {
        row.path for row in OWNERSHIP
    }


def test_kubernetes_paths_have_no_list_index() -> None:
    """The kubernetes provider cannot match one under server-side apply, and would fight delivery for the field."""
    assert not any("[" in row.path for row in OWNERSHIP if row.type.startswith("kubernetes:"))


def test_a_resource_that_nobody_owns_is_an_error_and_not_an_empty_list() -> None:
    with pytest.raises(LookupError, match="'dwcp-v3-renamed' has no owner"):
        ignored(DEPLOYMENT, "dwcp-v3-renamed")
