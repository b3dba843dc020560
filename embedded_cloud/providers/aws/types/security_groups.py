"""Security groups, and their rules as separate resources."""

from __future__ import annotations

from typing import Any, ClassVar

from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.providers.aws._values import Properties, first, given, pick, tag_dict
from embedded_cloud.providers.aws.resource import TAGS
from embedded_cloud.providers.aws.types.ec2 import Ec2Resource, with_tags
from embedded_cloud.providers.modelled import names, properties


class SecurityGroup(Ec2Resource):
    """A security group without rules. Like the official provider, this class removes the default rule that allows all egress."""

    token = "aws:ec2/securityGroup:SecurityGroup"
    replace_on = names("name description vpcId")
    updatable = TAGS
    defaults = properties(description="Managed by Pulumi")
    auto_name = "name"

    def create(self, inputs: Properties) -> str:
        group: str = self.api.create_security_group(
            GroupName=inputs["name"], **given(inputs, "description", "vpcId"), **with_tags("security-group", inputs)
        )["GroupId"]
        self.api.revoke_security_group_egress(
            GroupId=group, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        )
        return group

    def read(self, id: str) -> Properties | None:
        group = first(self.api.describe_security_groups(GroupIds=[id])["SecurityGroups"])
        return {
            "name": group["GroupName"],
            **pick(group, "description", "vpcId", "ownerId"),
            "arn": self.arn("security-group", id),
            "tagsAll": tag_dict(group.get("Tags")),
        }

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.delete_security_group(GroupId=id)


class DefaultSecurityGroup(Ec2Resource):
    """The default security group of a VPC. The resource removes all rules of the group; its deletion does not delete the group."""

    token = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
    replace_on = names("vpcId")
    updatable = set_by_update = TAGS | names("ingress egress")
    defaults = properties(ingress=[], egress=[])

    def create(self, inputs: Properties) -> str:
        filters = [{"Name": "vpc-id", "Values": [inputs["vpcId"]]}, {"Name": "group-name", "Values": ["default"]}]
        return self.api.describe_security_groups(Filters=filters)["SecurityGroups"][0]["GroupId"]

    def read(self, id: str) -> Properties | None:
        group = first(self.api.describe_security_groups(GroupIds=[id])["SecurityGroups"])
        return {
            **pick(group, "vpcId", "description", "ownerId"),
            "name": group["GroupName"],
            "ingress": [_inline_rule(permission, id) for permission in group["IpPermissions"]],
            "egress": [_inline_rule(permission, id) for permission in group["IpPermissionsEgress"]],
            "arn": self.arn("security-group", id),
            "tagsAll": tag_dict(group.get("Tags")),
        }

    def update(self, id: str, old: Properties, new: Properties) -> None:
        if new["ingress"] or new["egress"]:
            raise EmbeddedCloudError(
                f"the embedded cloud supports only empty 'ingress' and 'egress' in {self.token}",
                "use another security group, or model the rules in embedded_cloud/providers/aws/types/security_groups.py",
            )
        group = first(self.api.describe_security_groups(GroupIds=[id])["SecurityGroups"])
        if group["IpPermissions"]:
            self.api.revoke_security_group_ingress(GroupId=id, IpPermissions=group["IpPermissions"])
        if group["IpPermissionsEgress"]:
            self.api.revoke_security_group_egress(GroupId=id, IpPermissions=group["IpPermissionsEgress"])

    def delete(self, id: str, inputs: Properties) -> None:
        """Do nothing, because AWS deletes the default group only with its VPC."""


def _inline_rule(permission: dict[str, Any], group: str) -> Properties:
    others = [pair["GroupId"] for pair in permission["UserIdGroupPairs"]]
    rule = {
        "protocol": permission["IpProtocol"],
        "fromPort": permission.get("FromPort", 0),
        "toPort": permission.get("ToPort", 0),
        "cidrBlocks": [item["CidrIp"] for item in permission["IpRanges"]],
        "securityGroups": [other for other in others if other != group],
        "self": group in others,
    }
    return {key: value for key, value in rule.items() if value not in ([], False)}


class SecurityGroupRule(Ec2Resource):
    """One permission of a security group: a protocol and ports, from or to an address range or another security group."""

    peer: ClassVar = names("cidrIpv4 referencedSecurityGroupId")
    replace_on = names("securityGroupId")
    updatable = TAGS | peer | names("ipProtocol fromPort toPort description")
    egress: ClassVar[bool]

    def create(self, inputs: Properties) -> str:
        authorize = self.api.authorize_security_group_egress if self.egress else self.api.authorize_security_group_ingress
        made = authorize(
            GroupId=inputs["securityGroupId"], IpPermissions=[_permission(inputs)], **with_tags("security-group-rule", inputs)
        )
        return made["SecurityGroupRules"][0]["SecurityGroupRuleId"]

    def read(self, id: str) -> Properties | None:
        rule = first(self.api.describe_security_group_rules(SecurityGroupRuleIds=[id])["SecurityGroupRules"])
        described = pick(rule, "ipProtocol", "fromPort", "toPort", "cidrIpv4", "description", "securityGroupRuleId")
        described |= {
            "securityGroupId": rule["GroupId"],
            "arn": self.arn("security-group-rule", id),
            "tagsAll": tag_dict(rule["Tags"]),
        }
        if other := rule.get("ReferencedGroupInfo"):
            described["referencedSecurityGroupId"] = other["GroupId"]
            described.setdefault("description", self._description(rule, other["GroupId"]))
        return described

    def _description(self, rule: dict[str, Any], other: str) -> str | None:
        """The description of a rule that references another security group. moto stores it only in ``UserIdGroupPairs``."""
        group = first(self.api.describe_security_groups(GroupIds=[rule["GroupId"]])["SecurityGroups"])
        for permission in group["IpPermissionsEgress" if self.egress else "IpPermissions"]:
            if all(permission.get(key) == rule.get(key) for key in ("IpProtocol", "FromPort", "ToPort")):
                for pair in permission["UserIdGroupPairs"]:
                    if pair["GroupId"] == other:
                        return pair.get("Description")
        return None

    def update(self, id: str, old: Properties, new: Properties) -> None:
        rule = given(new, "ipProtocol", "fromPort", "toPort", "cidrIpv4", "description")
        if "description" in old:
            rule.setdefault("Description", "")  # moto keeps a description that the call does not contain
        if other := new.get("referencedSecurityGroupId"):
            rule["ReferencedGroupId"] = other
        self.api.modify_security_group_rules(
            GroupId=new["securityGroupId"], SecurityGroupRules=[{"SecurityGroupRuleId": id, "SecurityGroupRule": rule}]
        )

    def delete(self, id: str, inputs: Properties) -> None:
        revoke = self.api.revoke_security_group_egress if self.egress else self.api.revoke_security_group_ingress
        revoke(GroupId=inputs["securityGroupId"], SecurityGroupRuleIds=[id])


class SecurityGroupIngressRule(SecurityGroupRule):
    """A permission for incoming traffic."""

    token = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    egress = False


class SecurityGroupEgressRule(SecurityGroupRule):
    """A permission for outgoing traffic."""

    token = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
    egress = True


def _permission(inputs: Properties) -> dict[str, Any]:
    description = given(inputs, "description")
    permission = given(inputs, "ipProtocol", "fromPort", "toPort")
    if cidr := inputs.get("cidrIpv4"):
        permission["IpRanges"] = [{"CidrIp": cidr, **description}]
    if group := inputs.get("referencedSecurityGroupId"):
        permission["UserIdGroupPairs"] = [{"GroupId": group, **description}]
    return permission
