"""Rules on the network in AWS: subnets, security groups, load balancers and the addresses of machines and databases."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network

from components.aws.addresses import subnet_plan
from contract import ZONES
from policies.addresses import internet_in
from policies.limits import Limits
from policies.rule import Pack, Problem, at
from policies.views import ResourceIndex, View
from program.types import (
    CLUSTER_SNAPSHOT,
    DATABASE_CLUSTER_INSTANCE,
    DATABASE_INSTANCE,
    DEFAULT_GROUP,
    FLOW_LOG,
    GROUP_RULE,
    INGRESS_RULE,
    INSTANCE,
    LAUNCH_TEMPLATE,
    LISTENER,
    LISTENER_RULE,
    LOAD_BALANCER,
    NODE_GROUP,
    PREFIX_LIST,
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
"""Types that adopt a part of the account's default network.

The default security group is not in the list, because the program adopts this group to remove its rules.
"""

MODERN_TLS = re.compile(r"ELBSecurityPolicy-(TLS13|TLS|FS)-1-[23]-")
"""Names of TLS security policies that require TLS 1.2 or 1.3 (AWS: Security policies for your Application Load Balancer)."""

TIERS = {"kubernetes.io/role/elb": 0, "kubernetes.io/role/internal-elb": 1}
"""The subnet tag of each tier, and the index of the tier's network in the address plan."""


@PACK.rule(
    "network-open-ports",
    INGRESS_RULE,
    GROUP_RULE,
    SECURITY_GROUP,
    NODE_GROUP,
    title="Only the web ports are open to the internet",
    why="An open port is attacked within minutes. Databases, metrics and SSH have no callers on the internet.",
    fix="Set `referencedSecurityGroupId` to the security group of the callers, or use a smaller network.",
    severity="critical",
    frameworks=("CIS AWS 5.2", "CIS AWS 5.3"),
    deferred=frozenset({"securityGroupId"}),
    parameters=("public_ports",),
)
def open_ports(view: View, index: ResourceIndex, limits: Limits) -> Iterator[Problem]:
    """Yield a problem for each ingress rule that opens a port to the internet, by networks or by a prefix list.

    An ingress rule can be a resource of the current or the former type, or be inline in a security group. The networks of all
    ingress rules of a security group that open the same port are counted together. For a node group with an SSH key, EKS creates
    a security group that opens the SSH port to everyone, if ``remoteAccess`` names no source.
    """
    if view.resource.type == NODE_GROUP:
        remote = view.view("remoteAccess")
        if remote.given("ec2SshKey") and not dict(remote.items()).get("sourceSecurityGroupIds"):
            yield at(remote, "ec2SshKey", "port 22 is open to 0.0.0.0/0", "remove remoteAccess, or set sourceSecurityGroupIds")
        return
    allowed = " or ".join(map(str, limits.public_ports))
    for opening in _openings(view, index):
        if opening.networks and not opening.harmless(limits):
            same = [] if internet_in(opening.sources) else [each for each in _of_group(view, index) if each.covers(opening)]
            if world := internet_in(source for each in (opening, *same) for source in each.sources):
                key = next((key for key, source in opening.networks if source == world), opening.networks[0][0])
                fix = f"name the security group that needs the port, or open tcp {allowed} by a separate rule"
                yield at(opening.rule, key, f"{opening.ports} is open to {world}", fix)


PROTOCOLS = {"all": "-1", "1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
"""The usual name of each protocol, by its other name or number. The rule compares protocols by their usual names."""

PATH_DISCOVERY = (("icmp", 3, 4), ("icmpv6", 2, 0), ("icmpv6", 2, -1))
"""Protocol, type and code of the messages in which a router reports the largest packet size; without them connections hang."""


@dataclass(frozen=True)
class _Opening:
    """The networks to which one ingress rule opens ports."""

    rule: View
    protocol: str
    low: float
    high: float
    networks: tuple[tuple[str, str], ...]
    """Each network, with the property that contains it."""

    @property
    def sources(self) -> list[str]:
        return [source for _, source in self.networks]

    @property
    def ports(self) -> str:
        if self.protocol == "-1":
            return "every port"
        if self.protocol.startswith("icmp"):
            return f"{self.protocol} type {self.low}"
        return f"port {self.low}" if self.low == self.high else f"port {self.low} to {self.high}"

    def harmless(self, limits: Limits) -> bool:
        """Whether the internet may use these ports."""
        web = self.protocol == "tcp" and self.low == self.high and self.low in limits.public_ports
        return web or (self.protocol, self.low, self.high) in PATH_DISCOVERY

    def covers(self, other: _Opening) -> bool:
        """Whether this rule opens all ports that the other rule opens."""
        return self.protocol == "-1" or (self.protocol == other.protocol and self.low <= other.low and other.high <= self.high)


def _openings(view: View, index: ResourceIndex) -> Iterator[_Opening]:
    if view.resource.type == INGRESS_RULE:
        rules, single, several, protocol = [view], ("cidrIpv4", "cidrIpv6"), (), "ipProtocol"
    else:
        ingress = view.resource.type == SECURITY_GROUP or view.text("type") == "ingress"
        rules = view.views("ingress") if view.resource.type == SECURITY_GROUP else [view] if ingress else []
        single, several, protocol = (), ("cidrBlocks", "ipv6CidrBlocks"), "protocol"
    for rule in rules:
        given = [(key, source) for key in single if (source := rule.text(key))]
        given += [(key, source) for key in several for source in rule.texts(key)]
        given += _of_prefix_lists(rule, index)
        name = rule.text(protocol).lower()
        low, high = rule.number("fromPort"), rule.number("toPort")
        yield _Opening(rule, PROTOCOLS.get(name, name), -1 if low is None else low, 65535 if high is None else high, tuple(given))


def _of_group(view: View, index: ResourceIndex) -> Iterator[_Opening]:
    """Yield the openings of a security group. ``view`` is the group, or one of its rules."""
    key = "securityGroupId"
    if view.resource.type != SECURITY_GROUP and not view.has_or_depends(key):
        return
    groups = [view] if view.resource.type == SECURITY_GROUP else index.sources(view, key, SECURITY_GROUP)
    if not groups:  # a group that the program does not declare, such as the one that EKS creates
        same = (each for each in index.of(INGRESS_RULE, GROUP_RULE) if _refers_to_the_same(view, each, key))
        for each in same:
            yield from _openings(each, index)
    for group in groups:
        for each in (group, *index.users(group, "securityGroupId", INGRESS_RULE, GROUP_RULE)):
            yield from _openings(each, index)


def _refers_to_the_same(one: View, other: View, key: str) -> bool:
    """Whether a property of two resources has the same source, or the same literal value."""
    sources = [(each.resource.property_dependencies or {}).get(key) for each in (one, other)]
    return sources[0] == sources[1] if any(sources) else other.has(key) and one.text(key) == other.text(key)


def _of_prefix_lists(rule: View, index: ResourceIndex) -> Iterator[tuple[str, str]]:
    """The networks in the prefix lists of a rule.

    A list that the program does not declare can contain any network. A list in an inline rule counts as such a list.
    """
    key = "prefixListId" if rule.resource.type == INGRESS_RULE else "prefixListIds"
    declared = index.sources(rule, key, PREFIX_LIST) if rule.path == () and rule.has_or_depends(key) else []
    yield from ((key, entry.text("cidr")) for each in declared for entry in each.views("entries"))
    if not declared and rule.get(key):
        yield key, "0.0.0.0/0"


@PACK.rule(
    "network-no-default-vpc",
    *DEFAULT_RESOURCES,
    title="The account's default network is not used",
    why="The default subnets are public, so a resource can be reachable by accident. Every account has the same default addresses.",
    fix="Remove the resource, and use the VPC of `components/aws/network.py`.",
    severity="high",
)
def no_default_vpc(view: View) -> Iterator[Problem]:
    """Yield a problem for every resource of the types in ``DEFAULT_RESOURCES``."""
    yield at(
        view, "", f"{view.resource.type} adopts the account's default network", "remove it, and use a VPC that the program creates"
    )


@PACK.rule(
    "network-default-group-empty",
    DEFAULT_GROUP,
    title="The default security group has no rules",
    why="A resource that names no security group gets the default group.",
    fix="Set `ingress` and `egress` of the DefaultSecurityGroup to `[]`.",
    severity="high",
    frameworks=("CIS AWS 5.4", "AWS Security Hub EC2.2"),
)
def default_group_empty(view: View) -> Iterator[Problem]:
    """Yield a problem if a DefaultSecurityGroup has rules."""
    for key in ("ingress", "egress"):
        if view.values(key):
            yield at(view, key, "the default security group has rules", f"set {key} to []")


@PACK.rule(
    "network-default-group-adopted",
    VPC,
    title="The program manages the default security group of every VPC",
    why="A default group that the program does not adopt allows all traffic between its members.",
    fix="Add a DefaultSecurityGroup without rules for the VPC.",
    severity="medium",
    frameworks=("CIS AWS 5.4",),
)
def default_group_adopted(view: View, index: ResourceIndex) -> Iterator[Problem]:
    """Yield a problem if the program does not adopt the VPC's default security group."""
    if not index.users(view, "vpcId", DEFAULT_GROUP):
        yield at(view, "", "the VPC's default security group keeps its rules", f"add a {DEFAULT_GROUP} with no rules")


@PACK.rule(
    "network-flow-logs",
    VPC,
    title="Every VPC logs all its traffic",
    why="Only flow logs show which addresses communicated.",
    fix="Add a FlowLog with `trafficType: ALL` for the VPC.",
    severity="high",
    frameworks=("CIS AWS 3.7", "AWS Security Hub EC2.6"),
)
def flow_logs(view: View, index: ResourceIndex) -> Iterator[Problem]:
    """Yield a problem unless a flow log of the VPC records accepted and rejected traffic."""
    kinds = [log.text("trafficType") for log in index.users(view, "vpcId", FLOW_LOG)]
    if "ALL" not in kinds:
        found = f"the flow logs of the VPC contain only {', '.join(kinds)} traffic" if kinds else "the VPC has no flow log"
        yield at(view, "", found, f"add a {FLOW_LOG} with trafficType ALL")


@PACK.rule(
    "network-subnet-plan",
    SUBNET,
    title="Every subnet has the addresses of the address plan",
    why="NetworkPolicies, peers and firewalls contain the networks of the plan, and do not match a subnet with other addresses.",
    fix="Use the network from `subnet_plan` in `components/aws/addresses.py`, and tag the subnet with its tier.",
    severity="medium",
    frameworks=("guide: Subnets: 3 public + 3 private across AZs",),
)
def subnet_in_plan(view: View, index: ResourceIndex) -> Iterator[Problem]:
    """Yield a problem unless the subnet has a tier and a zone, and its network is the plan's network for them."""
    for vpc in index.sources(view, "vpcId", VPC):
        network = IPv4Network(vpc.text("cidrBlock"))
        block = IPv4Network(view.text("cidrBlock"))
        zone = view.text("availabilityZone")[-1:]
        tier = next((place for tag, place in TIERS.items() if tag in view.map("tags")), None)
        if tier is None or zone not in ZONES:
            yield at(view, "tags", "the subnet has no tier or zone", f"tag it with one of {', '.join(TIERS)} and give it a zone")
        elif block != (planned := subnet_plan(network, [zone])[zone][tier]):
            yield at(view, "cidrBlock", f"{block} is not the plan's network for zone {zone}", f"set cidrBlock to {planned}")


@PACK.rule(
    "network-no-public-addresses",
    SUBNET,
    INSTANCE,
    LAUNCH_TEMPLATE,
    title="Machines get no public address",
    why="The load balancer is the only entry point, and the NAT gateways are the only egress.",
    fix="Set `mapPublicIpOnLaunch` or `associatePublicIpAddress` to false.",
    severity="high",
    frameworks=("AWS Security Hub EC2.9", "AWS Security Hub EC2.15"),
)
def no_public_addresses(view: View) -> Iterator[Problem]:
    """Yield a problem if a subnet, instance or launch template assigns public addresses."""
    given = [(view, "mapPublicIpOnLaunch" if view.resource.type == SUBNET else "associatePublicIpAddress")]
    if view.resource.type.endswith("LaunchTemplate"):
        given = [(interface, "associatePublicIpAddress") for interface in view.views("networkInterfaces")]
    for holder, key in given:
        if holder.flag(key):
            yield at(holder, key, "machines would get public addresses", f"set {key} to false")


@PACK.rule(
    "network-tls",
    LISTENER,
    LISTENER_RULE,
    title="The load balancer uses TLS 1.2 or newer, and redirects plain HTTP",
    why="Requests contain passwords and keys. Others on the network can read plain text, and can decrypt old versions of TLS.",
    fix="Set `sslPolicy` to ELBSecurityPolicy-TLS13-1-2-2021-06, and let an HTTP listener redirect to HTTPS.",
    severity="high",
    frameworks=("AWS Security Hub ELB.1", "AWS Security Hub ELB.17"),
    deferred=frozenset({"listenerArn", "loadBalancerArn"}),
)
def tls(view: View, index: ResourceIndex) -> Iterator[Problem]:
    """Yield a problem unless a listener uses TLS with a current policy; an HTTP listener may only redirect or reject requests.

    A listener of another protocol without TLS, such as TCP, may only forward port 443, because the target then terminates TLS. The
    listeners of an internal load balancer may forward plain text.
    """
    listeners = index.sources(view, "listenerArn", LISTENER) if view.resource.type == LISTENER_RULE else [view]
    protocols = [listener.text("protocol") for listener in listeners]
    if view.resource.type == LISTENER and protocols[0] in ("HTTPS", "TLS"):
        policy = view.text("sslPolicy") or "AWS' default"
        if MODERN_TLS.match(policy) is None:
            yield at(view, "sslPolicy", f"{policy} allows old TLS", "set sslPolicy to ELBSecurityPolicy-TLS13-1-2-2021-06")
        return
    if problems := list(_plain_text(view, protocols)):
        balancers = [each for listener in listeners for each in _balancers(listener, index)]
        if not balancers or not all(each.flag("internal") for each in balancers):
            yield from problems


TLS_PORT = 443


def _balancers(listener: View, index: ResourceIndex) -> list[View]:
    return index.sources(listener, "loadBalancerArn", LOAD_BALANCER) if listener.has_or_depends("loadBalancerArn") else []


def _plain_text(view: View, protocols: Iterable[str]) -> Iterator[Problem]:
    """Yield the problems of a listener with these protocols, or of a listener rule whose listeners have these protocols."""
    for protocol in {each or "HTTP" for each in protocols}:
        if protocol == "HTTP":
            for action in view.views("actions" if view.resource.type == LISTENER_RULE else "defaultActions"):
                redirected = action.text("type") == "redirect" and action.text("redirect.protocol") == "HTTPS"
                answered = action.text("type") == "fixed-response" and action.text("fixedResponse.statusCode")[:1] in (
                    "3",
                    "4",
                    "5",
                )
                if not redirected and not answered:
                    yield at(action, "type", f"{protocol} is served in plain text", "redirect to HTTPS with HTTP_301")
        elif view.resource.type == LISTENER and view.number("port") != TLS_PORT:  # on port 443, the target terminates TLS
            fix = "use TLS, or forward port 443 to a target that uses TLS"
            yield at(view, "protocol", f"{protocol} is forwarded without TLS", fix)


@PACK.rule(
    "network-no-public-databases",
    DATABASE_INSTANCE,
    DATABASE_CLUSTER_INSTANCE,
    CLUSTER_SNAPSHOT,
    title="No database has a public address, and no snapshot is public",
    why="Otherwise only the password protects the database from the internet, and nothing protects the snapshot.",
    fix="Set `publiclyAccessible` to false, and share a snapshot only with named accounts.",
    severity="critical",
    frameworks=("AWS Security Hub RDS.2", "CIS AWS 2.3.3"),
)
def no_public_databases(view: View) -> Iterator[Problem]:
    """Yield a problem for a database with a public address, and for a snapshot that is shared with everyone."""
    if view.resource.type != CLUSTER_SNAPSHOT:
        if view.flag("publiclyAccessible"):
            yield at(view, "publiclyAccessible", "the database has a public address", "set publiclyAccessible to false")
    elif "all" in view.texts("sharedAccounts"):
        yield at(view, "sharedAccounts", "everyone may copy the snapshot", "name the accounts")


@PACK.rule(
    "network-load-balancer-hardened",
    LOAD_BALANCER,
    title="Application load balancers drop malformed headers and log requests",
    why="A malformed header can hide a request from the load balancer (request smuggling). Only access logs show the callers.",
    fix="Set `dropInvalidHeaderFields` to true, and enable `accessLogs` with a bucket.",
    severity="medium",
    frameworks=("AWS Security Hub ELB.4", "AWS Security Hub ELB.5"),
)
def load_balancer_hardened(view: View) -> Iterator[Problem]:
    """Yield a problem if an application load balancer forwards invalid headers or does not log requests."""
    if view.text("loadBalancerType", "application") != "application":
        return
    if not view.flag("dropInvalidHeaderFields"):
        yield at(view, "dropInvalidHeaderFields", "malformed headers are forwarded", "set dropInvalidHeaderFields to true")
    if not view.flag("accessLogs.enabled"):
        yield at(view, "accessLogs.enabled", "requests are not logged", "set accessLogs.enabled to true, with a bucket")
