"""The AWS types.

The SDK does not state which inputs force a replacement (``ForceNew`` in the schema of terraform-provider-aws, the base of the
Pulumi provider), so these entries are written by hand. ``loses`` is also set for a subnet, an Elastic IP address and a load
balancer: they hold no data, but a replacement gets other addresses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from program.catalogue._type import ResourceType

ACCOUNT = "123456789012"
REGION = "us-east-1"

COMMON = ResourceType(
    replaces="region", in_place="tags tagsAll", outputs={"arn": f"arn:aws:mock:{REGION}:{ACCOUNT}:{{name}}", "name": "{name}"}
)
"""The entry for all AWS types: https://www.pulumi.com/registry/packages/aws/ (v7, ``region`` on each resource)."""

TYPES: Mapping[str, ResourceType] = {
    "aws:acm/certificate:Certificate": ResourceType(
        replaces="domainName subjectAlternativeNames validationMethod keyAlgorithm",
        in_place="options",
        loses="the certificate that the listener serves",
        outputs={
            "domainValidationOptions": [
                {"domainName": "h", "resourceRecordName": "_x.h", "resourceRecordType": "CNAME", "resourceRecordValue": "_y.aws"}
            ]
        },
    ),
    "aws:acm/certificateValidation:CertificateValidation": ResourceType(
        replaces="certificateArn validationRecordFqdns", outputs={"certificateArn": f"arn:aws:acm:{REGION}:{ACCOUNT}:{{name}}"}
    ),
    "aws:cloudwatch/logGroup:LogGroup": ResourceType(
        replaces="name namePrefix logGroupClass", in_place="kmsKeyId retentionInDays skipDestroy", loses="its log history"
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": ResourceType(
        replaces="name",
        in_place=(
            "actionsEnabled alarmActions alarmDescription comparisonOperator datapointsToAlarm dimensions evaluationPeriods "
            "extendedStatistic insufficientDataActions metricName metricQueries namespace okActions period statistic "
            "threshold treatMissingData"
        ),
    ),
    "aws:dynamodb/table:Table": ResourceType(loses="its items"),
    "aws:ebs/volume:Volume": ResourceType(loses="its blocks"),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": ResourceType(replaces="vpcId", in_place="ingress egress"),
    "aws:ec2/eip:Eip": ResourceType(replaces="domain", loses="its address, which others may have allow-listed"),
    "aws:ec2/flowLog:FlowLog": ResourceType(
        replaces="vpcId trafficType logDestinationType logDestination iamRoleArn maxAggregationInterval logFormat"
    ),
    "aws:ec2/internetGateway:InternetGateway": ResourceType(in_place="vpcId"),
    "aws:ec2/launchTemplate:LaunchTemplate": ResourceType(
        replaces="name namePrefix",
        in_place=(
            "metadataOptions blockDeviceMappings vpcSecurityGroupIds tagSpecifications monitoring instanceType imageId "
            "userData description updateDefaultVersion"
        ),
        outputs={"latestVersion": 1},
    ),
    "aws:ec2/natGateway:NatGateway": ResourceType(
        replaces="subnetId allocationId connectivityType", outputs={"publicIp": "192.0.2.1"}
    ),
    "aws:ec2/route:Route": ResourceType(replaces="routeTableId destinationCidrBlock", in_place="gatewayId natGatewayId"),
    "aws:ec2/routeTable:RouteTable": ResourceType(replaces="vpcId"),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": ResourceType(replaces="subnetId", in_place="routeTableId"),
    "aws:ec2/securityGroup:SecurityGroup": ResourceType(replaces="name namePrefix description vpcId", in_place="ingress egress"),
    "aws:ec2/subnet:Subnet": ResourceType(
        replaces="vpcId cidrBlock availabilityZone",
        in_place="mapPublicIpOnLaunch",
        loses="its addresses and every network interface in it",
    ),
    "aws:ec2/vpc:Vpc": ResourceType(
        replaces="cidrBlock instanceTenancy",
        in_place="enableDnsSupport enableDnsHostnames",
        loses="the network and everything in it",
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": ResourceType(
        replaces="vpcId serviceName vpcEndpointType", in_place="privateDnsEnabled policy routeTableIds subnetIds securityGroupIds"
    ),
    "aws:efs/fileSystem:FileSystem": ResourceType(loses="its files"),
    "aws:eks/accessEntry:AccessEntry": ResourceType(replaces="clusterName principalArn type", in_place="kubernetesGroups"),
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": ResourceType(
        replaces="clusterName principalArn policyArn accessScope"
    ),
    "aws:eks/addon:Addon": ResourceType(
        replaces="clusterName addonName",
        in_place="addonVersion configurationValues resolveConflictsOnCreate resolveConflictsOnUpdate",
    ),
    "aws:eks/cluster:Cluster": ResourceType(
        replaces=(
            "name roleArn encryptionConfig kubernetesNetworkConfig bootstrapSelfManagedAddons "
            "accessConfig.bootstrapClusterCreatorAdminPermissions"
        ),
        in_place="version vpcConfig enabledClusterLogTypes accessConfig.authenticationMode",
        loses="the cluster and every workload in it",
        outputs={
            "endpoint": "https://cluster.example.com",
            "certificateAuthority": {"data": "Y2E="},
            "identities": [{"oidcs": [{"issuer": "https://oidc.example.com/id"}]}],
            "vpcConfig": {"clusterSecurityGroupId": "sg-cluster"},
        },
    ),
    "aws:eks/nodeGroup:NodeGroup": ResourceType(
        replaces=(
            "clusterName nodeGroupName nodeRoleArn subnetIds instanceTypes capacityType amiType diskSize launchTemplate.id "
            "launchTemplate.name"
        ),
        in_place="version launchTemplate.version scalingConfig updateConfig labels",
        outputs={"nodeGroupName": "{name}"},
    ),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": ResourceType(
        replaces="clusterName namespace serviceAccount", in_place="roleArn"
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": ResourceType(loses="its data"),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": ResourceType(replaces="url", in_place="clientIdLists thumbprintLists"),
    "aws:iam/policy:Policy": ResourceType(replaces="name namePrefix path description", in_place="policy"),
    "aws:iam/role:Role": ResourceType(
        replaces="name namePrefix path", in_place="assumeRolePolicy description maxSessionDuration permissionsBoundary"
    ),
    "aws:iam/rolePolicy:RolePolicy": ResourceType(replaces="name role", in_place="policy"),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": ResourceType(replaces="role policyArn"),
    "aws:kms/alias:Alias": ResourceType(replaces="name", in_place="targetKeyId"),
    "aws:kms/key:Key": ResourceType(
        replaces="keyUsage customerMasterKeySpec multiRegion",
        in_place="description policy enableKeyRotation isEnabled deletionWindowInDays",
        loses="everything that is encrypted with it",
        outputs={"keyId": "{name}-key"},
    ),
    "aws:lb/listener:Listener": ResourceType(
        replaces="loadBalancerArn", in_place="port protocol sslPolicy certificateArn defaultActions"
    ),
    "aws:lb/listenerRule:ListenerRule": ResourceType(replaces="listenerArn", in_place="priority actions conditions"),
    "aws:lb/loadBalancer:LoadBalancer": ResourceType(
        replaces="name namePrefix internal loadBalancerType",
        in_place=(
            "securityGroups subnets ipAddressType accessLogs enableDeletionProtection idleTimeout dropInvalidHeaderFields "
            "desyncMitigationMode enableHttp2"
        ),
        loses="its DNS name; traffic stops until clients use the new name",
        outputs={"dnsName": "{name}.elb.example.com", "zoneId": "Z1"},
    ),
    "aws:lb/targetGroup:TargetGroup": ResourceType(
        replaces="name namePrefix port protocol protocolVersion targetType vpcId",
        in_place="healthCheck stickiness deregistrationDelay slowStart loadBalancingAlgorithmType",
    ),
    "aws:rds/cluster:Cluster": ResourceType(loses="its databases"),
    "aws:rds/instance:Instance": ResourceType(loses="its databases"),
    "aws:route53/record:Record": ResourceType(
        replaces="zoneId name",
        in_place="records ttl aliases allowOverwrite",
        loses="its name, which no longer resolves",
        outputs={"fqdn": "{name}.example.com"},
    ),
    "aws:route53/zone:Zone": ResourceType(loses="its name servers and records"),
    "aws:s3/bucket:Bucket": ResourceType(
        replaces="bucket bucketPrefix objectLockEnabled", in_place="forceDestroy", loses="its objects and their versions"
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": ResourceType(replaces="bucket", in_place="rules"),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": ResourceType(replaces="bucket", in_place="rule"),
    "aws:s3/bucketPolicy:BucketPolicy": ResourceType(replaces="bucket", in_place="policy"),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": ResourceType(
        replaces="bucket", in_place="blockPublicAcls blockPublicPolicy ignorePublicAcls restrictPublicBuckets"
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": ResourceType(
        replaces="bucket", in_place="rules"
    ),
    "aws:s3/bucketVersioning:BucketVersioning": ResourceType(replaces="bucket", in_place="versioningConfiguration"),
    "aws:secretsmanager/secret:Secret": ResourceType(loses="its value"),
    "aws:sns/topic:Topic": ResourceType(replaces="name namePrefix fifoTopic", in_place="displayName kmsMasterKeyId"),
    "aws:sns/topicPolicy:TopicPolicy": ResourceType(replaces="arn", in_place="policy"),
    "aws:sns/topicSubscription:TopicSubscription": ResourceType(
        replaces="topic protocol endpoint", in_place="filterPolicy rawMessageDelivery"
    ),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": ResourceType(
        replaces="securityGroupId", in_place="cidrIpv4 referencedSecurityGroupId ipProtocol fromPort toPort description"
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": ResourceType(
        replaces="securityGroupId", in_place="cidrIpv4 referencedSecurityGroupId ipProtocol fromPort toPort description"
    ),
}

DATA_SOURCES: Mapping[str, Mapping[str, Any]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": "{account}", "arn": "{caller}"},
    "aws:eks/getAddonVersion:getAddonVersion": {"version": "v{kubernetesVersion}.0-eksbuild.1"},
    "aws:index/getAvailabilityZones:getAvailabilityZones": {
        "names": [f"{{region}}{letter}" for letter in "abcdef"],
        "zoneIds": [f"{{region}}-az{number}" for number in range(1, 7)],
    },
    "aws:route53/getZone:getZone": {"zoneId": "Z0000000000000"},
}
