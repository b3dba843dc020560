"""Calls that AWS refuses: each row of the table through boto3, with AWS' own code, and the same call in a valid state."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from recording import run_account

from embedded_cloud.front import eks, refusals
from embedded_cloud.front.refusals import TABLE
from policies.limits import Limits
from program.checkout import CHECKOUT
from sandbox.stacks import web_identity

NUMBERS = count(1)
LOGS_MAY = {"Effect": "Allow", "Principal": {"Service": "logs.us-east-1.amazonaws.com"}, "Action": "kms:*", "Resource": "*"}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@dataclass
class Account:
    """boto3 in an account for the test: every scene creates what it needs."""

    endpoint: str
    made: dict[str, Any] = field(default_factory=dict[str, Any])

    def __getattr__(self, service: str) -> Any:
        options = Config(retries={"total_max_attempts": 1})
        secret = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=self.endpoint, region_name="us-east-1", config=options, **secret)

    def vpc(self) -> str:
        return self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]

    def subnet(self, vpc: str, zone: str = "a") -> str:
        block = f"10.0.{'abcdef'.index(zone)}.0/24"
        return self.ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=f"us-east-1{zone}")["Subnet"]["SubnetId"]

    def subnets(self, vpc: str) -> list[str]:
        return [self.subnet(vpc, zone) for zone in "ab"]

    def gateway(self, vpc: str) -> str:
        gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        return gateway

    def way_out(self, subnets: list[str]) -> None:
        """Give subnets a default route, by their network's main table."""
        [vpc] = {each["VpcId"] for each in self.ec2.describe_subnets(SubnetIds=subnets)["Subnets"]}
        wanted = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}]
        [table] = self.ec2.describe_route_tables(Filters=wanted)["RouteTables"]
        self.ec2.create_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=self.gateway(vpc))

    def online(self) -> tuple[str, str, list[str]]:
        """A network with a gateway and two subnets."""
        vpc = self.vpc()
        return vpc, self.gateway(vpc), self.subnets(vpc)

    def address(self) -> str:
        return self.ec2.allocate_address(Domain="vpc")["AllocationId"]

    def nat(self, subnet: str, address: str | None = None) -> str:
        made = self.ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address or self.address())
        return made["NatGateway"]["NatGatewayId"]

    def without_nat(self, nat: str) -> None:
        """Delete a gateway and wait for its end."""
        self.ec2.delete_nat_gateway(NatGatewayId=nat)
        while self.ec2.describe_nat_gateways(NatGatewayIds=[nat])["NatGateways"][0]["State"] != "deleted":
            pass

    def balancer(self, subnets: list[str], **options: Any) -> str:
        name = options.pop("Name", f"balancer-{next(NUMBERS)}")
        return self.elbv2.create_load_balancer(Name=name, Subnets=subnets, **options)["LoadBalancers"][0]["LoadBalancerArn"]

    def target_group(self, vpc: str, name: str) -> str:
        made = self.elbv2.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip")
        return made["TargetGroups"][0]["TargetGroupArn"]

    def role(self, service: str) -> str:
        trust = document({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"})
        return self.iam.create_role(RoleName=f"role-{next(NUMBERS)}", AssumeRolePolicyDocument=trust)["Role"]["Arn"]

    def cluster(self, subnets: list[str] | None = None, **options: Any) -> str:
        name = options.pop("name", None) or f"cluster-{next(NUMBERS)}"
        role = options.pop("roleArn", None) or self.role("eks.amazonaws.com")
        config = {"subnetIds": subnets if subnets is not None else self.subnets(self.vpc())}
        self.eks.create_cluster(name=name, **{"version": "1.34", **options, "roleArn": role, "resourcesVpcConfig": config})
        return name

    def nodes(self, cluster: str, subnets: list[str], *, routed: bool = True, **options: Any) -> str:
        if routed:
            with suppress(ClientError):  # the second group of a scene finds the route
                self.way_out(subnets)
        role = options.pop("nodeRole", None) or self.role("ec2.amazonaws.com")
        name = f"nodes-{next(NUMBERS)}"
        self.eks.create_nodegroup(clusterName=cluster, nodegroupName=name, subnets=subnets, nodeRole=role, **options)
        return name

    def without_nodes(self, cluster: str, nodes: str) -> None:
        """Delete a node group and wait for its end."""
        self.eks.delete_nodegroup(clusterName=cluster, nodegroupName=nodes)
        _ignoring_absence(lambda: [self.eks.describe_nodegroup(clusterName=cluster, nodegroupName=nodes) for _ in range(2)])

    def upgrade(self, cluster: str, version: str) -> None:
        self.eks.update_cluster_version(name=cluster, version=version)

    def key(self, policy: str | None = None) -> str:
        return self.kms.create_key(**({"Policy": policy} if policy else {}))["KeyMetadata"]["Arn"]

    def certificate(self) -> str:
        return self.acm.request_certificate(DomainName="a.example.com", ValidationMethod="DNS")["CertificateArn"]

    def listener(self, balancer: str, **options: Any) -> str:
        answer = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
        return self.elbv2.create_listener(LoadBalancerArn=balancer, Port=443, DefaultActions=[answer], **options)["Listeners"][0][
            "ListenerArn"
        ]


Call = Callable[[], Any]
Scene = Callable[[Account], tuple[Call, Call]]
"""The refused call, and the accepted one in a valid state."""
SCENES: dict[str, Scene] = {}


def scene(make: Scene) -> Scene:
    """Add the scene of the check with the same name."""
    SCENES[make.__name__] = make
    return make


@scene
def nat_without_gateway(aws: Account) -> tuple[Call, Call]:
    vpc = aws.vpc()
    subnet = aws.subnet(vpc)
    return lambda: aws.nat(subnet), lambda: (aws.gateway(vpc), aws.nat(subnet))


@scene
def nat_with_a_taken_address(aws: Account) -> tuple[Call, Call]:
    _, _, [subnet, _] = aws.online()
    address = aws.address()
    nat = aws.nat(subnet, address)
    return lambda: aws.nat(subnet, address), lambda: (aws.without_nat(nat), aws.nat(subnet, address))


@scene
def gateway_under_addresses(aws: Account) -> tuple[Call, Call]:
    vpc, gateway, [subnet, _] = aws.online()
    nat = aws.nat(subnet)

    def detach() -> None:
        aws.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)

    return detach, lambda: (aws.without_nat(nat), detach())


@scene
def subnet_in_use(aws: Account) -> tuple[Call, Call]:
    _, _, [subnet, _] = aws.online()
    nat = aws.nat(subnet)

    def delete() -> None:
        aws.ec2.delete_subnet(SubnetId=subnet)

    return delete, lambda: (aws.without_nat(nat), delete())


@scene
def group_in_use(aws: Account) -> tuple[Call, Call]:
    vpc = aws.vpc()
    group, other = (aws.ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"] for name in ("a", "b"))
    rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": group}]}
    aws.ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=[rule])

    def delete() -> None:
        aws.ec2.delete_security_group(GroupId=group)

    return delete, lambda: (aws.ec2.revoke_security_group_ingress(GroupId=other, IpPermissions=[rule]), delete())


@scene
def address_in_use(aws: Account) -> tuple[Call, Call]:
    _, _, [subnet, _] = aws.online()
    address = aws.address()
    nat = aws.nat(subnet, address)

    def release() -> None:
        aws.ec2.release_address(AllocationId=address)

    return release, lambda: (aws.without_nat(nat), release())


@scene
def route_to_a_detached_gateway(aws: Account) -> tuple[Call, Call]:
    vpc = aws.vpc()
    table = aws.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    gateway = aws.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]

    def route() -> None:
        aws.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)

    return route, lambda: (aws.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc), route())


@scene
def balancer_without_gateway(aws: Account) -> tuple[Call, Call]:
    vpc = aws.vpc()
    subnets = aws.subnets(vpc)
    return lambda: aws.balancer(subnets), lambda: (
        aws.balancer(subnets, Scheme="internal"),
        aws.gateway(vpc),
        aws.balancer(subnets),
    )


@scene
def balancer_in_one_zone(aws: Account) -> tuple[Call, Call]:
    _, _, subnets = aws.online()
    return lambda: aws.balancer(subnets[:1]), lambda: aws.balancer(subnets)


@scene
def balancer_name_taken(aws: Account) -> tuple[Call, Call]:
    first, second = aws.online()[2], aws.online()[2]
    name = f"taken-{next(NUMBERS)}"
    balancer = aws.balancer(first, Name=name)
    return lambda: aws.balancer(second, Name=name), lambda: (
        aws.elbv2.delete_load_balancer(LoadBalancerArn=balancer),
        aws.balancer(second, Name=name),
    )


@scene
def bad_name(aws: Account) -> tuple[Call, Call]:
    vpc, _, subnets = aws.online()
    return lambda: aws.balancer(subnets, Name="internal-one"), lambda: (
        aws.balancer(subnets, Name="one-internal"),
        aws.target_group(vpc, "internal-one"),
    )


@scene
def bad_attribute(aws: Account) -> tuple[Call, Call]:
    balancer = aws.balancer(aws.online()[2])

    def idle(seconds: int) -> None:
        attribute = {"Key": "idle_timeout.timeout_seconds", "Value": str(seconds)}
        aws.elbv2.modify_load_balancer_attributes(LoadBalancerArn=balancer, Attributes=[attribute])

    return lambda: idle(4001), lambda: idle(4000)


@scene
def logs_to_a_closed_bucket(aws: Account) -> tuple[Call, Call]:
    balancer, bucket = aws.balancer(aws.online()[2]), f"logs-{next(NUMBERS)}"
    aws.s3.create_bucket(Bucket=bucket)
    attributes = [{"Key": "access_logs.s3.enabled", "Value": "true"}, {"Key": "access_logs.s3.bucket", "Value": bucket}]
    writes = {"Effect": "Allow", "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}}
    policy = document({**writes, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*"})

    def log() -> None:
        aws.elbv2.modify_load_balancer_attributes(LoadBalancerArn=balancer, Attributes=attributes)

    return log, lambda: (aws.s3.put_bucket_policy(Bucket=bucket, Policy=policy), log())


@scene
def protected_balancer(aws: Account) -> tuple[Call, Call]:
    balancer = aws.balancer(aws.online()[2])

    def protect(value: str) -> None:
        attribute = {"Key": "deletion_protection.enabled", "Value": value}
        aws.elbv2.modify_load_balancer_attributes(LoadBalancerArn=balancer, Attributes=[attribute])

    protect("true")
    return lambda: aws.elbv2.delete_load_balancer(LoadBalancerArn=balancer), lambda: (
        protect("false"),
        aws.elbv2.delete_load_balancer(LoadBalancerArn=balancer),
    )


@scene
def listener_without_certificate(aws: Account) -> tuple[Call, Call]:
    balancer, certificate = aws.balancer(aws.online()[2]), aws.certificate()
    aws.acm.describe_certificate(CertificateArn=certificate)  # the embedded cloud validates at once
    return lambda: aws.listener(balancer, Protocol="HTTPS"), lambda: aws.listener(
        balancer, Protocol="HTTPS", Certificates=[{"CertificateArn": certificate}]
    )


@scene
def listener_with_an_unready_certificate(aws: Account) -> tuple[Call, Call]:
    """An imported certificate is issued; a requested one is pending until it has been described."""
    balancer, certificate = aws.balancer(aws.online()[2]), aws.certificate()

    def listen() -> None:
        aws.listener(balancer, Protocol="HTTPS", Certificates=[{"CertificateArn": certificate}])

    return listen, lambda: (aws.acm.describe_certificate(CertificateArn=certificate), listen())


@scene
def certificate_in_use(aws: Account) -> tuple[Call, Call]:
    balancer, certificate = aws.balancer(aws.online()[2]), aws.certificate()
    aws.acm.describe_certificate(CertificateArn=certificate)
    listener = aws.listener(balancer, Protocol="HTTPS", Certificates=[{"CertificateArn": certificate}])

    def delete() -> None:
        aws.acm.delete_certificate(CertificateArn=certificate)

    return delete, lambda: (aws.elbv2.delete_listener(ListenerArn=listener), delete())


@scene
def unknown_version(aws: Account) -> tuple[Call, Call]:
    return lambda: aws.cluster(version="1.99"), lambda: aws.cluster(version="1.35")


@scene
def version_out_of_step(aws: Account) -> tuple[Call, Call]:
    cluster = aws.cluster(version="1.33")
    return lambda: aws.upgrade(cluster, "1.35"), lambda: aws.upgrade(cluster, "1.34")


@scene
def rollback_without_recent_upgrade(aws: Account) -> tuple[Call, Call]:
    cluster = aws.cluster(version="1.33")
    return lambda: aws.upgrade(cluster, "1.32"), lambda: (aws.upgrade(cluster, "1.34"), aws.upgrade(cluster, "1.33"))


@scene
def rollback_below_nodes(aws: Account) -> tuple[Call, Call]:
    subnets = aws.subnets(aws.vpc())
    cluster = aws.cluster(subnets, version="1.34")
    aws.upgrade(cluster, "1.35")
    nodes = aws.nodes(cluster, subnets, version="1.35")

    def without_nodes() -> None:
        aws.without_nodes(cluster, nodes)
        aws.upgrade(cluster, "1.34")

    return lambda: aws.upgrade(cluster, "1.34"), without_nodes


@scene
def nodes_too_old(aws: Account) -> tuple[Call, Call]:
    subnets = aws.subnets(aws.vpc())
    cluster = aws.cluster(subnets, version="1.35")
    nodes = aws.nodes(cluster, subnets, version="1.32")

    def without_nodes() -> None:
        aws.without_nodes(cluster, nodes)
        aws.upgrade(cluster, "1.36")

    return lambda: aws.upgrade(cluster, "1.36"), without_nodes


@scene
def nodes_without_egress(aws: Account) -> tuple[Call, Call]:
    subnets = aws.subnets(aws.vpc())
    cluster = aws.cluster(subnets)
    return lambda: aws.nodes(cluster, subnets, routed=False), lambda: aws.nodes(cluster, subnets)


@scene
def nodes_newer_than_cluster(aws: Account) -> tuple[Call, Call]:
    subnets = aws.subnets(aws.vpc())
    cluster = aws.cluster(subnets, version="1.34")
    return lambda: aws.nodes(cluster, subnets, version="1.35"), lambda: aws.nodes(cluster, subnets, version="1.34")


@scene
def zone_without_control_planes(aws: Account) -> tuple[Call, Call]:
    zones = {each["ZoneId"]: each["ZoneName"][-1] for each in aws.ec2.describe_availability_zones()["AvailabilityZones"]}
    vpc = aws.vpc()
    refused, usable = aws.subnet(vpc, zones["use1-az3"]), [aws.subnet(vpc, zones[id]) for id in ("use1-az1", "use1-az2")]
    return lambda: aws.cluster([refused, usable[0]]), lambda: aws.cluster(usable)


@scene
def cluster_in_one_zone(aws: Account) -> tuple[Call, Call]:
    subnets = aws.subnets(aws.vpc())
    return lambda: aws.cluster(subnets[:1]), lambda: aws.cluster(subnets)


@scene
def subnets_in_other_zones(aws: Account) -> tuple[Call, Call]:
    vpc = aws.vpc()
    subnets = aws.subnets(vpc)
    cluster = aws.cluster(subnets)
    other = aws.subnet(vpc, "c")

    def move(ids: list[str]) -> None:
        aws.eks.update_cluster_config(name=cluster, resourcesVpcConfig={"subnetIds": ids})

    return lambda: move([*subnets, other]), lambda: move(subnets)


@scene
def cluster_role_without_trust(aws: Account) -> tuple[Call, Call]:
    return lambda: aws.cluster(roleArn=aws.role("ec2.amazonaws.com")), lambda: aws.cluster()


@scene
def node_role_without_trust(aws: Account) -> tuple[Call, Call]:
    subnets = aws.subnets(aws.vpc())
    cluster = aws.cluster(subnets)
    return lambda: aws.nodes(cluster, subnets, nodeRole=aws.role("eks.amazonaws.com")), lambda: aws.nodes(cluster, subnets)


@scene
def pod_role_without_trust(aws: Account) -> tuple[Call, Call]:
    cluster = aws.cluster()

    def associate(service: str) -> None:
        of = {"clusterName": cluster, "namespace": "default", "serviceAccount": "default"}
        aws.eks.create_pod_identity_association(**of, roleArn=aws.role(service))

    return lambda: associate("ec2.amazonaws.com"), lambda: associate("pods.eks.amazonaws.com")


@scene
def protected_cluster(aws: Account) -> tuple[Call, Call]:
    cluster = aws.cluster(deletionProtection=True)
    return lambda: aws.eks.delete_cluster(name=cluster), lambda: (
        aws.eks.update_cluster_config(name=cluster, deletionProtection=False),
        aws.eks.delete_cluster(name=cluster),
    )


@scene
def key_pending_deletion(aws: Account) -> tuple[Call, Call]:
    key = aws.key().rsplit("/", 1)[-1]
    aws.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)

    def rotate() -> None:
        aws.kms.enable_key_rotation(KeyId=key)

    return rotate, lambda: (aws.kms.cancel_key_deletion(KeyId=key), aws.kms.enable_key(KeyId=key), rotate())


@scene
def log_group_key(aws: Account) -> tuple[Call, Call]:
    root = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*", "Resource": "*"}

    def group(policy: str) -> None:
        aws.logs.create_log_group(logGroupName=f"group-{next(NUMBERS)}", kmsKeyId=aws.key(policy))

    return lambda: group(document(root)), lambda: group(document(root, LOGS_MAY))


@scene
def record_without_values(aws: Account) -> tuple[Call, Call]:
    zone = aws.route53.create_hosted_zone(Name="example.com", CallerReference=f"zone-{next(NUMBERS)}")["HostedZone"]["Id"]

    def create(**options: Any) -> None:
        record = {"Name": "www.example.com", "Type": "A", **options}
        aws.route53.change_resource_record_sets(
            HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
        )

    values = [{"Value": "192.0.2.1"}]
    alias = {"DNSName": "balancer.example.com", "HostedZoneId": "Z35SXDOTRQ7X7K", "EvaluateTargetHealth": True}
    return lambda: create(ResourceRecords=values), lambda: (
        create(ResourceRecords=values, TTL=0),
        create(Name="alias.example.com", AliasTarget=alias),
    )


@scene
def policy_in_use(aws: Account) -> tuple[Call, Call]:
    allow = document({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"})
    policy = aws.iam.create_policy(PolicyName=f"policy-{next(NUMBERS)}", PolicyDocument=allow)["Policy"]["Arn"]
    role = aws.role("ec2.amazonaws.com").rsplit("/", 1)[-1]
    aws.iam.put_role_permissions_boundary(RoleName=role, PermissionsBoundary=policy)

    def delete() -> None:
        aws.iam.delete_policy(PolicyArn=policy)

    return delete, lambda: (aws.iam.delete_role_permissions_boundary(RoleName=role), delete())


@scene
def stranger_with_a_token(aws: Account) -> tuple[Call, Call]:
    issuer = "tokens.example.com"
    conditions = {"StringEquals": {f"{issuer}:sub": "repo:a/b:environment:staging"}}
    trusted = {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{issuer}"}
    trust = {"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": conditions}
    name = f"role-{next(NUMBERS)}"
    arn = aws.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]

    def take(subject: str) -> None:
        token = web_identity({"iss": f"https://{issuer}", "aud": "sts.amazonaws.com", "sub": subject})
        aws.sts.assume_role_with_web_identity(RoleArn=arn, RoleSessionName="job", WebIdentityToken=token)

    return lambda: take("repo:a/b:environment:production"), lambda: take("repo:a/b:environment:staging")


@scene
def session_longer_than_the_role_allows(aws: Account) -> tuple[Call, Call]:
    issuer = "tokens.example.com"
    trusted = {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{issuer}"}
    trust = {"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRoleWithWebIdentity"}
    name = f"role-{next(NUMBERS)}"
    longest = {"RoleName": name, "AssumeRolePolicyDocument": document(trust), "MaxSessionDuration": 7200}
    arn = aws.iam.create_role(**longest)["Role"]["Arn"]
    token = web_identity({"iss": f"https://{issuer}", "aud": "sts.amazonaws.com", "sub": "x"})

    def take(seconds: int) -> None:
        aws.sts.assume_role_with_web_identity(RoleArn=arn, RoleSessionName="job", WebIdentityToken=token, DurationSeconds=seconds)

    return lambda: take(7201), lambda: take(7200)


@dataclass
class People:
    """A role that people have assumed, and the deploy role of the account stack, which trusts the role ``listed``."""

    aws: Account
    listed: str = field(default_factory=lambda: f"on-call-{next(NUMBERS)}")

    def deploy_role(self) -> str:
        listed = f"arn:aws:iam::123456789012:role/{self.listed}"
        program = run_account(operatorRoleArns={"production": [listed]}).one("aws:iam/role:Role", "dwcp-v3-production-deploy")
        wanted = {"AssumeRolePolicyDocument": program["assumeRolePolicy"], "MaxSessionDuration": program["maxSessionDuration"]}
        return self.aws.iam.create_role(RoleName=f"{self.listed}-deploys", **wanted)["Role"]["Arn"]

    def assume(self, target: str, own_role: str, seconds: int = 3600) -> None:
        """Assume ``target`` as a person who signed in with ``own_role``."""
        trusted = {"Federated": "arn:aws:iam::123456789012:oidc-provider/tokens.example.com"}
        trust = document({"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRoleWithWebIdentity"})
        may = document({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"})
        with suppress(self.aws.iam.exceptions.EntityAlreadyExistsException):
            self.aws.iam.create_role(RoleName=own_role, AssumeRolePolicyDocument=trust)
        self.aws.iam.put_role_policy(RoleName=own_role, PolicyName="may", PolicyDocument=may)
        token = web_identity({"iss": "https://tokens.example.com", "aud": "sts.amazonaws.com", "sub": "x"})
        arn = f"arn:aws:iam::123456789012:role/{own_role}"
        keys = self.aws.sts.assume_role_with_web_identity(RoleArn=arn, RoleSessionName="me", WebIdentityToken=token)["Credentials"]
        secret = {"aws_access_key_id": keys["AccessKeyId"], "aws_secret_access_key": keys["SecretAccessKey"]}
        sts = boto3.client(
            "sts", endpoint_url=self.aws.endpoint, region_name="us-east-1", aws_session_token=keys["SessionToken"], **secret
        )
        sts.assume_role(RoleArn=target, RoleSessionName="me", DurationSeconds=seconds)


@scene
def stranger_with_a_role(aws: Account) -> tuple[Call, Call]:
    people = People(aws)
    target = people.deploy_role()
    return lambda: people.assume(target, f"{people.listed}-other"), lambda: people.assume(target, people.listed)


@scene
def chained_session_longer_than_an_hour(aws: Account) -> tuple[Call, Call]:
    people = People(aws)
    target = people.deploy_role()
    return lambda: people.assume(target, people.listed, 3601), lambda: people.assume(target, people.listed, 3600)


def _ignoring_absence(call: Call) -> None:
    with suppress(ClientError):
        call()


@pytest.fixture
def aws(moto: str) -> Account:
    return Account(moto)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.check.__name__)
def test_what_aws_refuses_is_refused_with_its_code_and_only_as_long_as_it_is_in_the_way(aws: Account, row: Any) -> None:
    refused, accepted = SCENES[row.check.__name__](aws)
    with pytest.raises(ClientError) as failed:
        refused()
    assert failed.value.response["Error"]["Code"] == row.code
    accepted()


TRUST = document({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
TAKEN: dict[str, tuple[str, Callable[[Account, str], Any]]] = {
    "role": (
        "EntityAlreadyExists",
        lambda aws, name: aws.iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST),
    ),
    "log group": ("ResourceAlreadyExistsException", lambda aws, name: aws.logs.create_log_group(logGroupName=name)),
    "target group": ("DuplicateTargetGroupName", lambda aws, name: aws.target_group(aws.vpc(), name)),
    "cluster": ("ResourceInUseException", lambda aws, name: aws.cluster(name=name)),
}


@pytest.mark.parametrize("kind", TAKEN)
def test_a_name_that_is_taken_in_the_account_and_region_is_refused(aws: Account, kind: str) -> None:
    code, make = TAKEN[kind]
    name = f"taken-{next(NUMBERS)}"
    make(aws, name)
    with pytest.raises(ClientError) as failed:
        make(aws, name)
    assert failed.value.response["Error"]["Code"] == code


def test_a_role_that_still_has_policies_cannot_be_deleted(aws: Account) -> None:
    """Refused by moto itself."""
    name = aws.role("ec2.amazonaws.com").rsplit("/", 1)[-1]
    allow = document({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"})
    aws.iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=allow)
    with pytest.raises(ClientError, match="DeleteConflict.*must delete policies first"):
        aws.iam.delete_role(RoleName=name)
    aws.iam.delete_role_policy(RoleName=name, PolicyName="own")
    attached = aws.iam.create_policy(PolicyName=f"policy-{next(NUMBERS)}", PolicyDocument=allow)["Policy"]["Arn"]
    aws.iam.attach_role_policy(RoleName=name, PolicyArn=attached)
    with pytest.raises(ClientError, match="DeleteConflict.*must detach all policies first"):
        aws.iam.delete_role(RoleName=name)
    aws.iam.detach_role_policy(RoleName=name, PolicyArn=attached)
    aws.iam.delete_role(RoleName=name)


def test_a_ciphertext_cannot_be_encrypted_again_with_a_key_that_is_pending_deletion(aws: Account) -> None:
    source, destination = (aws.key().rsplit("/", 1)[-1] for _ in range(2))
    secret = aws.kms.encrypt(KeyId=source, Plaintext=b"secret")["CiphertextBlob"]
    aws.kms.schedule_key_deletion(KeyId=destination, PendingWindowInDays=7)
    with pytest.raises(ClientError, match="KMSInvalidStateException"):
        aws.kms.re_encrypt(CiphertextBlob=secret, DestinationKeyId=destination)


def test_a_ciphertext_of_a_key_that_is_pending_deletion_cannot_be_decrypted(aws: Account) -> None:
    source, destination = (aws.key().rsplit("/", 1)[-1] for _ in range(2))
    secret = aws.kms.encrypt(KeyId=source, Plaintext=b"secret")["CiphertextBlob"]
    aws.kms.schedule_key_deletion(KeyId=source, PendingWindowInDays=7)
    for refused in (
        lambda: aws.kms.decrypt(CiphertextBlob=secret),
        lambda: aws.kms.re_encrypt(CiphertextBlob=secret, DestinationKeyId=destination),
    ):
        with pytest.raises(ClientError, match="KMSInvalidStateException"):
            refused()
    aws.kms.cancel_key_deletion(KeyId=source)
    aws.kms.enable_key(KeyId=source)
    assert aws.kms.decrypt(CiphertextBlob=secret)["Plaintext"] == b"secret"
    with pytest.raises(ClientError, match="InvalidCiphertextException"):
        aws.kms.decrypt(CiphertextBlob=b"not a ciphertext")


def test_a_name_is_taken_by_a_load_balancer_in_the_same_vpc_too(aws: Account) -> None:
    _, _, subnets = aws.online()
    name = f"taken-{next(NUMBERS)}"
    aws.balancer(subnets, Name=name)
    with pytest.raises(ClientError, match=rf"DuplicateLoadBalancerName.*'{name}' exists"):
        aws.balancer(subnets, Name=name, Scheme="internal")


def test_an_https_listener_keeps_its_certificate(aws: Account) -> None:
    balancer, certificate = aws.balancer(aws.online()[2]), aws.certificate()
    aws.acm.describe_certificate(CertificateArn=certificate)
    listener = aws.listener(balancer, Protocol="HTTPS", Certificates=[{"CertificateArn": certificate}])
    aws.elbv2.modify_listener(ListenerArn=listener, Protocol="HTTPS", Port=8443)
    aws.elbv2.modify_listener(ListenerArn=listener, Protocol="HTTP")
    with pytest.raises(ClientError, match="A certificate must be specified for HTTPS listeners"):
        aws.elbv2.modify_listener(ListenerArn=listener, Protocol="HTTPS")


def test_an_add_on_can_have_only_the_versions_for_its_cluster(aws: Account) -> None:
    addon = {"clusterName": aws.cluster(version="1.34"), "addonName": "coredns"}
    [described] = aws.eks.describe_addon_versions(addonName="coredns", kubernetesVersion="1.34")["addons"]
    first, second = (each["addonVersion"] for each in described["addonVersions"])
    aws.eks.create_addon(**addon, addonVersion=first)
    with pytest.raises(ClientError, match=r"InvalidParameterException.*coredns v0 on Kubernetes 1\.34"):
        aws.eks.update_addon(**addon, addonVersion="v0")
    aws.eks.update_addon(**addon, addonVersion=second)
    aws.eks.update_addon(**addon, configurationValues="{}")
    assert aws.eks.describe_addon(**addon)["addon"]["addonVersion"] == second


@pytest.mark.parametrize("change", [{"deletionProtection": True}, {"accessConfig": {"authenticationMode": "API"}}, {"logging": {}}])
def test_a_cluster_that_does_not_exist_cannot_be_configured(aws: Account, change: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match=r"ResourceNotFoundException.*No cluster found for name: missing"):
        aws.eks.update_cluster_config(name="missing", **change)


def test_an_access_policy_for_namespaces_is_not_supported(aws: Account) -> None:
    cluster = aws.cluster(accessConfig={"authenticationMode": "API"})
    entry = {"clusterName": cluster, "principalArn": aws.role("ec2.amazonaws.com")}
    aws.eks.create_access_entry(**entry)
    policy = f"{eks.POLICY_PREFIX}AmazonEKSViewPolicy"
    with pytest.raises(ClientError, match=r"InvalidParameterException.*embedded cloud does not support .* namespace"):
        aws.eks.associate_access_policy(**entry, policyArn=policy, accessScope={"type": "namespace", "namespaces": ["shop"]})
    assert aws.eks.list_associated_access_policies(**entry)["associatedAccessPolicies"] == []
    aws.eks.associate_access_policy(**entry, policyArn=policy, accessScope={"type": "cluster"})


def test_the_user_name_of_a_role_contains_its_session(aws: Account) -> None:
    """Source: https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html"""
    role = aws.role("ec2.amazonaws.com")
    entry = {"clusterName": aws.cluster(accessConfig={"authenticationMode": "API"}), "principalArn": role}
    name = aws.eks.create_access_entry(**entry)["accessEntry"]["username"]
    assert name == f"{role.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/{{{{SessionName}}}}"


def test_a_target_group_that_a_listener_forwards_to_cannot_be_deleted(aws: Account) -> None:
    vpc, _, subnets = aws.online()
    balancer, group = aws.balancer(subnets), aws.target_group(vpc, f"used-{next(NUMBERS)}")
    forward = {"Type": "forward", "TargetGroupArn": group}
    made = aws.elbv2.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[forward])
    with pytest.raises(ClientError) as failed:
        aws.elbv2.delete_target_group(TargetGroupArn=group)
    assert failed.value.response["Error"]["Code"] == "ResourceInUse"
    aws.elbv2.delete_listener(ListenerArn=made["Listeners"][0]["ListenerArn"])
    aws.elbv2.delete_target_group(TargetGroupArn=group)


@pytest.mark.parametrize(("days", "refused"), [(6, False), (8, True)])
def test_a_control_plane_goes_back_for_seven_days_only(monkeypatch: pytest.MonkeyPatch, days: int, refused: bool) -> None:
    clusters = {"old": SimpleNamespace(name="old", version="1.35", nodegroups={})}
    monkeypatch.setattr(refusals.clusters, "backend", lambda *_: SimpleNamespace(clusters=clusters))
    monkeypatch.setitem(eks.PARTS, "old", eks.Parts(upgraded_at=time.time() - days * 24 * 3600))
    call = cast("Any", SimpleNamespace(parameters={"name": "old", "version": "1.34"}))
    assert bool(refusals.clusters.rollback_without_recent_upgrade(call)) is refused


def test_a_cluster_can_have_each_version_that_the_policies_allow() -> None:
    assert Limits().kubernetes_support_ends.keys() <= set(refusals.clusters.VERSIONS)


def test_a_cluster_cannot_have_a_version_whose_extended_support_has_ended() -> None:
    assert refusals.clusters.VERSIONS[0] == "1.32", "extended support of 1.31 ended on 2026-11-26"


def test_each_scene_tests_one_row_of_the_table() -> None:
    """The test of the rows takes its parameters from the table, and so would not notice a row that is missing."""
    assert sorted(SCENES) == sorted(row.check.__name__ for row in TABLE)


def test_every_row_has_a_source() -> None:
    for row in TABLE:
        assert row.source.startswith("https://docs.aws.amazon.com/"), row


def test_the_page_has_exactly_the_rows_of_the_table() -> None:
    page = (CHECKOUT / "docs" / "sandbox.md").read_text()
    rows = page.split("| AWS refuses, and so does the embedded cloud | code |\n|---|---|\n")[1].split("\n\n")[0].splitlines()
    assert sorted(rows) == sorted(f"| {row.what} | `{row.code}` |" for row in TABLE)
