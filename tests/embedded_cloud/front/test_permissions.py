"""Calls that a role may not make: by action, by resource, by condition, by boundary; each with the call that it may make."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from itertools import count
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from components.account import pipeline_access
from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.providers.aws.provider import AwsPlugin
from embedded_cloud.providers.aws.session import explained
from embedded_cloud.providers.plugin import ResourceState
from sandbox.stacks import web_identity

pytestmark = [pytest.mark.cloud, pytest.mark.flaky(reruns=0)]
"""A second run would fail for another reason: the roles of the first run still exist."""

NUMBERS = count(1)
ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
US = "us-east-1:123456789012"
Call = Callable[[], Any]


def client(endpoint: str, service: str, **secret: str) -> Any:
    keys = {"aws_access_key_id": "-", "aws_secret_access_key": "-", **secret}
    return boto3.client(service, endpoint_url=endpoint, region_name="us-east-1", **keys)


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def taken(endpoint: str, role: str, *denied: dict[str, Any], **allowed: Any) -> dict[str, str]:
    """The credentials of a new role with these permissions."""
    trusted = {"Federated": "arn:aws:iam::1:oidc-provider/tokens.example.com"}
    trust = {"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity", "Principal": trusted}
    iam = client(endpoint, "iam")
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=role, PolicyName="own", PolicyDocument=document({"Effect": "Allow", **allowed}, *denied))
    token = web_identity({"iss": "https://tokens.example.com", "aud": "x", "sub": "x"})
    sts = client(endpoint, "sts")
    answer = sts.assume_role_with_web_identity(RoleArn=arn, RoleSessionName="me", WebIdentityToken=token)["Credentials"]
    return {
        "aws_access_key_id": answer["AccessKeyId"],
        "aws_secret_access_key": answer["SecretAccessKey"],
        "aws_session_token": answer["SessionToken"],
    }


def test_a_missing_action_is_named(moto: str) -> None:
    secret = taken(moto, "limited", Action=["ec2:Describe*", "iam:CreateRole"], Resource="*")
    client(moto, "ec2", **secret).describe_vpcs()
    with pytest.raises(Exception, match=r"UnauthorizedOperation.*not authorized to perform: ec2:CreateVpc"):
        client(moto, "ec2", **secret).create_vpc(CidrBlock="10.0.0.0/16")
    with pytest.raises(Exception, match="not authorized to perform: iam:UpdateRoleDescription"):
        client(moto, "iam", **secret).update_role_description(RoleName="limited", Description="x")
    with pytest.raises(Exception, match="InvalidClientTokenId"):
        client(moto, "ec2", **{**secret, "aws_session_token": "other"}).describe_vpcs()


def test_an_action_on_what_has_no_name_yet_needs_a_statement_about_everything(moto: str) -> None:
    """`eks:*` on the clusters' ARNs does not allow creating one."""
    secret = taken(moto, "by-arn", Action="*", Resource=list(pipeline_access.ARNS.values()))
    with pytest.raises(Exception, match="not authorized to perform: kms:CreateKey"):
        client(moto, "kms", **secret).create_key()
    with pytest.raises(Exception, match="not authorized to perform: acm:RequestCertificate"):
        client(moto, "acm", **secret).request_certificate(DomainName="a.example.com")
    wanted = {"roleArn": "arn:aws:iam::123456789012:role/x", "resourcesVpcConfig": {}}
    with pytest.raises(Exception, match="not authorized to perform: eks:CreateCluster"):
        client(moto, "eks", **secret).create_cluster(name="x", **wanted)


def test_a_role_that_a_service_takes_must_be_one_that_the_caller_may_pass(moto: str) -> None:
    secret = taken(moto, "no-pass", Action="eks:*", Resource="*")
    wanted = {"roleArn": "arn:aws:iam::123456789012:role/x", "resourcesVpcConfig": {}}
    with pytest.raises(Exception, match="not authorized to perform: iam:PassRole on resource: .*role/x"):
        client(moto, "eks", **secret).create_cluster(name="x", **wanted)


def test_an_add_on_gets_only_a_role_that_the_caller_may_pass(moto: str) -> None:
    addon = {"clusterName": Made(moto).cluster("staging"), "addonName": "coredns"}
    client(moto, "eks").create_addon(**addon)
    limited = client(moto, "eks", **taken(moto, "no-pass-to-add-ons", Action="eks:*", Resource="*"))
    limited.update_addon(**addon, configurationValues="{}")
    with pytest.raises(Exception, match="not authorized to perform: iam:PassRole on resource: .*role/x"):
        limited.update_addon(**addon, serviceAccountRoleArn="arn:aws:iam::123456789012:role/x")


def test_a_presigned_call_has_its_session_token_in_the_query(moto: str) -> None:
    client(moto, "s3").create_bucket(Bucket="presigned")
    client(moto, "s3").put_object(Bucket="presigned", Key="x", Body=b"content")
    secret = taken(moto, "presigns", Action="s3:GetObject", Resource="*")

    def get(**keys: str) -> bytes:
        s3 = boto3.client("s3", endpoint_url=moto, region_name="us-east-1", config=Config(signature_version="s3v4"), **keys)
        address = s3.generate_presigned_url("get_object", {"Bucket": "presigned", "Key": "x"})
        with urllib.request.urlopen(address) as answer:
            return answer.read()

    assert get(**secret) == b"content"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        get(**{**secret, "aws_session_token": "other"})


def test_a_boundary_limits_what_a_policy_allows(moto: str) -> None:
    iam = client(moto, "iam")
    reads = document({"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"})
    boundary = iam.create_policy(PolicyName="reads", PolicyDocument=reads)["Policy"]["Arn"]
    secret = taken(moto, "bounded", Action="*", Resource="*")
    iam.put_role_permissions_boundary(RoleName="bounded", PermissionsBoundary=boundary)
    client(moto, "ec2", **secret).describe_vpcs()
    with pytest.raises(Exception, match="not authorized to perform: ec2:CreateVpc"):
        client(moto, "ec2", **secret).create_vpc(CidrBlock="10.0.0.0/16")


class Made:
    """Two resources of each kind, of which a role may use the first."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def __getattr__(self, service: str) -> Any:
        return client(self.endpoint, service)

    def table(self, environment: str) -> str:
        name = f"{environment}-{next(NUMBERS)}"
        keys = {"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]}
        types = [{"AttributeName": "id", "AttributeType": "S"}]
        tags = [{"Key": "environment", "Value": environment}]
        self.dynamodb.create_table(TableName=name, **keys, AttributeDefinitions=types, BillingMode="PAY_PER_REQUEST", Tags=tags)
        return name

    def cluster(self, environment: str) -> str:
        name = f"{environment}-{next(NUMBERS)}"
        vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        zones = {"us-east-1a": "10.0.0.0/24", "us-east-1b": "10.0.1.0/24"}
        made = [self.ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=zone) for zone, block in zones.items()]
        trust = {"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}
        role = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
        subnets = {"subnetIds": [each["Subnet"]["SubnetId"] for each in made]}
        access = {"authenticationMode": "API"}
        tags = {"environment": environment}
        self.eks.create_cluster(name=name, roleArn=role, resourcesVpcConfig=subnets, accessConfig=access, tags=tags)
        self.eks.create_access_entry(clusterName=name, principalArn=role, tags=tags)
        return name

    def key(self, environment: str) -> str:
        tags = [{"TagKey": "environment", "TagValue": environment}]
        id = self.kms.create_key(Tags=tags)["KeyMetadata"]["KeyId"]
        self.kms.create_alias(AliasName=f"alias/{environment}-{id}", TargetKeyId=id)
        return id

    def topic(self, environment: str) -> str:
        tags = [{"Key": "environment", "Value": environment}]
        return self.sns.create_topic(Name=f"{environment}-{next(NUMBERS)}", Tags=tags)["TopicArn"]

    def log_group(self, environment: str) -> str:
        name = f"{environment}-{next(NUMBERS)}"
        self.logs.create_log_group(logGroupName=name, tags={"environment": environment})
        return name

    def target_group(self, environment: str) -> str:
        tags = [{"Key": "environment", "Value": environment}]
        to = {"TargetType": "ip", "Protocol": "HTTP", "Port": 80, "VpcId": self.vpc(environment)}
        made = self.elbv2.create_target_group(Name=f"{environment}-{next(NUMBERS)}", Tags=tags, **to)
        return made["TargetGroups"][0]["TargetGroupArn"]

    def vpc(self, environment: str) -> str:
        vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.ec2.create_tags(Resources=[vpc], Tags=[{"Key": "environment", "Value": environment}])
        return vpc

    def role(self, environment: str) -> str:
        name = f"{environment}-{next(NUMBERS)}"
        tags = [{"Key": "environment", "Value": environment}]
        self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(), Tags=tags)
        return name


USES: dict[str, tuple[str, str, Callable[[Any, str], Any]]] = {
    "table": ("dynamodb", f"arn:aws:dynamodb:{US}:table/{{}}", lambda aws, name: aws.delete_table(TableName=name)),
    "cluster": ("eks", f"arn:aws:eks:{US}:cluster/{{}}", lambda aws, name: aws.delete_cluster(name=name)),
    "key": ("kms", f"arn:aws:kms:{US}:key/{{}}", lambda aws, id: aws.enable_key_rotation(KeyId=id)),
    "topic": ("sns", "{}", lambda aws, arn: aws.delete_topic(TopicArn=arn)),
    "log_group": ("logs", f"arn:aws:logs:{US}:log-group:{{}}:*", lambda aws, name: aws.delete_log_group(logGroupName=name)),
    "target_group": ("elbv2", "{}", lambda aws, arn: aws.delete_target_group(TargetGroupArn=arn)),
    "vpc": ("ec2", f"arn:aws:ec2:{US}:vpc/{{}}", lambda aws, id: aws.delete_vpc(VpcId=id)),
    "role": ("iam", "arn:aws:iam::123456789012:role/{}", lambda aws, name: aws.delete_role(RoleName=name)),
}
"""Kind -> its service, the form of its ARN, and a call that uses it."""


@pytest.mark.parametrize("kind", USES)
def test_a_role_for_one_resource_cannot_use_another_one(moto: str, kind: str) -> None:
    service, arn, use = USES[kind]
    own, other = (getattr(Made(moto), kind)(environment) for environment in ("staging", "production"))
    limited = client(moto, service, **taken(moto, f"one-{kind}", Action="*", Resource=arn.format(own)))
    with pytest.raises(ClientError, match=r"(AccessDenied|UnauthorizedOperation).*not authorized to perform: .* on resource: arn:"):
        use(limited, other)
    use(limited, own)


@pytest.mark.parametrize("kind", USES)
def test_a_role_that_is_denied_the_tag_of_another_environment_cannot_use_its_resources(moto: str, kind: str) -> None:
    service, _, use = USES[kind]
    own, other = (getattr(Made(moto), kind)(environment) for environment in ("staging", "production"))
    tag = {"StringEquals": {"aws:ResourceTag/environment": ["production"]}}
    denied = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": tag}
    limited = client(moto, service, **taken(moto, f"tagged-{kind}", denied, Action="*", Resource="*"))
    with pytest.raises(ClientError, match="not authorized"):
        use(limited, other)
    use(limited, own)


def test_an_access_entry_is_a_resource_of_its_own(moto: str) -> None:
    made = Made(moto)
    cluster = made.cluster("staging")
    [principal] = made.eks.list_access_entries(clusterName=cluster)["accessEntries"]
    entry = made.eks.describe_access_entry(clusterName=cluster, principalArn=principal)["accessEntry"]["accessEntryArn"]

    def delete(role: str, resource: str) -> None:
        secret = taken(moto, role, Action="eks:*", Resource=resource)
        client(moto, "eks", **secret).delete_access_entry(clusterName=cluster, principalArn=principal)

    with pytest.raises(ClientError, match=f"not authorized to perform: eks:DeleteAccessEntry on resource: {entry}"):
        delete("of-the-cluster", f"arn:aws:eks:{US}:cluster/{cluster}")
    delete("of-the-entry", f"arn:aws:eks:{US}:access-entry/{cluster}/*")


def test_a_key_is_denied_by_its_alias_also_where_only_the_text_names_it(moto: str) -> None:
    made = Made(moto)
    own, other = made.key("staging"), made.key("production")
    texts = {key: made.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"] for key in (own, other)}
    condition = {"ForAnyValue:StringLike": {"kms:ResourceAliases": "alias/production-*"}}
    denied = {"Effect": "Deny", "Action": "kms:*", "Resource": "*", "Condition": condition}
    limited = client(moto, "kms", **taken(moto, "by-alias", denied, Action="*", Resource="*"))
    assert limited.decrypt(CiphertextBlob=texts[own])["Plaintext"] == b"x"
    with pytest.raises(ClientError, match="not authorized to perform: kms:Decrypt"):
        limited.decrypt(CiphertextBlob=texts[other])
    with pytest.raises(ClientError, match="not authorized to perform: kms:Encrypt"):
        limited.encrypt(KeyId=f"alias/production-{other}", Plaintext=b"x")


def test_a_condition_that_is_not_evaluated_neither_allows_less_nor_denies_more(moto: str) -> None:
    address = {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}
    denied = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": address}
    secret = taken(moto, "from-an-address", denied, Action="ec2:*", Resource="*", Condition=address)
    client(moto, "ec2", **secret).describe_vpcs()


def test_permissions_are_given_only_within_the_boundary(moto: str) -> None:
    reads = document({"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"})
    boundary = client(moto, "iam").create_policy(PolicyName="limit", PolicyDocument=reads)["Policy"]["Arn"]
    condition = {"StringNotEquals": {"iam:PermissionsBoundary": boundary}}
    denied = {"Effect": "Deny", "Action": ["iam:CreateRole", "iam:PutRolePolicy"], "Resource": "*", "Condition": condition}
    iam = client(moto, "iam", **taken(moto, "gives", denied, Action="iam:*", Resource="*"))
    with pytest.raises(ClientError, match="not authorized to perform: iam:CreateRole"):
        iam.create_role(RoleName="unlimited", AssumeRolePolicyDocument=reads)
    iam.create_role(RoleName="within", AssumeRolePolicyDocument=document(), PermissionsBoundary=boundary)
    iam.put_role_policy(RoleName="within", PolicyName="x", PolicyDocument=reads)
    with pytest.raises(ClientError, match="not authorized to perform: iam:PutRolePolicy"):
        iam.put_role_policy(RoleName="gives", PolicyName="x", PolicyDocument=reads)


def test_an_update_says_which_permission_its_role_lacks(moto: str, plugin: AwsPlugin, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = taken(moto, "topics", Action="sns:*", Resource="*")
    for name, value in secret.items():
        monkeypatch.setenv(name.upper(), value)
    limited = AwsPlugin()
    limited.configure({"region": "us-east-1"})
    vpc = ResourceState(type="aws:ec2/vpc:Vpc", name="net", urn="urn")
    inputs = limited.check(vpc, {}, {"cidrBlock": "10.0.0.0/16"})
    said = r"(?s)Vpc net: .*fix: allow ec2:CreateVpc in a policy and the permissions boundary of the role topics,"
    with pytest.raises(EmbeddedCloudError, match=said):
        limited.create(vpc, inputs, False)
    client(moto, "iam").put_role_policy(RoleName="topics", PolicyName="own", PolicyDocument=document(ALL))
    assert limited.create(vpc, inputs, False)[0].startswith("vpc-")


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("elbv2", "describe_trust_stores", {}),
        ("eks", "list_insights", {"clusterName": "any"}),
        ("iam", "list_service_specific_credentials", {}),
        ("kms", "delete_imported_key_material", {"KeyId": "any"}),
    ],
    ids=["query", "rest-json", "query-iam", "json"],
)
def test_a_call_that_moto_lacks_has_one_error_in_every_protocol(
    moto: str, service: str, operation: str, parameters: dict[str, str]
) -> None:
    said = rf"\(NotImplemented\) when calling the (\w+) operation.*: moto has no \1 of {service}"
    with pytest.raises(ClientError, match=said) as failed:
        getattr(client(moto, service), operation)(**parameters)
    explanation = explained(failed.value, "aws:x/y:Y name")
    assert explanation.problem.startswith("aws:x/y:Y name: ")
    assert explanation.fix == "leave the change out of the stack, or implement the call in embedded_cloud/front/"


def test_what_is_absent_is_not_taken_for_a_call_that_moto_lacks(moto: str) -> None:
    for absent in (lambda aws: aws.head_bucket(Bucket="absent"), lambda aws: aws.get_object(Bucket="absent", Key="x")):
        with pytest.raises(ClientError, match=r"\((404|NoSuchBucket)\)"):
            absent(client(moto, "s3"))


def test_the_tagging_api_lists_the_resources_of_eks(moto: str) -> None:
    made = Made(moto)
    cluster = made.cluster("staging")
    made.eks.create_addon(clusterName=cluster, addonName="coredns", tags={"environment": "staging"})
    pages = made.resourcegroupstaggingapi.get_paginator("get_resources")
    filters = [{"Key": "environment", "Values": ["staging"]}]
    arns = [each["ResourceARN"] for page in pages.paginate(TagFilters=filters) for each in page["ResourceTagMappingList"]]
    listed = [arn.split(":")[5].split("/")[0] for arn in arns if f"/{cluster}" in arn]
    assert sorted(listed) == ["access-entry", "addon", "cluster"]
