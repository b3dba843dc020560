"""The VPC: subnets, routes, gateways, endpoints, flow logs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions
from pulumi_aws import ec2, iam

from components.aws.addresses import subnet_plan
from components.aws.iam import Statement, document, service_role, trust
from components.aws.logs import Logs
from components.aws.security_groups import SecurityGroups, SecurityGroupsArgs
from components.component import Component
from components.errors import ComponentsError
from components.settings import ApplicationSettings, EnvironmentSettings, NetworkSettings
from contract import ZONES

GATEWAY_ENDPOINTS = ("s3", "dynamodb")
"""AWS services with a gateway endpoint, which is free of charge. The traffic to these services does not use the NAT gateways."""


REFUSED_BY_EKS = ("use1-az3", "usw1-az2", "cac1-az3")
"""IDs of the zones in which EKS does not place a control plane. The letter of such a zone differs between accounts.

Source: https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html
"""


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """Inputs of :class:`Network`."""

    settings: NetworkSettings
    environment: EnvironmentSettings
    application: ApplicationSettings
    logs: Logs


class Network(Component):
    """A VPC with a public and a private subnet in each zone.

    Private subnets reach the internet through NAT gateways. The default security group has no rules, so a resource without an
    explicit security group has no network access.
    """

    vpc_id: pulumi.Output[str]
    public_subnet_ids: pulumi.Output[list[str]]
    private_subnet_ids: pulumi.Output[list[str]]
    nat_addresses: pulumi.Output[list[str]]
    load_balancer_group_id: pulumi.Output[str]
    application_group_id: pulumi.Output[str]
    metrics_group_id: pulumi.Output[str]
    redis_group_id: pulumi.Output[str]
    zones: tuple[str, ...]
    """Letters of the zones, in alphabetical order."""
    private_subnets: dict[str, ec2.Subnet]
    internet_gateway: ec2.InternetGateway
    """The internet gateway; internet-facing resources must depend on it."""

    def __init__(self, name: str, args: NetworkArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._name = name
        self._args = args
        self._child = ResourceOptions(parent=self)
        self._vpc = ec2.Vpc(
            name,
            cidr_block=str(args.settings.vpc_cidr),
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags={"Name": name},
            opts=self._child,
        )
        ec2.DefaultSecurityGroup(f"{name}-default", vpc_id=self._vpc.id, ingress=[], egress=[], opts=self._child)
        public = self._subnets("public", "kubernetes.io/role/elb")
        private = self._subnets("private", "kubernetes.io/role/internal-elb")
        self.internet_gateway = ec2.InternetGateway(f"{name}-internet", vpc_id=self._vpc.id, tags={"Name": name}, opts=self._child)
        nat = self._nat_gateways(public)
        tables = [self._public_routes(public), *self._private_routes(private, nat)]
        groups = SecurityGroups(
            f"{name}-groups",
            SecurityGroupsArgs(
                vpc_id=self._vpc.id,
                vpc_cidr=args.settings.vpc_cidr,
                sources=args.settings.ingress_cidrs,
                application=args.application,
            ),
            self._child,
        )
        self._gateway_endpoints(tables)
        self._interface_endpoints(private, groups)
        self._flow_logs()

        self.private_subnets = private
        self.zones = tuple(private)
        self.vpc_id = self._vpc.id
        self.public_subnet_ids = pulumi.Output.all(*(subnet.id for subnet in public.values()))
        self.private_subnet_ids = pulumi.Output.all(*(subnet.id for subnet in private.values()))
        self.nat_gateway_ids = {zone: gateway.id for zone, gateway in nat.items()}
        self.nat_addresses = pulumi.Output.all(*(gateway.public_ip for gateway in nat.values()))
        self.load_balancer_group_id = groups.load_balancer_id
        self.application_group_id = groups.application_id
        self.metrics_group_id = groups.metrics_id
        self.redis_group_id = groups.redis_id
        self.publish()

    def _subnets(self, tier: str, load_balancer_tag: str) -> dict[str, ec2.Subnet]:
        plan = subnet_plan(self._args.settings.vpc_cidr, sorted(self._args.settings.zones))
        zones = aws.get_availability_zones_output(
            region=self._args.environment.region, state="available", opts=pulumi.InvokeOptions(parent=self)
        )
        return {
            zone: ec2.Subnet(
                f"{self._name}-{tier}-{zone}",
                vpc_id=self._vpc.id,
                availability_zone=zones.apply(partial(zone_of, self._args.environment.region, zone)),
                cidr_block=str(blocks[0] if tier == "public" else blocks[1]),
                map_public_ip_on_launch=False,
                tags={"Name": f"{self._name}-{tier}-{zone}", load_balancer_tag: "1"},
                opts=self._child,
            )
            for zone, blocks in plan.items()
        }

    def _nat_gateways(self, public: dict[str, ec2.Subnet]) -> dict[str, ec2.NatGateway]:
        """The NAT gateways by zone. They depend on the internet gateway, without which a NAT gateway fails."""
        online = ResourceOptions(parent=self, depends_on=[self.internet_gateway])
        zones = list(public) if self._args.settings.nat == "per_zone" else [min(public)]
        gateways: dict[str, ec2.NatGateway] = {}
        for zone in zones:
            name = f"{self._name}-nat-{zone}"
            address = ec2.Eip(name, domain="vpc", tags={"Name": name}, opts=online)
            gateways[zone] = ec2.NatGateway(
                name, allocation_id=address.id, subnet_id=public[zone].id, tags={"Name": name}, opts=online
            )
        return gateways

    def _public_routes(self, public: dict[str, ec2.Subnet]) -> ec2.RouteTable:
        table = self._table("public")
        ec2.Route(
            f"{self._name}-public-out",
            route_table_id=table.id,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=self.internet_gateway.id,
            opts=self._child,
        )
        for zone, subnet in public.items():
            self._associate(f"public-{zone}", table, subnet)
        return table

    def _private_routes(self, private: dict[str, ec2.Subnet], nat: dict[str, ec2.NatGateway]) -> list[ec2.RouteTable]:
        """One route table per zone, in both NAT modes. A change of the mode changes routes and NAT gateways, but no route table."""
        tables: list[ec2.RouteTable] = []
        for zone, subnet in private.items():
            table = self._table(f"private-{zone}")
            ec2.Route(
                f"{self._name}-private-{zone}-out",
                route_table_id=table.id,
                destination_cidr_block="0.0.0.0/0",
                nat_gateway_id=(nat.get(zone) or nat[min(nat)]).id,
                opts=self._child,
            )
            self._associate(f"private-{zone}", table, subnet)
            tables.append(table)
        return tables

    def _table(self, role: str) -> ec2.RouteTable:
        name = f"{self._name}-{role}"
        return ec2.RouteTable(name, vpc_id=self._vpc.id, tags={"Name": name}, opts=self._child)

    def _associate(self, role: str, table: ec2.RouteTable, subnet: ec2.Subnet) -> None:
        ec2.RouteTableAssociation(f"{self._name}-{role}", route_table_id=table.id, subnet_id=subnet.id, opts=self._child)

    def _gateway_endpoints(self, tables: list[ec2.RouteTable]) -> None:
        for service in GATEWAY_ENDPOINTS:
            ec2.VpcEndpoint(
                f"{self._name}-{service}",
                vpc_id=self._vpc.id,
                service_name=f"com.amazonaws.{self._args.environment.region}.{service}",
                vpc_endpoint_type="Gateway",
                route_table_ids=[table.id for table in tables],
                tags={"Name": f"{self._name}-{service}"},
                opts=self._child,
            )

    def _interface_endpoints(self, private: dict[str, ec2.Subnet], groups: SecurityGroups) -> None:
        for service in self._args.settings.interface_endpoints:
            ec2.VpcEndpoint(
                f"{self._name}-{service}",
                vpc_id=self._vpc.id,
                service_name=f"com.amazonaws.{self._args.environment.region}.{service}",
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=[subnet.id for subnet in private.values()],
                security_group_ids=[groups.endpoints_id],
                tags={"Name": f"{self._name}-{service}"},
                opts=self._child,
            )

    def _flow_logs(self) -> None:
        name = f"{self._name}-flow"
        role = service_role(name, trust("vpc-flow-logs.amazonaws.com"), self._args.environment, self._child)
        writes = Statement(
            actions=["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogGroups", "logs:DescribeLogStreams"],
            resources=[pulumi.Output.concat(self._args.logs.flow_group_arn, ":*")],
        )
        granted = iam.RolePolicy(name, role=role.name, policy=document(writes), opts=self._child)
        ec2.FlowLog(
            name,
            vpc_id=self._vpc.id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=self._args.logs.flow_group_arn,
            iam_role_arn=role.arn,
            max_aggregation_interval=self._args.settings.flow_log_interval_seconds,
            tags={"Name": name},
            opts=ResourceOptions(parent=self, depends_on=[granted]),
        )


def zone_of(region: str, letter: str, found: aws.GetAvailabilityZonesResult) -> str:
    """The name of a zone. Raises ``ComponentsError`` for a zone that the account does not have or that EKS does not support."""
    ids = {name.removeprefix(region): id for name, id in zip(found.names, found.zone_ids, strict=True)}
    # ``found`` includes Local Zones to which the account has opted in, for example ``-lax-1a``.
    usable = [each for each, id in ids.items() if each in ZONES and id not in REFUSED_BY_EKS]
    name = f"{region}{letter}"
    if letter not in usable:
        problem = f"is {ids[letter]}, in which EKS places no control plane" if letter in ids else "is not a zone of this account"
        fix = f"choose network.zones from {', '.join(usable)}"
        raise ComponentsError(f"network.zones names {letter}, but {name} {problem}\n  fix: {fix}")
    return name
