"""The security groups, and the connections that they allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

import pulumi
from pulumi import ResourceOptions
from pulumi_aws import ec2, vpc

from components.component import Component
from components.settings import ApplicationSettings
from contract import REDIS_PORT

WEB_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True)
class SecurityGroupsArgs:
    """Inputs of :class:`SecurityGroups`; ``sources`` are the CIDRs that may connect to the load balancer."""

    vpc_id: pulumi.Input[str]
    vpc_cidr: IPv4Network
    sources: Sequence[IPv4Network]
    application: ApplicationSettings


class SecurityGroups(Component):
    """One security group per role. Each port is open only to the clients that need it.

    - ``load_balancer`` is open to ``sources`` on ports 80 and 443.
    - ``application`` (port 8080 by default) is open to the load balancer.
    - ``metrics`` (port 9090 by default) and ``redis`` (port 6379) are open to the nodes.
    - ``endpoints`` (port 443) is open to the whole VPC. An interface endpoint changes the DNS name of its AWS service in the whole
      VPC: the name resolves to the endpoint's private addresses, so every client needs access to the endpoint.

    Pods share the network interfaces of their node, so the nodes have the groups ``application``, ``metrics`` and ``redis``.
    """

    load_balancer_id: pulumi.Output[str]
    application_id: pulumi.Output[str]
    metrics_id: pulumi.Output[str]
    redis_id: pulumi.Output[str]
    endpoints_id: pulumi.Output[str]

    def __init__(self, name: str, args: SecurityGroupsArgs, opts: ResourceOptions) -> None:
        super().__init__(name, opts)
        self._name = name
        self._vpc_id = args.vpc_id
        self._child = ResourceOptions(parent=self)
        self.load_balancer_id = self._group("load-balancer", "From the internet to the load balancer")
        self.application_id = self._group("application", "From the load balancer to the application")
        self.metrics_id = self._group("metrics", "From Prometheus to the metrics ports")
        self.redis_id = self._group("redis", "From the application to Redis")
        self.endpoints_id = self._group("endpoints", "From the VPC to the endpoints of AWS services")
        for protocol, port in WEB_PORTS.items():
            for source in args.sources:
                vpc.SecurityGroupIngressRule(
                    f"{name}-{protocol}-from-{source}",
                    security_group_id=self.load_balancer_id,
                    description=f"{protocol} from {source}",
                    ip_protocol="tcp",
                    from_port=port,
                    to_port=port,
                    cidr_ipv4=str(source),
                    opts=self._child,
                )
        self._between("load-balancer-to-application", self.load_balancer_id, self.application_id, args.application.port)
        self._between("application-to-metrics", self.application_id, self.metrics_id, args.application.metrics_port)
        self._between("application-to-redis", self.application_id, self.redis_id, REDIS_PORT)
        vpc.SecurityGroupIngressRule(
            f"{name}-vpc-to-endpoints",
            security_group_id=self.endpoints_id,
            description="vpc to endpoints",
            ip_protocol="tcp",
            from_port=WEB_PORTS["https"],
            to_port=WEB_PORTS["https"],
            cidr_ipv4=str(args.vpc_cidr),
            opts=self._child,
        )
        # A node pulls images, calls AWS APIs and the control plane, and connects to other nodes.
        vpc.SecurityGroupEgressRule(
            f"{name}-application-out",
            security_group_id=self.application_id,
            description="from the nodes to anywhere",
            ip_protocol="-1",
            cidr_ipv4="0.0.0.0/0",
            opts=self._child,
        )
        self.publish()

    def _group(self, role: str, description: str) -> pulumi.Output[str]:
        return ec2.SecurityGroup(
            f"{self._name}-{role}",
            description=description,
            vpc_id=self._vpc_id,
            tags={"Name": f"{self._name}-{role}"},
            opts=self._child,
        ).id

    def _between(self, role: str, source: pulumi.Output[str], target: pulumi.Output[str], port: int) -> None:
        """Allow connections from ``source`` to ``port`` of ``target``, with an ingress rule and an egress rule."""
        # A changed port gets new rules, and the old rules are deleted at the end of the update. Until then, pods use both ports.
        opts = ResourceOptions.merge(self._child, ResourceOptions(replace_on_changes=["fromPort", "toPort"]))
        description = role.replace("-", " ")
        vpc.SecurityGroupIngressRule(
            f"{self._name}-{role}",
            security_group_id=target,
            referenced_security_group_id=source,
            description=description,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            opts=opts,
        )
        vpc.SecurityGroupEgressRule(
            f"{self._name}-{role}",
            security_group_id=source,
            referenced_security_group_id=target,
            description=description,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            opts=opts,
        )
