"""The settings group ``network`` of a stack file."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Annotated, Literal

from annotated_types import Len
from pydantic import AfterValidator, BeforeValidator

from components.settings.groups._group import Group
from components.settings.types import Cidr, VpcCidr, unique, whole
from contract import ZoneLetter


class NetworkSettings(Group):
    """The VPC, its availability zones and its egress."""

    vpc_cidr: VpcCidr = IPv4Network("10.0.0.0/16")
    """CIDR block of the VPC: /16 to /20, in a private range (guide: Key Resources)."""
    zones: Annotated[tuple[ZoneLetter, ...], Len(2, 6), AfterValidator(unique)] = ("a", "b", "c")
    """Letters of the availability zones; each zone gets a public and a private subnet (guide: Key Resources)."""
    nat: Literal["single", "per_zone"] = "per_zone"
    """`single`: one NAT gateway for all zones; `per_zone`: one per zone, so that zones fail independently (AWS: NAT gateways)."""
    interface_endpoints: Annotated[tuple[Literal["ecr.api", "ecr.dkr", "sts", "logs"], ...], AfterValidator(unique)] = ()
    """AWS services with a private endpoint in the VPC, each charged per hour and zone (AWS: interface VPC endpoints)."""
    flow_log_interval_seconds: Annotated[Literal[60, 600], BeforeValidator(whole)] = 600
    """Maximum seconds of traffic that one flow log record summarizes (AWS: VPC flow logs)."""
    ingress_cidrs: Annotated[tuple[Cidr, ...], Len(1), AfterValidator(unique)] = (IPv4Network("0.0.0.0/0"),)
    """Networks that may reach the load balancer on ports 80 and 443 (guide: Key Resources)."""
