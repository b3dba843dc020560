"""The AWS types.

The SDK does not state which inputs force a replacement, so these entries are written by hand. Their source is ``ForceNew`` in the
schema of terraform-provider-aws, on which the Pulumi provider is based. ``loses`` is also set for some resources without data, for
example a subnet, an Elastic IP address and a load balancer, because a replacement has another address.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contract import ZONES
from program.catalogue._type import ResourceType

ACCOUNT = "123456789012"
REGION = "us-east-1"

EXAMPLE_ARN = "arn:aws:mock:"
"""Prefix of the example values of the output ``arn``. The account in these ARNs is an example too."""

COMMON = ResourceType(
    replaces="region", in_place="tags tagsAll", outputs={"arn": f"{EXAMPLE_ARN}{REGION}:{ACCOUNT}:{{name}}", "name": "{name}"}
)
"""The entry for all AWS types: https://www.pulumi.com/registry/packages/aws/ (v7, ``region`` on each resource)."""

SERVICES: Mapping[str, ResourceType] = {each: ResourceType(billed="free") for each in ("aws:acm", "aws:iam", "aws:vpc")}
"""The entries for all types of a service."""

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
        reviewed="a certificate is public; the listener that serves it is checked",
        import_id="its ARN",
    ),
    "aws:acm/certificateValidation:CertificateValidation": ResourceType(
        replaces="certificateArn validationRecordFqdns",
        outputs={"certificateArn": f"arn:aws:acm:{REGION}:{ACCOUNT}:{{name}}"},
        reviewed="only waits for a certificate",
        import_id="none",
        import_source="do not import it: the engine creates it at once",
    ),
    "aws:cloudwatch/logGroup:LogGroup": ResourceType(
        identity="name",
        replaces="name namePrefix logGroupClass",
        in_place="kmsKeyId retentionInDays skipDestroy",
        loses="its log history",
        holds_data=True,
        billed="by use",
        import_id="its name",
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": ResourceType(
        identity="name",
        replaces="name",
        in_place=(
            "actionsEnabled alarmActions alarmDescription comparisonOperator datapointsToAlarm dimensions evaluationPeriods "
            "extendedStatistic insufficientDataActions metricName metricQueries namespace okActions period statistic "
            "threshold treatMissingData"
        ),
        reviewed="reads metrics and notifies a topic; the topic is checked",
        import_id="its name",
    ),
    "aws:dynamodb/table:Table": ResourceType(identity="name", loses="its items"),
    "aws:ebs/volume:Volume": ResourceType(loses="its blocks"),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": ResourceType(
        replaces="vpcId",
        in_place="ingress egress",
        billed="free",
        import_id="`sg-0a1b2c`",
        import_source="the default security group of the VPC",
    ),
    "aws:ec2/eip:Eip": ResourceType(
        replaces="domain",
        loses="its IP address, which firewalls of others may contain",
        reviewed="only an address; the resource that uses the address is checked",
        import_id="`eipalloc-0a1b2c`",
    ),
    "aws:ec2/flowLog:FlowLog": ResourceType(
        identity="vpcId trafficType logDestination",
        replaces="vpcId trafficType logDestinationType logDestination iamRoleArn maxAggregationInterval logFormat",
        billed="by use",
        reviewed="checked with its VPC",
        import_id="`fl-0a1b2c`",
    ),
    "aws:ec2/internetGateway:InternetGateway": ResourceType(
        in_place="vpcId",
        billed="free",
        reviewed="admits no traffic without a route, a public address and a security group",
        import_id="`igw-0a1b2c`",
    ),
    "aws:ec2/launchTemplate:LaunchTemplate": ResourceType(
        identity="name",
        replaces="name namePrefix",
        in_place=(
            "metadataOptions blockDeviceMappings vpcSecurityGroupIds tagSpecifications monitoring instanceType imageId "
            "userData description updateDefaultVersion"
        ),
        outputs={"latestVersion": 1},
        billed="free",
        import_id="`lt-0a1b2c`",
    ),
    "aws:ec2/managedPrefixList:ManagedPrefixList": ResourceType(
        billed="free", reviewed="the security group rules that refer to it are checked as if they named its networks"
    ),
    "aws:ec2/natGateway:NatGateway": ResourceType(
        replaces="subnetId allocationId connectivityType",
        outputs={"publicIp": "192.0.2.1"},
        reviewed="admits no traffic from outside; the number of gateways is checked with the VPC",
        import_id="`nat-0a1b2c`",
    ),
    "aws:ec2/route:Route": ResourceType(
        identity="routeTableId destinationCidrBlock",
        replaces="routeTableId destinationCidrBlock",
        in_place="gatewayId natGatewayId",
        billed="free",
        reviewed="makes nothing public without a public address and a security group",
        import_id="`rtb-0a1b2c_0.0.0.0/0`",
    ),
    "aws:ec2/routeTable:RouteTable": ResourceType(
        replaces="vpcId", billed="free", reviewed="contains only routes", import_id="`rtb-0a1b2c`"
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": ResourceType(
        identity="subnetId",
        replaces="subnetId",
        in_place="routeTableId",
        billed="free",
        reviewed="assigns a route table; the rules recognize private subnets by their tags",
        import_id="`subnet-0a1b2c/rtb-0a1b2c`",
    ),
    "aws:ec2/securityGroup:SecurityGroup": ResourceType(
        identity="name vpcId",
        replaces="name namePrefix description vpcId",
        in_place="ingress egress",
        billed="free",
        import_id="`sg-0a1b2c`",
    ),
    "aws:ec2/securityGroupRule:SecurityGroupRule": ResourceType(billed="free"),
    "aws:ec2/subnet:Subnet": ResourceType(
        identity="cidrBlock vpcId",
        replaces="vpcId cidrBlock availabilityZone",
        in_place="mapPublicIpOnLaunch",
        loses="its addresses and every network interface in it",
        billed="free",
        import_id="`subnet-0a1b2c`",
    ),
    "aws:ec2/vpc:Vpc": ResourceType(
        replaces="cidrBlock instanceTenancy",
        in_place="enableDnsSupport enableDnsHostnames",
        loses="the network and everything in it",
        billed="free",
        import_id="`vpc-0a1b2c`",
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": ResourceType(
        identity="serviceName vpcId",
        replaces="vpcId serviceName vpcEndpointType",
        in_place="privateDnsEnabled policy routeTableIds subnetIds securityGroupIds",
        reviewed="reachable only inside the VPC; its policy and the rules of its security group are checked",
        import_id="`vpce-0a1b2c`",
    ),
    "aws:efs/fileSystem:FileSystem": ResourceType(loses="its files"),
    "aws:eks/accessEntry:AccessEntry": ResourceType(
        identity="principalArn clusterName",
        replaces="clusterName principalArn type",
        in_place="kubernetesGroups",
        billed="free",
        import_id="`cluster:principal ARN`",
    ),
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": ResourceType(
        identity="principalArn clusterName policyArn",
        replaces="clusterName principalArn policyArn accessScope",
        billed="free",
        reviewed="gives access only to roles of people and pipelines that the stack file names",
        import_id="`cluster#principal ARN#policy ARN`",
    ),
    "aws:eks/addon:Addon": ResourceType(
        identity="addonName clusterName",
        replaces="clusterName addonName",
        in_place="addonVersion configurationValues resolveConflictsOnCreate resolveConflictsOnUpdate",
        billed="free",
        import_id="`cluster:addon`",
    ),
    "aws:eks/cluster:Cluster": ResourceType(
        identity="name",
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
        holds_data=True,
        import_id="its name",
    ),
    "aws:eks/nodeGroup:NodeGroup": ResourceType(
        identity="nodeGroupName clusterName",
        replaces=(
            "clusterName nodeGroupName nodeRoleArn subnetIds instanceTypes capacityType amiType diskSize launchTemplate.id "
            "launchTemplate.name"
        ),
        in_place="version launchTemplate.version scalingConfig updateConfig labels",
        outputs={"nodeGroupName": "{name}"},
        import_id="`cluster:nodegroup`",
    ),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": ResourceType(
        identity="serviceAccount clusterName namespace",
        replaces="clusterName namespace serviceAccount",
        in_place="roleArn",
        billed="free",
        reviewed="its role is checked",
        import_id="`cluster,a-0a1b2c`",
        import_source="`aws eks list-pod-identity-associations`",
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": ResourceType(identity="replicationGroupId", loses="its data"),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": ResourceType(
        identity="url",
        replaces="url",
        in_place="clientIdLists thumbprintLists",
        reviewed="the roles that trust it are checked",
        import_id="its ARN",
        import_source="`aws_iam_openid_connect_provider`",
    ),
    "aws:iam/policy:Policy": ResourceType(identity="name", replaces="name namePrefix path description", in_place="policy"),
    "aws:iam/role:Role": ResourceType(
        identity="name",
        replaces="name namePrefix path",
        in_place="assumeRolePolicy description maxSessionDuration permissionsBoundary",
        import_id="its name",
    ),
    "aws:iam/rolePolicy:RolePolicy": ResourceType(
        identity="name role", replaces="name role", in_place="policy", import_id="`role:policy`"
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": ResourceType(
        identity="policyArn role", replaces="role policyArn", import_id="`role/policy ARN`"
    ),
    "aws:kms/alias:Alias": ResourceType(
        identity="name",
        replaces="name",
        in_place="targetKeyId",
        billed="free",
        reviewed="only a name; the key is checked",
        import_id="`alias/name`",
    ),
    "aws:kms/key:Key": ResourceType(
        replaces="keyUsage customerMasterKeySpec multiRegion",
        in_place="description policy enableKeyRotation isEnabled deletionWindowInDays",
        loses="everything that is encrypted with it",
        outputs={"keyId": "{name}-key"},
        holds_data=True,
        import_id="its key id",
    ),
    "aws:lb/listener:Listener": ResourceType(
        identity="port loadBalancerArn",
        replaces="loadBalancerArn",
        in_place="port protocol sslPolicy certificateArn defaultActions",
        billed="free",
        import_id="its ARN",
    ),
    "aws:lb/listenerRule:ListenerRule": ResourceType(
        identity="priority listenerArn",
        replaces="listenerArn",
        in_place="priority actions conditions",
        billed="free",
        import_id="its ARN",
    ),
    "aws:lb/loadBalancer:LoadBalancer": ResourceType(
        identity="name",
        replaces="name namePrefix internal loadBalancerType",
        in_place=(
            "securityGroups subnets ipAddressType accessLogs enableDeletionProtection idleTimeout dropInvalidHeaderFields "
            "desyncMitigationMode enableHttp2"
        ),
        loses="its DNS name; traffic stops until clients use the new name",
        outputs={"dnsName": "{name}.elb.example.com", "zoneId": "Z1"},
        import_id="its ARN",
        import_source="`aws_lb`",
    ),
    "aws:lb/targetGroup:TargetGroup": ResourceType(
        identity="name",
        replaces="name namePrefix port protocol protocolVersion targetType vpcId",
        in_place="healthCheck stickiness deregistrationDelay slowStart loadBalancingAlgorithmType",
        billed="free",
        reviewed="reachable only inside the VPC; the listeners that forward to it are checked",
        import_id="its ARN",
    ),
    "aws:rds/cluster:Cluster": ResourceType(identity="clusterIdentifier", loses="its databases"),
    "aws:rds/clusterInstance:ClusterInstance": ResourceType(
        identity="identifier", reviewed="its cluster is checked; network-no-public-databases checks its public address"
    ),
    "aws:rds/instance:Instance": ResourceType(identity="identifier", loses="its databases"),
    "aws:route53/record:Record": ResourceType(
        identity="name type zoneId setIdentifier",
        replaces="zoneId name",
        in_place="records ttl aliases allowOverwrite",
        loses="its name, which no longer resolves",
        outputs={"fqdn": "{name}.example.com"},
        billed="by use",
        reviewed="only a name; the resource that it points to is checked",
        import_id="`ZONEID_name_TYPE`",
        import_source="`aws_route53_record`, for example `Z0148_dwcp.example.com_A`",
    ),
    "aws:route53/zone:Zone": ResourceType(loses="its name servers and records"),
    "aws:s3/bucket:Bucket": ResourceType(
        identity="bucket",
        replaces="bucket bucketPrefix objectLockEnabled",
        in_place="forceDestroy",
        loses="its objects and their versions",
        holds_data=True,
        billed="by use",
        import_id="its name",
    ),
    "aws:s3/bucketAcl:BucketAcl": ResourceType(identity="bucket", billed="free"),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": ResourceType(
        identity="bucket", replaces="bucket", in_place="rules", billed="free", import_id="the bucket's name"
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": ResourceType(
        identity="bucket",
        replaces="bucket",
        in_place="rule",
        billed="free",
        reviewed="the rules for buckets check ACLs and public access",
        import_id="the bucket's name",
    ),
    "aws:s3/bucketPolicy:BucketPolicy": ResourceType(
        identity="bucket", replaces="bucket", in_place="policy", billed="free", import_id="the bucket's name"
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": ResourceType(
        identity="bucket",
        replaces="bucket",
        in_place="blockPublicAcls blockPublicPolicy ignorePublicAcls restrictPublicBuckets",
        billed="free",
        reviewed="checked with its bucket",
        import_id="the bucket's name",
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": ResourceType(
        identity="bucket",
        replaces="bucket",
        in_place="rules",
        billed="free",
        reviewed="checked with its bucket",
        import_id="the bucket's name",
    ),
    "aws:s3/bucketV2:BucketV2": ResourceType(identity="bucket", billed="by use"),
    "aws:s3/bucketVersioning:BucketVersioning": ResourceType(
        identity="bucket",
        replaces="bucket",
        in_place="versioningConfiguration",
        billed="free",
        reviewed="checked with its bucket",
        import_id="the bucket's name",
    ),
    "aws:secretsmanager/secret:Secret": ResourceType(identity="name", loses="its value"),
    "aws:sns/topic:Topic": ResourceType(
        identity="name",
        replaces="name namePrefix fifoTopic",
        in_place="displayName kmsMasterKeyId",
        billed="by use",
        reviewed="its policy is checked, even if the policy is inline",
        import_id="its ARN",
    ),
    "aws:sns/topicPolicy:TopicPolicy": ResourceType(
        identity="arn", replaces="arn", in_place="policy", billed="free", import_id="the topic's ARN"
    ),
    "aws:sns/topicSubscription:TopicSubscription": ResourceType(
        identity="endpoint topic protocol",
        replaces="topic protocol endpoint",
        in_place="filterPolicy rawMessageDelivery",
        billed="by use",
        reviewed="sends the topic's messages to an address that the stack file contains",
        import_id="its ARN",
    ),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": ResourceType(
        identity="securityGroupId ipProtocol fromPort toPort cidrIpv4 cidrIpv6 prefixListId referencedSecurityGroupId",
        replaces="securityGroupId",
        in_place="cidrIpv4 referencedSecurityGroupId ipProtocol fromPort toPort description",
        reviewed="nodes pull images and call AWS; NetworkPolicies limit the outgoing traffic of pods",
        import_id="`sgr-0a1b2c`",
        import_source="`aws ec2 describe-security-group-rules`",
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": ResourceType(
        identity="securityGroupId ipProtocol fromPort toPort cidrIpv4 cidrIpv6 prefixListId referencedSecurityGroupId",
        replaces="securityGroupId",
        in_place="cidrIpv4 referencedSecurityGroupId ipProtocol fromPort toPort description",
        import_id="`sgr-0a1b2c`",
        import_source="`aws ec2 describe-security-group-rules`; the command also lists the ids of Terraform's inline rules",
    ),
}

DATA_SOURCES: Mapping[str, Mapping[str, Any]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": "{account}", "arn": "{caller}"},
    "aws:eks/getAddonVersion:getAddonVersion": {"version": "v{kubernetesVersion}.0-eksbuild.1"},
    "aws:index/getAvailabilityZones:getAvailabilityZones": {
        "names": [f"{{region}}{letter}" for letter in ZONES],
        "zoneIds": [f"{{region}}-az{number}" for number in range(1, 7)],
    },
    "aws:route53/getZone:getZone": {"zoneId": "Z0000000000000"},
}
