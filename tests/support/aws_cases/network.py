"""Cases of the types for the network."""

from __future__ import annotations

from typing import Any

from aws_cases.world import Case, Client, Properties, World, ids, tags

TAGS = {"Name": "x"}
MORE = {"Name": "y", "tier": "z"}


def tag_drift(world: World, id: str) -> Properties:
    """Add a tag without Pulumi."""
    world.boto("ec2").create_tags(Resources=[id], Tags=[{"Key": "by", "Value": "hand"}])
    return {"tags": {**TAGS, "by": "hand"}}


def vpc(world: World, id: str) -> Properties:
    ec2 = world.boto("ec2")
    [found] = ec2.describe_vpcs(VpcIds=[id])["Vpcs"]
    return {
        "cidrBlock": found["CidrBlock"],
        "instanceTenancy": found["InstanceTenancy"],
        "enableDnsSupport": ec2.describe_vpc_attribute(VpcId=id, Attribute="enableDnsSupport")["EnableDnsSupport"]["Value"],
        "enableDnsHostnames": ec2.describe_vpc_attribute(VpcId=id, Attribute="enableDnsHostnames")["EnableDnsHostnames"]["Value"],
        "tags": tags(found["Tags"]),
    }


def vpc_drift(world: World, id: str) -> Properties:
    world.boto("ec2").modify_vpc_attribute(VpcId=id, EnableDnsHostnames={"Value": False})
    return {"enableDnsHostnames": False}


def subnet(world: World, id: str) -> Properties:
    [found] = world.boto("ec2").describe_subnets(SubnetIds=[id])["Subnets"]
    return {
        "vpcId": found["VpcId"],
        "cidrBlock": found["CidrBlock"],
        "availabilityZone": found["AvailabilityZone"],
        "mapPublicIpOnLaunch": found["MapPublicIpOnLaunch"],
        "tags": tags(found["Tags"]),
    }


def subnet_drift(world: World, id: str) -> Properties:
    world.boto("ec2").modify_subnet_attribute(SubnetId=id, MapPublicIpOnLaunch={"Value": False})
    return {"mapPublicIpOnLaunch": False}


def internet_gateway(world: World, id: str) -> Properties:
    [found] = world.boto("ec2").describe_internet_gateways(InternetGatewayIds=[id])["InternetGateways"]
    return {"vpcId": found["Attachments"][0]["VpcId"], "tags": tags(found["Tags"])}


def address(world: World, id: str) -> Properties:
    [found] = world.boto("ec2").describe_addresses(AllocationIds=[id])["Addresses"]
    return {"domain": found["Domain"], "tags": tags(found["Tags"])}


def nat(world: World, id: str) -> Properties:
    [found] = world.boto("ec2").describe_nat_gateways(NatGatewayIds=[id])["NatGateways"]
    return {
        "subnetId": found["SubnetId"],
        "allocationId": found["NatGatewayAddresses"][0]["AllocationId"],
        "connectivityType": found["ConnectivityType"],
        "tags": tags(found["Tags"]),
    }


def table(world: World, id: str) -> Properties:
    [found] = world.boto("ec2").describe_route_tables(RouteTableIds=[id])["RouteTables"]
    return {"vpcId": found["VpcId"], "tags": tags(found["Tags"])}


def routes(world: World, id: str) -> list[dict[str, Any]]:
    return world.boto("ec2").describe_route_tables(RouteTableIds=[id])["RouteTables"][0]["Routes"]


def nat_route(world: World, id: str) -> Properties:
    table, destination = id.split("_")
    [found] = [route for route in routes(world, table) if route["DestinationCidrBlock"] == destination]
    return {"routeTableId": table, "destinationCidrBlock": destination, "natGatewayId": found["NatGatewayId"]}


def route_drift(world: World, id: str) -> Properties:
    table, destination = id.split("_")
    world.boto("ec2").replace_route(RouteTableId=table, DestinationCidrBlock=destination, NatGatewayId=world.nat("third"))
    return {"natGatewayId": world.nat("third")}


def association(world: World, id: str) -> Properties:
    [table] = world.boto("ec2").describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": [id]}])["RouteTables"]
    [found] = [each for each in table["Associations"] if each.get("SubnetId") == id]
    return {"subnetId": id, "routeTableId": found["RouteTableId"]}


def association_drift(world: World, id: str) -> Properties:
    ec2 = world.boto("ec2")
    [table] = ec2.describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": [id]}])["RouteTables"]
    [old] = [each for each in table["Associations"] if each.get("SubnetId") == id]
    ec2.replace_route_table_association(AssociationId=old["RouteTableAssociationId"], RouteTableId=world.table("drift"))
    return {"routeTableId": world.table("drift")}


def new_subnet(world: World, blocks: list[int] = list(range(100))) -> str:  # noqa: B006
    """The id of a new subnet, because a subnet has only one association."""
    return world.make("aws:ec2/subnet:Subnet", vpcId=world.vpc(), cidrBlock=f"10.0.{blocks.pop()}.0/24").id


def endpoint(world: World, id: str) -> Properties:
    [found] = world.boto("ec2").describe_vpc_endpoints(VpcEndpointIds=[id])["VpcEndpoints"]
    return {
        "vpcId": found["VpcId"],
        "serviceName": found["ServiceName"],
        "vpcEndpointType": found["VpcEndpointType"],
        "privateDnsEnabled": found["PrivateDnsEnabled"],
        "routeTableIds": found["RouteTableIds"],
        "subnetIds": found["SubnetIds"],
        "securityGroupIds": [group["GroupId"] for group in found["Groups"]],
        "policy": found["PolicyDocument"],
        "tags": tags(found["Tags"]),
    }


def endpoint_drift(world: World, id: str) -> Properties:
    world.boto("ec2").modify_vpc_endpoint(VpcEndpointId=id, AddSubnetIds=[world.subnet("c")])
    return {"subnetIds": [world.subnet("a"), world.subnet("c")]}


def flow_log(world: World, id: str) -> Properties:
    [found] = world.boto("ec2").describe_flow_logs(FlowLogIds=[id])["FlowLogs"]
    return {
        "vpcId": found["ResourceId"],
        "trafficType": found["TrafficType"],
        "logDestinationType": found["LogDestinationType"],
        "logDestination": found["LogDestination"],
        "iamRoleArn": found["DeliverLogsPermissionArn"],
        "maxAggregationInterval": found["MaxAggregationInterval"],
        "tags": tags(found["Tags"]),
    }


def group(world: World, id: str) -> Properties:
    [found] = world.boto("ec2").describe_security_groups(GroupIds=[id])["SecurityGroups"]
    return {"name": found["GroupName"], "description": found["Description"], "vpcId": found["VpcId"], "tags": tags(found["Tags"])}


def default_group(world: World, id: str) -> Properties:
    [found] = world.boto("ec2").describe_security_groups(GroupIds=[id])["SecurityGroups"]
    rules = {"ingress": found["IpPermissions"], "egress": found["IpPermissionsEgress"]}
    return {"vpcId": found["VpcId"], "tags": tags(found["Tags"]), **rules}


def default_group_drift(world: World, id: str) -> Properties:
    permission = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    world.boto("ec2").authorize_security_group_ingress(GroupId=id, IpPermissions=[permission])
    return {"ingress": [{"protocol": "tcp", "fromPort": 22, "toPort": 22, "cidrBlocks": ["0.0.0.0/0"]}]}


def rule(world: World, id: str) -> Properties:
    [found] = world.boto("ec2").describe_security_group_rules(SecurityGroupRuleIds=[id])["SecurityGroupRules"]
    return {
        "securityGroupId": found["GroupId"],
        "ipProtocol": found["IpProtocol"],
        "fromPort": found["FromPort"],
        "toPort": found["ToPort"],
        "cidrIpv4": found["CidrIpv4"],
        "description": found["Description"],
        "tags": tags(found["Tags"]),
    }


def rule_drift(world: World, id: str) -> Properties:
    rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 81, "CidrIpv4": "0.0.0.0/0", "Description": "web"}
    ec2 = world.boto("ec2")
    [found] = ec2.describe_security_group_rules(SecurityGroupRuleIds=[id])["SecurityGroupRules"]
    ec2.modify_security_group_rules(
        GroupId=found["GroupId"], SecurityGroupRules=[{"SecurityGroupRuleId": id, "SecurityGroupRule": rule}]
    )
    return {"toPort": 81, "fromPort": 80, "cidrIpv4": "0.0.0.0/0", "description": "web"}


def web_rule(world: World) -> Properties:
    return {
        "securityGroupId": world.make("aws:ec2/securityGroup:SecurityGroup", vpcId=world.vpc()).id,
        "ipProtocol": "tcp",
        "fromPort": 443,
        "toPort": 443,
        "cidrIpv4": "10.1.0.0/16",
        "description": "https",
        "tags": TAGS,
    }


RULE_UPDATES = {"ipProtocol": "udp", "fromPort": 53, "toPort": 54, "cidrIpv4": "10.2.0.0/16", "description": "dns", "tags": MORE}


def template(world: World, id: str) -> Properties:
    ec2 = world.boto("ec2")
    [found] = ec2.describe_launch_templates(LaunchTemplateIds=[id])["LaunchTemplates"]
    [version] = ec2.describe_launch_template_versions(LaunchTemplateId=id, Versions=["$Latest"])["LaunchTemplateVersions"]
    data = version["LaunchTemplateData"]
    [device] = data["BlockDeviceMappings"]
    [launched] = [each for each in data["TagSpecifications"] if each["ResourceType"] == "instance"]
    disk = device["Ebs"]
    return {
        "name": found["LaunchTemplateName"],
        "description": version["VersionDescription"],
        "metadataOptions": {
            "httpTokens": data["MetadataOptions"]["HttpTokens"],
            "httpPutResponseHopLimit": data["MetadataOptions"]["HttpPutResponseHopLimit"],
        },
        "blockDeviceMappings": [
            {
                "deviceName": device["DeviceName"],
                "ebs": {
                    "volumeSize": disk["VolumeSize"],
                    "volumeType": disk["VolumeType"],
                    "encrypted": str(disk["Encrypted"]).lower(),
                },
            }
        ],
        "vpcSecurityGroupIds": data["SecurityGroupIds"],
        "tagSpecifications": [{"resourceType": "instance", "tags": tags(launched["Tags"])}],
        "monitoring": {"enabled": data["Monitoring"]["Enabled"]},
        "instanceType": data["InstanceType"],
        "imageId": data["ImageId"],
        "userData": data["UserData"],
        "tags": tags(ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [id]}])["Tags"]),
    }


def template_inputs(world: World) -> Properties:
    return {
        "name": f"template-{len(world.boto('ec2').describe_launch_templates()['LaunchTemplates'])}",
        "description": "first",
        "updateDefaultVersion": True,
        "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
        "blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": {"volumeSize": 50, "volumeType": "gp3", "encrypted": "true"}}],
        "vpcSecurityGroupIds": [world.group()],
        "tagSpecifications": [{"resourceType": "instance", "tags": {"Name": "node"}}],
        "monitoring": {"enabled": True},
        "instanceType": "m7i.large",
        "imageId": "ami-12345678",
        "userData": "IyEvYmluL3No",
        "tags": TAGS,
    }


def template_updates(world: World) -> Properties:
    return {
        "description": "second",
        "metadataOptions": {"httpTokens": "optional", "httpPutResponseHopLimit": 2},
        "blockDeviceMappings": [{"deviceName": "/dev/xvdb", "ebs": {"volumeSize": 60, "volumeType": "gp2", "encrypted": "false"}}],
        "vpcSecurityGroupIds": [world.group("other")],
        "tagSpecifications": [{"resourceType": "instance", "tags": {"Name": "worker"}}],
        "monitoring": {"enabled": False},
        "instanceType": "m7i.xlarge",
        "imageId": "ami-87654321",
        "userData": "IyEvYmluL2Jhc2g=",
        "tags": MORE,
    }


ENDPOINT_POLICY = '{"Version": "2012-10-17", "Statement": []}'


def route_tables(boto: Client) -> list[str]:
    """The ids of the route tables, without the main tables of VPCs."""
    found = boto("ec2").describe_route_tables()["RouteTables"]
    return ids([each for each in found if not any(link.get("Main") for link in each["Associations"])], "RouteTableId")


def security_groups(boto: Client) -> list[str]:
    """The ids of the security groups, without the groups that AWS creates with a VPC or a cluster."""
    found = boto("ec2").describe_security_groups()["SecurityGroups"]
    made = [each for each in found if each["GroupName"] != "default" and not each["GroupName"].startswith("eks-cluster-sg-")]
    return ids(made, "GroupId")


def security_group_rules(boto: Client, *, egress: bool) -> list[str]:
    groups = security_groups(boto)
    found = boto("ec2").describe_security_group_rules()["SecurityGroupRules"]
    return ids([each for each in found if each["GroupId"] in groups and each["IsEgress"] is egress], "SecurityGroupRuleId")


CASES = (
    Case(
        token="aws:ec2/vpc:Vpc",
        listed=lambda boto: ids(boto("ec2").describe_vpcs()["Vpcs"], "VpcId"),
        inputs=lambda _: {
            **{"cidrBlock": "10.9.0.0/16", "instanceTenancy": "default", "enableDnsSupport": True},
            **{"enableDnsHostnames": True, "tags": TAGS},
        },
        described=vpc,
        updates=lambda _: {"enableDnsSupport": False, "enableDnsHostnames": False, "tags": MORE},
        drift=vpc_drift,
    ),
    Case(
        token="aws:ec2/subnet:Subnet",
        listed=lambda boto: ids(boto("ec2").describe_subnets()["Subnets"], "SubnetId"),
        inputs=lambda world: {
            **{"vpcId": world.make("aws:ec2/vpc:Vpc", cidrBlock="10.8.0.0/16").id, "cidrBlock": "10.8.1.0/24"},
            **{"availabilityZone": "us-east-1b", "mapPublicIpOnLaunch": True, "tags": TAGS},
        },
        described=subnet,
        updates=lambda _: {"mapPublicIpOnLaunch": False, "tags": MORE},
        drift=subnet_drift,
    ),
    Case(
        token="aws:ec2/internetGateway:InternetGateway",
        listed=lambda boto: ids(boto("ec2").describe_internet_gateways()["InternetGateways"], "InternetGatewayId"),
        inputs=lambda world: {"vpcId": world.make("aws:ec2/vpc:Vpc", cidrBlock="10.7.0.0/16").id, "tags": TAGS},
        described=internet_gateway,
        updates=lambda world: {"vpcId": world.make("aws:ec2/vpc:Vpc", cidrBlock="10.6.0.0/16").id, "tags": MORE},
        drift=tag_drift,
    ),
    Case(
        token="aws:ec2/eip:Eip",
        listed=lambda boto: ids(boto("ec2").describe_addresses()["Addresses"], "AllocationId"),
        inputs=lambda _: {"domain": "vpc", "tags": TAGS},
        described=address,
        updates=lambda _: {"tags": MORE},
        drift=tag_drift,
    ),
    Case(
        token="aws:ec2/natGateway:NatGateway",
        listed=lambda boto: ids(boto("ec2").describe_nat_gateways()["NatGateways"], "NatGatewayId"),
        inputs=lambda world: {
            **{"subnetId": world.subnet(), "allocationId": world.make("aws:ec2/eip:Eip").id},
            **{"connectivityType": "public", "tags": TAGS},
        },
        described=nat,
        updates=lambda _: {"tags": MORE},
        drift=tag_drift,
    ),
    Case(
        token="aws:ec2/routeTable:RouteTable",
        listed=route_tables,
        inputs=lambda world: {"vpcId": world.vpc(), "tags": TAGS},
        described=table,
        updates=lambda _: {"tags": MORE},
        drift=tag_drift,
    ),
    Case(
        token="aws:ec2/route:Route",
        inputs=lambda world: {
            "routeTableId": world.make("aws:ec2/routeTable:RouteTable", vpcId=world.vpc()).id,
            "destinationCidrBlock": "0.0.0.0/0",
            "natGatewayId": world.nat(),
        },
        described=nat_route,
        updates=lambda world: {"natGatewayId": world.nat("second")},
        drift=route_drift,
    ),
    Case(
        token="aws:ec2/routeTableAssociation:RouteTableAssociation",
        inputs=lambda world: {"subnetId": new_subnet(world), "routeTableId": world.table()},
        described=association,
        updates=lambda world: {"routeTableId": world.table("other table")},
        drift=association_drift,
    ),
    Case(
        token="aws:ec2/vpcEndpoint:VpcEndpoint",
        listed=lambda boto: ids(boto("ec2").describe_vpc_endpoints()["VpcEndpoints"], "VpcEndpointId"),
        inputs=lambda world: {
            **{"vpcId": world.vpc(), "serviceName": "com.amazonaws.us-east-1.sts", "vpcEndpointType": "Interface"},
            **{"privateDnsEnabled": True, "routeTableIds": [], "subnetIds": [world.subnet()], "securityGroupIds": [world.group()]},
            **{"policy": ENDPOINT_POLICY, "tags": TAGS},
        },
        described=endpoint,
        updates=lambda world: {
            **{"routeTableIds": [world.table()], "subnetIds": [world.subnet("b")], "securityGroupIds": [world.group("other")]},
            **{"policy": ENDPOINT_POLICY.replace("2012-10-17", "2008-10-17"), "tags": MORE},
        },
        drift=endpoint_drift,
    ),
    Case(
        token="aws:ec2/flowLog:FlowLog",
        listed=lambda boto: ids(boto("ec2").describe_flow_logs()["FlowLogs"], "FlowLogId"),
        inputs=lambda world: {
            **{"vpcId": world.make("aws:ec2/vpc:Vpc", cidrBlock="10.5.0.0/16").id, "trafficType": "ALL"},
            **{"logDestinationType": "cloud-watch-logs", "logDestination": world.log_group().state["arn"]},
            **{"iamRoleArn": world.role().state["arn"], "maxAggregationInterval": 60, "tags": TAGS},
        },
        described=flow_log,
        updates=lambda _: {"tags": MORE},
        drift=tag_drift,
    ),
    Case(
        token="aws:ec2/securityGroup:SecurityGroup",
        listed=security_groups,
        inputs=lambda world: {
            **{"name": f"group-{len(world.boto('ec2').describe_security_groups()['SecurityGroups'])}", "description": "text"},
            **{"vpcId": world.vpc(), "tags": TAGS},
        },
        described=group,
        updates=lambda _: {"tags": MORE},
        drift=tag_drift,
    ),
    Case(
        token="aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        inputs=lambda world: {
            **{"vpcId": world.make("aws:ec2/vpc:Vpc", cidrBlock="10.4.0.0/16").id, "ingress": [], "egress": [], "tags": TAGS}
        },
        described=default_group,
        updates=lambda _: {"tags": MORE},
        drift=default_group_drift,
        stays=True,
    ),
    Case(
        token="aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        listed=lambda boto: security_group_rules(boto, egress=False),
        inputs=web_rule,
        described=rule,
        updates=lambda _: RULE_UPDATES,
        drift=rule_drift,
    ),
    Case(
        token="aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        listed=lambda boto: security_group_rules(boto, egress=True),
        inputs=web_rule,
        described=rule,
        updates=lambda _: RULE_UPDATES,
        drift=rule_drift,
    ),
    Case(
        token="aws:ec2/launchTemplate:LaunchTemplate",
        listed=lambda boto: ids(boto("ec2").describe_launch_templates()["LaunchTemplates"], "LaunchTemplateId"),
        inputs=template_inputs,
        described=template,
        updates=template_updates,
        drift=tag_drift,
    ),
)
