"""What is in moto, type by type, listed by plain boto3 clients: to be held against what the state names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Client = Callable[[str], Any]
Ids = set[tuple[str, str]]
"""Type token and id, as the state has them."""


def inventory(client: Client) -> Ids:
    """Everything in moto of the types that have ids of their own; what AWS makes beside it (main route tables, a network's
    default group, a cluster's own) goes with that and is left out."""
    found: Ids = set()
    for listed in (network(client("ec2")), balancers(client("elbv2")), identities(client("iam")), keys(client("kms"))):
        found |= {(token, id) for token, ids in listed.items() for id in ids}
    return found | {(token, id) for token, ids in services(client).items() for id in ids}


def network(ec2: Any) -> dict[str, Iterable[str]]:
    groups = [
        group["GroupId"]
        for group in ec2.describe_security_groups()["SecurityGroups"]
        if group["GroupName"] != "default" and not group["GroupName"].startswith("eks-cluster-sg-")
    ]
    rules = [rule for rule in ec2.describe_security_group_rules()["SecurityGroupRules"] if rule["GroupId"] in groups]
    tables = ec2.describe_route_tables()["RouteTables"]
    gone = ("deleting", "deleted")
    return {
        "aws:ec2/vpc:Vpc": [each["VpcId"] for each in ec2.describe_vpcs()["Vpcs"]],
        "aws:ec2/subnet:Subnet": [each["SubnetId"] for each in ec2.describe_subnets()["Subnets"]],
        "aws:ec2/internetGateway:InternetGateway": [
            each["InternetGatewayId"] for each in ec2.describe_internet_gateways()["InternetGateways"]
        ],
        "aws:ec2/eip:Eip": [each["AllocationId"] for each in ec2.describe_addresses()["Addresses"]],
        "aws:ec2/natGateway:NatGateway": [
            each["NatGatewayId"] for each in ec2.describe_nat_gateways()["NatGateways"] if each["State"] not in gone
        ],
        "aws:ec2/routeTable:RouteTable": [
            each["RouteTableId"] for each in tables if not any(link.get("Main") for link in each["Associations"])
        ],
        "aws:ec2/flowLog:FlowLog": [each["FlowLogId"] for each in ec2.describe_flow_logs()["FlowLogs"]],
        "aws:ec2/launchTemplate:LaunchTemplate": [
            each["LaunchTemplateId"] for each in ec2.describe_launch_templates()["LaunchTemplates"]
        ],
        "aws:ec2/vpcEndpoint:VpcEndpoint": [
            each["VpcEndpointId"] for each in ec2.describe_vpc_endpoints()["VpcEndpoints"] if each["State"] not in gone
        ],
        "aws:ec2/securityGroup:SecurityGroup": groups,
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": [
            rule["SecurityGroupRuleId"] for rule in rules if rule["IsEgress"]
        ],
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": [
            rule["SecurityGroupRuleId"] for rule in rules if not rule["IsEgress"]
        ],
    }


def balancers(elbv2: Any) -> dict[str, Iterable[str]]:
    found = [each["LoadBalancerArn"] for each in elbv2.describe_load_balancers()["LoadBalancers"]]
    listeners = [
        listener["ListenerArn"] for arn in found for listener in elbv2.describe_listeners(LoadBalancerArn=arn)["Listeners"]
    ]
    rules = [rule for arn in listeners for rule in elbv2.describe_rules(ListenerArn=arn)["Rules"]]
    return {
        "aws:lb/loadBalancer:LoadBalancer": found,
        "aws:lb/listener:Listener": listeners,
        "aws:lb/listenerRule:ListenerRule": [rule["RuleArn"] for rule in rules if not rule["IsDefault"]],
        "aws:lb/targetGroup:TargetGroup": [each["TargetGroupArn"] for each in elbv2.describe_target_groups()["TargetGroups"]],
    }


def identities(iam: Any) -> dict[str, Iterable[str]]:
    return {
        "aws:iam/role:Role": [each["RoleName"] for each in iam.list_roles()["Roles"]],
        "aws:iam/policy:Policy": [each["Arn"] for each in iam.list_policies(Scope="Local")["Policies"]],
        "aws:iam/openIdConnectProvider:OpenIdConnectProvider": [
            each["Arn"] for each in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
        ],
    }


def keys(kms: Any) -> dict[str, Iterable[str]]:
    described = [kms.describe_key(KeyId=each["KeyId"])["KeyMetadata"] for each in kms.list_keys()["Keys"]]
    return {
        "aws:kms/key:Key": [each["KeyId"] for each in described if each["KeyState"] == "Enabled"],
        "aws:kms/alias:Alias": [each["AliasName"] for each in kms.list_aliases()["Aliases"]],
    }


def services(client: Client) -> dict[str, Iterable[str]]:
    eks, route53 = client("eks"), client("route53")
    clusters = eks.list_clusters()["clusters"]
    records = [
        (zone["Id"].rpartition("/")[2], record["Name"].rstrip("."), record["Type"])
        for zone in route53.list_hosted_zones()["HostedZones"]
        for record in route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
    ]
    return {
        "aws:eks/cluster:Cluster": clusters,
        "aws:eks/nodeGroup:NodeGroup": [
            f"{cluster}:{group}" for cluster in clusters for group in eks.list_nodegroups(clusterName=cluster)["nodegroups"]
        ],
        "aws:cloudwatch/logGroup:LogGroup": [each["logGroupName"] for each in client("logs").describe_log_groups()["logGroups"]],
        "aws:s3/bucket:Bucket": [each["Name"] for each in client("s3").list_buckets()["Buckets"]],
        "aws:acm/certificate:Certificate": [
            each["CertificateArn"] for each in client("acm").list_certificates()["CertificateSummaryList"]
        ],
        "aws:route53/record:Record": ["_".join(record) for record in records if record[2] not in ("NS", "SOA")],
    }
