"""Access to moto's objects. The checks in ``front/refusals`` read the present state of the account from them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from moto.backends import get_backend
from moto.kms.utils import _deserialize_ciphertext_blob

from embedded_cloud.front.accounts import ACCOUNT
from embedded_cloud.front.call import Call

GLOBAL = {"iam": "aws", "s3": "aws"}
"""Service without a region -> the region under which moto stores the service's objects."""


def backend(service: str, call: Call) -> Any:
    """moto's objects of a service in the call's region."""
    found: Any = get_backend(service)  # type: ignore[call-overload]
    return found[ACCOUNT][GLOBAL.get(service, call.region)]


def key_of_ciphertext(call: Call) -> str | None:
    """The id of the KMS key that encrypted the ciphertext in a call; None if there is no ciphertext, or if it is not valid."""
    try:
        return str(_deserialize_ciphertext_blob(call.parameters["CiphertextBlob"]).key_id)
    except (KeyError, ValueError, struct.error):
        return None


def subnet(call: Call, id: str) -> Any:
    """A subnet, or None if it does not exist."""
    return next((zone[id] for zone in list(backend("ec2", call).subnets.values()) if id in zone), None)


def attached_gateway(call: Call, vpc: str) -> Any:
    """The internet gateway that is attached to a VPC, or None."""
    gateways = list(backend("ec2", call).internet_gateways.values())
    return next((each for each in gateways if each.vpc and each.vpc.id == vpc), None)


def live_nat_gateways(call: Call) -> list[Any]:
    """The NAT gateways that are not deleted; moto also lists deleted gateways. A gateway in deletion still uses its addresses."""
    return [each for each in backend("ec2", call).nat_gateways.values() if each.state != "deleted"]


def reaches_outside(call: Call, id: str) -> bool:
    """Whether a subnet's route table has an IPv4 default route. A route to a deleted NAT gateway does not count."""
    found = subnet(call, id)
    tables = [each for each in list(backend("ec2", call).route_tables.values()) if found and each.vpc_id == found.vpc_id]
    own = [each for each in tables if id in {one.get("SubnetId") for one in each.associations}]
    for table in own or [each for each in tables if each.main_association_id]:
        for route in table.routes:
            nat = route.nat_gateway
            if route.destination_cidr_block == "0.0.0.0/0" and (nat is None or nat.state != "deleted"):
                return True
    return False


def live_endpoints(call: Call) -> list[Any]:
    """The VPC endpoints that exist; moto also lists deleted endpoints."""
    return [each for each in list(backend("ec2", call).vpc_end_points.values()) if each.state != "deleted"]


def load_balancers(call: Call) -> list[Any]:
    """The load balancers of the region."""
    return list(backend("elbv2", call).load_balancers.values())


def node_groups(call: Call) -> Iterator[Any]:
    """The node groups of all clusters of the region."""
    for cluster in list(backend("eks", call).clusters.values()):
        yield from list(cluster.nodegroups.values())


def subnet_users(call: Call, id: str) -> Iterator[str]:
    """The ids or ARNs of the resources with a network interface in a subnet."""
    for gateway in live_nat_gateways(call):
        if gateway.subnet_id == id:
            yield gateway.id
    for balancer in load_balancers(call):
        if id in {each.id for each in balancer.subnets}:
            yield balancer.arn
    for cluster in list(backend("eks", call).clusters.values()):
        if id in cluster.resources_vpc_config.get("subnetIds", ()):
            yield cluster.arn
    for group in node_groups(call):
        if id in group.subnets:
            yield group.arn
    for endpoint in live_endpoints(call):
        if id in (endpoint.subnet_ids or ()):
            yield endpoint.id


def security_group_users(call: Call, group: str) -> Iterator[str]:
    """The ids or ARNs of the resources that use a security group.

    Users are load balancers, VPC endpoints, clusters, node groups (by their launch template) and security groups with a rule that
    names the group.
    """
    ec2 = backend("ec2", call)
    for balancer in load_balancers(call):
        if group in (balancer.security_groups or ()):
            yield balancer.arn
    for endpoint in live_endpoints(call):
        if group in (endpoint.security_group_ids or ()):
            yield endpoint.id
    for cluster in list(backend("eks", call).clusters.values()):
        if group in cluster.resources_vpc_config.get("securityGroupIds", ()):
            yield cluster.arn
    for nodes in node_groups(call):
        template = (nodes.launch_template or {}).get("id")
        if template and group in _template_groups(ec2, template):
            yield nodes.arn
    for other in [each for groups in list(ec2.groups.values()) for each in list(groups.values())]:
        rules = (*other.ingress_rules, *other.egress_rules)
        sources = {(rule.source_group or {}).get("GroupId") for rule in rules}
        if other.id != group and group in sources:
            yield other.id


def _template_groups(ec2: Any, template: str) -> set[str]:
    found = ec2.launch_templates.get(template)
    if found is None:
        return set()
    data = found.latest_version().data
    interfaces = data.get("NetworkInterface") or data.get("NetworkInterfaces") or []
    of_interfaces = [each.get("Groups") or each.get("SecurityGroupId") or [] for each in interfaces]
    groups = data.get("SecurityGroupIds") or data.get("SecurityGroupId") or []
    return {each for listed in (groups, *of_interfaces) for each in listed}
