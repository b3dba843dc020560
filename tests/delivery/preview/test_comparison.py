"""The comparison of two graphs, on graphs of any shape."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.field_owners import DEPLOYMENT
from delivery.preview._comparison import compare, nodes
from delivery.preview._values import differences
from delivery.preview.change import Kind
from program.catalogue import Replaces
from program.graph import Graph, Resource

SUBNET, VPC, NAT = "aws:ec2/subnet:Subnet", "aws:ec2/vpc:Vpc", "aws:ec2/natGateway:NatGateway"


def urn(type_: str, name: str) -> str:
    return f"urn:pulumi:s::dwcp-v3::{type_}::{name}"


def resource(type_: str, name: str, inputs: dict[str, Any] | None = None, **options: Any) -> Resource:
    return Resource(urn=urn(type_, name), type=type_, name=name, inputs=inputs or {}, custom=True, **options)


def graph(*resources: Resource) -> Graph:
    return Graph(stack="s", resources=resources, invokes=(), exports={})


VALUES = st.recursive(
    st.booleans() | st.integers(-3, 3) | st.text("ab{\n", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "a", "b.c", "d[0]"]), inner, max_size=3),
    max_leaves=8,
)
RESOURCES = st.builds(
    resource,
    st.sampled_from([VPC, SUBNET, "aws:s3/bucket:Bucket", "kubernetes:core/v1:Secret", "made:up:Up"]),
    st.sampled_from("abc"),
    st.dictionaries(st.sampled_from(["cidrBlock", "tags", "data", "policy"]), VALUES, max_size=3),
    protect=st.booleans(),
    retain_on_delete=st.booleans(),
)
GRAPHS = st.lists(RESOURCES, max_size=6, unique_by=lambda each: each.urn).map(lambda found: graph(*found))


@given(GRAPHS)
def test_a_graph_does_not_differ_from_itself(found: Graph) -> None:
    assert compare(found, found) == ()
    assert compare(found, Graph.from_json(found.to_json())) == ()


@given(GRAPHS, GRAPHS)
def test_every_resource_is_accounted_for_once(base: Graph, head: Graph) -> None:
    changes = compare(base, head)
    assert len({each.urn for each in changes}) == len(changes)
    before, after = base.by_urn().keys(), head.by_urn().keys()
    assert {each.urn for each in changes if each.kind is Kind.CREATE} == after - before
    assert {each.urn for each in changes if each.kind is Kind.DELETE} == before - after
    assert {each.urn for each in nodes(base, head, changes)} == before | after


@given(GRAPHS, GRAPHS)
def test_what_loses_something_comes_first(base: Graph, head: Graph) -> None:
    risky = [each.risky for each in compare(base, head)]
    assert risky == sorted(risky, reverse=True)


@given(GRAPHS, GRAPHS)
def test_the_reverse_comparison_has_the_reverse_changes(base: Graph, head: Graph) -> None:
    there, back = compare(base, head), compare(head, base)
    assert {each.urn for each in there} == {each.urn for each in back}
    assert {each.urn for each in there if each.kind is Kind.CREATE} == {each.urn for each in back if each.kind is Kind.DELETE}


@given(VALUES, VALUES)
def test_values_differ_exactly_where_a_difference_is_found(left: Any, right: Any) -> None:
    found = list(differences({"x": left}, {"x": right}))
    assert bool(found) == (left != right)
    assert all(before != after for _, before, after in found)


def test_a_replacement_replaces_what_cannot_follow_it() -> None:
    def network(cidr: str) -> Graph:
        return graph(
            resource(VPC, "vpc", {"cidrBlock": cidr}),
            resource(SUBNET, "subnet", {"vpcId": "vpc-id"}, property_dependencies={"vpcId": (urn(VPC, "vpc"),)}),
            resource(NAT, "nat", {"subnetId": "subnet-id"}, property_dependencies={"subnetId": (urn(SUBNET, "subnet"),)}),
            resource(
                "aws:ec2/internetGateway:InternetGateway",
                "out",
                {"vpcId": "vpc-id"},
                property_dependencies={"vpcId": (urn(VPC, "vpc"),)},
            ),
        )

    changes = {each.name: each for each in compare(network("10.0.0.0/16"), network("10.1.0.0/16"))}
    assert {name: each.kind for name, each in changes.items()} == {
        "vpc": Kind.REPLACE,
        "subnet": Kind.REPLACE,
        "nat": Kind.REPLACE,
        "out": Kind.UPDATE,
    }
    assert changes["nat"].properties[0].follows == urn(SUBNET, "subnet")


def test_a_field_with_another_owner_is_not_a_change() -> None:
    def deployment(replicas: int, image: str) -> Graph:
        inputs = {"spec": {"replicas": replicas, "template": {"image": image}}}
        return graph(resource(DEPLOYMENT, "dwcp-v3-deployment", inputs, ignore_changes=("spec.replicas",)))

    assert compare(deployment(3, "a"), deployment(5, "a")) == ()
    [change] = compare(deployment(3, "a"), deployment(5, "b"))
    assert [(each.path, each.owner) for each in change.ignored] == [("spec.replicas", "autoscaler")]
    assert [each.path for each in change.properties] == ["spec.template.image"]


@pytest.mark.parametrize(
    ("before", "after", "name", "sides"),
    [
        ({"protect": True}, {}, "protect", ("yes", "no")),
        ({"retain_on_delete": True}, {}, "retain on delete", ("yes", "no")),
        ({}, {"delete_before_replace": True}, "deleted before replacement", ("no", "yes")),
        ({}, {"deleted_with": urn(VPC, "a")}, "deleted with", ("", "a")),
        ({"plugin": "7.1.0"}, {"plugin": "7.1.0 x"}, "plugin", ("7.1.0", "7.1.0 x")),
        ({"timeouts": "delete 1h"}, {}, "timeouts", ("delete 1h", "")),
        ({"provider": f"{urn('p', 'one')}::id"}, {"provider": f"{urn('p', 'two')}::id"}, "provider", ("one", "two")),
        (
            {"dependencies": (urn(VPC, "a"), urn(VPC, "b"))},
            {"dependencies": (urn(VPC, "b"), urn(VPC, "c"))},
            "dependencies",
            ("a", "c"),
        ),
    ],
)
def test_options_are_changes_too(before: dict[str, Any], after: dict[str, Any], name: str, sides: tuple[str, str]) -> None:
    [change] = compare(graph(resource(VPC, "x", **before)), graph(resource(VPC, "x", **after)))
    assert change.kind is Kind.OPTIONS
    assert [(each.name, each.before, each.after) for each in change.options] == [(name, *sides)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"import_id": "vpc-2"}),
        ({"import_id": "vpc-1"}, {"import_id": "vpc-2"}),
        ({"replacement_trigger": 1}, {"replacement_trigger": 2}),
    ],
)
def test_options_that_replace_the_resource(before: dict[str, Any], after: dict[str, Any]) -> None:
    [change] = compare(graph(resource(VPC, "x", **before)), graph(resource(VPC, "x", **after)))
    assert change.kind is Kind.REPLACE


def test_an_import_id_that_the_program_no_longer_needs_changes_nothing() -> None:
    assert compare(graph(resource(VPC, "x", import_id="vpc-1")), graph(resource(VPC, "x"))) == ()


def test_replace_on_changes_replaces() -> None:
    def alarm(value: int) -> Graph:
        return graph(resource("made:up:Up", "x", {"value": value}, replace_on_changes=("value",)))

    [change] = compare(alarm(1), alarm(2))
    assert (change.kind, change.properties[0].replaces) == (Kind.REPLACE, Replaces.YES)


def test_a_protected_resource_that_goes_is_marked_and_a_kept_one_loses_nothing() -> None:
    bucket = "aws:s3/bucket:Bucket"
    [protected] = compare(graph(resource(bucket, "x", protect=True)), graph())
    [kept] = compare(graph(resource(bucket, "x", retain_on_delete=True)), graph())
    assert protected.protected
    assert protected.risky
    assert kept.kept
    assert not kept.risky


ROLE, SERVICE = "aws:iam/role:Role", "kubernetes:core/v1:Service"


@pytest.mark.parametrize(
    ("type_", "inputs"),
    [
        (ROLE, {"name": "r"}),
        ("aws:s3/bucketVersioning:BucketVersioning", {"bucket": "b"}),  # put again, then deleted with the former resource
        (SERVICE, {"metadata": {"name": "web", "namespace": "n"}}),
    ],
)
def test_a_rename_without_an_alias_is_refused_and_the_printed_alias_keeps_the_resource(type_: str, inputs: dict[str, Any]) -> None:
    base = graph(resource(type_, "old", inputs))
    [created] = [each for each in compare(base, graph(resource(type_, "new", inputs))) if each.kind is Kind.CREATE]
    [reason] = created.refused
    assert "belongs to old" in reason
    printed = reason.partition('aliases=["')[2].partition('"]')[0]
    assert compare(base, graph(resource(type_, "new", inputs, aliases=(printed,)))) == ()


def test_two_resources_for_one_object_are_refused() -> None:
    one, two = (resource(ROLE, name, {"name": "r"}) for name in ("one", "two"))
    [created] = compare(graph(one), graph(one, two))
    assert "also belongs to one" in created.refused[0]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (resource(ROLE, "old", {"name": "r"}), resource(ROLE, "new", {"name": "s"})),
        (resource(ROLE, "old", {"namePrefix": "r"}), resource(ROLE, "new", {"namePrefix": "r"})),
        (resource(ROLE, "old", {"name": "r"}, provider="a::1"), resource(ROLE, "new", {"name": "r"}, provider="b::1")),
        (resource(VPC, "old", {"cidrBlock": "10.0.0.0/16"}), resource(VPC, "new", {"cidrBlock": "10.0.0.0/16"})),
        (
            resource(SERVICE, "old", {"metadata": {"name": "w", "namespace": "a"}}),
            resource(SERVICE, "new", {"metadata": {"name": "w"}}),
        ),
    ],
    ids=["another name", "generated names", "another provider", "a type with equal objects", "another namespace"],
)
def test_other_objects_are_created_beside_each_other(before: Resource, after: Resource) -> None:
    assert [each.refused for each in compare(graph(before), graph(after))] == [(), ()]


def test_a_policys_text_is_compared_by_what_it_says() -> None:
    def role(text: str) -> Graph:
        return graph(resource("aws:iam/rolePolicy:RolePolicy", "x", {"policy": text}))

    assert compare(role('{"a": 1, "b": 2}'), role('{"b":2,"a":1}')) == ()
    [change] = compare(role('{"Statement": [{"Sid": "s", "Action": "a"}]}'), role('{"Statement": [{"Sid": "s", "Action": "b"}]}'))
    assert [each.path for each in change.properties] == ["policy.Statement[s].Action"]
