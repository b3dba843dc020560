"""Variants of the same mistake are each found by its rule; valid programs that look like one pass."""

from __future__ import annotations

from datetime import date

import pytest
from policies_spellings import CAUGHT, PASSES, Declare
from policies_worlds import World

import policies
from policies.config import config_of

CONFIG = config_of("production", today=date(2026, 11, 24))


def found(declare: Declare) -> set[str]:
    world = World()
    declare(world)
    return {each.rule for each in policies.check(world.resources(), "production", CONFIG) if each.status in ("failed", "unknown")}


@pytest.mark.parametrize(("declare", "rule"), [each[1:] for each in CAUGHT], ids=[each[0] for each in CAUGHT])
def test_a_variant_of_a_mistake_is_found(declare: Declare, rule: str) -> None:
    assert rule in found(declare)


@pytest.mark.parametrize(("declare", "rule"), [each[1:] for each in PASSES], ids=[each[0] for each in PASSES])
def test_a_valid_program_that_looks_like_a_mistake_passes(declare: Declare, rule: str) -> None:
    assert rule not in found(declare)
