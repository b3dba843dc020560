"""The state backend on moto: `bootstrap` creates it, fixes weakened settings, and otherwise changes nothing."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from accounts import Account

from contract import LEASE_TABLE, STATE_KEY_ALIAS, secrets_alias
from delivery.clients.state_backend import Backend, bootstrap, problems, tls_only
from delivery.errors import UsageError

WITHOUT_TLS = "disableSSL=true"


@pytest.fixture
def backend() -> Backend:
    bucket = f"state-{uuid.uuid4().hex[:8]}"
    return Backend(bucket=bucket, prefix="dwcp-v3", url=f"s3://{bucket}/dwcp-v3?{WITHOUT_TLS}")


def run_bootstrap(account: Account, backend: Backend) -> list[str]:
    """Bootstrap the backend; return the changes."""
    changes: list[str] = []
    bootstrap(account, backend, changes.append)
    return changes


def test_the_guides_bucket_is_the_default(account: Account) -> None:
    backend = Backend.of(account)
    assert (backend.bucket, backend.prefix) == ("novacron-terraform-state", "dwcp-v3")
    assert backend.url == "s3://novacron-terraform-state/dwcp-v3?region=us-east-1&awssdk=v2"
    assert backend.checkpoint("staging") == "dwcp-v3/.pulumi/stacks/dwcp-v3/staging.json"


def test_a_backend_that_is_not_a_bucket_is_refused(account: Account) -> None:
    with pytest.raises(UsageError, match="file:///tmp/x is not an S3 backend"):
        Backend.of(replace(account, variables={"PULUMI_BACKEND_URL": "file:///tmp/x"}))


def test_a_backend_in_another_region_than_the_stack_is_refused(account: Account) -> None:
    url = "s3://state-in-frankfurt/dwcp-v3?region=eu-central-1&awssdk=v2"
    with pytest.raises(UsageError, match="names the region eu-central-1, but environment.region of .* is us-east-1") as refused:
        Backend.of(replace(account, variables={"PULUMI_BACKEND_URL": url}))
    assert f"`region: eu-central-1` of dwcp-v3:environment in Pulumi.{account.name}.yaml" in refused.value.fix
    same_region = Backend.of(replace(account, region="eu-central-1", variables={"PULUMI_BACKEND_URL": url}))
    assert same_region.bucket == "state-in-frankfurt"


def test_every_resource_of_bootstrap_has_the_tags_of_the_account(account: Account, backend: Backend) -> None:
    account.aws("dynamodb").delete_table(TableName=LEASE_TABLE)
    run_bootstrap(account, backend)
    kms, dynamodb = account.aws("kms"), account.aws("dynamodb")
    table = dynamodb.describe_table(TableName=LEASE_TABLE)["Table"]["TableArn"]
    tagged = [
        {
            each["TagKey"]: each["TagValue"]
            for each in kms.list_resource_tags(KeyId=kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"])["Tags"]
        }
        for alias in (STATE_KEY_ALIAS, secrets_alias(account.name))
    ]
    for tags in (
        account.aws("s3").get_bucket_tagging(Bucket=backend.bucket)["TagSet"],
        dynamodb.list_tags_of_resource(ResourceArn=table)["Tags"],
    ):
        tagged.append({each["Key"]: each["Value"] for each in tags})
    assert tagged == [{"project": "dwcp-v3", "environment": "account", "managed-by": "dwcp"}] * 4


def test_a_second_bootstrap_changes_nothing(account: Account, backend: Backend) -> None:
    assert f"bucket {backend.bucket} does not exist" in problems(account, backend)
    assert f"bucket {backend.bucket}" in run_bootstrap(account, backend)
    assert run_bootstrap(account, backend) == []
    assert problems(account, backend) == []
    s3 = account.aws("s3")
    assert s3.get_bucket_versioning(Bucket=backend.bucket)["Status"] == "Enabled"
    [rule] = s3.get_bucket_encryption(Bucket=backend.bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"


def test_a_weakened_setting_is_reported_and_fixed(account: Account, backend: Backend) -> None:
    run_bootstrap(account, backend)
    s3 = account.aws("s3")
    s3.put_bucket_versioning(Bucket=backend.bucket, VersioningConfiguration={"Status": "Suspended"})
    s3.delete_public_access_block(Bucket=backend.bucket)
    s3.delete_bucket_encryption(Bucket=backend.bucket)  # S3 then encrypts with its own keys
    assert problems(account, backend) == [
        f"bucket {backend.bucket} is not versioned",
        f"bucket {backend.bucket} is not encrypted with KMS",
        f"bucket {backend.bucket} is open to public access",
    ]
    assert len(run_bootstrap(account, backend)) == 3
    assert problems(account, backend) == []


def test_a_bucket_with_a_tls_url_gets_a_policy_that_denies_requests_without_tls(account: Account) -> None:
    """The test has its own bucket: moto enforces the Deny statement, so nothing can be written to it afterwards."""
    bucket = f"state-{uuid.uuid4().hex[:8]}"
    backend = Backend(bucket=bucket, prefix="dwcp-v3", url=f"s3://{bucket}/dwcp-v3?region=us-east-1")
    run_bootstrap(account, backend)
    assert problems(account, backend) == []
    account.aws("s3").delete_bucket_policy(Bucket=bucket)
    assert problems(account, backend) == [f"bucket {bucket} is open to requests without TLS"]
    [statement] = tls_only(bucket)["Statement"]
    assert (statement["Effect"], statement["Action"], statement["Principal"]) == ("Deny", "s3:*", "*")
    assert statement["Resource"] == [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
