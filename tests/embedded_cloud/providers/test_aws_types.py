"""Every type: creation, changes in the cloud, changes in the program, and deletion."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
from aws_cases import CASES
from aws_cases.world import Case, World, policy
from pydantic.alias_generators import to_camel

from embedded_cloud.providers.aws._values import unmet
from embedded_cloud.providers.aws.creations import AwsCreations
from embedded_cloud.providers.aws.types import TYPES, eks
from embedded_cloud.providers.plugin import Change, NotReadyError, ResourceState

every_type = pytest.mark.parametrize("case", CASES, ids=str)


def same(left: Any, right: Any) -> bool:
    """Whether two values agree; the order of ids in a list means nothing to AWS."""
    if isinstance(left, list) and isinstance(right, list) and all(isinstance(item, str) for item in left):
        return sorted(left) == sorted(right)
    return documents(left) == documents(right)


def documents(value: Any) -> Any:
    """Policy documents are compared by their content."""
    return json.loads(value) if isinstance(value, str) and value.startswith("{") else value


def differing(left: dict[str, Any], right: dict[str, Any]) -> set[str]:
    return {name for name in left.keys() | right.keys() if not same(left.get(name), right.get(name))}


@every_type
def test_each_modelled_input_is_found_in_the_services_own_description(world: World, case: Case) -> None:
    asked = case.inputs(world)
    made = world.make(case.token, **asked)
    described = case.described(world, made.id)
    kept = TYPES[case.token].provider_only | TYPES[case.token].not_stored.keys()
    assert not differing({name: value for name, value in asked.items() if name not in kept}, described)


@every_type
def test_refresh_right_after_creation_is_clean(world: World, case: Case) -> None:
    made = world.make(case.token, **case.inputs(world))
    assert world.plugin.read(made.resource, made.inputs, made.state) == (made.inputs, made.state)


@every_type
def test_a_change_behind_pulumis_back_appears_exactly(world: World, case: Case) -> None:
    made = world.make(case.token, **case.inputs(world))
    drifted = case.drift(world, made.id)
    seen = world.plugin.read(made.resource, made.inputs, made.state)
    if not drifted:
        assert seen is None
        return
    assert seen is not None
    inputs, state = seen
    changed = differing(made.inputs, inputs) - {"tagsAll"}
    assert changed == {name for name in drifted if not same(made.inputs.get(name), drifted[name])}
    assert all(same(inputs[name], drifted[name]) for name in changed)
    assert not list(unmet({name: drifted[name] for name in changed}, state))


@every_type
def test_each_updatable_input_changes_in_place(world: World, case: Case) -> None:
    made = world.make(case.token, **case.inputs(world))
    inputs, state = made.inputs, made.state
    for name, value in case.updates(world).items():
        asked = {key: item for key, item in inputs.items() if key != "tagsAll"}
        news = world.plugin.check(made.resource, inputs, {**asked, name: value})
        diff = world.plugin.diff(made.resource, inputs, state, news)
        assert diff.changes, name
        assert Change.REPLACE not in diff.changes.values(), name
        inputs, state = news, world.plugin.update(made.resource, inputs, state, news, False)
        assert same(case.described(world, made.id)[name], value), name


OF_RULES = {"cidrIpv4": "MissingParameter", "fromPort": "InvalidParameterValue", "toPort": "InvalidParameterValue"}
REFUSED = {
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": OF_RULES,
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": OF_RULES,
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": {"rules": "InvalidArgument"},
    "aws:route53/record:Record": {"records": "InvalidInput", "ttl": "InvalidInput"},
}
"""The optional inputs without which the service refuses the resource, with the service's error code.

AWS also refuses a route without a target and an alarm without a metric or a threshold, which moto accepts.
"""

KEPT = {
    "aws:ec2/vpcEndpoint:VpcEndpoint": {"policy"},
    "aws:eks/cluster:Cluster": {"accessConfig"},
    "aws:eks/nodeGroup:NodeGroup": {"updateConfig", "version"},
    "aws:eks/addon:Addon": {"addonVersion", "configurationValues"},
    "aws:lb/loadBalancer:LoadBalancer": {"securityGroups", "subnets"},
    "aws:lb/targetGroup:TargetGroup": {"healthCheck", "stickiness"},
    "aws:lb/listener:Listener": {"certificateArn", "port", "sslPolicy"},
    "aws:lb/listenerRule:ListenerRule": {"priority"},
}
"""The inputs whose values stay in the cloud: the service's calls change only what they contain."""


@every_type
def test_each_optional_updatable_input_can_be_removed_from_the_program_and_added_again(world: World, case: Case) -> None:
    made = world.make(case.token, **case.inputs(world))
    optional = case.updates(world).keys() - required(case.token) - {"tags"}
    refused: dict[str, str] = {}
    kept: set[str] = set()
    for name in optional:
        asked = {key: item for key, item in made.inputs.items() if key not in (name, "tagsAll")}
        news = world.plugin.check(made.resource, made.inputs, asked)
        try:
            inputs, state = news, world.plugin.update(made.resource, made.inputs, made.state, news, False)
        except NotReadyError as error:
            inputs, state = error.inputs, error.state
            [reason] = error.reasons
            code = re.search(r"An error occurred \((\w+)\)", reason)
            refused[name] = code[1] if code else reason
        else:
            assert name not in news or same(state[name], news[name]), f"{name} has its default value"
            if name not in news and state.get(name) and same(state[name], made.state[name]):
                kept.add(name)
        again = world.plugin.update(made.resource, inputs, state, made.inputs, False)
        assert same(again[name], made.state[name]), f"{name} has its first value again"
    assert refused == {name: code for name, code in REFUSED.get(case.token, {}).items() if name in optional}
    assert kept == KEPT.get(case.token, set())


def required(token: str) -> set[str]:
    """The inputs of a type that have no default in the SDK."""
    _, module, kind = token.split(":")
    package = module.partition("/")[0]
    sdk = import_module("pulumi_aws" if package == "index" else f"pulumi_aws.{package}")
    arguments = getattr(sdk, f"{kind}InitArgs", None) or getattr(sdk, f"{kind}Args")
    inputs = inspect.signature(arguments.__init__).parameters.values()
    return {to_camel(each.name) for each in inputs if each.default is each.empty}


@every_type
def test_inputs_that_cannot_change_in_place_replace(world: World, case: Case) -> None:
    inputs = case.inputs(world)
    resource = ResourceState(type=case.token, name="x", urn="urn")
    for name in TYPES[case.token].replace_on:
        diff = world.plugin.diff(resource, inputs, {}, {**inputs, name: "another"})
        assert set(diff.changes.values()) == {Change.REPLACE}, name


@every_type
def test_what_is_deleted_is_gone(world: World, case: Case) -> None:
    made = world.make(case.token, **case.inputs(world))
    world.plugin.delete(made.resource, made.inputs, made.state)
    gone = world.plugin.read(made.resource, made.inputs, made.state) is None
    assert gone is not case.stays


@pytest.mark.parametrize("case", [case for case in CASES if case.listed], ids=str)
def test_what_is_there_is_listed_until_it_is_gone(world: World, case: Case) -> None:
    assert case.listed is not None
    made = world.make(case.token, **case.inputs(world))
    assert made.id in case.listed(world.boto)
    world.plugin.delete(made.resource, made.inputs, made.state)
    assert made.id not in case.listed(world.boto)


class KilledError(BaseException):
    """Replaces SIGKILL: no handler catches it."""


@every_type
def test_what_a_killed_up_made_unnoticed_is_gone_after_the_next(world: World, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    resource = ResourceState(type=case.token, name="lost", urn=f"urn:pulumi:local::dwcp-v3::{case.token}::{case}")
    asked = case.inputs(world)
    lost: list[str] = []

    def die(creations: AwsCreations, urn: str, id: str) -> None:
        lost.append(id)
        raise KilledError

    first = world.plugin.check(resource, {}, asked)
    with monkeypatch.context() as patch:
        patch.setattr(AwsCreations, "made", die)
        with pytest.raises(KilledError):
            world.another_plugin().create(resource, first, False)
    inputs = world.plugin.check(resource, {}, asked)
    id, state = world.another_plugin().create(resource, inputs, False)
    found = world.plugin.read(replace(resource, id=lost[0]), inputs, state)
    assert id == lost[0] or found is None or case.stays
    assert not differing(state, (world.plugin.read(replace(resource, id=id), inputs, state) or ({}, {}))[1])


def test_what_the_engine_knows_is_no_orphan(world: World) -> None:
    """A replacement is created before the deletion of the old resource, with the same URN."""
    made = world.make("aws:iam/role:Role", assumeRolePolicy=policy("sts:AssumeRole", {"Service": "ec2.amazonaws.com"}))
    plugin = world.another_plugin()
    plugin.diff(made.resource, made.inputs, made.state, made.inputs)
    plugin.create(made.resource, {**made.inputs, "name": "another"}, False)
    assert world.plugin.read(made.resource, made.inputs, made.state) == (made.inputs, made.state)


def test_a_creation_cut_short_between_two_calls_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An EKS cluster is two calls here: its security group follows."""
    [case] = [each for each in CASES if each.token == "aws:eks/cluster:Cluster"]
    resource = ResourceState(type=case.token, name="cut", urn=f"urn:pulumi:local::dwcp-v3::{case.token}::cut")
    asked = {key: value for key, value in case.inputs(world).items() if key != "name"}

    def die(*_: Any) -> None:
        raise KilledError

    first = world.plugin.check(resource, {}, asked)
    with monkeypatch.context() as patch:
        patch.setattr(eks.Cluster, "_vpc", die)
        with pytest.raises(KilledError):
            world.another_plugin().create(resource, first, False)
    id, _ = world.another_plugin().create(resource, world.plugin.check(resource, {}, asked), False)
    clusters = world.boto("eks").list_clusters()["clusters"]
    groups = {group["GroupName"] for group in world.boto("ec2").describe_security_groups()["SecurityGroups"]}
    assert id in clusters
    assert first["name"] not in clusters
    assert not any(first["name"] in name for name in groups)


TESTED_APART = {
    "aws:s3/bucket:Bucket": {"bucketPrefix"},
    "aws:ec2/route:Route": {"gatewayId"},
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": {"referencedSecurityGroupId"},
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": {"referencedSecurityGroupId"},
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": {"ingress", "egress"},
    "aws:lb/listener:Listener": {"protocol"},
    "aws:route53/record:Record": {"aliases"},
    "aws:eks/cluster:Cluster": {"version", "deletionProtection"},
    "aws:cloudwatch/metricAlarm:MetricAlarm": {
        *("metricQueries", "metricName", "namespace", "dimensions", "statistic", "period", "datapointsToAlarm"),
        *("extendedStatistic", "evaluateLowSampleCountPercentiles"),
    },
}
"""Inputs that exclude other inputs of the case, or whose change needs a special state. Another case of the type or
test_aws_provider.py has them."""


@every_type
def test_the_case_names_every_modelled_input(world: World, case: Case) -> None:
    kind = TYPES[case.token]
    assert not kind.not_stored, "the other tests do not compare the inputs of `not_stored`; moto stores all inputs of every type"
    apart = TESTED_APART.get(case.token, set())
    assert kind.modelled() - {"tagsAll"} - apart == case.inputs(world).keys() - apart
    assert kind.updatable - {"tagsAll"} - apart == case.updates(world).keys() - apart


def test_every_type_has_a_case() -> None:
    assert {case.token for case in CASES} == TYPES.keys()
