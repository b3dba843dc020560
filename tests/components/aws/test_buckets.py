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


@pytest.mark.parametrize("stack", ["local", "staging", "production"])
def test_old_versions_and_incomplete_uploads_expire_in_every_bucket(stack: str) -> None:
    """Every bucket is versioned: expired and overwritten objects remain as old versions until a rule removes them."""
    graph = run_platform(stack)
    rules = {each.name: each.inputs["rules"] for each in graph.of("BucketLifecycleConfiguration")}
    assert rules.keys() == {each.name for each in graph.of("BucketVersioning")}
    for name, listed in rules.items():
        assert any("noncurrentVersionExpiration" in each for each in listed), name
        assert any("abortIncompleteMultipartUpload" in each for each in listed), name
