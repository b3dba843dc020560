"""Who may reach the platform, and by which ways."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network

from components.aws.addresses import ZONES, subnet_plan
from policies.errors import WrongTypeError
from policies.limits import Limits
from policies.rule import Pack, Problem, at
from policies.views import ResourceIndex, View
from program.types import (
    DEFAULT_GROUP,
    FLOW_LOG,
    GROUP_RULE,
    INGRESS_RULE,
    INSTANCE,
    LAUNCH_TEMPLATE,
    LISTENER,
    LOAD_BALANCER,
    SECURITY_GROUP,
    SUBNET,
    VPC,
)

PACK = Pack("network")

DEFAULT_RESOURCES = (
    "aws:ec2/defaultVpc:DefaultVpc",
    "aws:ec2/defaultSubnet:DefaultSubnet",
    "aws:ec2/defaultRouteTable:DefaultRouteTable",
    "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl",
)
"""Resources that adopt what every account comes with; the default security group is adopted to be emptied."""

NARROWEST_WORLD = {4: 8, 6: 16}
"""Prefix length below which a network is the world: no organisation has more, and two halves of the internet are all of it."""

MODERN_TLS = re.compile(r"ELBSecurityPolicy-TLS13-1-[23]-")
"""Names of AWS' policies whose oldest version is TLS 1.2 or 1.3 (AWS: Security policies for your Application Load Balancer)."""

TIERS = {"kubernetes.io/role/elb": 0, "kubernetes.io/role/internal-elb": 1}
"""The subnet tag of each tier, and the tier's place in the address plan."""


def is_world(source: str) -> bool:
    """Whether a source is so wide that it is everyone."""
    try:
        network: IPv4Network | IPv6Network = ip_network(source, strict=False)
    except ValueError as error:
        raise WrongTypeError(f"the source {source!r} is not a network", "write it as 10.0.0.0/16") from error
    return network.prefixlen < NARROWEST_WORLD[network.version]


@PACK.resource(
    "network-open-ports",
    INGRESS_RULE,
    GROUP_RULE,
    SECURITY_GROUP,
    title="Only the web ports are open to the world",
    why="What everyone can reach is attacked within minutes; databases, metrics and SSH are for named groups only.",
    fix="Name the security group that may call in `referencedSecurityGroupId`, or narrow the network.",
    severity="critical",
    frameworks=("CIS AWS 5.3", "CIS AWS 5.4"),
    parameters=("public_ports",),
)
def open_ports(view: View, limits: Limits) -> Iterator[Problem]:
    """Ingress of all three spellings: a rule of its own, the older rule resource, and inline in the group."""
    if view.resource.type == INGRESS_RULE:
        yield from _opened(view, ("cidrIpv4", "cidrIpv6"), (), "ipProtocol", limits)
    elif view.resource.type == GROUP_RULE:
        if view.text("type") == "ingress":
            yield from _opened(view, (), ("cidrBlocks", "ipv6CidrBlocks"), "protocol", limits)
    else:
        for rule in view.views("ingress"):
            yield from _opened(rule, (), ("cidrBlocks", "ipv6CidrBlocks"), "protocol", limits)


def _opened(rule: View, single: tuple[str, ...], several: tuple[str, ...], protocol: str, limits: Limits) -> Iterator[Problem]:
    given = [(key, source) for key in single if (source := rule.text(key))]
    given += [(key, source) for key in several for source in rule.texts(key)]
    world = [(key, source) for key, source in given if is_world(source)]
    if not world:
        return
    ports = (rule.number("fromPort"), rule.number("toPort"))
    if rule.text(protocol) in ("tcp", "6") and ports[0] == ports[1] and ports[0] in limits.public_ports:
        return
    opened = "every port" if rule.text(protocol) in ("-1", "all") else f"port {ports[0]} to {ports[1]}"
    allowed = " or ".join(map(str, limits.public_ports))
    for key, source in world:
        yield at(
            rule, key, f"{opened} is open to {source}", f"name the group that needs it, or open tcp {allowed} by a rule of its own"
        )


@PACK.resource(
    "network-no-default-vpc",
    *DEFAULT_RESOURCES,
    title="Nothing of an account's default network is used",
    why="Its subnets are public and its addresses are the same everywhere; what lies in it is reachable by accident.",
    fix="Put the resource into the VPC of `components/aws/network.py`.",
    severity="high",
    frameworks=("AWS Security Hub EC2.2",),
)
def no_default_vpc(view: View, limits: Limits) -> Iterator[Problem]:
    """The type alone is what is wrong."""
    del limits
    yield at(view, "", f"{view.resource.type} adopts the account's default network", "put it into a VPC of the program's own")


@PACK.resource(
    "network-default-group-empty",
    DEFAULT_GROUP,
    title="The default security group lets nothing through",
    why="What names no group gets this one.",
    fix="Set `ingress` and `egress` of the DefaultSecurityGroup to `[]`.",
    severity="high",
    frameworks=("CIS AWS 5.5", "AWS Security Hub EC2.2"),
)
def default_group_empty(view: View, limits: Limits) -> Iterator[Problem]:
    """Adopted to be emptied."""
    del limits
    for key in ("ingress", "egress"):
        if view.values(key):
            yield at(view, key, "the default security group has rules", f"set {key} to []")


@PACK.stack(
    "network-default-group-adopted",
    VPC,
    title="Every VPC's default security group is adopted",
    why="One that nobody adopts lets everything in it talk to everything.",
    fix="Add a DefaultSecurityGroup with no rules for the VPC.",
    severity="medium",
    frameworks=("CIS AWS 5.5",),
)
def default_group_adopted(view: View, index: ResourceIndex, limits: Limits) -> Iterator[Problem]:
    """By a DefaultSecurityGroup of the VPC."""
    del limits
    if not index.users(view, "vpcId", DEFAULT_GROUP):
        yield at(view, "", "nothing empties the VPC's default security group", f"add a {DEFAULT_GROUP} with no rules")


@PACK.stack(
    "network-flow-logs",
    VPC,
    title="Every VPC logs all its traffic",
    why="Without flow logs nobody can say afterwards who talked to whom.",
    fix="Add a FlowLog with `trafficType: ALL` for the VPC.",
    severity="high",
    frameworks=("CIS AWS 3.7", "AWS Security Hub EC2.6"),
)
def flow_logs(view: View, index: ResourceIndex, limits: Limits) -> Iterator[Problem]:
    """Accepted and rejected traffic alike."""
    del limits
    kinds = [log.text("trafficType") for log in index.users(view, "vpcId", FLOW_LOG)]
    if "ALL" not in kinds:
        found = f"its flow logs have {', '.join(kinds)} traffic only" if kinds else "it has no flow log"
        yield at(view, "", found, f"add a {FLOW_LOG} with trafficType ALL")


@PACK.stack(
    "network-subnet-plan",
    SUBNET,
    title="Every subnet has the addresses that the plan gives it",
    why="NetworkPolicies, peers and firewalls name these networks; a subnet elsewhere is let in by nobody or by the wrong one.",
    fix="Take the network from `subnet_plan` in `components/aws/addresses.py`, and tag the subnet with its tier.",
    severity="medium",
    frameworks=("guide: VPC",),
)
def subnet_in_plan(view: View, index: ResourceIndex, limits: Limits) -> Iterator[Problem]:
    """By its zone and tier; a subnet of no tier has to lie in its VPC at least."""
    del limits
    for vpc in index.sources(view, "vpcId", VPC):
        network = IPv4Network(vpc.text("cidrBlock"))
        block = IPv4Network(view.text("cidrBlock"))
        zone = view.text("availabilityZone")[-1:]
        tier = next((place for tag, place in TIERS.items() if tag in view.map("tags")), None)
        if tier is None or zone not in ZONES or not zone:
            yield at(view, "tags", "the subnet has no tier or zone", f"tag it with one of {', '.join(TIERS)} and give it a zone")
        elif block != (planned := subnet_plan(network, [zone])[zone][tier]):
            yield at(view, "cidrBlock", f"{block} is not the plan's network for zone {zone}", f"set cidrBlock to {planned}")


@PACK.resource(
    "network-no-public-addresses",
    SUBNET,
    INSTANCE,
    LAUNCH_TEMPLATE,
    title="Machines get no public address",
    why="The load balancer and the NAT gateways are the only ways in and out.",
    fix="Set `mapPublicIpOnLaunch` or `associatePublicIpAddress` to false.",
    severity="high",
    frameworks=("AWS Security Hub EC2.9", "AWS Security Hub EC2.15"),
)
def no_public_addresses(view: View, limits: Limits) -> Iterator[Problem]:
    """Neither by the subnet nor by the machine."""
    del limits
    given = [(view, "mapPublicIpOnLaunch" if view.resource.type == SUBNET else "associatePublicIpAddress")]
    if view.resource.type.endswith("LaunchTemplate"):
        given = [(interface, "associatePublicIpAddress") for interface in view.views("networkInterfaces")]
    for holder, key in given:
        if holder.flag(key):
            yield at(holder, key, "machines would get public addresses", f"set {key} to false")


@PACK.resource(
    "network-tls",
    LISTENER,
    title="The load balancer speaks TLS 1.2 or newer, and redirects plain HTTP",
    why="Passwords and keys are in the requests; older TLS and plain text can be read on the way.",
    fix="Set `sslPolicy` to ELBSecurityPolicy-TLS13-1-2-2021-06; let an HTTP listener redirect to HTTPS.",
    severity="high",
    frameworks=("AWS Security Hub ELB.1", "AWS Security Hub ELB.17"),
)
def tls(view: View, limits: Limits) -> Iterator[Problem]:
    """HTTPS or TLS with a TLS 1.3 policy, or an HTTP listener that only redirects."""
    del limits
    protocol = view.text("protocol")
    if protocol in ("HTTPS", "TLS"):
        policy = view.text("sslPolicy") or "AWS' default"
        if MODERN_TLS.match(policy) is None:
            yield at(view, "sslPolicy", f"{policy} allows old TLS", "set sslPolicy to ELBSecurityPolicy-TLS13-1-2-2021-06")
        return
    for action in view.views("defaultActions"):
        redirected = action.text("type") == "redirect" and action.text("redirect.protocol") == "HTTPS"
        if not redirected:
            yield at(action, "type", f"{protocol} is served in plain text", "redirect to HTTPS with HTTP_301")


@PACK.resource(
    "network-load-balancer-hardened",
    LOAD_BALANCER,
    title="Load balancers drop malformed headers and log requests",
    why="Malformed headers smuggle requests past the load balancer; without access logs nobody can say who called.",
    fix="Set `dropInvalidHeaderFields` to true, and `accessLogs` with a bucket.",
    severity="medium",
    frameworks=("AWS Security Hub ELB.4", "AWS Security Hub ELB.5"),
)
def load_balancer_hardened(view: View, limits: Limits) -> Iterator[Problem]:
    """Of application load balancers, which is also the default type."""
    del limits
    if view.text("loadBalancerType", "application") != "application":
        return
    if not view.flag("dropInvalidHeaderFields"):
        yield at(view, "dropInvalidHeaderFields", "malformed headers pass", "set dropInvalidHeaderFields to true")
    if not view.flag("accessLogs.enabled"):
        yield at(view, "accessLogs.enabled", "requests are not logged", "set accessLogs.enabled to true, with a bucket")
