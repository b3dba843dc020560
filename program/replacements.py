"""Which changed properties replace a resource, as far as it is known; what is not in the tables is *not known*, and said to be.

AWS' own schemas (``ForceNew`` in terraform-provider-aws, which the official provider carries) cannot be read from the SDK, so the
tables are written by hand for the types of the program. A test holds them against the embedded providers' rules, which are
tested against services, and names every difference with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from program.graph import Path
from program.paths import covers, parse


class Replaces(StrEnum):
    """Whether a changed property makes a new resource of an old one."""

    YES = "yes"
    NO = "no"
    NOT_KNOWN = "not known"


@dataclass(frozen=True)
class Rule:
    """What is known of one type: the properties that replace it, and those that change in place; a path covers what is below."""

    replaces: tuple[Path, ...]
    in_place: tuple[Path, ...]


EVERYTHING = "*"


def _rule(replaces: str, in_place: str) -> Rule:
    return Rule(tuple(map(parse, replaces.split())), tuple(map(parse, in_place.split())))


AWS_EVERYWHERE = _rule("region", "tags tagsAll")
"""Holds for every AWS type: https://www.pulumi.com/registry/packages/aws/ (v7, ``region`` on each resource)."""

AWS: Mapping[str, Rule] = {
    "aws:acm/certificate:Certificate": _rule("domainName subjectAlternativeNames validationMethod keyAlgorithm", "options"),
    "aws:acm/certificateValidation:CertificateValidation": _rule("certificateArn validationRecordFqdns", ""),
    "aws:cloudwatch/logGroup:LogGroup": _rule("name namePrefix logGroupClass", "kmsKeyId retentionInDays skipDestroy"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": _rule(
        "name",
        "actionsEnabled alarmActions alarmDescription comparisonOperator datapointsToAlarm dimensions evaluationPeriods "
        "extendedStatistic insufficientDataActions metricName metricQueries namespace okActions period statistic threshold "
        "treatMissingData",
    ),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": _rule("vpcId", "ingress egress"),
    "aws:ec2/eip:Eip": _rule("domain", ""),
    "aws:ec2/flowLog:FlowLog": _rule(
        "vpcId trafficType logDestinationType logDestination iamRoleArn maxAggregationInterval logFormat", ""
    ),
    "aws:ec2/internetGateway:InternetGateway": _rule("", "vpcId"),
    "aws:ec2/launchTemplate:LaunchTemplate": _rule(
        "name namePrefix",
        "metadataOptions blockDeviceMappings vpcSecurityGroupIds tagSpecifications monitoring instanceType imageId userData "
        "description updateDefaultVersion",
    ),
    "aws:ec2/natGateway:NatGateway": _rule("subnetId allocationId connectivityType", ""),
    "aws:ec2/route:Route": _rule("routeTableId destinationCidrBlock", "gatewayId natGatewayId"),
    "aws:ec2/routeTable:RouteTable": _rule("vpcId", ""),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": _rule("subnetId", "routeTableId"),
    "aws:ec2/securityGroup:SecurityGroup": _rule("name namePrefix description vpcId", "ingress egress"),
    "aws:ec2/subnet:Subnet": _rule("vpcId cidrBlock availabilityZone", "mapPublicIpOnLaunch"),
    "aws:ec2/vpc:Vpc": _rule("cidrBlock instanceTenancy", "enableDnsSupport enableDnsHostnames"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": _rule(
        "vpcId serviceName vpcEndpointType", "privateDnsEnabled policy routeTableIds subnetIds securityGroupIds"
    ),
    "aws:eks/accessEntry:AccessEntry": _rule("clusterName principalArn type", "kubernetesGroups"),
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": _rule("clusterName principalArn policyArn accessScope", ""),
    "aws:eks/addon:Addon": _rule(
        "clusterName addonName", "addonVersion configurationValues resolveConflictsOnCreate resolveConflictsOnUpdate"
    ),
    "aws:eks/cluster:Cluster": _rule(
        "name roleArn encryptionConfig kubernetesNetworkConfig bootstrapSelfManagedAddons "
        "accessConfig.bootstrapClusterCreatorAdminPermissions",
        "version vpcConfig enabledClusterLogTypes accessConfig.authenticationMode",
    ),
    "aws:eks/nodeGroup:NodeGroup": _rule(
        "clusterName nodeGroupName nodeRoleArn subnetIds instanceTypes capacityType amiType diskSize "
        "launchTemplate.id launchTemplate.name",
        "version launchTemplate.version scalingConfig updateConfig labels",
    ),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": _rule("clusterName namespace serviceAccount", "roleArn"),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": _rule("url", "clientIdLists thumbprintLists"),
    "aws:iam/policy:Policy": _rule("name namePrefix path description", "policy"),
    "aws:iam/role:Role": _rule("name namePrefix path", "assumeRolePolicy description maxSessionDuration permissionsBoundary"),
    "aws:iam/rolePolicy:RolePolicy": _rule("name role", "policy"),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": _rule("role policyArn", ""),
    "aws:kms/alias:Alias": _rule("name", "targetKeyId"),
    "aws:kms/key:Key": _rule(
        "keyUsage customerMasterKeySpec multiRegion", "description policy enableKeyRotation isEnabled deletionWindowInDays"
    ),
    "aws:lb/listener:Listener": _rule("loadBalancerArn", "port protocol sslPolicy certificateArn defaultActions"),
    "aws:lb/listenerRule:ListenerRule": _rule("listenerArn", "priority actions conditions"),
    "aws:lb/loadBalancer:LoadBalancer": _rule(
        "name namePrefix internal loadBalancerType",
        "securityGroups subnets ipAddressType accessLogs enableDeletionProtection idleTimeout dropInvalidHeaderFields "
        "desyncMitigationMode enableHttp2",
    ),
    "aws:lb/targetGroup:TargetGroup": _rule(
        "name namePrefix port protocol protocolVersion targetType vpcId",
        "healthCheck stickiness deregistrationDelay slowStart loadBalancingAlgorithmType",
    ),
    "aws:route53/record:Record": _rule("zoneId name", "records ttl aliases allowOverwrite"),
    "aws:s3/bucket:Bucket": _rule("bucket bucketPrefix objectLockEnabled", "forceDestroy"),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _rule("bucket", "rules"),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _rule("bucket", "rule"),
    "aws:s3/bucketPolicy:BucketPolicy": _rule("bucket", "policy"),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _rule(
        "bucket", "blockPublicAcls blockPublicPolicy ignorePublicAcls restrictPublicBuckets"
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _rule("bucket", "rules"),
    "aws:s3/bucketVersioning:BucketVersioning": _rule("bucket", "versioningConfiguration"),
    "aws:sns/topic:Topic": _rule("name namePrefix fifoTopic", "displayName kmsMasterKeyId"),
    "aws:sns/topicPolicy:TopicPolicy": _rule("arn", "policy"),
    "aws:sns/topicSubscription:TopicSubscription": _rule("topicArn protocol endpoint", "filterPolicy rawMessageDelivery"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rule(
        "securityGroupId", "cidrIpv4 referencedSecurityGroupId ipProtocol fromPort toPort description"
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule(
        "securityGroupId", "cidrIpv4 referencedSecurityGroupId ipProtocol fromPort toPort description"
    ),
}

KUBERNETES_EVERYWHERE = _rule("metadata.name metadata.namespace kind", "metadata.labels metadata.annotations")

KUBERNETES: Mapping[str, Rule] = {
    "apps/DaemonSet": _rule("spec.selector", EVERYTHING),
    "apps/Deployment": _rule("spec.selector", EVERYTHING),
    "apps/StatefulSet": _rule("spec.selector spec.serviceName spec.podManagementPolicy spec.volumeClaimTemplates", EVERYTHING),
    "autoscaling/HorizontalPodAutoscaler": _rule("", EVERYTHING),
    "batch/Job": _rule("spec.completions spec.parallelism spec.selector spec.template", EVERYTHING),
    "core/ConfigMap": _rule("", "data binaryData"),
    "core/Namespace": _rule("", EVERYTHING),
    "core/PersistentVolumeClaim": _rule(
        "spec.accessModes spec.dataSource spec.dataSourceRef spec.selector spec.storageClassName spec.volumeMode spec.volumeName",
        "spec.resources",
    ),
    "core/Secret": _rule("type", "data stringData"),
    "core/Service": _rule("spec.clusterIP", EVERYTHING),
    "core/ServiceAccount": _rule("", EVERYTHING),
    "helm.sh/Release": _rule("name namespace", "values version atomic timeout skipAwait"),
    "networking.k8s.io/Ingress": _rule("", EVERYTHING),
    "networking.k8s.io/NetworkPolicy": _rule("", EVERYTHING),
    "policy/PodDisruptionBudget": _rule("", EVERYTHING),
    "rbac.authorization.k8s.io/ClusterRole": _rule("", EVERYTHING),
    "rbac.authorization.k8s.io/ClusterRoleBinding": _rule("roleRef", EVERYTHING),
    "rbac.authorization.k8s.io/Role": _rule("", EVERYTHING),
    "rbac.authorization.k8s.io/RoleBinding": _rule("roleRef", EVERYTHING),
    "scheduling.k8s.io/PriorityClass": _rule("value preemptionPolicy", "description globalDefault"),
    "storage.k8s.io/StorageClass": _rule(
        "parameters provisioner reclaimPolicy volumeBindingMode", "allowVolumeExpansion mountOptions"
    ),
}
"""By group and kind. The data of ConfigMaps and Secrets changes in place because the program's provider says so
(``enable_config_map_mutable``, ``enable_secret_mutable``).

Source: forceNew in pulumi-kubernetes, provider/pkg/provider/diff.go; Kubernetes API reference.
"""


def replaces(type_: str, path: Path) -> Replaces:
    """Whether a change at ``path`` replaces a resource of this type."""
    known = _known(type_)
    if any(covers(pattern, path) for rule in known for pattern in rule.replaces):
        return Replaces.YES
    if any(covers(pattern, path) for rule in known for pattern in rule.in_place):
        return Replaces.NO
    return Replaces.NOT_KNOWN


def _known(type_: str) -> list[Rule]:
    if type_.startswith("aws:"):
        rules = [AWS_EVERYWHERE, AWS.get(type_)]
    elif type_.startswith("kubernetes:"):
        rules = [KUBERNETES_EVERYWHERE, KUBERNETES.get(group_kind(type_))]
    else:
        rules = []
    return [rule for rule in rules if rule is not None]


def group_kind(type_: str) -> str:
    """``apps/Deployment`` of ``kubernetes:apps/v1:Deployment``."""
    _, version, kind = type_.split(":")
    return f"{version.rsplit('/', 1)[0]}/{kind}"
