"""The items of the monthly estimate, and the types that it reports as not included."""

from __future__ import annotations

from decimal import Decimal

from policies_worlds import World, safe_container, workload
from recording import run_platform

import policies
from policies.prices import HOURS, prices


def estimated(world: World) -> dict[str, Decimal]:
    return {each.what: each.total for each in policies.estimate(world.resources())}


def test_disks_volumes_and_claim_templates_are_counted() -> None:
    world = World()
    disk = {"volumeSize": 50}
    world.add("aws:ec2/instance:Instance", "machine", instanceType="m7i.large", rootBlockDevice=disk, ebsBlockDevices=[disk])
    world.add("aws:ebs/volume:Volume", "volume", size=100)
    claim = {"spec": {"resources": {"requests": {"storage": "10Gi"}}}}
    spec = {**workload({"app": "x"}, replicas=3, containers=[safe_container()]), "volumeClaimTemplates": [claim]}
    world.kubernetes("apps/v1:StatefulSet", "set", spec=spec)
    gib = prices().per_month.volume_gib
    assert estimated(world) == {
        "machine machine, m7i.large": prices().instances_per_hour["m7i.large"] * HOURS,
        "disks of machine, 100 GiB": 100 * gib,
        "volume volume, 100 GiB": 100 * gib,
        "volume per pod of set, 10 GiB": 30 * gib,
    }


def test_a_type_without_a_price_is_named_and_not_counted_as_zero() -> None:
    world = World()
    world.add("aws:rds/instance:Instance", "database", instanceClass="db.m7g.4xlarge")
    world.add("aws:ec2/instance:Instance", "machine", instanceType="u7i.metal")
    world.add("aws:iam/role:Role", "role", assumeRolePolicy="{}")
    assert policies.unpriced(world.resources()) == ["aws:rds/instance:Instance", "u7i.metal"]


def test_everything_that_our_stacks_pay_for_has_a_price() -> None:
    assert [policies.unpriced(run_platform(stack).resources) for stack in ("local", "staging", "production")] == [[], [], []]
