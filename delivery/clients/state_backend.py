"""The backend of the engine's state: a versioned, encrypted bucket, the KMS keys, and the table of leases.

All environments use one backend (guide, State Management). :func:`bootstrap` creates the backend, and :func:`problems` checks it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self, cast
from urllib.parse import parse_qs, urlsplit

from botocore.exceptions import ClientError  # pyright: ignore[reportMissingTypeStubs]

from contract import LEASE_TABLE, PROJECT, SHARED, STATE_BUCKET, STATE_KEY_ALIAS, STATE_PREFIX, secrets_alias
from delivery.clients.aws import conditionally, error_code
from delivery.clients.environment import Environment
from delivery.errors import UsageError

OLD_VERSION_DAYS = 365
"""Number of days for which an overwritten state can be restored."""

LEASE_KEY = "environment"
TAGS = {"project": PROJECT, "environment": SHARED, "managed-by": "dwcp"}
"""The tags of the keys, the bucket and the table. The key for the secrets of one environment has the same tags."""


def write_fenced(call: Callable[..., Any], fencing: int, **arguments: Any) -> bool:
    """Perform ``call``, which writes an item with the fencing number ``fencing`` to the lease table.

    Each lease has a higher fencing number than the lease before it. Returns false, without a write, if the item already has a
    higher number. A command with a later lease has then written the item.
    """
    return conditionally(
        call,
        TableName=LEASE_TABLE,
        ConditionExpression="attribute_not_exists(fencing) OR fencing <= :mine",
        ExpressionAttributeValues={":mine": {"N": str(fencing)}},
        **arguments,
    )


@dataclass(frozen=True)
class Backend:
    """The bucket and prefix of the engine's state."""

    bucket: str = STATE_BUCKET
    prefix: str = STATE_PREFIX
    url: str = ""
    """The URL in the engine's format."""

    @classmethod
    def of(cls, environment: Environment) -> Self:
        """The backend in ``PULUMI_BACKEND_URL``, or else the backend in the guide.

        Raises ``UsageError`` if the backend is not in S3, or if its URL names a region that is not the stack's region.
        """
        default = f"s3://{STATE_BUCKET}/{STATE_PREFIX}?region={environment.region}&awssdk=v2"
        url = environment.variables.get("PULUMI_BACKEND_URL") or default
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc:
            raise UsageError(
                f"PULUMI_BACKEND_URL = {url} is not an S3 backend, and no other kind is supported",
                f"export PULUMI_BACKEND_URL='{default}', or unset it",
            )
        [region] = parse_qs(parts.query).get("region", [environment.region])
        if region != environment.region:
            raise UsageError(
                f"PULUMI_BACKEND_URL = {url} names the region {region}, but environment.region of {environment.name} is "
                f"{environment.region}: the bucket would be in one region, its keys and the lease table in the other",
                f"set `region: {region}` of {PROJECT}:environment in Pulumi.{environment.name}.yaml, or correct the URL",
            )
        return cls(bucket=parts.netloc, prefix=parts.path.strip("/"), url=url)

    @property
    def plain_http(self) -> bool:
        """Whether the engine uses the bucket without TLS, as in the sandbox. A TLS-only bucket would refuse these requests."""
        return parse_qs(urlsplit(self.url).query).get("disableSSL") == ["true"]

    def key(self, *parts: str) -> str:
        """A key under the prefix."""
        return "/".join([self.prefix, *parts] if self.prefix else parts)

    def checkpoint(self, stack: str) -> str:
        """The key of a stack's state."""
        return self.key(".pulumi", "stacks", PROJECT, f"{stack}.json")

    def locks(self, stack: str) -> str:
        """The prefix of the keys of the engine's locks on a stack. These locks never expire."""
        return self.key(".pulumi", "locks", "organization", PROJECT, stack)


def tls_only(bucket: str) -> dict[str, Any]:
    """The bucket policy that denies requests without TLS."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }


def bootstrap(environment: Environment, backend: Backend, done: Callable[[str], None]) -> None:
    """Create missing parts of the backend, and fix wrong settings of the bucket. ``done`` gets a text about each change."""
    kms = environment.aws("kms")
    for alias, what in ((STATE_KEY_ALIAS, "the state"), (secrets_alias(environment.name), f"secrets of {environment.name}")):
        if not _has_key(kms, alias):
            tags = [{"TagKey": key, "TagValue": value} for key, value in TAGS.items()]
            key = kms.create_key(Description=f"Encrypts {what} of {PROJECT}", Tags=tags)["KeyMetadata"]["KeyId"]
            kms.enable_key_rotation(KeyId=key)
            kms.create_alias(AliasName=alias, TargetKeyId=key)
            done(f"key {alias} for {what}")
    s3 = environment.aws("s3")
    if not _exists(s3, backend.bucket):
        where = {} if environment.region == "us-east-1" else {"LocationConstraint": environment.region}
        s3.create_bucket(Bucket=backend.bucket, **({"CreateBucketConfiguration": where} if where else {}))
        done(f"bucket {backend.bucket}")
    for problem, fix in _bucket_problems(s3, backend):
        fix()
        done(f"bucket {backend.bucket}, which was {problem}")
    dynamodb = environment.aws("dynamodb")
    if not _has_table(dynamodb):
        dynamodb.create_table(
            TableName=LEASE_TABLE,
            KeySchema=[{"AttributeName": LEASE_KEY, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": LEASE_KEY, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            SSESpecification={"Enabled": True},
            Tags=_tag_set(),
        )
        dynamodb.get_waiter("table_exists").wait(TableName=LEASE_TABLE, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        done(f"table {LEASE_TABLE}")


def problems(environment: Environment, backend: Backend) -> list[str]:
    """The problems of the backend: missing parts, and wrong settings of the bucket. Empty if there are none."""
    found: list[str] = []
    kms, s3 = environment.aws("kms"), environment.aws("s3")
    found += [
        f"key {alias} does not exist" for alias in (STATE_KEY_ALIAS, secrets_alias(environment.name)) if not _has_key(kms, alias)
    ]
    if not _exists(s3, backend.bucket):
        found.append(f"bucket {backend.bucket} does not exist")
    else:
        found += [f"bucket {backend.bucket} is {problem}" for problem, _ in _bucket_problems(s3, backend)]
    if not _has_table(environment.aws("dynamodb")):
        found.append(f"table {LEASE_TABLE} does not exist")
    return found


def _bucket_problems(s3: Any, backend: Backend) -> Iterator[tuple[str, Callable[[], None]]]:
    """The problems of the bucket, each with the call that fixes it."""
    bucket = backend.bucket
    if s3.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
        yield "not versioned", lambda: s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    encryption = _or_none(s3.get_bucket_encryption, Bucket=bucket)
    rules = (encryption or {}).get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    if not any(rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms" for rule in rules):
        rule = {
            "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": STATE_KEY_ALIAS},
            "BucketKeyEnabled": True,
        }
        yield (
            "not encrypted with KMS",
            lambda: s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]}),
        )
    blocked = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    tags = (_or_none(s3.get_bucket_tagging, Bucket=bucket) or {}).get("TagSet", [])
    if any(each not in tags for each in _tag_set()):
        kept = [each for each in tags if each["Key"] not in TAGS]
        yield (
            "without the tags of the project",
            lambda: s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [*kept, *_tag_set()]}),
        )
    block = _or_none(s3.get_public_access_block, Bucket=bucket)
    if (block or {}).get("PublicAccessBlockConfiguration") != blocked:
        yield "open to public access", lambda: s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=blocked)
    if not _or_none(s3.get_bucket_lifecycle_configuration, Bucket=bucket):
        rule = {
            "ID": "old-states",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "NoncurrentVersionExpiration": {"NoncurrentDays": OLD_VERSION_DAYS},
        }
        yield (
            "keeping every noncurrent version forever",
            lambda: s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]}),
        )
    if not backend.plain_http and not _is_tls_only(_or_none(s3.get_bucket_policy, Bucket=bucket)):
        policy = json.dumps(tls_only(bucket))
        yield "open to requests without TLS", lambda: s3.put_bucket_policy(Bucket=bucket, Policy=policy)


def _tag_set() -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in TAGS.items()]


def _is_tls_only(answer: dict[str, Any] | None) -> bool:
    statements = cast("list[dict[str, Any]]", json.loads(answer["Policy"])["Statement"]) if answer else []
    return any(
        each["Effect"] == "Deny" and each.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport") == "false"
        for each in statements
    )


def _has_key(kms: Any, alias: str) -> bool:
    return _or_none(kms.describe_key, KeyId=alias) is not None


def _has_table(dynamodb: Any) -> bool:
    return _or_none(dynamodb.describe_table, TableName=LEASE_TABLE) is not None


def _exists(s3: Any, bucket: str) -> bool:
    return _or_none(s3.head_bucket, Bucket=bucket) is not None


def _or_none(call: Callable[..., Any], **arguments: Any) -> dict[str, Any] | None:
    """The response, or ``None`` if the requested object does not exist. Every other error is raised."""
    try:
        return call(**arguments)
    except ClientError as error:
        code = error_code(error)
        if code in ("404", "NotFoundException", "ResourceNotFoundException") or code.startswith("NoSuch"):
            return None
        if code in ("ServerSideEncryptionConfigurationNotFoundError",):
            return None
        raise
