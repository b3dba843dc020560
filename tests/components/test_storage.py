import json

import pytest
from recording import run_platform

BUCKETS = ("dwcp-v3-artifacts", "dwcp-v3-access-logs")


@pytest.mark.parametrize("bucket", BUCKETS)
def test_every_bucket_is_private_versioned_and_tls_only(bucket: str) -> None:
    graph = run_platform("production")
    block = graph.one("BucketPublicAccessBlock", bucket)
    deny = [each for each in json.loads(graph.one("BucketPolicy", bucket)["policy"])["Statement"] if each["Effect"] == "Deny"]
    assert {key: value for key, value in block.items() if key != "bucket"} == dict.fromkeys(
        ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True
    )
    assert graph.one("BucketVersioning", bucket)["versioningConfiguration"]["status"] == "Enabled"
    assert deny[0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert deny[0]["Principal"] == "*"


def test_artifacts_are_encrypted_with_their_own_rotated_key() -> None:
    graph = run_platform("local")
    rule = graph.one("BucketServerSideEncryptionConfiguration", "dwcp-v3-artifacts")["rules"][0]
    assert rule["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"].endswith(":dwcp-v3-artifacts")
    assert graph.one("Key", "dwcp-v3-artifacts")["enableKeyRotation"] is True


def test_logs_are_kept_as_long_as_the_setting_says_and_encrypted() -> None:
    groups = run_platform("local", logs={"retentionDays": 60}).of("LogGroup")
    assert len(groups) == 3
    assert {group.inputs["retentionInDays"] for group in groups} == {60}
    assert all(group.inputs["kmsKeyId"].endswith(":dwcp-v3-logs") for group in groups)


def test_only_this_accounts_log_groups_may_use_the_log_key() -> None:
    statements = json.loads(run_platform("local").one("Key", "dwcp-v3-logs")["policy"])["Statement"]
    logs = next(each for each in statements if each["Principal"] == {"Service": "logs.us-east-1.amazonaws.com"})
    assert logs["Condition"]["ArnLike"] == {"kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:us-east-1:123456789012:log-group:*"}
