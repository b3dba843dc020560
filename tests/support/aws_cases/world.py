"""The definition of a test case for one type of the embedded aws provider, and the resources that the cases share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import count
from typing import Any

import boto3
from botocore.config import Config

from embedded_cloud.providers.aws.provider import AwsPlugin
from embedded_cloud.providers.plugin import ResourceState

Properties = dict[str, Any]
Client = Callable[[str], Any]
"""A function that returns a boto3 client for the name of a service."""
NUMBERS = count(1)


def policy(action: str, principal: Properties | None = None) -> str:
    """A policy document with one statement."""
    statement: Properties = {"Effect": "Allow", "Action": [action]}
    statement |= {"Principal": principal} if principal else {"Resource": ["*"]}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@dataclass(frozen=True)
class Made:
    """A resource that the provider has created, with the values that the engine would store."""

    resource: ResourceState
    inputs: Properties
    state: Properties

    @property
    def id(self) -> str:
        return self.resource.id


class World:
    """A provider, the shared resources that it creates once, and boto3 clients that are independent of the provider."""

    def __init__(self, endpoint: str, plugin: AwsPlugin) -> None:
        self.endpoint = endpoint
        self.plugin = plugin
        self._made: dict[str, Made] = {}

    def boto(self, service: str) -> Any:
        """A boto3 client that is independent of the provider."""
        return client(service, self.endpoint)

    def without_tls(self, service: str) -> Any:
        """A boto3 client whose calls have a proxy's header for a request without TLS."""
        plain = client.__wrapped__(service, self.endpoint)
        name = f"before-send.{service}"
        plain.meta.events.register(name, lambda request, **_: request.headers.update({"X-Forwarded-Proto": "http"}))
        return plain

    def another_plugin(self) -> AwsPlugin:
        """Another instance of the provider, as in another process."""
        plugin = AwsPlugin()
        plugin.configure({"region": self.plugin.aws.region, "defaultTags": {"tags": self.plugin.aws.default_tags}})
        return plugin

    def make(self, token: str, /, **inputs: Any) -> Made:
        """Create a resource as the engine would."""
        name = f"test-{next(NUMBERS)}"
        named = ResourceState(type=token, name=name, urn=f"urn:pulumi:local::dwcp-v3::{token}::{name}")
        checked = self.plugin.check(named, {}, inputs)
        id, state = self.plugin.create(named, checked, False)
        return Made(replace(named, id=id), checked, state)

    def shared(self, key: str, token: str, /, **inputs: Any) -> Made:
        """The shared resource ``key``, which the first call creates."""
        if key not in self._made:
            self._made[key] = self.make(token, **inputs)
        return self._made[key]

    def vpc(self, key: str = "vpc") -> str:
        """A VPC with an internet gateway. Without this gateway, AWS refuses NAT gateways and public load balancers."""
        vpc = self.shared(key, "aws:ec2/vpc:Vpc", cidrBlock="10.0.0.0/16").id
        self.shared(f"gateway of {key}", "aws:ec2/internetGateway:InternetGateway", vpcId=vpc)
        return vpc

    def subnet(self, zone: str = "a") -> str:
        block = f"10.0.{200 + 'abc'.index(zone)}.0/24"
        return self.shared(
            f"subnet-{zone}", "aws:ec2/subnet:Subnet", vpcId=self.vpc(), cidrBlock=block, availabilityZone=f"us-east-1{zone}"
        ).id

    def add_default_route(self) -> None:
        """Create a default route in the VPC's main route table. Without this route, nodes cannot join the cluster."""
        ec2 = self.boto("ec2")
        wanted = [{"Name": "vpc-id", "Values": [self.vpc()]}, {"Name": "association.main", "Values": ["true"]}]
        [table] = ec2.describe_route_tables(Filters=wanted)["RouteTables"]
        gateway = self._made["gateway of vpc"].id
        if not any(each.get("DestinationCidrBlock") == "0.0.0.0/0" for each in table["Routes"]):
            ec2.create_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)

    def group(self, key: str = "group") -> str:
        return self.shared(key, "aws:ec2/securityGroup:SecurityGroup", vpcId=self.vpc()).id

    def table(self, key: str = "table") -> str:
        return self.shared(key, "aws:ec2/routeTable:RouteTable", vpcId=self.vpc()).id

    def address(self, key: str = "address") -> str:
        return self.shared(key, "aws:ec2/eip:Eip").id

    def nat(self, key: str = "nat") -> str:
        return self.shared(key, "aws:ec2/natGateway:NatGateway", subnetId=self.subnet(), allocationId=self.address(f"for {key}")).id

    def role(self) -> Made:
        services = ["ec2.amazonaws.com", "eks.amazonaws.com", "pods.eks.amazonaws.com"]
        return self.shared("role", "aws:iam/role:Role", assumeRolePolicy=policy("sts:AssumeRole", {"Service": services}))

    def key(self, key: str = "key") -> Made:
        return self.shared(key, "aws:kms/key:Key")

    def log_key(self) -> str:
        """The ARN of a key that CloudWatch Logs may use."""
        uses = {
            "Effect": "Allow",
            "Principal": {"Service": "logs.us-east-1.amazonaws.com"},
            "Action": "kms:*",
            "Resource": "*",
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [uses]})
        return self.shared("log key", "aws:kms/key:Key", policy=policy).state["arn"]

    def log_bucket(self) -> str:
        """A new bucket into which load balancers may write."""
        bucket = self.bucket()
        writes = {"Effect": "Allow", "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}}
        statement = {**writes, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
        self.boto("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
        return bucket

    def log_group(self) -> Made:
        return self.shared("logs", "aws:cloudwatch/logGroup:LogGroup")

    def bucket(self) -> str:
        """A new bucket, because a bucket has only one setting of each type."""
        return self.make("aws:s3/bucket:Bucket", forceDestroy=True).id

    def target_group(self, key: str) -> str:
        token = "aws:lb/targetGroup:TargetGroup"
        return self.shared(key, token, vpcId=self.vpc(), port=8080, protocol="HTTP", targetType="ip").id

    def balancer(self) -> str:
        subnets = [self.subnet("a"), self.subnet("b")]
        return self.shared("balancer", "aws:lb/loadBalancer:LoadBalancer", subnets=subnets, securityGroups=[self.group()]).id

    def listener(self) -> str:
        answer = {"type": "fixed-response", "fixedResponse": {"contentType": "text/plain", "statusCode": "404"}}
        return self.shared(
            "listener",
            "aws:lb/listener:Listener",
            loadBalancerArn=self.balancer(),
            port=80,
            protocol="HTTP",
            defaultActions=[answer],
        ).id

    def certificate(self, key: str = "certificate") -> str:
        return self.shared(key, "aws:acm/certificate:Certificate", domainName="a.example.com", validationMethod="DNS").id

    def zone(self) -> str:
        return self.plugin.invoke("aws:route53/getZone:getZone", {"name": "example.com"})["zoneId"]

    def template(self) -> Made:
        return self.shared("template", "aws:ec2/launchTemplate:LaunchTemplate", instanceType="m7i.large")

    def cluster(self) -> str:
        config = {"subnetIds": [self.subnet("a"), self.subnet("b")], "endpointPrivateAccess": True}
        access = {"authenticationMode": "API"}
        arn = self.role().state["arn"]
        token = "aws:eks/cluster:Cluster"
        return self.shared("cluster", token, roleArn=arn, vpcConfig=config, version="1.35", accessConfig=access).id

    def new_role(self) -> str:
        """The ARN of a new role that every service of a cluster may assume."""
        return self.make("aws:iam/role:Role", assumeRolePolicy=self.role().inputs["assumeRolePolicy"]).state["arn"]

    def entry(self) -> str:
        """The ARN of a principal with an access entry in :meth:`cluster`."""
        token = "aws:eks/accessEntry:AccessEntry"
        return self.make(token, clusterName=self.cluster(), principalArn=self.new_role()).inputs["principalArn"]


@cache
def client(service: str, endpoint: str) -> Any:
    """A client, created once per service, because reading a service's model takes long."""
    config = Config(retries={"total_max_attempts": 1})
    secret = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=endpoint, region_name="us-east-1", config=config, **secret)


@dataclass(frozen=True, kw_only=True)
class Case:
    """The test case of one type: its inputs, and functions that find the resource without the provider."""

    token: str
    inputs: Callable[[World], Properties]
    """Returns values for all modelled inputs."""
    described: Callable[[World, str], Properties]
    """Returns the same inputs, read from the service by boto3 and not by the provider."""
    updates: Callable[[World], Properties] = field(default=lambda _: {})
    """Returns a new value for every input that changes in place."""
    drift: Callable[[World, str], Properties]
    """Changes the resource without Pulumi; returns the inputs that must differ after that, with their values."""
    listed: Callable[[Client], Iterable[str]] | None = None
    """Returns the ids of the type's resources in the account, except resources that AWS creates itself. None for a part of another
    resource."""
    stays: bool = False
    """Whether the service still describes the resource after its deletion."""

    def __str__(self) -> str:
        return self.token.rsplit(":", 1)[1]


def tags(listed: list[dict[str, str]]) -> dict[str, str]:
    """The tags of a describe call, without the default tags of the provider."""
    return {tag["Key"]: tag["Value"] for tag in listed if tag["Key"] != "project"}


def ids(listed: Iterable[dict[str, Any]], key: str) -> list[str]:
    """The ids in the answer to a list call, without resources that are deleted or being deleted."""
    return [each[key] for each in listed if each.get("State") not in ("deleting", "deleted")]
