"""AWS accepts every order that the program's dependencies allow: each stack, with seeded delays."""

from __future__ import annotations

import pytest
from shaken import Shaken

from embedded_cloud.providers.aws.provider import AwsPlugin

pytestmark = pytest.mark.cloud
SEEDS = range(20)


@pytest.mark.parametrize("stack", ["local", "staging", "production"])
def test_every_order_passes(plugin: AwsPlugin, stack: str) -> None:
    shaken = Shaken.of(stack, plugin)
    up_and_down(shaken)


def up_and_down(shaken: Shaken) -> None:
    for seed in SEEDS:
        shaken.up(seed)
        shaken.destroy(seed)
