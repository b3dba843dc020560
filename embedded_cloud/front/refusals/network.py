"""EC2: resources that need a gateway, and resources that are still in use."""

from __future__ import annotations

from embedded_cloud.front.backends import (
    attached_gateway,
    backend,
    live_nat_gateways,
    load_balancers,
    security_group_users,
    subnet,
    subnet_users,
)
from embedded_cloud.front.call import Call
from embedded_cloud.front.refusals._table import refuses

API = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference"
GUIDE = "https://docs.aws.amazon.com/vpc/latest/userguide"


@refuses("ec2", "CreateNatGateway", code="Gateway.NotAttached", source=f"{API}/API_NatGateway.html")
def nat_without_gateway(call: Call) -> str | None:
    """A public NAT gateway in a VPC without an internet gateway.

    AWS accepts the call, and the NAT gateway fails later with this code. The official provider waits for the NAT gateway, and
    reports the code.
    """
    found = subnet(call, call.parameters["SubnetId"])
    if call.parameters.get("ConnectivityType") == "private" or found is None or attached_gateway(call, found.vpc_id):
        return None
    return f"Network {found.vpc_id} has no Internet gateway attached"


@refuses("ec2", "CreateNatGateway", code="Resource.AlreadyAssociated", source=f"{API}/API_NatGateway.html")
def nat_with_a_taken_address(call: Call) -> str | None:
    """A NAT gateway with an address that another resource uses."""
    allocation = call.parameters.get("AllocationId")
    for address in backend("ec2", call).addresses:
        if address.allocation_id == allocation and allocation and address.association_id:
            return f"Elastic IP address [{allocation}] is already associated"
    return None


@refuses("ec2", "DetachInternetGateway", code="DependencyViolation", source=f"{GUIDE}/VPC_Internet_Gateway.html")
def gateway_under_addresses(call: Call) -> str | None:
    """Detaching an internet gateway while a public NAT gateway or an internet-facing load balancer is in the VPC."""
    vpc = call.parameters["VpcId"]
    mapped = [each.id for each in live_nat_gateways(call) if each.vpc_id == vpc and each.connectivity_type != "private"]
    mapped += [each.arn for each in load_balancers(call) if each.vpc_id == vpc and each.scheme == "internet-facing"]
    if not mapped:
        return None
    return f"Network {vpc} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway."


@refuses("ec2", "DeleteSubnet", code="DependencyViolation", source=f"{API}/API_DeleteSubnet.html")
def subnet_in_use(call: Call) -> str | None:
    """Deleting a subnet in which a resource has a network interface."""
    id = call.parameters["SubnetId"]
    users = list(subnet_users(call, id))
    return f"The subnet '{id}' has dependencies and cannot be deleted: {', '.join(users)}" if users else None


@refuses("ec2", "DeleteSecurityGroup", code="DependencyViolation", source=f"{API}/API_DeleteSecurityGroup.html")
def group_in_use(call: Call) -> str | None:
    """Deleting a security group that a resource uses or that a rule of another security group names."""
    group = call.parameters.get("GroupId")
    users = list(security_group_users(call, group)) if group else []
    return f"resource {group} has a dependent object: {', '.join(users)}" if users else None


@refuses("ec2", "ReleaseAddress", code="InvalidIPAddress.InUse", source=f"{API}/errors-overview.html")
def address_in_use(call: Call) -> str | None:
    """Releasing an address that a NAT gateway still uses."""
    allocation = call.parameters.get("AllocationId")
    for gateway in live_nat_gateways(call):
        if allocation in {each.get("allocationId") for each in gateway.address_set}:
            return f"Address {allocation} is in use by {gateway.id}."
    return None


@refuses("ec2", "CreateRoute", "ReplaceRoute", code="InvalidGatewayID.NotFound", source=f"{API}/errors-overview.html")
def route_to_a_detached_gateway(call: Call) -> str | None:
    """A route to an internet gateway that is not attached to the route table's VPC."""
    gateway = call.parameters.get("GatewayId") or ""
    table = backend("ec2", call).route_tables.get(call.parameters["RouteTableId"])
    if not gateway.startswith("igw-") or table is None:
        return None
    attached = attached_gateway(call, table.vpc_id)
    if attached and attached.id == gateway:
        return None
    return f"route table {table.id} and network gateway {gateway} belong to different networks"
