"""The ownership table: each row is an existing property that the program ignores after creation."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest
from recording import run_platform

from components.field_owners import DEPLOYMENT, OWNERSHIP, Ownership, ignored

EVERY_ZONE = partial(run_platform, "production", network={"zones": list("abcdef")})


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
def test_each_row_names_a_property_that_the_program_sets(row: Ownership) -> None:
    values = values_at(EVERY_ZONE().one(row.type, row.name), row.path)
    assert values
    assert all(value is not None for value in values)


def test_the_program_ignores_exactly_the_fields_of_other_owners() -> None:
    found = {(each.type, each.name): set(each.ignore_changes) for each in EVERY_ZONE().resources if each.ignore_changes}
    assert found == {(row.type, row.name): set(ignored(row.type, row.name)) for row in OWNERSHIP}


def test_kubernetes_paths_have_no_list_index() -> None:
    """The kubernetes provider cannot match one under server-side apply, and would conflict with delivery over the field."""
    assert not any("[" in row.path for row in OWNERSHIP if row.type.startswith("kubernetes:"))


def test_a_resource_without_an_owner_is_an_error() -> None:
    with pytest.raises(LookupError, match="'dwcp-v3-renamed' is not in OWNERSHIP"):
        ignored(DEPLOYMENT, "dwcp-v3-renamed")
