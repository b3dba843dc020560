"""The table of what replaces a resource, held against the embedded providers, whose rules are tested against services."""

from __future__ import annotations

import pytest

from embedded_cloud.providers.aws.types import TYPES
from embedded_cloud.providers.kubernetes.replacement import DATA, IDENTITY, REPLACING
from program import replacements
from program.paths import Item, covers, parse, text
from program.replacements import AWS, KUBERNETES, Replaces, group_kind, replaces
from program.stateful import LOSES

DIFFERENT: dict[tuple[str, str], str] = {
    ("aws:cloudwatch/logGroup:LogGroup", "kmsKeyId"): "moto takes no key for a group that exists; AWS does (AssociateKmsKey)",
    ("aws:ec2/vpcEndpoint:VpcEndpoint", "privateDnsEnabled"): "moto takes no change of private DNS; AWS does (ModifyVpcEndpoint)",
    ("aws:iam/openIdConnectProvider:OpenIdConnectProvider", "clientIdLists"): "moto cannot add a client; AWS can",
    ("aws:acm/certificateValidation:CertificateValidation", "validationRecordFqdns"): "only the wait's input: a new wait is made",
    ("aws:route53/record:Record", "type"): "the official provider swaps the record in one request, so it is left as not known",
}
"""Where the embedded provider does not say what AWS does, by type and input, with the reason."""


def known(type_: str, name: str) -> Replaces:
    return replaces(type_, parse(name))


IN_TABLE = sorted(token for token in TYPES if token in AWS)


def test_the_table_has_every_type_that_the_embedded_provider_tests_against_a_service() -> None:
    """One that is missing would be `not known` for ever."""
    assert {token for token, kind in TYPES.items() if token not in AWS} == set()


@pytest.mark.parametrize("token", IN_TABLE)
def test_what_replaces_there_replaces_here(token: str) -> None:
    different = {name for type_, name in DIFFERENT if type_ == token}
    assert {name for name in TYPES[token].replace_on - different if known(token, name) is not Replaces.YES} == set()


@pytest.mark.parametrize("token", IN_TABLE)
def test_what_changes_in_place_there_is_said_to_replace_nowhere(token: str) -> None:
    different = {name for type_, name in DIFFERENT if type_ == token}
    assert {name for name in TYPES[token].updatable - different if known(token, name) is Replaces.YES} == set()


@pytest.mark.parametrize(("token", "name"), DIFFERENT, ids=lambda each: each.rsplit(":", 1)[-1])
def test_each_exception_is_one(token: str, name: str) -> None:
    there = Replaces.YES if name in TYPES[token].replace_on else Replaces.NO
    assert known(token, name) is not there


@pytest.mark.parametrize(("kind", "path"), [(kind, path) for kind, listed in REPLACING.items() for path in listed])
def test_what_the_api_server_does_not_let_change_replaces(kind: str, path: str) -> None:
    group, name = kind.split("/")
    assert known(f"kubernetes:{group}/v1:{name}", path) is Replaces.YES


@pytest.mark.parametrize("path", IDENTITY)
def test_another_name_is_another_object(path: str) -> None:
    assert known("kubernetes:any/v1:Kind", path) is Replaces.YES


@pytest.mark.parametrize(("kind", "path"), [(kind, path) for kind, listed in DATA.items() for path in listed])
def test_data_changes_in_place_because_the_programs_provider_says_so(kind: str, path: str) -> None:
    group, name = kind.split("/")
    assert known(f"kubernetes:{group}/v1:{name}", f"{path}.key") is Replaces.NO


@pytest.mark.parametrize("rule", [*AWS.values(), *KUBERNETES.values()], ids=[*AWS, *KUBERNETES])
def test_nothing_is_both(rule: replacements.Rule) -> None:
    clear = [path for path in rule.in_place if path != parse("*")]
    assert [path for path in clear for other in rule.replaces if covers(other, path)] == []


@pytest.mark.parametrize(
    ("type_", "path"),
    [
        ("aws:ec2/subnet:Subnet", "assignIpv6AddressOnCreation"),
        ("aws:made/up:Up", "anything"),
        ("kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding", "spec.targetGroupARN"),
        ("docker:index/container:Container", "image"),
        ("pulumi:providers:aws", "region"),
    ],
)
def test_what_nobody_has_looked_up_is_not_known(type_: str, path: str) -> None:
    assert known(type_, path) is Replaces.NOT_KNOWN


def test_types_of_the_table_of_losses_are_spelled_as_in_the_sdk() -> None:
    """Those that the program has, or the embedded providers know; a typo would lose data without a word."""
    ours = {token for token in LOSES if token.startswith("aws:")} & set(TYPES)
    assert {"aws:s3/bucket:Bucket", "aws:kms/key:Key", "aws:eks/cluster:Cluster", "aws:cloudwatch/logGroup:LogGroup"} <= ours
    assert all(group_kind(token) for token in LOSES if token.startswith("kubernetes:"))


@pytest.mark.parametrize(
    ("pattern", "path", "covered"),
    [
        ("spec.selector", ("spec", "selector", "matchLabels", "app"), True),
        ("spec.selector", ("spec", "template"), False),
        ("spec", ("specification",), False),
        ("actions[0].forward.targetGroups[*].weight", ("actions", 0, "forward", "targetGroups", 1, "weight"), True),
        ("actions[0].forward.targetGroups[*].weight", ("actions", 0, "forward", "targetGroups", 1, "arn"), False),
        ("spec.containers[0].image", ("spec", "containers", Item("app"), "image"), True),
        ("spec.containers.image", ("spec", "containers", Item("app"), "image"), True),
        ("spec.selector.app", ("spec", "selector"), False),
    ],
)
def test_a_pattern_covers_what_lies_below_it(pattern: str, path: tuple[str | int, ...], covered: bool) -> None:
    assert covers(parse(pattern), path) is covered


@pytest.mark.parametrize("path", ["spec.containers[0].image", 'data["users.acl"]', "tags[*]", 'a["x\\"y"].b'])
def test_paths_survive_the_way_to_text_and_back(path: str) -> None:
    assert parse(text(parse(path)).replace(".*", "[*]")) == parse(path)
