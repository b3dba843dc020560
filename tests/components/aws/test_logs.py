import json

import pytest
from recording import run_platform


def test_logs_are_encrypted_and_kept_for_the_configured_time() -> None:
    groups = run_platform("local", logs={"retentionDays": 60}).of("LogGroup")
    assert len(groups) == 6
    assert {group.inputs["retentionInDays"] for group in groups} == {60}
    assert all(group.inputs["kmsKeyId"].endswith(":dwcp-v3-logs") for group in groups)


def test_only_this_accounts_log_groups_may_use_the_log_key() -> None:
    statements = json.loads(run_platform("local").one("Key", "dwcp-v3-logs")["policy"])["Statement"]
    logs = next(each for each in statements if each["Principal"] == {"Service": "logs.us-east-1.amazonaws.com"})
    assert logs["Condition"]["ArnLike"] == {"kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:us-east-1:123456789012:log-group:*"}


@pytest.mark.parametrize("stack", ["local", "staging", "production"])
def test_the_program_creates_log_groups_that_aws_would_create_without_retention_or_key(stack: str) -> None:
    graph = run_platform(stack)
    cluster = graph.one("aws:eks/cluster:Cluster")["name"]
    written = {f"/aws/containerinsights/{cluster}/{each}" for each in ("application", "dataplane", "host", "performance")}
    groups = {each.inputs["name"]: each.inputs for each in graph.of("LogGroup")}
    assert written | {f"/aws/eks/{cluster}/cluster"} <= groups.keys()
    assert all(each["retentionInDays"] and each["kmsKeyId"] for each in groups.values())
