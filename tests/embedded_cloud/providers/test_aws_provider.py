"""The common behaviour of all types of the embedded aws provider: errors, names, records, previews, and messages."""

from __future__ import annotations

import importlib
import json
import re

import pytest
from aws_cases.world import World
from pulumi._types import resource_types
from recording import run_platform

from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.front.named import NAMES
from embedded_cloud.providers.aws.provider import AwsPlugin
from embedded_cloud.providers.aws.resource import AwsResource
from embedded_cloud.providers.aws.types import TYPES, services
from embedded_cloud.providers.plugin import UNKNOWN, Change, NotReadyError, ResourceState

WITHOUT_TLS = {"Bool": {"aws:SecureTransport": "false"}}
DENIAL = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": WITHOUT_TLS}
DENY = json.dumps({"Version": "2012-10-17", "Statement": [DENIAL]})


@pytest.mark.parametrize("token", sorted(TYPES))
def test_every_property_exists_in_the_sdk(token: str) -> None:
    package, name = re.fullmatch(r"aws:(\w+)/\w+:(\w+)", token).groups()  # pyright: ignore[reportOptionalMemberAccess]
    sdk = getattr(importlib.import_module(f"pulumi_aws.{package}"), name)
    assert sdk.pulumi_type == token
    kind = TYPES[token]
    assert kind.modelled() <= resource_types(sdk).keys()
    assert kind.defaults.keys() <= kind.modelled()


def test_a_class_with_a_token_is_a_type_without_any_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AwsResource, "types", dict(AwsResource.types))

    class Queue(TYPES["aws:sns/topic:Topic"]):
        token = "aws:sqs/queue:Queue"
        service = "sqs"

    assert AwsResource.of("aws:sqs/queue:Queue") is Queue
    with pytest.raises(TypeError, match="aws:sqs/queue:Queue is modelled twice: by .* and .*"):
        type("Again", (Queue,), {"token": "aws:sqs/queue:Queue"})


def test_every_service_whose_calls_name_resources_otherwise_than_by_arn_or_id_has_its_names() -> None:
    by_arn_or_id = {"acm", "ec2", "elbv2"}
    assert services() - {"s3"} - by_arn_or_id <= NAMES.keys(), "add the service to NAMES in embedded_cloud/front/named.py"


@pytest.mark.parametrize("token", sorted(TYPES))
def test_an_input_that_is_not_modelled_is_refused_by_name(world: World, token: str) -> None:
    with pytest.raises(
        EmbeddedCloudError,
        match=rf"does not support the input 'surprise' of {token}\n  fix: model it in embedded_cloud/providers/aws/types/\w+\.py ",
    ):
        world.plugin.check(ResourceState(type=token, name="x", urn="urn"), {}, {"surprise": 1})


def test_a_type_that_is_not_modelled_is_refused_by_name(world: World) -> None:
    with pytest.raises(EmbeddedCloudError, match="does not support the resource type aws:sqs/queue:Queue"):
        world.plugin.check(ResourceState(type="aws:sqs/queue:Queue", name="x", urn="urn"), {}, {})


def test_a_data_source_that_is_not_modelled_is_refused_by_name(world: World) -> None:
    with pytest.raises(EmbeddedCloudError, match="does not support the data source aws:ec2/getAmi:getAmi"):
        world.plugin.invoke("aws:ec2/getAmi:getAmi", {})


def test_an_argument_of_a_data_source_that_is_not_evaluated_is_refused_by_name(world: World) -> None:
    with pytest.raises(EmbeddedCloudError, match=r"does not evaluate the argument filters of .*getAvailabilityZones"):
        world.plugin.invoke("aws:index/getAvailabilityZones:getAvailabilityZones", {"state": "available", "filters": []})


def test_a_nested_property_that_is_not_modelled_is_named(world: World) -> None:
    facts = {"vpcId": world.vpc(), "port": 80, "protocol": "HTTP", "targetType": "ip"}
    with pytest.raises(EmbeddedCloudError, match="does not support the nested property 'surprise'"):
        world.make("aws:lb/targetGroup:TargetGroup", **facts, healthCheck={"path": "/", "surprise": "x"})


def test_what_a_service_does_not_describe_as_asked_is_reported_and_the_resource_kept(world: World) -> None:
    action = {"type": "fixed-response", "order": 7, "fixedResponse": {"contentType": "text/plain", "statusCode": "404"}}
    conditions = [{"pathPattern": {"values": ["/x"]}}]
    facts = {"listenerArn": world.listener(), "priority": 77, "conditions": conditions}
    with pytest.raises(NotReadyError, match=r"moto does not store actions\[0\]\.order as requested") as caught:
        world.make("aws:lb/listenerRule:ListenerRule", **facts, actions=[action])
    assert world.boto("elbv2").describe_rules(RuleArns=[caught.value.id])["Rules"]
    assert "actions" not in caught.value.inputs  # so that the next `up` does not treat it as done


def test_a_name_is_made_from_the_logical_one_and_kept(world: World) -> None:
    group = ResourceState(type="aws:ec2/securityGroup:SecurityGroup", name="web", urn="urn")
    first = world.plugin.check(group, {}, {"vpcId": "vpc-1"})
    assert re.fullmatch(r"web-[0-9a-f]{7}", first["name"])
    assert world.plugin.check(group, first, {"vpcId": "vpc-1"})["name"] == first["name"]


def test_a_load_balancers_name_fits_into_32_characters(world: World) -> None:
    balancer = ResourceState(type="aws:lb/loadBalancer:LoadBalancer", name="a" * 40, urn="urn")
    assert len(world.plugin.check(balancer, {}, {})["name"]) == 32


def test_a_fixed_name_is_freed_before_its_replacement_is_made(world: World) -> None:
    fixed = world.make("aws:ec2/securityGroup:SecurityGroup", name="fixed", vpcId=world.vpc())
    automatic = world.make("aws:ec2/securityGroup:SecurityGroup", vpcId=world.vpc())
    for made, deleted_first in ((fixed, True), (automatic, False)):
        diff = world.plugin.diff(made.resource, made.inputs, made.state, {**made.inputs, "description": "other"})
        assert diff.changes == {"description": Change.REPLACE}
        assert diff.delete_before_replace is deleted_first


def test_default_tags_are_in_tags_all_only(world: World) -> None:
    made = world.make("aws:ec2/vpc:Vpc", cidrBlock="10.3.0.0/16", tags={"Name": "x"})
    assert made.state["tags"] == {"Name": "x"}
    assert made.state["tagsAll"] == {"Name": "x", "project": "test"}
    [found] = world.boto("ec2").describe_vpcs(VpcIds=[made.id])["Vpcs"]
    assert {tag["Key"]: tag["Value"] for tag in found["Tags"]} == made.state["tagsAll"]


def test_a_default_tag_removed_by_hand_is_put_back_by_the_next_update(world: World) -> None:
    made = world.make("aws:ec2/eip:Eip", tags={"Name": "x"})
    world.boto("ec2").delete_tags(Resources=[made.id], Tags=[{"Key": "project"}])
    seen = world.plugin.read(made.resource, made.inputs, made.state)
    assert seen is not None
    inputs, state = seen
    assert inputs["tagsAll"] == {"Name": "x"}
    diff = world.plugin.diff(made.resource, inputs, state, made.inputs)
    assert set(diff.changes.values()) == {Change.UPDATE}
    assert world.plugin.update(made.resource, inputs, state, made.inputs, False)["tagsAll"] == made.inputs["tagsAll"]


def test_a_preview_calls_nothing_and_passes_unknowns_on(world: World) -> None:
    token = "aws:ec2/subnet:Subnet"
    before = len(world.boto("ec2").describe_subnets()["Subnets"])
    subnet = ResourceState(type=token, name="x", urn="urn")
    inputs = world.plugin.check(subnet, {}, {"vpcId": UNKNOWN, "cidrBlock": "10.0.0.0/24", "tags": UNKNOWN})
    id, state = world.plugin.create(subnet, inputs, True)
    assert id == ""
    assert state["vpcId"] == UNKNOWN
    assert "arn" not in state
    assert len(world.boto("ec2").describe_subnets()["Subnets"]) == before


def test_an_updates_preview_does_not_promise_what_the_update_changes(world: World) -> None:
    made = world.make("aws:ec2/launchTemplate:LaunchTemplate", instanceType="m7i.large", updateDefaultVersion=True)
    news = {**made.inputs, "instanceType": "m7i.xlarge"}
    assert "latestVersion" not in world.plugin.update(made.resource, made.inputs, made.state, news, True)
    state = world.plugin.update(made.resource, made.inputs, made.state, news, False)
    assert (state["latestVersion"], state["defaultVersion"]) == (2, 2)


def test_a_bucket_that_denies_what_comes_without_tls_takes_what_comes_with_it(world: World) -> None:
    bucket = world.bucket()
    made = world.make("aws:s3/bucketPolicy:BucketPolicy", bucket=bucket, policy=DENY)
    assert json.loads(world.boto("s3").get_bucket_policy(Bucket=bucket)["Policy"]) == json.loads(DENY)
    world.boto("s3").put_object(Bucket=bucket, Key="k", Body=b"x")
    plain = world.without_tls("s3")
    with pytest.raises(Exception, match=r"AccessDenied.*aws:SecureTransport"):
        plain.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert world.plugin.read(made.resource, made.inputs, made.state) == (made.inputs, made.state)


def test_a_policy_may_state_its_only_statement_without_a_list(world: World) -> None:
    [statement] = json.loads(DENY)["Statement"]
    document = json.dumps({"Version": "2012-10-17", "Statement": statement})
    bucket = world.bucket()
    world.make("aws:s3/bucketPolicy:BucketPolicy", bucket=bucket, policy=document)
    with pytest.raises(Exception, match="AccessDenied"):
        world.without_tls("s3").put_object(Bucket=bucket, Key="k", Body=b"x")


def test_a_cluster_deleted_by_hand_leaves_no_security_group_behind(world: World) -> None:
    config = {"subnetIds": [world.subnet("a"), world.subnet("b")]}
    made = world.make("aws:eks/cluster:Cluster", roleArn=world.role().state["arn"], vpcConfig=config)
    world.boto("eks").delete_cluster(name=made.id)
    world.plugin.delete(made.resource, made.inputs, made.state)
    groups = world.boto("ec2").describe_security_groups()["SecurityGroups"]
    assert made.state["vpcConfig"]["clusterSecurityGroupId"] not in {group["GroupId"] for group in groups}


def test_a_cluster_has_the_security_group_that_eks_makes(world: World) -> None:
    config = {"subnetIds": [world.subnet("a"), world.subnet("b")]}
    made = world.make("aws:eks/cluster:Cluster", name="grouped", roleArn=world.role().state["arn"], vpcConfig=config)
    group = made.state["vpcConfig"]["clusterSecurityGroupId"]
    assert world.boto("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["VpcId"] == world.vpc()
    world.plugin.delete(made.resource, made.inputs, made.state)
    with pytest.raises(Exception, match="does not exist"):
        world.boto("ec2").describe_security_groups(GroupIds=[group])


def test_a_cluster_goes_up_by_one_version_and_is_protected(world: World) -> None:
    config = {"subnetIds": [world.subnet("a"), world.subnet("b")]}
    role = world.role().state["arn"]
    made = world.make(
        "aws:eks/cluster:Cluster", name="old", roleArn=role, vpcConfig=config, version="1.34", deletionProtection=True
    )
    news = {**made.inputs, "version": "1.35"}
    state = world.plugin.update(made.resource, made.inputs, made.state, news, False)
    assert state["version"] == "1.35"
    with pytest.raises(EmbeddedCloudError, match="Unsupported Kubernetes minor version update from 1.35 to 1.33"):
        world.plugin.update(made.resource, news, state, {**news, "version": "1.33"}, False)
    with pytest.raises(EmbeddedCloudError, match="deletion protection"):
        world.plugin.delete(made.resource, news, state)


def test_a_protected_load_balancer_is_not_deleted(world: World) -> None:
    subnets = [world.subnet("a"), world.subnet("b")]
    made = world.make("aws:lb/loadBalancer:LoadBalancer", subnets=subnets, enableDeletionProtection=True)
    with pytest.raises(EmbeddedCloudError, match="deletion protection is enabled"):
        world.plugin.delete(made.resource, made.inputs, made.state)
    assert world.plugin.read(made.resource, made.inputs, made.state) is not None


def test_the_default_security_group_takes_no_rules(world: World) -> None:
    vpc = world.make("aws:ec2/vpc:Vpc", cidrBlock="10.2.0.0/16").id
    with pytest.raises(EmbeddedCloudError, match="supports only empty 'ingress' and 'egress' in"):
        world.make("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", vpcId=vpc, ingress=[{"protocol": "tcp"}])


def test_a_new_group_lets_nothing_out(world: World) -> None:
    made = world.make("aws:ec2/securityGroup:SecurityGroup", vpcId=world.vpc())
    [found] = world.boto("ec2").describe_security_groups(GroupIds=[made.id])["SecurityGroups"]
    assert found["IpPermissions"] == found["IpPermissionsEgress"] == []


@pytest.mark.parametrize("direction", ["Ingress", "Egress"])
def test_a_rule_may_name_another_group(world: World, direction: str) -> None:
    group, other = (world.make("aws:ec2/securityGroup:SecurityGroup", vpcId=world.vpc()).id for _ in range(2))
    ports = {"ipProtocol": "tcp", "fromPort": 8080, "toPort": 8080, "description": "app"}
    token = f"aws:vpc/securityGroup{direction}Rule:SecurityGroup{direction}Rule"
    made = world.make(token, securityGroupId=group, referencedSecurityGroupId=other, **ports)
    [found] = world.boto("ec2").describe_security_group_rules(SecurityGroupRuleIds=[made.id])["SecurityGroupRules"]
    assert found["ReferencedGroupInfo"]["GroupId"] == other
    assert found["IsEgress"] is (direction == "Egress")
    assert made.state["description"] == "app"


def test_a_route_may_lead_to_the_internet(world: World) -> None:
    vpc = world.make("aws:ec2/vpc:Vpc", cidrBlock="10.1.0.0/16").id
    gateway = world.make("aws:ec2/internetGateway:InternetGateway", vpcId=vpc).id
    table = world.make("aws:ec2/routeTable:RouteTable", vpcId=vpc).id
    world.make("aws:ec2/route:Route", routeTableId=table, destinationCidrBlock="0.0.0.0/0", gatewayId=gateway)
    routes = world.boto("ec2").describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    assert [route["GatewayId"] for route in routes if route["DestinationCidrBlock"] == "0.0.0.0/0"] == [gateway]


def test_a_plain_listener_may_redirect(world: World) -> None:
    subnets = [world.subnet("a"), world.subnet("b")]
    balancer = world.make("aws:lb/loadBalancer:LoadBalancer", subnets=subnets).id
    redirect = {"type": "redirect", "redirect": {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}}
    made = world.make("aws:lb/listener:Listener", loadBalancerArn=balancer, port=80, protocol="HTTP", defaultActions=[redirect])
    [found] = world.boto("elbv2").describe_listeners(ListenerArns=[made.id])["Listeners"]
    assert found["DefaultActions"][0]["RedirectConfig"] == {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
    assert "sslPolicy" not in made.state


def test_a_record_may_be_an_alias(world: World) -> None:
    alias = {"name": "x.elb.amazonaws.com", "zoneId": "Z35SXDOTRQ7X7K", "evaluateTargetHealth": True}
    made = world.make("aws:route53/record:Record", zoneId=world.zone(), name="alias.example.com", type="A", aliases=[alias])
    listed = world.boto("route53").list_resource_record_sets(HostedZoneId=world.zone())["ResourceRecordSets"]
    [found] = [each for each in listed if each["Name"] == "alias.example.com."]
    assert found["AliasTarget"] == {"DNSName": alias["name"], "HostedZoneId": alias["zoneId"], "EvaluateTargetHealth": True}
    news = {**made.inputs, "aliases": [{**alias, "name": "y.elb.amazonaws.com"}]}
    state = world.plugin.update(made.resource, made.inputs, made.state, news, False)
    assert state["aliases"][0]["name"] == "y.elb.amazonaws.com"


def test_a_generated_name_starts_with_the_prefix_that_the_program_sets(world: World) -> None:
    made = world.make("aws:s3/bucket:Bucket", bucketPrefix="logs-staging-")
    assert re.fullmatch("logs-staging-[0-9a-f]{7}", made.id)
    assert world.plugin.check(made.resource, made.inputs, {"bucketPrefix": "logs-staging-"})["bucket"] == made.id
    renamed = world.plugin.check(made.resource, made.inputs, {"bucketPrefix": "logs-production-"})
    assert renamed["bucket"].startswith("logs-production-")
    assert not world.plugin.diff(made.resource, made.inputs, made.state, renamed).delete_before_replace


def test_a_bucket_with_objects_goes_only_by_force(world: World) -> None:
    kept = world.make("aws:s3/bucket:Bucket", forceDestroy=False)
    forced = world.make("aws:s3/bucket:Bucket", forceDestroy=True)
    for made in (kept, forced):
        world.boto("s3").put_object(Bucket=made.id, Key="k", Body=b"x")
    with pytest.raises(EmbeddedCloudError, match="BucketNotEmpty"):
        world.plugin.delete(kept.resource, kept.inputs, kept.state)
    world.plugin.delete(forced.resource, forced.inputs, forced.state)
    assert world.plugin.read(forced.resource, forced.inputs, forced.state) is None


def test_deleting_what_is_gone_is_no_error(world: World) -> None:
    made = world.make("aws:ec2/eip:Eip")
    world.plugin.delete(made.resource, made.inputs, made.state)
    world.plugin.delete(made.resource, made.inputs, made.state)


def test_a_zone_that_does_not_exist_is_named(world: World) -> None:
    with pytest.raises(EmbeddedCloudError, match=r"no hosted zone nowhere\.test in Route 53"):
        world.plugin.invoke("aws:route53/getZone:getZone", {"name": "nowhere.test"})


def test_the_caller_is_the_account_of_what_is_made(world: World) -> None:
    identity = world.plugin.invoke("aws:index/getCallerIdentity:getCallerIdentity", {})
    assert world.role().state["arn"].split(":")[4] == identity["accountId"]


def test_without_an_endpoint_nothing_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with pytest.raises(EmbeddedCloudError, match="AWS_ENDPOINT_URL is not set"):
        AwsPlugin().configure({"region": "us-east-1"})


def test_an_endpoint_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    plugin = AwsPlugin()
    plugin.configure({"region": "us-east-1"})
    address = ResourceState(type="aws:ec2/eip:Eip", name="x", urn="urn")
    with pytest.raises(EmbeddedCloudError, match=r"the AWS API at http://127\.0\.0\.1:1 does not answer"):
        plugin.create(address, plugin.check(address, {}, {}), False)


def test_the_local_platform_uses_nothing_that_is_not_modelled() -> None:
    used = [resource for resource in run_platform("local").resources if resource.type.startswith("aws:")]
    assert len(used) > 50
    assert not {resource.type for resource in used} - TYPES.keys()
    assert not {(each.type, name) for each in used for name in each.inputs.keys() - TYPES[each.type].modelled()}
