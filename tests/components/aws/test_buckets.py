import json

import pytest
from recording import run_platform


def test_every_bucket_is_private_versioned_and_tls_only() -> None:
    graph = run_platform("production")
    buckets = {each.name for each in graph.of("aws:s3/bucket:Bucket")}
    assert buckets == {"dwcp-v3-artifacts", "dwcp-v3-access-logs"}
    for bucket in buckets:
        block = graph.one("BucketPublicAccessBlock", bucket)
        assert {key: value for key, value in block.items() if key != "bucket"} == dict.fromkeys(
            ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True
        )
        assert graph.one("BucketVersioning", bucket)["versioningConfiguration"]["status"] == "Enabled"
        [deny] = [each for each in json.loads(graph.one("BucketPolicy", bucket)["policy"])["Statement"] if each["Effect"] == "Deny"]
        arn = f"arn:aws:mock:us-east-1:123456789012:{bucket}"
        assert deny == {
            **{"Effect": "Deny", "Principal": "*", "Action": ["s3:*"], "Resource": [arn, f"{arn}/*"]},
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }


@pytest.mark.parametrize("stack", ["local", "staging", "production"])
def test_old_versions_and_incomplete_uploads_expire_in_every_bucket(stack: str) -> None:
    """Every bucket is versioned: expired and overwritten objects remain as old versions until a rule removes them."""
    graph = run_platform(stack)
    rules = {each.name: each.inputs["rules"] for each in graph.of("BucketLifecycleConfiguration")}
    assert rules.keys() == {each.name for each in graph.of("BucketVersioning")}
    for name, listed in rules.items():
        assert any("noncurrentVersionExpiration" in each for each in listed), name
        assert any("abortIncompleteMultipartUpload" in each for each in listed), name
