"""Defects that the embedded cloud once accepted, one by one: each is refused with a message that names its cause."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boto3
import pytest
from random_order import RandomOrderStack

from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.providers.aws.provider import AwsPlugin
from program.graph import Resource

pytestmark = pytest.mark.cloud

CLUSTER = "aws:eks/cluster:Cluster"
NAT = "aws:ec2/natGateway:NatGateway"
ADDRESS = "aws:ec2/eip:Eip"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
NODES = "aws:eks/nodeGroup:NodeGroup"
WAYS_OUT = ("aws:ec2/route:Route", "aws:ec2/routeTableAssociation:RouteTableAssociation", NAT)
Change = Callable[[Resource], Resource]


def only_by_inputs(*types: str) -> Change:
    """The resources that depend only on their inputs."""

    def change(each: Resource) -> Resource:
        kept = tuple(urn for urns in (each.property_dependencies or {}).values() for urn in urns)
        return replace(each, dependencies=kept) if each.type in types else each

    return change


def before(*needed: str, types: tuple[str, ...]) -> Change:
    """The resources of ``types`` no longer wait for those of the types ``needed``."""

    def change(each: Resource) -> Resource:
        kept = tuple(urn for urn in each.dependencies if not any(f"{kind}::" in urn for kind in needed))
        return replace(each, dependencies=kept) if each.type in types else each

    return change


def with_inputs(type_: str, **inputs: Any) -> Change:
    return lambda each: replace(each, inputs={**each.inputs, **inputs}) if each.type == type_ else each


def without_logs(each: Resource) -> Resource:
    """A load balancer that depends only on its inputs and writes no logs, so that it does not wait for the logs' bucket."""
    if each.type != BALANCER:
        return each
    inputs = {name: value for name, value in each.inputs.items() if name != "accessLogs"}
    return only_by_inputs(BALANCER)(replace(each, inputs=inputs))


def first_failure(stack: RandomOrderStack, seeds: range = range(20)) -> str:
    """The error of the embedded cloud in the first order; all created resources are deleted."""
    try:
        for seed in seeds:
            stack.up(seed)
            stack.destroy(seed)
    except EmbeddedCloudError as error:
        return str(error)
    finally:
        stack.sweep()
    raise AssertionError("every order passed")


DEFECTS: dict[str, tuple[Change, str]] = {
    "NAT gateways and their addresses do not wait for the internet gateway": (
        only_by_inputs(NAT, ADDRESS),
        r"Gateway\.NotAttached|mapped public address",
    ),
    "the load balancer does not wait for the internet gateway": (
        without_logs,
        r"InvalidSubnet.*has no internet gateway|DependencyViolation.*mapped public address",
    ),
    "the load balancer does not wait for the policy of its bucket": (
        before("aws:s3/bucketPolicy:BucketPolicy", types=(BALANCER,)),
        "InvalidConfigurationRequest.*Access Denied for bucket",
    ),
    "nodes do not wait for the routes out of their subnets": (
        before(*WAYS_OUT, types=(CLUSTER, NODES)),
        "Instances failed to join the kubernetes cluster",
    ),
    "nodes newer than their cluster": (with_inputs(NODES, version="1.36"), "newer than the cluster version"),
    "a cluster of an unknown version": (with_inputs(CLUSTER, version="1.99"), "unsupported Kubernetes version 1.99"),
    "a cluster before its log groups, which EKS then makes itself": (
        before(LOG_GROUP, types=(CLUSTER,)),
        "ResourceAlreadyExists|log group",
    ),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_of_one_stack_is_refused(plugin: AwsPlugin, defect: str) -> None:
    change, said = DEFECTS[defect]
    assert_matches(said, first_failure(RandomOrderStack.of("local", plugin).without(change)))


def test_names_without_their_environment_are_taken_when_the_second_stack_comes(plugin: AwsPlugin) -> None:

    def change(each: Resource) -> Resource:
        keys = {"name"} if each.type == CLUSTER else {"clusterName"} & each.inputs.keys()
        return replace(each, inputs={**each.inputs, **dict.fromkeys(keys, "dwcp-v3")})

    staging, production = (RandomOrderStack.of(stack, plugin).without(change) for stack in ("staging", "production"))
    try:
        staging.up(0)
        with pytest.raises(EmbeddedCloudError, match="Cluster already exists with name: dwcp-v3"):
            production.up(0)
    finally:
        production.sweep()
        staging.sweep()


def test_a_zone_in_which_eks_places_no_control_plane_is_refused(plugin: AwsPlugin, moto: str) -> None:
    ec2 = boto3.client("ec2", endpoint_url=moto, region_name="us-east-1", aws_access_key_id="-", aws_secret_access_key="-")
    zones = {each["ZoneId"]: each["ZoneName"] for each in ec2.describe_availability_zones()["AvailabilityZones"]}

    def into_refused_zone(each: Resource) -> Resource:
        wanted = {**each.inputs, "availabilityZone": zones["use1-az3"]}
        return replace(each, inputs=wanted) if each.name == "dwcp-v3-private-a" and "subnet:" in each.type else each

    assert_matches(
        "targeted availability zone", first_failure(RandomOrderStack.of("local", plugin).without(into_refused_zone), range(1))
    )


def assert_matches(pattern: str, said: str) -> None:
    assert re.search(pattern, said), said
