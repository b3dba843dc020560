"""Physical names are unique per account and region, so that all stacks and the state backend can be in one account."""

from __future__ import annotations

from collections import defaultdict

import boto3
import pytest
from moto import mock_aws
from recording import Recorded, run_account, run_platform

from delivery.clients.environment import Environment
from delivery.clients.state_backend import Backend, bootstrap

STACKS = ("local", "staging", "production")

NAME_PROPERTIES = (
    *("name", "bucket", "url", "functionName", "identifier", "clusterIdentifier", "tableName", "roleName", "policyName"),
    *("groupName", "queueName", "topicName", "domainName", "replicationGroupId", "nodeGroupName"),
)
"""The properties that hold a physical name, in any type of the provider."""
NAMED_AFTER_HOSTS = ("aws:route53/record:Record", "aws:acm/certificate:Certificate")
"""Types whose resources are named after hosts, which the settings choose, and not after the environment."""


def fixed_names(stack: str) -> list[tuple[Recorded, str]]:
    """Every physical name that a program sets; the provider names the other resources, with a random suffix."""
    return [
        (each, each.inputs[key])
        for each in (run_account() if stack == "account" else run_platform(stack)).resources
        if each.type.startswith("aws:")
        for key in NAME_PROPERTIES
        # A name that comes from another resource is a reference to that.
        if isinstance(each.inputs.get(key), str) and key not in (each.property_dependencies or {})
    ]


def backend_names(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Type and name of each resource that `dwcp state bootstrap` creates in an empty account."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://state/dwcp-v3?region=us-east-1")
    with mock_aws():
        for name in ("staging", "production"):
            environment = Environment.open(name)
            bootstrap(environment, Backend.of(environment), lambda done: None)
        buckets, kms, tables = (boto3.client(each, region_name="us-east-1") for each in ("s3", "kms", "dynamodb"))
        return [
            *(("aws:s3/bucket:Bucket", each["Name"]) for each in buckets.list_buckets()["Buckets"]),
            *(("aws:kms/alias:Alias", each["AliasName"]) for each in kms.list_aliases()["Aliases"] if "TargetKeyId" in each),
            *(("aws:dynamodb/table:Table", each) for each in tables.list_tables()["TableNames"]),
        ]


def test_no_physical_name_is_used_twice_in_one_account(monkeypatch: pytest.MonkeyPatch) -> None:
    users: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for stack in (*STACKS, "account"):
        for each, name in fixed_names(stack):
            if stack != "local" or each.type not in NAMED_AFTER_HOSTS:  # the sandbox has its own DNS zones
                users[each.type, name].append(f"{stack}: {each.name}")
    for type_, name in backend_names(monkeypatch):
        users[type_, name].append("dwcp state bootstrap")
    assert {key: found for key, found in users.items() if len(found) > 1} == {}
    kinds = {type_.rpartition(":")[2] for type_, _ in users}
    assert {"Cluster", "LogGroup", "Alias", "Role", "Policy", "Bucket", "Table", "OpenIdConnectProvider"} <= kinds


@pytest.mark.parametrize("stack", STACKS)
def test_every_fixed_name_contains_the_environment(stack: str) -> None:
    wrong = [f"{each.type} {name}" for each, name in fixed_names(stack) if each.type not in NAMED_AFTER_HOSTS and stack not in name]
    assert wrong == []
