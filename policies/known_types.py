"""The types of resources that were reviewed: those that rules check, and those that need no rule of their own.

Whatever is not here is a finding by itself: a rule cannot say anything about a type that it does not know, and silence would look
like a good verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

REVIEWED: Mapping[str, str] = {
    "aws:acm/certificate:Certificate": "public by nature; the listener that serves it is checked",
    "aws:acm/certificateValidation:CertificateValidation": "waits for a certificate and is nothing itself",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "reads metrics and notifies a topic, which is checked",
    "aws:ec2/eip:Eip": "an address; what it is attached to is checked",
    "aws:ec2/flowLog:FlowLog": "checked with its VPC",
    "aws:ec2/internetGateway:InternetGateway": "opens nothing without a route, an address and a group",
    "aws:ec2/managedPrefixList:ManagedPrefixList": "the rules of security groups that name it are checked with its networks",
    "aws:ec2/natGateway:NatGateway": "lets nothing in; how many there are is checked with the VPC",
    "aws:ec2/route:Route": "whoever is public by it needs an address and a group",
    "aws:ec2/routeTable:RouteTable": "holds routes only",
    "aws:ec2/routeTableAssociation:RouteTableAssociation": "which subnets are private is checked by their tier",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "inside the VPC; the rules of its group are checked",
    "aws:eks/accessEntry:AccessEntry": "names people and pipelines of the stack file; checked with the cluster",
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": "for people and pipelines that the stack file names",
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": "the role that it gives is checked",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": "the roles that trust it are checked",
    "aws:kms/alias:Alias": "a name; the key is checked",
    "aws:lb/targetGroup:TargetGroup": "inside the VPC; what forwards to it is checked",
    "aws:rds/clusterInstance:ClusterInstance": "its cluster is checked, and its address by a rule",
    "aws:route53/record:Record": "a name for what is checked itself",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": "the bucket's rules ask for what matters",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "checked with its bucket",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": "checked with its bucket",
    "aws:s3/bucketVersioning:BucketVersioning": "checked with its bucket",
    "aws:sns/topic:Topic": "who may publish is in its policy, which is checked",
    "aws:sns/topicSubscription:TopicSubscription": "sends what the topic gets to an address of the stack file",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "what may leave is limited by NetworkPolicies and endpoints",
    "docker:index/network:Network": "a network of one machine",
    "docker:index/volume:Volume": "a folder of the engine",
    "kubernetes:core/v1:Secret": "where credentials belong; who may read it is checked",
    "kubernetes:monitoring.coreos.com/v1:PrometheusRule": "expressions only; promtool checks them",
    "kubernetes:scheduling.k8s.io/v1:PriorityClass": "an order of pods",
    "pulumi:providers:docker": "leads to an engine that the stack file names",
    "pulumi:providers:kubernetes": "leads to the cluster of the stack",
    "pulumi:providers:pulumi": "reads outputs of other stacks, and the engine makes it by itself",
    "pulumi:pulumi:StackReference": "reads outputs of another stack",
}
"""Types that no rule names, with the reason why none does."""

PREFIXES = ("dwcp:", "pulumi:pulumi:Stack")
"""What is no resource of a cloud: components, and the stack itself."""


def is_known(type_: str, named: Iterable[str]) -> bool:
    """Whether a canonical type is named by a rule, or reviewed."""
    return type_ in REVIEWED or type_ in named or type_.startswith(PREFIXES) or type_.count(":") != 2
