"""The resource types that need no rule of their own.

A type that is neither listed here nor named by a rule is a violation. Otherwise a resource that no rule checks would pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

REVIEWED: Mapping[str, str] = {
    "aws:acm/certificate:Certificate": "public by nature; the listener that serves it is checked",
    "aws:acm/certificateValidation:CertificateValidation": "only waits for a certificate",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "reads metrics and notifies a topic; the topic is checked",
    "aws:ec2/eip:Eip": "an address; the resource that uses it is checked",
    "aws:ec2/flowLog:FlowLog": "checked with its VPC",
    "aws:ec2/internetGateway:InternetGateway": "admits no traffic without a route, an address and a group",
    "aws:ec2/managedPrefixList:ManagedPrefixList": "the rules of security groups that name it are checked with its networks",
    "aws:ec2/natGateway:NatGateway": "admits no traffic from outside; the number is checked with the VPC",
    "aws:ec2/route:Route": "makes nothing public without an address and a group",
    "aws:ec2/routeTable:RouteTable": "contains only routes",
    "aws:ec2/routeTableAssociation:RouteTableAssociation": "assigns a route table; the rules tell private subnets by their tags",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "inside the VPC; the rules of its group are checked",
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": "for people and pipelines that the stack file names",
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": "its role is checked",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": "the roles that trust it are checked",
    "aws:kms/alias:Alias": "a name; the key is checked",
    "aws:lb/targetGroup:TargetGroup": "inside the VPC; the listeners that forward to it are checked",
    "aws:rds/clusterInstance:ClusterInstance": "its cluster is checked, and its address by a rule",
    "aws:route53/record:Record": "a name; the resource that it points to is checked",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": "the rules for buckets check the effect",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "checked with its bucket",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": "checked with its bucket",
    "aws:s3/bucketVersioning:BucketVersioning": "checked with its bucket",
    "aws:sns/topic:Topic": "its policy is checked, also inline",
    "aws:sns/topicSubscription:TopicSubscription": "sends the topic's messages to an address of the stack file",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "NetworkPolicies and endpoints limit outgoing traffic",
    "docker:index/network:Network": "a network of one machine",
    "kubernetes:core/v1:Secret": "the right place for credentials; the roles that may read it are checked",
    "kubernetes:monitoring.coreos.com/v1:PrometheusRule": "contains only expressions; promtool checks them",
    "kubernetes:scheduling.k8s.io/v1:PriorityClass": "only decides which pods are scheduled first",
    "pulumi:providers:docker": "connects to the Docker host of the stack file",
    "pulumi:providers:kubernetes": "connects to the cluster of the stack",
    "pulumi:providers:pulumi": "reads outputs of other stacks; the engine creates it",
    "pulumi:pulumi:StackReference": "reads outputs of another stack",
}
"""Types that no rule names, with the reason why they need no rule."""

PREFIXES = ("dwcp:", "pulumi:pulumi:Stack")
"""Prefixes of types that no provider manages: components and the stack."""


def is_known(type_: str, named: Iterable[str]) -> bool:
    """Whether a canonical type is in ``named``, the types that rules name, or is listed in this module."""
    return type_ in REVIEWED or type_ in named or type_.startswith(PREFIXES) or type_.count(":") != 2
