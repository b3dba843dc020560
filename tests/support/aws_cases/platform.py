"""Cases of the types for keys, logs, roles, buckets and the cluster."""

from __future__ import annotations

import json
from typing import Any

from aws_cases.world import NUMBERS, Case, Client, Properties, World, ids, policy, tags

TAGS = {"Name": "x"}
MORE = {"Name": "y", "tier": "z"}
KEY_POLICY = policy("kms:*", {"AWS": "arn:aws:iam::123456789012:root"}).replace("}]", ', "Resource": "*"}]')


def key(world: World, id: str) -> Properties:
    kms = world.boto("kms")
    found = kms.describe_key(KeyId=id)["KeyMetadata"]
    listed = kms.list_resource_tags(KeyId=id)["Tags"]
    return {
        **{"description": found["Description"], "isEnabled": found["Enabled"], "keyUsage": found["KeyUsage"]},
        **{"customerMasterKeySpec": found["KeySpec"], "multiRegion": found["MultiRegion"]},
        "policy": kms.get_key_policy(KeyId=id, PolicyName="default")["Policy"],
        "enableKeyRotation": kms.get_key_rotation_status(KeyId=id)["KeyRotationEnabled"],
        "tags": tags([{"Key": tag["TagKey"], "Value": tag["TagValue"]} for tag in listed]),
    }


def key_drift(world: World, id: str) -> Properties:
    world.boto("kms").disable_key_rotation(KeyId=id)
    return {"enableKeyRotation": False}


def alias(world: World, id: str) -> Properties:
    [found] = [each for each in world.boto("kms").list_aliases()["Aliases"] if each["AliasName"] == id]
    return {"name": found["AliasName"], "targetKeyId": found["TargetKeyId"]}


def alias_drift(world: World, id: str) -> Properties:
    world.boto("kms").update_alias(AliasName=id, TargetKeyId=world.key("third key").id)
    return {"targetKeyId": world.key("third key").id}


def log_group(world: World, id: str) -> Properties:
    logs = world.boto("logs")
    [found] = logs.describe_log_groups(logGroupNamePrefix=id)["logGroups"]
    listed = logs.list_tags_for_resource(resourceArn=found["arn"].removesuffix(":*"))["tags"]
    return {
        **{"name": found["logGroupName"], "kmsKeyId": found["kmsKeyId"], "retentionInDays": found["retentionInDays"]},
        "tags": {name: value for name, value in listed.items() if name != "project"},
    }


def log_drift(world: World, id: str) -> Properties:
    world.boto("logs").put_retention_policy(logGroupName=id, retentionInDays=7)
    return {"retentionInDays": 7}


def role(world: World, id: str) -> Properties:
    found = world.boto("iam").get_role(RoleName=id)["Role"]
    return {
        **{"name": found["RoleName"], "path": found["Path"], "description": found["Description"]},
        **{"maxSessionDuration": found["MaxSessionDuration"], "tags": tags(found["Tags"])},
        "assumeRolePolicy": json.dumps(found["AssumeRolePolicyDocument"]),
        "permissionsBoundary": found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
    }


def role_drift(world: World, id: str) -> Properties:
    world.boto("iam").update_role(RoleName=id, Description="by hand", MaxSessionDuration=7200)
    return {"description": "by hand"}


def managed_policy(world: World, id: str) -> Properties:
    iam = world.boto("iam")
    found = iam.get_policy(PolicyArn=id)["Policy"]
    version = iam.get_policy_version(PolicyArn=id, VersionId=found["DefaultVersionId"])["PolicyVersion"]
    return {
        **{"name": found["PolicyName"], "path": found["Path"], "description": found["Description"], "tags": tags(found["Tags"])},
        "policy": json.dumps(version["Document"]),
    }


def managed_policy_drift(world: World, id: str) -> Properties:
    world.boto("iam").create_policy_version(PolicyArn=id, PolicyDocument=policy("s3:GetObject"), SetAsDefault=True)
    return {"policy": policy("s3:GetObject")}


def role_policy(world: World, id: str) -> Properties:
    role, name = id.split(":")
    found = world.boto("iam").get_role_policy(RoleName=role, PolicyName=name)
    return {"role": found["RoleName"], "name": found["PolicyName"], "policy": json.dumps(found["PolicyDocument"])}


def delete_role_policy(world: World, id: str) -> Properties:
    role, name = id.split(":")
    world.boto("iam").delete_role_policy(RoleName=role, PolicyName=name)
    return {}


def attachment(world: World, id: str) -> Properties:
    role = id.split("/")[0]
    [found] = world.boto("iam").list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    return {"role": role, "policyArn": found["PolicyArn"]}


def detach_policy(world: World, id: str) -> Properties:
    role, arn = id.split("/", 1)
    world.boto("iam").detach_role_policy(RoleName=role, PolicyArn=arn)
    return {}


def new_role(world: World) -> str:
    return world.make("aws:iam/role:Role", assumeRolePolicy=policy("sts:AssumeRole", {"Service": "ec2.amazonaws.com"})).id


def identity_provider(world: World, id: str) -> Properties:
    found = world.boto("iam").get_open_id_connect_provider(OpenIDConnectProviderArn=id)
    lists = {"clientIdLists": found["ClientIDList"], "thumbprintLists": found["ThumbprintList"]}
    return {"url": f"https://{found['Url']}", **lists, "tags": tags(found["Tags"])}


def identity_provider_drift(world: World, id: str) -> Properties:
    world.boto("iam").update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=id, ThumbprintList=["b" * 40])
    return {"thumbprintLists": ["b" * 40]}


def bucket(world: World, id: str) -> Properties:
    return {"bucket": id, "tags": tags(world.boto("s3").get_bucket_tagging(Bucket=id)["TagSet"])}


def bucket_drift(world: World, id: str) -> Properties:
    everything = [{"Key": "project", "Value": "test"}, {"Key": "Name", "Value": "by hand"}]
    world.boto("s3").put_bucket_tagging(Bucket=id, Tagging={"TagSet": everything})
    return {"tags": {"Name": "by hand"}}


def versioning(world: World, id: str) -> Properties:
    return {"bucket": id, "versioningConfiguration": {"status": world.boto("s3").get_bucket_versioning(Bucket=id)["Status"]}}


def versioning_drift(world: World, id: str) -> Properties:
    world.boto("s3").put_bucket_versioning(Bucket=id, VersioningConfiguration={"Status": "Suspended"})
    return {"versioningConfiguration": {"status": "Suspended"}}


def encryption(world: World, id: str) -> Properties:
    [found] = world.boto("s3").get_bucket_encryption(Bucket=id)["ServerSideEncryptionConfiguration"]["Rules"]
    default = found["ApplyServerSideEncryptionByDefault"]
    return {"bucket": id, "rules": encrypted(default["KMSMasterKeyID"], found["BucketKeyEnabled"], default["SSEAlgorithm"])}


def encrypted(arn: str, cached: bool, algorithm: str = "aws:kms") -> list[Properties]:
    default = {"sseAlgorithm": algorithm, "kmsMasterKeyId": arn}
    return [{"applyServerSideEncryptionByDefault": default, "bucketKeyEnabled": cached}]


def delete_encryption(world: World, id: str) -> Properties:
    world.boto("s3").delete_bucket_encryption(Bucket=id)
    return {}


def public_access(world: World, id: str) -> Properties:
    found = world.boto("s3").get_public_access_block(Bucket=id)["PublicAccessBlockConfiguration"]
    return {"bucket": id, **{name[0].lower() + name[1:]: value for name, value in found.items()}}


def public_access_drift(world: World, id: str) -> Properties:
    opened = dict(BlockPublicAcls=True, BlockPublicPolicy=False, IgnorePublicAcls=True, RestrictPublicBuckets=True)  # noqa: C408
    world.boto("s3").put_public_access_block(Bucket=id, PublicAccessBlockConfiguration=opened)
    return {"blockPublicPolicy": False}


BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


def ownership(world: World, id: str) -> Properties:
    [found] = world.boto("s3").get_bucket_ownership_controls(Bucket=id)["OwnershipControls"]["Rules"]
    return {"bucket": id, "rule": {"objectOwnership": found["ObjectOwnership"]}}


def ownership_drift(world: World, id: str) -> Properties:
    rules = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    world.boto("s3").put_bucket_ownership_controls(Bucket=id, OwnershipControls=rules)
    return {"rule": {"objectOwnership": "ObjectWriter"}}


def lifecycle(world: World, id: str) -> Properties:
    [found] = world.boto("s3").get_bucket_lifecycle_configuration(Bucket=id)["Rules"]
    [move] = found["Transitions"]
    abandoned = found["AbortIncompleteMultipartUpload"]
    return {
        "bucket": id,
        "rules": [
            {
                **{"id": found["ID"], "status": found["Status"], "filter": {"prefix": found["Filter"]["Prefix"]}},
                "transitions": [{"days": move["Days"], "storageClass": move["StorageClass"]}],
                "noncurrentVersionExpiration": {"noncurrentDays": found["NoncurrentVersionExpiration"]["NoncurrentDays"]},
                "abortIncompleteMultipartUpload": {"daysAfterInitiation": abandoned["DaysAfterInitiation"]},
                "expiration": {"days": found["Expiration"]["Days"]},
            }
        ],
    }


def lifecycle_rules(days: int) -> list[Properties]:
    return [
        {
            **{"id": "old", "status": "Enabled", "filter": {"prefix": "logs/"}},
            "transitions": [{"days": days, "storageClass": "STANDARD_IA"}],
            "noncurrentVersionExpiration": {"noncurrentDays": 90},
            "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7},
            "expiration": {"days": 400},
        }
    ]


def lifecycle_drift(world: World, id: str) -> Properties:
    rule = {"ID": "mine", "Status": "Disabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    world.boto("s3").put_bucket_lifecycle_configuration(Bucket=id, LifecycleConfiguration={"Rules": [rule]})
    return {"rules": [{"id": "mine", "status": "Disabled", "filter": {"prefix": ""}, "expiration": {"days": 1}}]}


def bucket_policy(world: World, id: str) -> Properties:
    return {"bucket": id, "policy": world.boto("s3").get_bucket_policy(Bucket=id)["Policy"]}


def bucket_policy_drift(world: World, id: str) -> Properties:
    world.boto("s3").put_bucket_policy(Bucket=id, Policy=policy("s3:DeleteObject"))
    return {"policy": policy("s3:DeleteObject")}


def cluster(world: World, id: str) -> Properties:
    found = world.boto("eks").describe_cluster(name=id)["cluster"]
    config = found["resourcesVpcConfig"]
    return {
        **{"name": found["name"], "roleArn": found["roleArn"], "version": found["version"]},
        "vpcConfig": {
            name: config[name] for name in ("subnetIds", "endpointPrivateAccess", "endpointPublicAccess", "publicAccessCidrs")
        },
        "enabledClusterLogTypes": found["logging"]["clusterLogging"][0]["types"],
        "encryptionConfig": found["encryptionConfig"][0],
        "kubernetesNetworkConfig": found["kubernetesNetworkConfig"],
        **{"accessConfig": {"authenticationMode": found["accessConfig"]["authenticationMode"]}},
        "deletionProtection": found["deletionProtection"],
        "tags": {name: value for name, value in found["tags"].items() if name != "project"},
    }


def endpoints(world: World, *, public: bool) -> Properties:
    cidrs = {"endpointPublicAccess": public, "publicAccessCidrs": ["203.0.113.0/24"]}
    return {"subnetIds": [world.subnet("a"), world.subnet("b")], "endpointPrivateAccess": True, **cidrs}


def cluster_drift(world: World, id: str) -> Properties:
    config = endpoints(world, public=True)
    world.boto("eks").update_cluster_config(name=id, resourcesVpcConfig=config)
    return {"vpcConfig": config}


def nodes(world: World, id: str) -> Properties:
    cluster, name = id.split(":")
    found = world.boto("eks").describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]
    same = ("clusterName", "instanceTypes", "capacityType", "amiType", "version", "scalingConfig", "updateConfig", "labels")
    template = {name: found["launchTemplate"][name] for name in ("id", "version")}
    return {
        **{name: found[name] for name in same},
        **{"nodeGroupName": found["nodegroupName"], "nodeRoleArn": found["nodeRole"], "subnetIds": found["subnets"]},
        **{"launchTemplate": template, "tags": {name: value for name, value in found["tags"].items() if name != "project"}},
    }


def nodes_inputs(world: World) -> Properties:
    world.add_default_route()
    return {
        **{"clusterName": world.cluster(), "nodeGroupName": f"nodes-{next(NUMBERS)}", "nodeRoleArn": world.role().state["arn"]},
        **{"subnetIds": [world.subnet("a")], "instanceTypes": ["m7i.xlarge"], "capacityType": "ON_DEMAND", "version": "1.34"},
        **{"amiType": "AL2023_x86_64_STANDARD", "launchTemplate": {"id": world.template().id, "version": "1"}},
        **{"scalingConfig": {"minSize": 3, "maxSize": 6, "desiredSize": 3}, "updateConfig": {"maxUnavailable": 1}},
        **{"labels": {"pool": "main", "Team": "core"}, "tags": TAGS},
    }


def nodes_drift(world: World, id: str) -> Properties:
    cluster, name = id.split(":")
    scaling = {"minSize": 3, "maxSize": 6, "desiredSize": 5}
    world.boto("eks").update_nodegroup_config(clusterName=cluster, nodegroupName=name, scalingConfig=scaling)
    return {"scalingConfig": scaling}


def keys(boto: Client) -> list[str]:
    """The ids of the keys that are not pending deletion. A deleted key exists for days."""
    kms = boto("kms")
    described = [kms.describe_key(KeyId=each["KeyId"])["KeyMetadata"] for each in kms.list_keys()["Keys"]]
    return ids([each for each in described if each["KeyState"] == "Enabled"], "KeyId")


def node_groups(boto: Client) -> list[str]:
    eks = boto("eks")
    clusters = eks.list_clusters()["clusters"]
    return [f"{cluster}:{group}" for cluster in clusters for group in eks.list_nodegroups(clusterName=cluster)["nodegroups"]]


VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
addons = [
    *("aws-ebs-csi-driver", "aws-efs-csi-driver", "eks-pod-identity-agent", "kube-state-metrics", "prometheus-node-exporter"),
    *("metrics-server", "coredns", "vpc-cni", "kube-proxy", "cert-manager", "external-dns", "snapshot-controller"),
    "amazon-cloudwatch-observability",
]
"""The names of add-ons. Each test uses another name, because a cluster has each add-on only once."""


def eks_tags(found: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in found["tags"].items() if name != "project"}


def addon(world: World, id: str) -> Properties:
    cluster, name = id.split(":")
    found = world.boto("eks").describe_addon(clusterName=cluster, addonName=name)["addon"]
    return {
        **{key: found[key] for key in ("clusterName", "addonName", "addonVersion", "configurationValues")},
        "tags": eks_tags(found),
    }


def addon_drift(world: World, id: str) -> Properties:
    cluster, name = id.split(":")
    world.boto("eks").update_addon(clusterName=cluster, addonName=name, addonVersion="v1.35.1-eksbuild.1")
    return {"addonVersion": "v1.35.1-eksbuild.1"}


def access_entry(world: World, id: str) -> Properties:
    cluster, principal = id.split(":", 1)
    found = world.boto("eks").describe_access_entry(clusterName=cluster, principalArn=principal)["accessEntry"]
    return {**{key: found[key] for key in ("clusterName", "principalArn", "type", "kubernetesGroups")}, "tags": eks_tags(found)}


def access_entry_drift(world: World, id: str) -> Properties:
    cluster, principal = id.split(":", 1)
    world.boto("eks").update_access_entry(clusterName=cluster, principalArn=principal, kubernetesGroups=["others"])
    return {"kubernetesGroups": ["others"]}


def access_policy(world: World, id: str) -> Properties:
    cluster, principal, _ = id.split("#")
    [found] = world.boto("eks").list_associated_access_policies(clusterName=cluster, principalArn=principal)[
        "associatedAccessPolicies"
    ]
    scope = {"type": found["accessScope"]["type"]}
    return {"clusterName": cluster, "principalArn": principal, "policyArn": found["policyArn"], "accessScope": scope}


def access_policy_drift(world: World, id: str) -> Properties:
    cluster, principal, policy = id.split("#")
    world.boto("eks").disassociate_access_policy(clusterName=cluster, principalArn=principal, policyArn=policy)
    return {}


def pod_identity(world: World, id: str) -> Properties:
    cluster, association = id.split(",")
    found = world.boto("eks").describe_pod_identity_association(clusterName=cluster, associationId=association)["association"]
    return {**{key: found[key] for key in ("clusterName", "namespace", "serviceAccount", "roleArn")}, "tags": eks_tags(found)}


def pod_identity_drift(world: World, id: str) -> Properties:
    cluster, association = id.split(",")
    role = world.new_role()
    world.boto("eks").update_pod_identity_association(clusterName=cluster, associationId=association, roleArn=role)
    return {"roleArn": role}


CASES = (
    Case(
        token="aws:kms/key:Key",
        listed=keys,
        inputs=lambda _: {
            **{"description": "text", "isEnabled": True, "keyUsage": "ENCRYPT_DECRYPT", "policy": KEY_POLICY},
            **{
                "customerMasterKeySpec": "SYMMETRIC_DEFAULT",
                "multiRegion": False,
                "enableKeyRotation": True,
                "deletionWindowInDays": 7,
            },
            "tags": TAGS,
        },
        described=key,
        updates=lambda _: {
            **{"description": "other", "policy": KEY_POLICY.replace("kms:*", "kms:Decrypt"), "enableKeyRotation": False},
            **{"tags": MORE, "isEnabled": False},
        },
        drift=key_drift,
    ),
    Case(
        token="aws:kms/alias:Alias",
        listed=lambda boto: ids(boto("kms").list_aliases()["Aliases"], "AliasName"),
        inputs=lambda world: {"name": f"alias/test-{next(NUMBERS)}", "targetKeyId": world.key().id},
        described=alias,
        updates=lambda world: {"targetKeyId": world.key("other key").id},
        drift=alias_drift,
    ),
    Case(
        token="aws:cloudwatch/logGroup:LogGroup",
        listed=lambda boto: ids(boto("logs").describe_log_groups()["logGroups"], "logGroupName"),
        inputs=lambda world: {
            **{"name": f"/test/{next(NUMBERS)}", "kmsKeyId": world.log_key(), "retentionInDays": 30},
            **{"skipDestroy": False, "tags": TAGS},
        },
        described=log_group,
        updates=lambda _: {"retentionInDays": 60, "tags": MORE},
        drift=log_drift,
    ),
    Case(
        token="aws:iam/role:Role",
        listed=lambda boto: ids(boto("iam").list_roles()["Roles"], "RoleName"),
        inputs=lambda _: {
            **{"name": f"role-{next(NUMBERS)}", "path": "/dwcp/", "description": "text", "maxSessionDuration": 7200, "tags": TAGS},
            "assumeRolePolicy": policy("sts:AssumeRole", {"Service": "ec2.amazonaws.com"}),
            "permissionsBoundary": "arn:aws:iam::aws:policy/PowerUserAccess",
        },
        described=role,
        updates=lambda _: {
            "assumeRolePolicy": policy("sts:AssumeRole", {"Service": "eks.amazonaws.com"}),
            "permissionsBoundary": "arn:aws:iam::aws:policy/ReadOnlyAccess",
            **{"description": "other", "maxSessionDuration": 3600, "tags": MORE},
        },
        drift=role_drift,
    ),
    Case(
        token="aws:iam/policy:Policy",
        inputs=lambda _: {
            **{"name": f"policy-{next(NUMBERS)}", "path": "/dwcp/", "description": "text", "tags": TAGS},
            "policy": policy("logs:PutLogEvents"),
        },
        described=managed_policy,
        listed=lambda boto: ids(boto("iam").list_policies(Scope="Local")["Policies"], "Arn"),
        updates=lambda _: {"policy": policy("logs:CreateLogStream"), "tags": MORE},
        drift=managed_policy_drift,
    ),
    Case(
        token="aws:iam/rolePolicy:RolePolicy",
        inputs=lambda world: {"name": f"policy-{next(NUMBERS)}", "role": world.role().id, "policy": policy("logs:PutLogEvents")},
        described=role_policy,
        updates=lambda _: {"policy": policy("logs:CreateLogStream")},
        drift=delete_role_policy,
    ),
    Case(
        token="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        inputs=lambda world: {"role": new_role(world), "policyArn": "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"},
        described=attachment,
        drift=detach_policy,
    ),
    Case(
        token="aws:iam/openIdConnectProvider:OpenIdConnectProvider",
        listed=lambda boto: ids(boto("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"], "Arn"),
        inputs=lambda _: {
            **{"url": f"https://oidc.example.com/{next(NUMBERS)}", "clientIdLists": ["sts.amazonaws.com"]},
            **{"thumbprintLists": ["a" * 40], "tags": TAGS},
        },
        described=identity_provider,
        updates=lambda _: {"thumbprintLists": ["c" * 40], "tags": MORE},
        drift=identity_provider_drift,
    ),
    Case(
        token="aws:s3/bucket:Bucket",
        listed=lambda boto: ids(boto("s3").list_buckets()["Buckets"], "Name"),
        inputs=lambda _: {"bucket": f"bucket-{next(NUMBERS)}", "forceDestroy": True, "tags": TAGS},
        described=bucket,
        updates=lambda _: {"tags": MORE},
        drift=bucket_drift,
    ),
    Case(
        token="aws:s3/bucketVersioning:BucketVersioning",
        inputs=lambda world: {"bucket": world.bucket(), "versioningConfiguration": {"status": "Enabled"}},
        described=versioning,
        updates=lambda _: {"versioningConfiguration": {"status": "Suspended"}},
        drift=versioning_drift,
        stays=True,  # versioning can only be suspended
    ),
    Case(
        token="aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        inputs=lambda world: {"bucket": world.bucket(), "rules": encrypted(world.key().state["arn"], True)},
        described=encryption,
        updates=lambda world: {"rules": encrypted(world.key("other key").state["arn"], False)},
        drift=delete_encryption,
    ),
    Case(
        token="aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        inputs=lambda world: {"bucket": world.bucket(), **dict.fromkeys(BLOCKS, True)},
        described=public_access,
        updates=lambda _: dict.fromkeys(BLOCKS, False),
        drift=public_access_drift,
    ),
    Case(
        token="aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        inputs=lambda world: {"bucket": world.bucket(), "rule": {"objectOwnership": "BucketOwnerEnforced"}},
        described=ownership,
        updates=lambda _: {"rule": {"objectOwnership": "BucketOwnerPreferred"}},
        drift=ownership_drift,
    ),
    Case(
        token="aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        inputs=lambda world: {"bucket": world.bucket(), "rules": lifecycle_rules(30)},
        described=lifecycle,
        updates=lambda _: {"rules": lifecycle_rules(60)},
        drift=lifecycle_drift,
    ),
    Case(
        token="aws:s3/bucketPolicy:BucketPolicy",
        inputs=lambda world: {"bucket": world.bucket(), "policy": policy("s3:GetObject")},
        described=bucket_policy,
        updates=lambda _: {"policy": policy("s3:PutObject")},
        drift=bucket_policy_drift,
    ),
    Case(
        token="aws:eks/cluster:Cluster",
        listed=lambda boto: boto("eks").list_clusters()["clusters"],
        inputs=lambda world: {
            **{"name": f"cluster-{next(NUMBERS)}", "roleArn": world.role().state["arn"], "version": "1.35"},
            **{"vpcConfig": endpoints(world, public=False), "enabledClusterLogTypes": ["api", "audit"]},
            "encryptionConfig": {"provider": {"keyArn": world.key().state["arn"]}, "resources": ["secrets"]},
            "kubernetesNetworkConfig": {"serviceIpv4Cidr": "172.20.0.0/16", "ipFamily": "ipv4"},
            **{"accessConfig": {"authenticationMode": "API"}, "bootstrapSelfManagedAddons": False, "tags": TAGS},
            "deletionProtection": False,
        },
        described=cluster,
        updates=lambda world: {
            **{"vpcConfig": endpoints(world, public=True), "enabledClusterLogTypes": ["api", "audit", "scheduler"], "tags": MORE},
            **{"accessConfig": {"authenticationMode": "API_AND_CONFIG_MAP"}},
        },
        drift=cluster_drift,
    ),
    Case(
        token="aws:eks/nodeGroup:NodeGroup",
        listed=node_groups,
        inputs=nodes_inputs,
        described=nodes,
        updates=lambda world: {
            **{"scalingConfig": {"minSize": 2, "maxSize": 8, "desiredSize": 4}, "updateConfig": {"maxUnavailable": 2}},
            **{"labels": {"pool": "other"}, "tags": MORE, "version": "1.35"},
            "launchTemplate": {"id": world.template().id, "version": "2"},
        },
        drift=nodes_drift,
    ),
    Case(
        token="aws:eks/addon:Addon",
        inputs=lambda world: {
            **{"clusterName": world.cluster(), "addonName": addons.pop(), "addonVersion": "v1.35.0-eksbuild.1"},
            **{"configurationValues": "{}", "resolveConflictsOnCreate": "OVERWRITE", "resolveConflictsOnUpdate": "OVERWRITE"},
            "tags": TAGS,
        },
        described=addon,
        updates=lambda _: {"addonVersion": "v1.35.1-eksbuild.1", "configurationValues": '{"a":1}', "tags": MORE},
        drift=addon_drift,
    ),
    Case(
        token="aws:eks/accessEntry:AccessEntry",
        inputs=lambda world: {
            **{"clusterName": world.cluster(), "principalArn": world.new_role(), "type": "STANDARD"},
            **{"kubernetesGroups": ["readers"], "tags": TAGS},
        },
        described=access_entry,
        updates=lambda _: {"kubernetesGroups": ["writers"], "tags": MORE},
        drift=access_entry_drift,
    ),
    Case(
        token="aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
        inputs=lambda world: {
            **{"clusterName": world.cluster(), "principalArn": world.entry(), "policyArn": VIEW},
            "accessScope": {"type": "cluster"},
        },
        described=access_policy,
        drift=access_policy_drift,
    ),
    Case(
        token="aws:eks/podIdentityAssociation:PodIdentityAssociation",
        inputs=lambda world: {
            **{"clusterName": world.cluster(), "namespace": "default", "serviceAccount": f"account-{next(NUMBERS)}"},
            **{"roleArn": world.role().state["arn"], "tags": TAGS},
        },
        described=pod_identity,
        updates=lambda world: {"roleArn": world.new_role(), "tags": MORE},
        drift=pod_identity_drift,
    ),
)
