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


def test_what_a_controller_or_the_scheduler_creates_is_counted() -> None:
    world = World()
    for kind, name, spec in (
        ("core/v1:Service", "service", {"type": "LoadBalancer"}),
        ("networking.k8s.io/v1:Ingress", "ingress", {"ingressClassName": "alb"}),
        ("core/v1:Service", "inside", {"type": "ClusterIP"}),
        ("networking.k8s.io/v1:Ingress", "shared", {"ingressClassName": "nginx"}),
    ):
        world.kubernetes(kind, name, spec=spec)
    world.kubernetes("helm.sh/v3:Release", "entry", chart="oci://ghcr.io/nginx/charts/nginx-ingress")
    claim = {"spec": {"resources": {"requests": {"storage": "1Ti"}}}}
    volumes = [{"name": "scratch", "ephemeral": {"volumeClaimTemplate": claim}}, {"name": "none", "emptyDir": {}}]
    spec = workload({"app": "x"}, replicas=3, containers=[safe_container()], volumes=volumes)
    world.kubernetes("apps/v1:Deployment", "web", spec=spec)
    world.kubernetes("apps/v1:DaemonSet", "agent", spec=spec)
    size = {"minSize": 2, "maxSize": 5, "desiredSize": 2}
    world.add("aws:eks/nodeGroup:NodeGroup", "nodes", scalingConfig=size)
    literal = {"serviceName": "x", "vpcEndpointType": "Interface", "subnetIds": ["subnet-1", "subnet-2"]}
    world.add("aws:ec2/vpcEndpoint:VpcEndpoint", "endpoint", **literal)
    hourly, gib = prices().per_hour, prices().per_month.volume_gib
    assert estimated(world) == {
        "load balancer of service": hourly.load_balancer * HOURS,
        "load balancer of entry": hourly.load_balancer * HOURS,
        "load balancer of ingress": hourly.load_balancer * HOURS,
        "volume per pod of web, 1024 GiB": 3 * 1024 * gib,
        "volume per pod of agent, 1024 GiB": 2 * 1024 * gib,
        "interface endpoint, per zone": 2 * hourly.endpoint * HOURS,
        "disk of a node, 20 GiB": 2 * 20 * gib,
    }
    assert {each.what: each.highest for each in policies.estimate(world.resources())}["volume per pod of agent, 1024 GiB"] == 5
    assert policies.unpriced(world.resources()) == ["t3.medium"]


def test_a_type_without_a_price_is_named_and_not_counted_as_zero() -> None:
    world = World()
    world.add("aws:rds/instance:Instance", "database", instanceClass="db.m7g.4xlarge")
    world.add("aws:ec2/instance:Instance", "machine", instanceType="u7i.metal")
    world.add("aws:iam/role:Role", "role", assumeRolePolicy="{}")
    world.kubernetes("helm.sh/v3:Release", "chart", chart="x")
    assert policies.unpriced(world.resources()) == ["aws:rds/instance:Instance", "chart x", "u7i.metal"]


def test_everything_that_our_stacks_pay_for_has_a_price() -> None:
    assert [policies.unpriced(run_platform(stack).resources) for stack in ("local", "staging", "production")] == [[], [], []]
