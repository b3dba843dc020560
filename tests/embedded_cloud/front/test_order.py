"""Every order that the program's dependencies allow is one that AWS takes: each stack, under seeded delays."""

from __future__ import annotations

from dataclasses import replace

import pytest
from shaken import Shaken

from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.providers.aws.provider import AwsPlugin
from program.graph import Resource

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


def test_a_dependency_that_is_missing_shows(plugin: AwsPlugin) -> None:
    """The check of the check: NAT gateways that do not wait for the internet gateway."""

    def unordered(each: Resource) -> Resource:
        if each.type != "aws:ec2/natGateway:NatGateway":
            return each
        kept = {urn for urns in (each.property_dependencies or {}).values() for urn in urns}
        return replace(each, dependencies=tuple(kept))

    shaken = Shaken.of("local", plugin).without(unordered)
    with pytest.raises(EmbeddedCloudError, match=r"Gateway\.NotAttached|mapped public address"):
        up_and_down(shaken)
