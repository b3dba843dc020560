"""Drift on the embedded cloud, caused without Pulumi and found by the command."""

from __future__ import annotations

from typing import Any

import pytest
from standing import MERGE, SCALER, Standing, standing

pytestmark = pytest.mark.cloud

DEPLOYMENT = "/apis/apps/v1/namespaces/dwcp-v3/deployments"


@pytest.fixture(scope="module")
def platform() -> Standing:
    return standing()


def changes(report: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["kind"] for each in report["changes"]}


def test_there_is_none_after_an_up(platform: Standing) -> None:
    report = platform.drift()
    assert (report["changes"], report["foreign"], report["problems"], report["exitCode"]) == ([], [], [], 0)
    assert report["resources_read"] > 150


def test_a_deleted_rule_of_a_security_group_is_gone_and_comes_back(platform: Standing) -> None:
    ec2 = platform.client("ec2")
    [rule] = [
        each
        for each in ec2.describe_security_group_rules()["SecurityGroupRules"]
        if not each["IsEgress"] and each.get("FromPort") == 6379 and each.get("ReferencedGroupInfo")
    ]
    ec2.revoke_security_group_ingress(GroupId=rule["GroupId"], SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
    try:
        report = platform.drift()
        assert changes(report) == {"dwcp-v3-groups-application-to-redis": "delete"}
        doctor = platform.doctor()
        assert [each["subject"] for each in doctor["findings"] if each["check"] == "drift"] == [
            "SecurityGroupIngressRule dwcp-v3-groups-application-to-redis"
        ]
        platform.follow(doctor, "drift")
    except BaseException:
        platform.up()
        raise
    assert platform.drift()["exitCode"] == 0


def test_the_printed_command_does_what_it_says(platform: Standing) -> None:
    """The canary's Deployment is deleted, and the command creates it again."""
    api, canary = platform.cloud.control_plane.api, f"{DEPLOYMENT}/dwcp-v3-canary"
    names = lambda: {each["metadata"]["name"] for each in api.items(DEPLOYMENT)}  # noqa: E731
    try:
        api.request("DELETE", canary)
        platform.wait("the canary is gone", lambda: "dwcp-v3-canary" not in names())
        printed = platform.dwcp("drift", "-e", "local").stdout
        [command] = {each.partition("pulumi ")[2] for each in printed.splitlines() if each.startswith("to ")}
        platform.shell(f"pulumi {command} --yes")
        assert "dwcp-v3-canary" in names()
        assert platform.drift()["exitCode"] == 0
    finally:
        platform.up()
    assert "dwcp-v3-canary" in names()


def test_a_foreign_resource_with_our_tag_and_a_hole_in_our_security_group(platform: Standing) -> None:
    ec2, sns_free = platform.client("ec2"), platform.client("s3")
    tags = [{"Key": "project", "Value": "dwcp-v3"}, {"Key": "environment", "Value": "local"}]
    others = [{"Key": "project", "Value": "dwcp-v3"}, {"Key": "environment", "Value": "staging"}]
    ours = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    staging = ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    ec2.create_tags(Resources=[ours], Tags=tags)
    ec2.create_tags(Resources=[staging], Tags=others)
    sns_free.create_bucket(Bucket="somebodys-notes")
    sns_free.put_bucket_tagging(Bucket="somebodys-notes", Tagging={"TagSet": [{"Key": "project", "Value": "dwcp-v3"}]})
    [group] = ec2.describe_security_groups(Filters=[{"Name": "tag:Name", "Values": ["dwcp-v3-groups-redis"]}])["SecurityGroups"]
    hole = {"IpProtocol": "tcp", "FromPort": 6379, "ToPort": 6379, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[hole])
    try:
        report = platform.drift()
        found = {each["arn"].rpartition("/")[2].rpartition(":")[2]: each["why"] for each in report["foreign"]}
        assert found[ours] == "tagged project=dwcp-v3, environment=local"
        assert found["somebodys-notes"] == "tagged project=dwcp-v3"
        assert staging not in found  # it is checked against the state of staging
        assert any(why == f"a rule of {group['GroupId']}: port 6379 from 0.0.0.0/0" for why in found.values())
        assert len(found) == 3
        assert report["changes"] == []
    finally:
        ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[hole])
        ec2.delete_vpc(VpcId=ours)
        ec2.delete_vpc(VpcId=staging)
        sns_free.delete_bucket(Bucket="somebodys-notes")


NODE = {"eks:cluster-name": "dwcp-v3", "aws:ec2launchtemplate:id": "lt-1"}
INTERFACE = {"node.k8s.amazonaws.com/instance_id": "i-1"}
CLAIM = {"ebs.csi.aws.com/cluster": "true", "kubernetes.io/created-for/pvc/name": "dwcp-v3-redis"}
TODAY = {"managed-by": "cluster"}


@pytest.mark.parametrize(
    ("node", "interface", "claim"), [(TODAY, TODAY, TODAY), (NODE, INTERFACE, CLAIM)], ids=["today", "earlier versions"]
)
def test_what_the_cluster_creates_is_not_drift(
    platform: Standing, node: dict[str, str], interface: dict[str, str], claim: dict[str, str]
) -> None:
    """moto creates no instances for a node group, so the test creates what EKS, the VPC CNI and the EBS CSI driver create."""
    ec2 = platform.client("ec2")
    [subnet] = ec2.describe_subnets(Filters=[{"Name": "tag:Name", "Values": ["dwcp-v3-private-a"]}])["Subnets"]

    def tags(kind: str, more: dict[str, str]) -> list[dict[str, Any]]:
        ours = {"project": "dwcp-v3", "environment": "local", "managed-by": "pulumi"} | more
        return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in ours.items()]}]

    def volume(more: dict[str, str]) -> str:
        made = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1, TagSpecifications=tags("volume", more))
        return made["VolumeId"]

    image = ec2.describe_images()["Images"][0]["ImageId"]
    both = [*tags("instance", node), *tags("volume", node)]
    run = {"ImageId": image, "MinCount": 1, "MaxCount": 1, "SubnetId": subnet["SubnetId"], "TagSpecifications": both}
    [instance] = ec2.run_instances(**run)["Instances"]
    interfaces = tags("network-interface", interface)
    eni = ec2.create_network_interface(SubnetId=subnet["SubnetId"], TagSpecifications=interfaces)["NetworkInterface"]
    volumes = [volume(claim), volume({})]
    try:
        report = platform.drift()
        assert [each["arn"].rpartition("/")[2] for each in report["foreign"]] == [volumes[1]]  # someone created this one
    finally:
        ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
        ec2.delete_network_interface(NetworkInterfaceId=eni["NetworkInterfaceId"])
        for id in volumes:
            ec2.delete_volume(VolumeId=id)
    assert platform.drift()["exitCode"] == 0


def test_changes_of_a_rollout_and_the_autoscaler_are_not_drift(platform: Standing) -> None:
    api = platform.cloud.control_plane.api
    flag = "/api/v1/namespaces/dwcp-v3/configmaps/dwcp-v3-rollout"
    api.request("PATCH", SCALER, {"spec": {"minReplicas": 5}}, MERGE)
    api.request("PATCH", flag, {"data": {"percentage": "10"}}, MERGE)
    try:
        platform.wait("the autoscaler follows", lambda: platform.get(f"{DEPLOYMENT}/dwcp-v3")["spec"]["replicas"] == 5)
        assert platform.drift()["exitCode"] == 0
    finally:
        api.request("PATCH", SCALER, {"spec": {"minReplicas": 3}}, MERGE)
        api.request("PATCH", flag, {"data": {"percentage": "0"}}, MERGE)
        platform.wait("the platform is whole again", platform.settled, seconds=120)


def test_a_missing_engine_is_reported(platform: Standing) -> None:
    done = platform.dwcp(
        "drift", "-e", "local", "--format", "markdown", PULUMI_BACKEND_URL="s3://nowhere?endpoint=127.0.0.1:9&disableSSL=true"
    )
    assert done.returncode == 5
    assert "Not checked: the engine cannot read stack local" in done.stdout
    assert "Traceback" not in done.stderr
