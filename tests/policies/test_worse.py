"""Random changes of the valid graph: each that allows more than before, by an evaluation of its own, is found in the whole graph.

Nothing here lists what is wrong. A document or a network changes at random; requests and connections that the platform must not
allow are then tried before and after, and the rules must find every change that allows one more.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from functools import cache
from ipaddress import IPv4Network, ip_address, ip_network
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from iam_requests import open_to_strangers, powers, statements
from policies_good import good_world
from policies_tracing import plain
from recording import run_platform

import policies
from policies.config import config_of
from policies.views import View
from program.graph import Resource
from program.types import (
    BUCKET,
    BUCKET_POLICY,
    GROUP_RULE,
    INGRESS_RULE,
    KEY,
    POLICY,
    ROLE,
    ROLE_POLICY,
    SECURITY_GROUP,
    TOPIC_POLICY,
)

CONFIG = config_of("production", today=date(2026, 11, 24))
THOROUGH = settings(max_examples=75, deadline=None, suppress_health_check=list(HealthCheck))


@cache
def good() -> tuple[Resource, ...]:
    return (*run_platform("production").resources, *good_world().resources())


def stopped_by(*changed: Resource) -> set[str]:
    """The mandatory rules that the graph violates with these resources instead of, or beside, its own."""
    by_urn = {each.urn: each for each in changed}
    world = [by_urn.pop(each.urn, each) for each in good()]
    return {each.rule for each in policies.check([*world, *by_urn.values()], "production", CONFIG) if each.blocks}


WILD = ["*", "?*", "**", "*?", "????????", "x*"]
OPERATORS = ["StringEquals", "StringLike", "ArnLike", "IpAddress", "Bool", "StringNotEquals", "StringNotLike", "Null"]
KEYS = ["aws:SourceArn", "aws:PrincipalOrgID", "aws:SourceIp", "aws:PrincipalAccount", "kms:ViaService", "aws:userid"]
VALUES = ["*", "true", "o-1", "o-*", "123456789012", "1*", "0.0.0.0/0", "0.0.0.0/1", "10.0.0.0/8", "arn:aws:iam::123456789012:*"]
ACTIONS = [
    "s3:*",
    "s3:Get*",
    "*",
    "*:*",
    "iam:*",
    "iam:AddUserToGroup",
    "iam:Put*",
    "iam:CreatePolicyVersion",
    "iam:?*",
    "i?m:*",
    "kms:*",
    "ec2:?*",
    "sts:AssumeRole",
    "dynamodb:**",
]
RESOURCES = [
    "*",
    "**",
    "arn:aws:s3:::*",
    "arn:aws:s3:::x/*",
    "arn:*",
    "arn:aws:iam::*:role/*",
    "arn:aws:iam::*:user/x",
    "arn:aws:iam::*:policy/moved-*",
    "arn:aws:iam::*:group/*",
    "arn:aws:kms:*",
]
PRINCIPALS = ["*", {"AWS": "*"}, {"AWS": ["arn:aws:iam::*:root", "123456789012"]}, {"Service": "ec2.amazonaws.com"}, {"AWS": "1*"}]


def widened(text: str, data: st.DataObject) -> str:
    """A part of a text between its separators, or its end, becomes a wildcard."""
    parts = re.split(r"([:/.-])", text)
    index = data.draw(st.integers(0, len(parts) - 1))
    parts[index] = data.draw(st.sampled_from(WILD))
    return "".join(parts if data.draw(st.booleans()) else parts[: index + 1])


def change(statement: dict[str, Any], data: st.DataObject) -> None:
    """One random change of a statement."""
    way = data.draw(st.sampled_from(["widen", "drop", "invert", "flip", "condition", "principal"]), label="way")
    texts = [key for key in ("Action", "Resource") if key in statement]
    if way in ("widen", "invert") and not texts:
        return
    if way == "widen":
        key = data.draw(st.sampled_from(texts))
        items = statement[key] if isinstance(statement[key], list) else [statement[key]]
        index = data.draw(st.integers(0, len(items) - 1))
        items = [*items[:index], widened(items[index], data), *items[index + 1 :]]
        statement[key] = items if data.draw(st.booleans()) else items[index]
    elif way == "drop":
        statement.pop("Condition", None)
    elif way == "invert":
        key = data.draw(st.sampled_from(texts))
        statement[f"Not{key}"] = statement.pop(key)
    elif way == "flip":
        statement["Effect"] = "Allow"
    elif way == "principal" and "Principal" in statement:
        if data.draw(st.booleans()):
            statement["Principal"] = data.draw(st.sampled_from(PRINCIPALS))
        else:
            statement["NotPrincipal"] = statement.pop("Principal")
    elif way == "condition":
        prefix = data.draw(st.sampled_from(["", "", "ForAnyValue:", "ForAllValues:"]))
        operator = prefix + data.draw(st.sampled_from(OPERATORS)) + data.draw(st.sampled_from(["", "", "IfExists"]))
        key, value = data.draw(st.sampled_from(KEYS)), data.draw(st.sampled_from(VALUES))
        assume("IpAddress" not in operator or "/" in value)
        assume("IpAddress" not in operator or key == "aws:SourceIp")
        statement["Condition"] = {operator: {key: value}}


def changed(document: dict[str, Any], data: st.DataObject) -> dict[str, Any]:
    found = [copy.deepcopy(each) for each in statements(document)]
    if data.draw(st.booleans(), label="one more statement"):
        more: dict[str, Any] = {
            "Effect": "Allow",
            "Action": data.draw(st.sampled_from(ACTIONS)),
            "Resource": data.draw(st.sampled_from(RESOURCES)),
        }
        found.append(more | ({"Principal": data.draw(st.sampled_from(PRINCIPALS))} if "Principal" in found[0] else {}))
    for _ in range(data.draw(st.integers(1, 2))):
        change(found[data.draw(st.integers(0, len(found) - 1))], data)
    return {**document, "Statement": found if len(found) > 1 or data.draw(st.booleans()) else found[0]}


def with_document(resource: Resource, key: str, document: dict[str, Any]) -> Resource:
    copied = plain(resource)
    copied.inputs[key] = json.dumps(document)
    return copied


def of(*types: str) -> list[Resource]:
    return [each for each in good() if each.type in types]


def beside(owner: Resource, type_: str, name: str, inputs: dict[str, Any], **refers: str) -> Resource:
    """A resource of another type, whose properties ``refers`` come from others."""
    urn = f"{owner.urn.rpartition('::')[0].rpartition('::')[0]}::{type_}::{name}"
    depends = {key: (source,) for key, source in refers.items()}
    return Resource(urn=urn, type=type_, name=name, inputs=inputs, provider=owner.provider, property_dependencies=depends)


def arn_of(policy: Resource) -> str:
    """An example of the ARN of a declared policy."""
    return f"arn:aws:iam::123456789012:policy/{View(policy, policy.inputs).physical_name}"


def ways_to_give(role: Resource, document: str) -> list[list[Resource]]:
    """The same permissions by each of the ways that AWS has."""
    copied = plain(role)
    copied.inputs["inlinePolicies"] = [{"name": "own", "policy": document}]
    policy = beside(role, "aws:iam/policy:Policy", "moved", {"policy": document})
    arn = arn_of(policy)
    listed = plain(role)
    listed.inputs["managedPolicyArns"] = [arn]
    by_role = replace(listed, property_dependencies={**(role.property_dependencies or {}), "managedPolicyArns": (policy.urn,)})
    attached = {"policyArn": policy.urn, "role": role.urn}
    given = {"role": role.inputs.get("name", role.name), "policyArn": arn}
    return [
        [copied],
        [policy, by_role],
        [policy, beside(role, "aws:iam/rolePolicyAttachment:RolePolicyAttachment", "moved", given, **attached)],
        [
            policy,
            beside(
                role,
                "aws:iam/policyAttachment:PolicyAttachment",
                "moved",
                {"name": "moved", "roles": [given["role"]], "policyArn": arn},
                policyArn=policy.urn,
                roles=role.urn,
            ),
        ],
        [
            policy,
            beside(
                role,
                "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive",
                "moved",
                {"roleName": given["role"], "policyArns": [arn]},
                policyArns=policy.urn,
                roleName=role.urn,
            ),
        ],
    ]


@THOROUGH
@given(st.data())
def test_a_role_that_can_do_more_is_found(data: st.DataObject) -> None:
    target = data.draw(st.sampled_from(of(ROLE_POLICY)), label="policy")
    document = json.loads(target.inputs["policy"])
    [role] = [each for each in of(ROLE) if each.urn in (target.property_dependencies or {}).get("role", ())] or of(ROLE)[:1]
    name = role.inputs.get("name", role.name)
    mutant = changed(document, data)
    bare = replace(plain(role), property_dependencies={})
    bare.inputs.pop("permissionsBoundary", None)
    ways = [[with_document(target, "policy", mutant), bare], *ways_to_give(bare, json.dumps(mutant))]
    way = data.draw(st.sampled_from(ways), label="way")
    attached = tuple(arn_of(each) for each in way if each.type == POLICY)
    more = powers(mutant, name, attached) - powers(document, name, attached)
    assume(more)
    assert stopped_by(*way), (more, mutant)


HARMLESS = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::one-bucket/one-object"}],
    }
)


def test_no_way_to_give_harmless_permissions_is_stopped() -> None:
    """Otherwise a rule that stops a way itself, and not its permissions, would let the test above pass."""
    role = of(ROLE)[0]
    bare = replace(plain(role), property_dependencies={})
    bare.inputs.pop("permissionsBoundary", None)
    assert [stopped_by(*way) for way in [[bare], *ways_to_give(bare, HARMLESS)]] == [set()] * 6


def own_resources(document: dict[str, Any]) -> list[str]:
    patterns = [each for statement in statements(document) for each in _listed(statement.get("Resource", "x"))]
    return sorted({re.sub(r"[*?]", "x", each) for each in patterns})


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


CALLS = ("sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "s3:GetObject", "s3:PutObject", "kms:Decrypt", "sns:Publish")


def strangers(document: dict[str, Any], resources: Iterable[str]) -> set[tuple[str, str, str]]:
    return {each for resource in resources for each in open_to_strangers(document, CALLS, resource)}


def also_inline(target: Resource, document: dict[str, Any]) -> list[Resource]:
    """The policy in the bucket or topic itself instead of in a resource of its own."""
    kind = {BUCKET_POLICY: BUCKET, TOPIC_POLICY: "aws:sns/topic:Topic"}[target.type]
    owner = next(each for each in of(kind))
    return [with_document(owner, "policy", document)]


@THOROUGH
@given(st.data())
def test_what_strangers_can_call_is_found(data: st.DataObject) -> None:
    target = data.draw(st.sampled_from(of(ROLE, KEY, BUCKET_POLICY, TOPIC_POLICY)), label="resource")
    key = "assumeRolePolicy" if target.type == ROLE else "policy"
    document = json.loads(target.inputs.get(key) or "null")
    assume(document)
    mutant = changed(document, data)
    resources = own_resources(document)
    more = strangers(mutant, resources) - strangers(document, resources)
    assume(more)
    way = [with_document(target, key, mutant)]
    if target.type in (BUCKET_POLICY, TOPIC_POLICY) and data.draw(st.booleans(), label="inline"):
        way = also_inline(target, mutant)
    assert stopped_by(*way), (more, mutant)


def test_the_unchanged_policy_inline_is_not_stopped() -> None:
    policies_of = of(BUCKET_POLICY, TOPIC_POLICY)
    assert {each.type for each in policies_of} == {BUCKET_POLICY, TOPIC_POLICY}
    assert [stopped_by(*also_inline(each, json.loads(each.inputs["policy"]))) for each in policies_of] == [set()] * len(policies_of)


PUBLIC = [f"{first}.{second}.9.9" for first in range(1, 224, 3) if first not in (10, 127, 172) for second in (7, 207)]
PUBLIC += [f"2{middle:03x}:db{middle % 10}::7" for middle in range(0, 0xFFF, 61)]
PORTS = (22, 80, 443, 5432, 6379, 8080, 30000)


def connections(rules: Iterable[tuple[str, int, int, Iterable[str]]]) -> set[tuple[str, int]]:
    """The ports that more than one public address in 60 reaches, by protocol; the web's ports over TCP may be reached."""
    found: set[tuple[str, int]] = set()
    for protocol, low, high, networks in rules:
        sources = [ip_network(each, strict=False) for each in networks]
        inside = sum(any(address in each for each in sources) for address in map(ip_address, PUBLIC))
        if inside * 60 <= len(PUBLIC):
            continue
        for port in PORTS:
            if protocol == "-1" or low <= port <= high:
                found.add((protocol, port))
    return {(protocol, port) for protocol, port in found if protocol != "tcp" or port not in (80, 443)}


def network(data: st.DataObject) -> str:
    if data.draw(st.booleans()):
        return str(ip_network((data.draw(st.integers(0, 2**128 - 1)), data.draw(st.integers(0, 64))), strict=False))
    return str(IPv4Network((data.draw(st.integers(0, 2**32 - 1)), data.draw(st.integers(0, 24))), strict=False))


def split(source: str, times: int) -> list[str]:
    """The same network in parts."""
    whole = ip_network(source)
    return [str(each) for each in whole.subnets(prefixlen_diff=min(times, whole.max_prefixlen - whole.prefixlen))]


def ways_to_open(rule: Resource, protocol: str, low: int, high: int, sources: list[str]) -> list[list[Resource]]:
    """The same networks by resources of the current type, by one of the older type, inline in a group, and by a prefix list."""
    ports = {"fromPort": low, "toPort": high}
    group = rule.inputs["securityGroupId"]
    six = ":" in sources[0]
    bare = plain(rule)
    for key in ("cidrIpv4", "cidrIpv6", "referencedSecurityGroupId", "prefixListId"):
        bare.inputs.pop(key, None)
    bare.inputs.update({"ipProtocol": protocol, **ports})
    own: list[Resource] = []
    for index, source in enumerate(sources):
        part = plain(replace(bare, urn=f"{bare.urn}-{index}" if index else bare.urn))
        part.inputs["cidrIpv6" if six else "cidrIpv4"] = source
        own.append(part)
    blocks = {"ipv6CidrBlocks" if six else "cidrBlocks": ["10.0.0.0/16"] * (not six) + sources}
    old = beside(rule, GROUP_RULE, "moved", {"type": "ingress", "securityGroupId": group, "protocol": protocol, **ports, **blocks})
    inline = beside(rule, SECURITY_GROUP, "moved", {"description": "x", "ingress": [{"protocol": protocol, **ports, **blocks}]})
    family = {"addressFamily": "IPv6" if six else "IPv4", "maxEntries": len(sources), "name": "moved"}
    entries = {**family, "entries": [{"cidr": source} for source in sources]}
    prefixes = beside(rule, "aws:ec2/managedPrefixList:ManagedPrefixList", "moved", entries)
    listed = replace(plain(bare), property_dependencies={"prefixListId": (prefixes.urn,)})
    listed.inputs["prefixListId"] = "pl-0123456789"
    return [own, [old], [inline], [prefixes, listed]]


@THOROUGH
@given(st.data())
def test_what_the_internet_can_reach_is_found(data: st.DataObject) -> None:
    rule = data.draw(st.sampled_from(of(INGRESS_RULE)), label="rule")
    protocol = data.draw(st.sampled_from(["tcp", "tcp", "udp", "-1"]))
    low = data.draw(st.sampled_from([*PORTS, 0, 1024]))
    high = data.draw(st.sampled_from([low, low, 443, 65535]))
    assume(low <= high)
    sources = split(network(data), data.draw(st.integers(0, 8), label="parts"))
    assume(connections([(protocol, low, high, sources)]))
    way = data.draw(st.sampled_from(ways_to_open(rule, protocol, low, high, sources)), label="way")
    assert "network-open-ports" in stopped_by(*way), (protocol, low, high, sources)


@pytest.mark.parametrize("sources", [["10.0.0.0/16", "10.1.0.0/16"], ["fd00::/16"]])
def test_no_way_to_open_a_port_to_private_networks_is_found(sources: list[str]) -> None:
    rule = of(INGRESS_RULE)[0]
    found = [stopped_by(*way) for way in ways_to_open(rule, "tcp", 22, 22, sources)]
    assert len(found) == 4
    assert not any("network-open-ports" in rules for rules in found), found
