"""The network's resources: VPC, subnets, gateways, Elastic IP addresses, route tables and routes."""

from __future__ import annotations

from typing import Any

from embedded_cloud.providers.aws._values import Properties, first, given, pick, tag_dict, tag_list
from embedded_cloud.providers.aws.resource import TAGS, AwsResource, Tagging
from embedded_cloud.providers.aws.session import until_absent
from embedded_cloud.providers.modelled import names, properties


class Ec2Resource(AwsResource):
    """The common base of EC2's resources, whose tags are set by id."""

    service = "ec2"
    tagging = Tagging(
        resource="Resources", add="create_tags", remove="delete_tags", keys=lambda keys: {"Tags": [{"Key": key} for key in keys]}
    )

    def tagged(self, id: str) -> list[str]:
        return [id]

    def arn(self, kind: str, id: str) -> str:
        """Return the ARN of a resource, for types that EC2 describes without an ARN."""
        return f"arn:aws:ec2:{self.aws.region}:{self.aws.account}:{kind}/{id}"


def with_tags(kind: str, inputs: Properties) -> Properties:
    """The tags of a new resource, as a parameter of the call that creates it."""
    tags = tag_list(inputs.get("tagsAll"))
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": tags}]} if tags else {}


class Vpc(Ec2Resource):
    """A VPC; AWS also creates its main route table, default security group and default network ACL."""

    token = "aws:ec2/vpc:Vpc"
    replace_on = names("cidrBlock instanceTenancy")
    set_by_update = names("enableDnsSupport enableDnsHostnames")
    updatable = TAGS | set_by_update
    defaults = properties(instanceTenancy="default", enableDnsSupport=True)

    def create(self, inputs: Properties) -> str:
        return self.api.create_vpc(**given(inputs, "cidrBlock", "instanceTenancy"), **with_tags("vpc", inputs))["Vpc"]["VpcId"]

    def read(self, id: str) -> Properties | None:
        vpc = first(self.api.describe_vpcs(VpcIds=[id])["Vpcs"])
        of_vpc = [{"Name": "vpc-id", "Values": [id]}]
        main = self.api.describe_route_tables(Filters=[*of_vpc, {"Name": "association.main", "Values": ["true"]}])["RouteTables"]
        group = self.api.describe_security_groups(Filters=[*of_vpc, {"Name": "group-name", "Values": ["default"]}])[
            "SecurityGroups"
        ]
        return {
            **pick(vpc, "cidrBlock", "instanceTenancy", "dhcpOptionsId", "ownerId"),
            "enableDnsSupport": self._attribute(id, "enableDnsSupport"),
            "enableDnsHostnames": self._attribute(id, "enableDnsHostnames"),
            "arn": self.arn("vpc", id),
            "mainRouteTableId": main[0]["RouteTableId"] if main else None,
            "defaultRouteTableId": main[0]["RouteTableId"] if main else None,
            "defaultSecurityGroupId": group[0]["GroupId"] if group else None,
            "tagsAll": tag_dict(vpc["Tags"]),
        }

    def _attribute(self, id: str, name: str) -> bool:
        answer = self.api.describe_vpc_attribute(VpcId=id, Attribute=name)
        return answer[name[:1].upper() + name[1:]]["Value"]

    def update(self, id: str, old: Properties, new: Properties) -> None:
        for name in ("enableDnsSupport", "enableDnsHostnames"):
            if new.get(name) != old.get(name):
                self.api.modify_vpc_attribute(VpcId=id, **{name[:1].upper() + name[1:]: {"Value": bool(new.get(name))}})

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.delete_vpc(VpcId=id)


class Subnet(Ec2Resource):
    """A subnet: a range of the VPC's addresses in one zone."""

    token = "aws:ec2/subnet:Subnet"
    replace_on = names("vpcId cidrBlock availabilityZone")
    set_by_update = names("mapPublicIpOnLaunch")
    updatable = TAGS | set_by_update
    defaults = properties(mapPublicIpOnLaunch=False)

    def create(self, inputs: Properties) -> str:
        parameters = given(inputs, "vpcId", "cidrBlock", "availabilityZone")
        return self.api.create_subnet(**parameters, **with_tags("subnet", inputs))["Subnet"]["SubnetId"]

    def read(self, id: str) -> Properties | None:
        subnet = first(self.api.describe_subnets(SubnetIds=[id])["Subnets"])
        wanted = ("vpcId", "cidrBlock", "availabilityZone", "mapPublicIpOnLaunch", "availabilityZoneId", "ownerId")
        return {**pick(subnet, *wanted), "arn": subnet["SubnetArn"], "tagsAll": tag_dict(subnet["Tags"])}

    def update(self, id: str, old: Properties, new: Properties) -> None:
        if new["mapPublicIpOnLaunch"] != old.get("mapPublicIpOnLaunch", False):
            self.api.modify_subnet_attribute(SubnetId=id, MapPublicIpOnLaunch={"Value": new["mapPublicIpOnLaunch"]})

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.delete_subnet(SubnetId=id)


class InternetGateway(Ec2Resource):
    """An internet gateway, attached to one VPC."""

    token = "aws:ec2/internetGateway:InternetGateway"
    set_by_update = names("vpcId")
    updatable = TAGS | set_by_update

    def create(self, inputs: Properties) -> str:
        return self.api.create_internet_gateway(**with_tags("internet-gateway", inputs))["InternetGateway"]["InternetGatewayId"]

    def read(self, id: str) -> Properties | None:
        gateway = first(self.api.describe_internet_gateways(InternetGatewayIds=[id])["InternetGateways"])
        attached = gateway["Attachments"]
        return {
            "vpcId": attached[0]["VpcId"] if attached else None,
            "arn": self.arn("internet-gateway", id),
            **pick(gateway, "ownerId"),
            "tagsAll": tag_dict(gateway["Tags"]),
        }

    def update(self, id: str, old: Properties, new: Properties) -> None:
        if old.get("vpcId"):
            self.api.detach_internet_gateway(InternetGatewayId=id, VpcId=old["vpcId"])
        if new.get("vpcId"):
            self.api.attach_internet_gateway(InternetGatewayId=id, VpcId=new["vpcId"])

    def delete(self, id: str, inputs: Properties) -> None:
        self.update(id, inputs, {})
        self.api.delete_internet_gateway(InternetGatewayId=id)


class Eip(Ec2Resource):
    """An Elastic IP address."""

    token = "aws:ec2/eip:Eip"
    replace_on = names("domain")
    updatable = TAGS
    defaults = properties(domain="vpc")

    def create(self, inputs: Properties) -> str:
        return self.api.allocate_address(Domain=inputs["domain"], **with_tags("elastic-ip", inputs))["AllocationId"]

    def read(self, id: str) -> Properties | None:
        address = first(self.api.describe_addresses(AllocationIds=[id])["Addresses"])
        return {
            **pick(address, "domain", "publicIp", "allocationId"),
            "arn": self.arn("elastic-ip", id),
            "tagsAll": tag_dict(address.get("Tags")),
        }

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.release_address(AllocationId=id)


class NatGateway(Ec2Resource):
    """A NAT gateway in a public subnet. It is the egress of private subnets."""

    token = "aws:ec2/natGateway:NatGateway"
    replace_on = names("subnetId allocationId connectivityType")
    updatable = TAGS
    defaults = properties(connectivityType="public")

    def create(self, inputs: Properties) -> str:
        parameters = given(inputs, "subnetId", "allocationId", "connectivityType")
        return self.api.create_nat_gateway(**parameters, **with_tags("natgateway", inputs))["NatGateway"]["NatGatewayId"]

    def read(self, id: str) -> Properties | None:
        found = self.api.describe_nat_gateways(NatGatewayIds=[id])["NatGateways"]
        if not found or found[0]["State"] in ("deleting", "deleted"):
            return None
        [address] = found[0]["NatGatewayAddresses"]
        return {
            **pick(found[0], "subnetId", "connectivityType"),
            **pick(address, "allocationId", "publicIp", "privateIp", "networkInterfaceId", "associationId"),
            "tagsAll": tag_dict(found[0].get("Tags")),
        }

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.delete_nat_gateway(NatGatewayId=id)
        until_absent(lambda: self._present(id))

    def _present(self, id: str) -> Properties:
        """The description of a gateway. Raises ``AbsentError`` for a deleted gateway, which EC2 still describes for some time."""
        return first(
            [each for each in self.api.describe_nat_gateways(NatGatewayIds=[id])["NatGateways"] if each["State"] != "deleted"]
        )


class RouteTable(Ec2Resource):
    """A route table without inline routes: each route is a separate resource."""

    token = "aws:ec2/routeTable:RouteTable"
    replace_on = names("vpcId")
    updatable = TAGS

    def create(self, inputs: Properties) -> str:
        return self.api.create_route_table(VpcId=inputs["vpcId"], **with_tags("route-table", inputs))["RouteTable"]["RouteTableId"]

    def read(self, id: str) -> Properties | None:
        table = first(self.api.describe_route_tables(RouteTableIds=[id])["RouteTables"])
        return {**pick(table, "vpcId", "ownerId"), "arn": self.arn("route-table", id), "tagsAll": tag_dict(table["Tags"])}

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.delete_route_table(RouteTableId=id)


class Route(Ec2Resource):
    """One route. Its id is ``TABLE_DESTINATION``, as in ``pulumi import``."""

    token = "aws:ec2/route:Route"
    replace_on = names("routeTableId destinationCidrBlock")
    updatable = names("gatewayId natGatewayId")

    def create(self, inputs: Properties) -> str:
        self.api.create_route(**given(inputs, *self.modelled()))
        return f"{inputs['routeTableId']}_{inputs['destinationCidrBlock']}"

    def read(self, id: str) -> Properties | None:
        table, destination = id.split("_", 1)
        routes: list[Any] = self.api.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
        for route in routes:
            if route.get("DestinationCidrBlock") == destination:
                return {
                    "routeTableId": table,
                    **pick(route, "destinationCidrBlock", "gatewayId", "natGatewayId", "origin", "state"),
                }
        return None

    def update(self, id: str, old: Properties, new: Properties) -> None:
        self.api.replace_route(**given(new, *self.modelled()))

    def delete(self, id: str, inputs: Properties) -> None:
        table, destination = id.split("_", 1)
        self.api.delete_route(RouteTableId=table, DestinationCidrBlock=destination)


class RouteTableAssociation(Ec2Resource):
    """The route table of a subnet. The resource's id is the subnet's id, because EC2's association id changes with the table."""

    token = "aws:ec2/routeTableAssociation:RouteTableAssociation"
    replace_on = names("subnetId")
    updatable = names("routeTableId")

    def create(self, inputs: Properties) -> str:
        self.api.associate_route_table(**given(inputs, "subnetId", "routeTableId"))
        return inputs["subnetId"]

    def read(self, id: str) -> Properties | None:
        association = self._association(id)
        return association and pick(association, "subnetId", "routeTableId")

    def _association(self, subnet: str) -> Properties | None:
        filters = [{"Name": "association.subnet-id", "Values": [subnet]}]
        for table in self.api.describe_route_tables(Filters=filters)["RouteTables"]:
            for association in table["Associations"]:
                if association.get("SubnetId") == subnet:
                    return association
        return None

    def update(self, id: str, old: Properties, new: Properties) -> None:
        association = self._association(id)
        if association:
            self.api.replace_route_table_association(
                AssociationId=association["RouteTableAssociationId"], RouteTableId=new["routeTableId"]
            )

    def delete(self, id: str, inputs: Properties) -> None:
        association = self._association(id)
        if association:
            self.api.disassociate_route_table(AssociationId=association["RouteTableAssociationId"])
