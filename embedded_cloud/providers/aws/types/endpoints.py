"""VPC endpoints of AWS services, and VPC flow logs."""

from __future__ import annotations

from embedded_cloud.providers.aws._values import Properties, added_and_removed, first, given, pick, tag_dict
from embedded_cloud.providers.aws.resource import TAGS
from embedded_cloud.providers.aws.types.ec2 import Ec2Resource, with_tags
from embedded_cloud.providers.modelled import names, properties


class VpcEndpoint(Ec2Resource):
    """A VPC endpoint: a gateway endpoint (with routes) or an interface endpoint (with addresses in subnets)."""

    token = "aws:ec2/vpcEndpoint:VpcEndpoint"
    lists = properties(routeTableIds="RouteTableIds", subnetIds="SubnetIds", securityGroupIds="SecurityGroupIds")
    # moto cannot change private DNS of an existing endpoint.
    replace_on = names("vpcId serviceName vpcEndpointType privateDnsEnabled")
    updatable = TAGS | names("policy") | frozenset(lists)
    defaults = properties(vpcEndpointType="Gateway")

    def create(self, inputs: Properties) -> str:
        parameters = given(inputs, "vpcId", "serviceName", "vpcEndpointType", "privateDnsEnabled", *self.lists)
        if policy := inputs.get("policy"):
            parameters["PolicyDocument"] = policy
        return self.api.create_vpc_endpoint(**parameters, **with_tags("vpc-endpoint", inputs))["VpcEndpoint"]["VpcEndpointId"]

    def read(self, id: str) -> Properties | None:
        endpoint = first(self.api.describe_vpc_endpoints(VpcEndpointIds=[id])["VpcEndpoints"])
        if endpoint["State"] in ("deleting", "deleted"):
            return None
        wanted = (
            "vpcId",
            "serviceName",
            "vpcEndpointType",
            "routeTableIds",
            "subnetIds",
            "networkInterfaceIds",
            "state",
            "ownerId",
        )
        interface = endpoint["VpcEndpointType"] == "Interface"
        return {
            **pick(endpoint, *wanted, *(("privateDnsEnabled",) if interface else ())),
            "securityGroupIds": [group["GroupId"] for group in endpoint["Groups"]],
            "policy": endpoint["PolicyDocument"],
            "dnsEntries": [pick(entry, "dnsName", "hostedZoneId") for entry in endpoint["DnsEntries"]],
            "arn": self.arn("vpc-endpoint", id),
            "tagsAll": tag_dict(endpoint["Tags"]),
        }

    def update(self, id: str, old: Properties, new: Properties) -> None:
        changes: Properties = {}
        for name, parameter in self.lists.items():
            added, removed = added_and_removed(old.get(name), new.get(name))
            changes |= {f"Add{parameter}": added} if added else {}
            changes |= {f"Remove{parameter}": removed} if removed else {}
        if new.get("policy") != old.get("policy"):
            changes |= {"PolicyDocument": new["policy"]} if "policy" in new else {"ResetPolicy": True}
        self.api.modify_vpc_endpoint(VpcEndpointId=id, **changes)

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.delete_vpc_endpoints(VpcEndpointIds=[id])


class FlowLog(Ec2Resource):
    """A flow log of a VPC. By default, its destination is a log group."""

    token = "aws:ec2/flowLog:FlowLog"
    replace_on = names("vpcId trafficType logDestinationType logDestination iamRoleArn maxAggregationInterval")
    updatable = TAGS
    defaults = properties(logDestinationType="cloud-watch-logs", maxAggregationInterval=600)

    def create(self, inputs: Properties) -> str:
        parameters = given(inputs, "trafficType", "logDestinationType", "logDestination", "maxAggregationInterval")
        if role := inputs.get("iamRoleArn"):
            parameters["DeliverLogsPermissionArn"] = role
        made = self.api.create_flow_logs(
            ResourceIds=[inputs["vpcId"]], ResourceType="VPC", **parameters, **with_tags("vpc-flow-log", inputs)
        )
        return made["FlowLogIds"][0]

    def read(self, id: str) -> Properties | None:
        found = self.api.describe_flow_logs(FlowLogIds=[id])["FlowLogs"]
        if not found:
            return None
        wanted = ("trafficType", "logDestinationType", "logDestination", "maxAggregationInterval", "logFormat")
        return {
            **pick(found[0], *wanted),
            "vpcId": found[0]["ResourceId"],
            "iamRoleArn": found[0].get("DeliverLogsPermissionArn"),
            "arn": self.arn("vpc-flow-log", id),
            "tagsAll": tag_dict(found[0].get("Tags")),
        }

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.delete_flow_logs(FlowLogIds=[id])
