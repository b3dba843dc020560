"""Defects that the embedded cloud once accepted, one by one: each is refused with a message that names its cause."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boto3
import pytest
from shaken import Shaken

from components.account import pipeline_access
from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.providers.aws.provider import AwsPlugin
from program.graph import Resource
from sandbox.stacks import web_identity

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


def first_failure(shaken: Shaken, seeds: range = range(20)) -> str:
    """The error of the embedded cloud in the first order; all created resources are deleted."""
    for seed in seeds:
        try:
            shaken.up(seed)
            shaken.destroy(seed)
        except EmbeddedCloudError as error:
            said = str(error)
            break
    else:
        raise AssertionError("every order passed")
    shaken.sweep()
    return said


DEFECTS: dict[str, tuple[Change, str]] = {
    "NAT gateways and their addresses do not wait for the internet gateway": (
        only_by_inputs(NAT, ADDRESS),
        r"Gateway\.NotAttached|mapped public address",
    ),
    "the load balancer does not wait for the internet gateway": (
        only_by_inputs(BALANCER),
        r"no internet gateway|mapped public|Access Denied for bucket",
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
    assert_matches(said, first_failure(Shaken.of("local", plugin).without(change)))


def test_names_without_their_environment_are_taken_when_the_second_stack_comes(plugin: AwsPlugin) -> None:

    def change(each: Resource) -> Resource:
        keys = {"name"} if each.type == CLUSTER else {"clusterName"} & each.inputs.keys()
        return replace(each, inputs={**each.inputs, **dict.fromkeys(keys, "dwcp-v3")})

    staging, production = (Shaken.of(stack, plugin).without(change) for stack in ("staging", "production"))
    staging.up(0)
    with pytest.raises(EmbeddedCloudError, match="Cluster already exists with name: dwcp-v3"):
        production.up(0)
    production.sweep()
    staging.sweep()


def test_a_zone_in_which_eks_places_no_control_plane_is_refused(plugin: AwsPlugin, moto: str) -> None:
    ec2 = boto3.client("ec2", endpoint_url=moto, region_name="us-east-1", aws_access_key_id="-", aws_secret_access_key="-")
    zones = {each["ZoneId"]: each["ZoneName"] for each in ec2.describe_availability_zones()["AvailabilityZones"]}

    def into_refused_zone(each: Resource) -> Resource:
        wanted = {**each.inputs, "availabilityZone": zones["use1-az3"]}
        return replace(each, inputs=wanted) if each.name == "dwcp-v3-private-a" and "subnet:" in each.type else each

    assert_matches("targeted availability zone", first_failure(Shaken.of("local", plugin).without(into_refused_zone), range(1)))


def assert_matches(pattern: str, said: str) -> None:
    assert re.search(pattern, said), said


def client(endpoint: str, service: str, **secret: str) -> Any:
    keys = {"aws_access_key_id": "-", "aws_secret_access_key": "-", **secret}
    return boto3.client(service, endpoint_url=endpoint, region_name="us-east-1", **keys)


def document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def taken(endpoint: str, role: str, **allowed: Any) -> dict[str, str]:
    """The credentials of a new role with these permissions."""
    trusted = {"Federated": "arn:aws:iam::1:oidc-provider/tokens.example.com"}
    trust = {"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity", "Principal": trusted}
    iam = client(endpoint, "iam")
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=role, PolicyName="own", PolicyDocument=document({"Effect": "Allow", **allowed}))
    token = web_identity({"iss": "https://tokens.example.com", "aud": "x", "sub": "x"})
    sts = client(endpoint, "sts")
    answer = sts.assume_role_with_web_identity(RoleArn=arn, RoleSessionName="me", WebIdentityToken=token)["Credentials"]
    return {
        "aws_access_key_id": answer["AccessKeyId"],
        "aws_secret_access_key": answer["SecretAccessKey"],
        "aws_session_token": answer["SessionToken"],
    }


def test_a_missing_action_is_named(moto: str) -> None:
    secret = taken(moto, "limited", Action=["ec2:Describe*", "iam:CreateRole"], Resource="*")
    client(moto, "ec2", **secret).describe_vpcs()
    with pytest.raises(Exception, match=r"UnauthorizedOperation.*not authorized to perform: ec2:CreateVpc"):
        client(moto, "ec2", **secret).create_vpc(CidrBlock="10.0.0.0/16")
    with pytest.raises(Exception, match="not authorized to perform: iam:UpdateRoleDescription"):
        client(moto, "iam", **secret).update_role_description(RoleName="limited", Description="x")
    with pytest.raises(Exception, match="InvalidClientTokenId"):
        client(moto, "ec2", **{**secret, "aws_session_token": "other"}).describe_vpcs()


def test_an_action_on_what_has_no_name_yet_needs_a_statement_about_everything(moto: str) -> None:
    """`eks:*` on the clusters' ARNs does not allow creating one."""
    secret = taken(moto, "by-arn", Action="*", Resource=list(pipeline_access.ARNS.values()))
    with pytest.raises(Exception, match="not authorized to perform: kms:CreateKey"):
        client(moto, "kms", **secret).create_key()
    with pytest.raises(Exception, match="not authorized to perform: acm:RequestCertificate"):
        client(moto, "acm", **secret).request_certificate(DomainName="a.example.com")
    wanted = {"roleArn": "arn:aws:iam::123456789012:role/x", "resourcesVpcConfig": {}}
    with pytest.raises(Exception, match="not authorized to perform: eks:CreateCluster"):
        client(moto, "eks", **secret).create_cluster(name="x", **wanted)


def test_a_role_that_a_service_takes_must_be_one_that_the_caller_may_pass(moto: str) -> None:
    secret = taken(moto, "no-pass", Action="eks:*", Resource="*")
    wanted = {"roleArn": "arn:aws:iam::123456789012:role/x", "resourcesVpcConfig": {}}
    with pytest.raises(Exception, match="not authorized to perform: iam:PassRole on resource: .*role/x"):
        client(moto, "eks", **secret).create_cluster(name="x", **wanted)


def test_a_boundary_limits_what_a_policy_allows(moto: str) -> None:
    iam = client(moto, "iam")
    reads = document({"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"})
    boundary = iam.create_policy(PolicyName="reads", PolicyDocument=reads)["Policy"]["Arn"]
    secret = taken(moto, "bounded", Action="*", Resource="*")
    iam.put_role_permissions_boundary(RoleName="bounded", PermissionsBoundary=boundary)
    client(moto, "ec2", **secret).describe_vpcs()
    with pytest.raises(Exception, match="not authorized to perform: ec2:CreateVpc"):
        client(moto, "ec2", **secret).create_vpc(CidrBlock="10.0.0.0/16")
