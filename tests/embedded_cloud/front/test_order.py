"""AWS accepts every order that the program's dependencies allow: each stack, with seeded delays."""

from __future__ import annotations

import pytest
from random_order import RandomOrderStack

from embedded_cloud.providers.aws.provider import AwsPlugin

pytestmark = pytest.mark.cloud
SEEDS = range(20)


@pytest.mark.parametrize("stack", ["local", "staging", "production"])
def test_every_order_passes(plugin: AwsPlugin, stack: str) -> None:
    up_and_down(RandomOrderStack.of(stack, plugin))


def up_and_down(stack: RandomOrderStack) -> None:
    for seed in SEEDS:
        stack.up(seed)
        stack.destroy(seed)
