"""Rules on network access to the platform."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Network

from components.aws.addresses import ZONES, subnet_plan
from policies.addresses import is_internet
from policies.limits import Limits
from policies.rule import Pack, Problem, at
from policies.views import ResourceIndex, View
from program.types import (
    CLUSTER_SNAPSHOT,
    DATABASE,
    DATABASE_INSTANCE,
    DEFAULT_GROUP,
    FLOW_LOG,
    GROUP_RULE,
    INGRESS,
    INGRESS_RULE,
    INSTANCE,
    LAUNCH_TEMPLATE,
    LISTENER,
    LISTENER_RULE,
    LOAD_BALANCER,
    PREFIX_LIST,
    SECURITY_GROUP,
    SERVICE,
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

The default security group is not one of them, because the program adopts it to remove its rules.
"""

MODERN_TLS = re.compile(r"ELBSecurityPolicy-TLS13-1-[23]-")
"""Names of TLS security policies that require TLS 1.2 or 1.3 (AWS: Security policies for your Application Load Balancer)."""

TIERS = {"kubernetes.io/role/elb": 0, "kubernetes.io/role/internal-elb": 1}
"""The subnet tag of each tier, and the index of the tier's network in the address plan."""


@PACK.stack(
    "network-open-ports",
    INGRESS_RULE,
    GROUP_RULE,
    SECURITY_GROUP,
    title="Only the web ports are open to the internet",
    why="An open port is attacked within minutes; databases, metrics and SSH are for named groups only.",
    fix="Name the security group that may call in `referencedSecurityGroupId`, or narrow the network.",
    severity="critical",
    frameworks=("CIS AWS 5.3", "CIS AWS 5.4"),
    parameters=("public_ports",),
)
def open_ports(view: View, index: ResourceIndex, limits: Limits) -> Iterator[Problem]:
    """Yield a problem for each ingress rule that opens a port to the internet, by a network or by a prefix list.

    A rule can be a resource of the current or the former type, or be inline in a security group.
    """
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
        yield from _opened(rule, [(key, source) for key, source in given if is_internet(source)], protocol, limits)


def _of_prefix_lists(rule: View, index: ResourceIndex) -> Iterator[tuple[str, str]]:
    """The networks in the prefix lists of a rule; a list that the program does not declare can contain any network."""
    key = "prefixListId" if rule.resource.type == INGRESS_RULE else "prefixListIds"
    declared = index.sources(rule, key, PREFIX_LIST) if rule.path == () and rule.has_or_depends(key) else []
    yield from ((key, entry.text("cidr")) for each in declared for entry in each.views("entries"))
    if not declared and rule.get(key):
        yield key, "0.0.0.0/0"


def _opened(rule: View, world: list[tuple[str, str]], protocol: str, limits: Limits) -> Iterator[Problem]:
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
    title="The account's default network is not used",
    why="Its subnets are public, so a resource in it is reachable by accident, and its addresses are the same in every account.",
    fix="Move the resource to the VPC of `components/aws/network.py`.",
    severity="high",
    frameworks=("AWS Security Hub EC2.2",),
)
def no_default_vpc(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield a problem for every resource of these types."""
    del limits
    yield at(view, "", f"{view.resource.type} adopts the account's default network", "move it to a VPC that the program creates")


@PACK.resource(
    "network-default-group-empty",
    DEFAULT_GROUP,
    title="The default security group has no rules",
    why="A resource that names no group gets this one.",
    fix="Set `ingress` and `egress` of the DefaultSecurityGroup to `[]`.",
    severity="high",
    frameworks=("CIS AWS 5.5", "AWS Security Hub EC2.2"),
)
def default_group_empty(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield a problem if a DefaultSecurityGroup has rules."""
    del limits
    for key in ("ingress", "egress"):
        if view.values(key):
            yield at(view, key, "the default security group has rules", f"set {key} to []")


@PACK.stack(
    "network-default-group-adopted",
    VPC,
    title="The program manages the default security group of every VPC",
    why="A default group that the program does not adopt allows all traffic between its members.",
    fix="Add a DefaultSecurityGroup with no rules for the VPC.",
    severity="medium",
    frameworks=("CIS AWS 5.5",),
)
def default_group_adopted(view: View, index: ResourceIndex, limits: Limits) -> Iterator[Problem]:
    """Yield a problem if the program does not adopt the VPC's default security group."""
    del limits
    if not index.users(view, "vpcId", DEFAULT_GROUP):
        yield at(view, "", "the VPC's default security group keeps its rules", f"add a {DEFAULT_GROUP} with no rules")


@PACK.stack(
    "network-flow-logs",
    VPC,
    title="Every VPC logs all its traffic",
    why="Only flow logs show which addresses communicated.",
    fix="Add a FlowLog with `trafficType: ALL` for the VPC.",
    severity="high",
    frameworks=("CIS AWS 3.7", "AWS Security Hub EC2.6"),
)
def flow_logs(view: View, index: ResourceIndex, limits: Limits) -> Iterator[Problem]:
    """Yield a problem unless a flow log of the VPC records accepted and rejected traffic."""
    del limits
    kinds = [log.text("trafficType") for log in index.users(view, "vpcId", FLOW_LOG)]
    if "ALL" not in kinds:
        found = f"its flow logs contain only {', '.join(kinds)} traffic" if kinds else "it has no flow log"
        yield at(view, "", found, f"add a {FLOW_LOG} with trafficType ALL")


@PACK.stack(
    "network-subnet-plan",
    SUBNET,
    title="Every subnet has the addresses of the address plan",
    why="NetworkPolicies, peers and firewalls name these networks, and would not match another one.",
    fix="Use the network from `subnet_plan` in `components/aws/addresses.py`, and tag the subnet with its tier.",
    severity="medium",
    frameworks=("guide: VPC",),
)
def subnet_in_plan(view: View, index: ResourceIndex, limits: Limits) -> Iterator[Problem]:
    """Yield a problem unless the subnet has a tier and a zone, and the plan's network for them."""
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
    why="The load balancer is the only entry point, and the NAT gateways are the only egress.",
    fix="Set `mapPublicIpOnLaunch` or `associatePublicIpAddress` to false.",
    severity="high",
    frameworks=("AWS Security Hub EC2.9", "AWS Security Hub EC2.15"),
)
def no_public_addresses(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield a problem if a subnet, instance or launch template assigns public addresses."""
    del limits
    given = [(view, "mapPublicIpOnLaunch" if view.resource.type == SUBNET else "associatePublicIpAddress")]
    if view.resource.type.endswith("LaunchTemplate"):
        given = [(interface, "associatePublicIpAddress") for interface in view.views("networkInterfaces")]
    for holder, key in given:
        if holder.flag(key):
            yield at(holder, key, "machines would get public addresses", f"set {key} to false")


@PACK.stack(
    "network-tls",
    LISTENER,
    LISTENER_RULE,
    title="The load balancer uses TLS 1.2 or newer, and redirects plain HTTP",
    why="Requests contain passwords and keys; older TLS and plain text can be read on the network.",
    fix="Set `sslPolicy` to ELBSecurityPolicy-TLS13-1-2-2021-06; let an HTTP listener redirect to HTTPS.",
    severity="high",
    frameworks=("AWS Security Hub ELB.1", "AWS Security Hub ELB.17"),
    deferred=frozenset({"listenerArn"}),
)
def tls(view: View, index: ResourceIndex, limits: Limits) -> Iterator[Problem]:
    """Yield a problem unless a listener uses TLS with a current policy; an HTTP listener may only redirect or reject requests."""
    del limits
    if view.resource.type == LISTENER_RULE:
        protocols = [listener.text("protocol") for listener in index.sources(view, "listenerArn", LISTENER)]
        if "HTTP" in protocols:
            yield from _plain_text(view.views("actions"), "HTTP")
        return
    protocol = view.text("protocol")
    if protocol in ("HTTPS", "TLS"):
        policy = view.text("sslPolicy") or "AWS' default"
        if MODERN_TLS.match(policy) is None:
            yield at(view, "sslPolicy", f"{policy} allows old TLS", "set sslPolicy to ELBSecurityPolicy-TLS13-1-2-2021-06")
    elif protocol in ("", "HTTP"):
        yield from _plain_text(view.views("defaultActions"), protocol or "HTTP")
    elif view.number("port") != TLS_PORT:  # on port 443, the target terminates TLS
        yield at(view, "protocol", f"{protocol} is forwarded without TLS", "use TLS, or forward port 443 to a target that uses TLS")


TLS_PORT = 443


def _plain_text(actions: list[View], protocol: str) -> Iterator[Problem]:
    for action in actions:
        redirected = action.text("type") == "redirect" and action.text("redirect.protocol") == "HTTPS"
        refused = action.text("type") == "fixed-response" and action.text("fixedResponse.statusCode")[:1] in ("4", "5")
        if not redirected and not refused:
            yield at(action, "type", f"{protocol} is served in plain text", "redirect to HTTPS with HTTP_301")


@PACK.resource(
    "network-services-internal",
    SERVICE,
    title="No Service is an entry point of its own",
    why="No security group of the program covers a Service's load balancer, node port or external address.",
    fix="Use type ClusterIP, and bind the Service to a target group of the program's load balancer.",
    severity="critical",
    frameworks=("NSA Kubernetes Hardening", "CVE-2020-8554"),
)
def services_internal(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield a problem for a Service that is open to other networks, by a NodePort, external IPs or a public load balancer."""
    del limits
    if view.texts("spec.externalIPs"):
        yield at(view, "spec.externalIPs", "it receives traffic for addresses of others", "remove externalIPs")
    kind = view.text("spec.type", "ClusterIP")
    if kind == "NodePort":
        yield at(view, "spec.type", "a port is opened on every node", "set spec.type to ClusterIP")
    if kind == "LoadBalancer":
        annotations = view.map("metadata.annotations")
        inside = any(annotations.get(key) in values for key, values in INTERNAL.items())
        sources = view.texts("spec.loadBalancerSourceRanges")
        if not inside and (not sources or any(is_internet(each) for each in sources)):
            yield at(view, "spec.type", "a load balancer is open to the internet", "set spec.type to ClusterIP")


INTERNAL = {
    "service.beta.kubernetes.io/aws-load-balancer-scheme": ("internal",),
    "service.beta.kubernetes.io/aws-load-balancer-internal": ("true", "0.0.0.0/0"),
}
"""Annotations that keep a Service's load balancer inside the VPC.

Source: https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/service/annotations/
"""


@PACK.resource(
    "network-ingress-tls",
    INGRESS,
    title="Every Ingress serves named hosts over TLS",
    why="Without TLS passwords can be read on the network; without a host it receives requests for all other host names.",
    fix="Name each host in `spec.rules` and in `spec.tls`.",
    severity="high",
    frameworks=("NSA Kubernetes Hardening",),
)
def ingress_tls(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield a problem for a host with a wildcard or without a certificate, and for a default backend, which accepts any host."""
    del limits
    certified = [host for each in view.views("spec.tls") if each.text("secretName") for host in each.texts("hosts")]
    if view.has("spec.defaultBackend"):
        yield at(view, "spec.defaultBackend", "it accepts requests for any host", "name the host in spec.rules")
    for rule in view.views("spec.rules"):
        host = rule.text("host")
        if not host or host.startswith("*"):
            yield at(rule, "host", f"it accepts requests for {host or 'any host'}", "name the host")
        elif host not in certified and f"*.{host.partition('.')[2]}" not in certified:
            yield at(rule, "host", f"{host} is served in plain text", f"add {host} to spec.tls with a secretName")


SNIPPETS = ("configuration-snippet", "server-snippet", "auth-snippet", "stream-snippet", "modsecurity-snippet")


@PACK.resource(
    "network-ingress-plain-annotations",
    INGRESS,
    title="No Ingress adds a configuration snippet to the controller",
    why="A snippet runs in the controller, which reads every Secret of the cluster.",
    fix="Use a specific annotation, or change the controller's own configuration.",
    severity="high",
    frameworks=("CVE-2021-25742",),
)
def ingress_plain_annotations(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield a problem for an annotation that contains configuration of the ingress controller (a snippet)."""
    del limits
    for key in view.map("metadata.annotations"):
        if key.rpartition("/")[2] in SNIPPETS:
            yield at(view, "metadata.annotations", f"{key} is configuration of the controller", f"remove {key}")


@PACK.resource(
    "network-no-public-databases",
    DATABASE,
    DATABASE_INSTANCE,
    CLUSTER_SNAPSHOT,
    title="No database has a public address",
    why="Only the password would then protect the data from the internet.",
    fix="Set `publiclyAccessible` to false.",
    severity="critical",
    frameworks=("AWS Security Hub RDS.2", "CIS AWS 2.3.3"),
)
def no_public_databases(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield a problem for a database with a public address, and for a snapshot that is shared with everyone."""
    del limits
    if view.resource.type != CLUSTER_SNAPSHOT:
        if view.flag("publiclyAccessible"):
            yield at(view, "publiclyAccessible", "the database has a public address", "set publiclyAccessible to false")
    elif "all" in view.texts("sharedAccounts"):
        yield at(view, "sharedAccounts", "everyone may copy the snapshot", "name the accounts")


@PACK.resource(
    "network-load-balancer-hardened",
    LOAD_BALANCER,
    title="Load balancers drop malformed headers and log requests",
    why="Malformed headers can smuggle requests past the load balancer; only access logs show the callers.",
    fix="Set `dropInvalidHeaderFields` to true, and `accessLogs` with a bucket.",
    severity="medium",
    frameworks=("AWS Security Hub ELB.4", "AWS Security Hub ELB.5"),
)
def load_balancer_hardened(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield a problem if an application load balancer forwards invalid headers or does not log requests."""
    del limits
    if view.text("loadBalancerType", "application") != "application":
        return
    if not view.flag("dropInvalidHeaderFields"):
        yield at(view, "dropInvalidHeaderFields", "malformed headers are forwarded", "set dropInvalidHeaderFields to true")
    if not view.flag("accessLogs.enabled"):
        yield at(view, "accessLogs.enabled", "requests are not logged", "set accessLogs.enabled to true, with a bucket")
