"""Rules on stored data: encryption, access, retention, and protection from deletion."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies import iam
from policies.limits import Limits
from policies.rule import Pack, Problem, at
from policies.views import ResourceIndex, View
from program.types import (
    BUCKET,
    BUCKET_ACL,
    BUCKET_POLICY,
    CACHE,
    CLAIM,
    CLUSTER,
    DATABASE_CLUSTER,
    DATABASE_INSTANCE,
    ENCRYPTION,
    FILE_SYSTEM,
    KEY,
    LAUNCH_TEMPLATE,
    LIFECYCLE,
    LOAD_BALANCER,
    LOG_GROUP,
    OLD_BUCKET,
    PUBLIC_ACCESS,
    STATEFUL_SET,
    STORAGE_CLASS,
    TABLE,
    VERSIONING,
    VOLUME,
)

PACK = Pack("data")

BUCKETS = (BUCKET, OLD_BUCKET)

ALGORITHMS = ("aws:kms", "aws:kms:dsse", "AES256")
EBS_DRIVERS = ("ebs.csi.aws.com", "kubernetes.io/aws-ebs")


@PACK.rule(
    "data-bucket-encrypted",
    *BUCKETS,
    title="Every bucket has an encryption configuration",
    why="A declared encryption cannot change unnoticed. With a KMS key, a reader also needs access to the key.",
    fix="Use `PrivateBucket` in `components/aws/_buckets.py`, or add the encryption configuration.",
    severity="high",
    frameworks=("AWS Config: s3-bucket-server-side-encryption-enabled",),
)
def bucket_encrypted(view: View, index: ResourceIndex) -> Iterator[Problem]:
    """Yield a problem unless an encryption configuration encrypts the bucket with a KMS key or with an S3-managed key."""
    rules = [rule for each in index.users(view, "bucket", ENCRYPTION) for rule in each.views("rules")]
    if not any(rule.text("applyServerSideEncryptionByDefault.sseAlgorithm") in ALGORITHMS for rule in rules):
        yield at(view, "", "the bucket has no encryption rule", f"add a {ENCRYPTION} with sseAlgorithm aws:kms")


@PACK.rule(
    "data-bucket-versioned",
    *BUCKETS,
    title="Every bucket keeps noncurrent versions",
    why="Without noncurrent versions, a deleted or overwritten object cannot be restored.",
    fix="Use `PrivateBucket` in `components/aws/_buckets.py`, or add a BucketVersioning with status Enabled.",
    severity="high",
    frameworks=("AWS Security Hub S3.14",),
)
def bucket_versioned(view: View, index: ResourceIndex) -> Iterator[Problem]:
    """Yield a problem if the versioning of a bucket is not enabled."""
    kept = [each.text("versioningConfiguration.status") for each in index.users(view, "bucket", VERSIONING)]
    if "Enabled" not in kept:
        found = f"versioning is {kept[0]}" if kept else "the bucket keeps no noncurrent versions"
        yield at(view, "", found, f"add a {VERSIONING} with status Enabled")


@PACK.rule(
    "data-bucket-private",
    *BUCKETS,
    title="Every bucket blocks public access",
    why="Otherwise one wrong policy or ACL publishes the data.",
    fix="Use `PrivateBucket` in `components/aws/_buckets.py`, or set all four properties of a BucketPublicAccessBlock.",
    severity="critical",
    frameworks=("CIS AWS 2.1.4", "AWS Security Hub S3.8"),
)
def bucket_private(view: View, index: ResourceIndex) -> Iterator[Problem]:
    """Yield a problem unless all four properties of the bucket's public access block are true."""
    blocks = index.users(view, "bucket", PUBLIC_ACCESS)
    switches = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    if not blocks:
        yield at(view, "", "nothing blocks public access", f"add a {PUBLIC_ACCESS} with {', '.join(switches)}")
    for block in blocks:
        for switch in switches:
            if not block.flag(switch):
                yield at(view, "", f"{switch} of {block.resource.name} is false", f"set {switch} to true")


@PACK.rule(
    "data-bucket-tls-only",
    *BUCKETS,
    title="Every bucket refuses requests in plain text",
    why="S3 also answers over HTTP, which anyone on the network path can read.",
    fix="Attach the policy with `PrivateBucket.attach_policy`, which denies requests without TLS.",
    severity="high",
    frameworks=("CIS AWS 2.1.1", "AWS Security Hub S3.5"),
    deferred=frozenset({"policy"}),
)
def bucket_tls_only(view: View, index: ResourceIndex) -> Iterator[Problem]:
    """Yield a problem if no statement denies all requests without TLS (``aws:SecureTransport`` is false)."""
    policies = index.users(view, "bucket", BUCKET_POLICY)
    if not any(_refuses_plain_text(statement) for policy in policies for statement in iam.statements(policy, "policy")):
        yield at(
            view,
            "",
            "the bucket accepts plain text",
            f"add a {BUCKET_POLICY} that denies s3:* if aws:SecureTransport is false",
        )


def _refuses_plain_text(statement: iam.StatementView) -> bool:
    secure = [
        values
        for operator, key, values in statement.conditions
        if operator.removesuffix("ifexists") == "bool" and key == "aws:securetransport"
    ]
    everyone = any(name == "*" for _, name in statement.principals)
    everything = iam.covers_service("s3", [statement])
    only_this = len(statement.conditions) == 1 and [value.lower() for values in secure for value in values] == ["false"]
    return statement.effect == "Deny" and everyone and everything and only_this


@PACK.rule(
    "data-bucket-acl-private",
    BUCKET_ACL,
    title="No bucket is opened by an ACL",
    why="An ACL can publish a bucket whose policies allow no public access.",
    fix="Remove the ACL. A bucket with the ownership setting BucketOwnerEnforced needs no ACL.",
    severity="critical",
    frameworks=("AWS Security Hub S3.12",),
)
def bucket_acl_private(view: View) -> Iterator[Problem]:
    """Yield a problem for a canned ACL that opens the bucket to others, and for a grant to everyone."""
    if view.text("acl", "private") not in ("private", "log-delivery-write", "bucket-owner-full-control"):
        yield at(view, "acl", f"{view.text('acl')} opens the bucket", "set acl to private")
    for grant in view.views("accessControlPolicy.grants"):
        if grant.text("grantee.uri").endswith(("/AllUsers", "/AuthenticatedUsers")):
            yield at(grant, "grantee.uri", "the bucket is opened to everyone", "name an account")


@PACK.rule(
    "data-managed-passwords",
    DATABASE_INSTANCE,
    DATABASE_CLUSTER,
    CACHE,
    title="AWS creates and rotates the passwords of databases",
    why="A password that the program sets is in the state, and is never rotated.",
    fix="Set `manageMasterUserPassword` to true; for a cache use `userGroupIds`.",
    severity="high",
    frameworks=("AWS Security Hub SecretsManager.1",),
)
def managed_passwords(view: View) -> Iterator[Problem]:
    """Yield a problem if the program sets a password. A password from a secret is a problem too, because it is never rotated."""
    keys = {DATABASE_INSTANCE: "password", DATABASE_CLUSTER: "masterPassword", CACHE: "authToken"}
    key = keys[view.resource.type]
    if view.given(key):
        fix = "use userGroupIds" if view.resource.type == CACHE else "remove it and set manageMasterUserPassword to true"
        yield at(view, key, "the program sets the password", fix)


TEMPORARY = ("tmp/", "temp/", "scratch/", "cache/")
"""Name prefixes of objects that a lifecycle rule may delete at any time."""


@PACK.rule(
    "data-version-retention",
    LIFECYCLE,
    title="No lifecycle rule deletes objects or noncurrent versions too early",
    why="A deletion by mistake is often noticed days later.",
    fix="Set the days of the lifecycle rule to `minimumRetentionDays` or more.",
    severity="medium",
    parameters=("minimum_retention_days",),
)
def version_retention(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield a problem if a lifecycle rule deletes objects or noncurrent versions too early; temporary objects are exempt."""
    days = limits.minimum_retention_days
    for rule in view.views("rules"):
        if rule.text("status") != "Enabled":
            continue
        prefix = rule.text("filter.prefix") or rule.text("prefix")
        if prefix.startswith(TEMPORARY):
            continue
        if rule.text("expiration.date"):
            found = f"all objects are deleted on {rule.text('expiration.date')}"
            yield at(rule, "expiration.date", found, f"remove expiration.date, and set expiration.days to {days} or more")
        for path in ("expiration.days", "noncurrentVersionExpiration.noncurrentDays"):
            kept = rule.number(path)
            if kept is not None and kept < days:
                yield at(rule, path, f"objects are deleted after {kept} days", f"set {path} to {days} or more")


@PACK.rule(
    "data-log-retention",
    LOG_GROUP,
    title="Logs are kept for at least the minimum number of days, and not forever",
    why="An incident is often examined weeks later; logs without a retention cost more each month.",
    fix="Set `retentionInDays` to `minimumRetentionDays` or more.",
    severity="medium",
    frameworks=("guide: CloudWatch 30-day log retention", "AWS Security Hub CloudWatch.16"),
    parameters=("minimum_retention_days",),
)
def log_retention(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield a problem if logs are kept for too few days, or forever (in CloudWatch: 0 or no value)."""
    days = view.number("retentionInDays")
    if not days or days < limits.minimum_retention_days:
        kept = f"for {days} days" if days else "forever"
        yield at(view, "retentionInDays", f"logs are kept {kept}", f"set retentionInDays to {limits.minimum_retention_days}")


@PACK.rule(
    "data-log-encrypted",
    LOG_GROUP,
    title="Logs are encrypted with a customer managed KMS key",
    why="Logs contain IP addresses and names; the key limits who can read the logs.",
    fix="Set `kmsKeyId` to the ARN of a key that CloudWatch Logs may use.",
    severity="medium",
    frameworks=("AWS Config: cloudwatch-log-group-encrypted",),
    deferred=frozenset({"kmsKeyId"}),
)
def log_encrypted(view: View) -> Iterator[Problem]:
    """Yield a problem if the log group has no KMS key."""
    if not view.text("kmsKeyId"):
        yield at(view, "kmsKeyId", "the log group has no customer managed KMS key", "set kmsKeyId to the ARN of a KMS key")


@PACK.rule(
    "data-log-key-usable",
    LOG_GROUP,
    title="The KMS key of a log group allows CloudWatch Logs to use the key for this group",
    why="Otherwise CloudWatch Logs can neither store new events nor read old events, and no alarm reports this.",
    fix="Include the group's ARN in the condition of the key's policy.",
    severity="high",
    frameworks=("AWS: Encrypt log data in CloudWatch Logs using AWS KMS",),
    deferred=frozenset({"kmsKeyId", "policy", "name"}),
)
def log_key_usable(view: View, index: ResourceIndex) -> Iterator[Problem]:
    """Yield a problem if the policy of the log group's key does not allow CloudWatch Logs to use the key.

    The rule checks only keys that the program declares. If the program does not set the name of the group, the rule checks an
    example name, which starts with ``namePrefix`` or the logical name.
    """
    for key in index.sources(view, "kmsKeyId", KEY) if view.has_or_depends("kmsKeyId") else ():
        name = view.physical_name
        if not any(_serves_logs(each, name) for each in iam.statements(key, "policy")):
            message = f"the policy of {key.resource.name} does not allow CloudWatch Logs to use the key for {name}"
            yield at(view, "kmsKeyId", message, f"include log-group:{name} in the policy of the key")


def _serves_logs(statement: iam.StatementView, group: str) -> bool:
    service = any(kind == "Service" and re.fullmatch(r"logs\..+|logs", name) for kind, name in statement.principals)
    arn = f"log-group:{group}"
    limits = [values for _, key, values in statement.conditions if key == "kms:encryptioncontext:aws:logs:arn"]
    return (
        statement.allows
        and service
        and statement.matches_action("kms:Encrypt")
        and all(any(iam.matches(value.split(":", 5)[-1], arn) for value in values) for values in limits)
    )


@PACK.rule(
    "data-key-rotation",
    KEY,
    title="KMS keys rotate, and the deletion of a key can be cancelled for some days",
    why="Rotation limits how much data depends on one version of the key. Data that is encrypted with a deleted key is lost.",
    fix="Set `enableKeyRotation` to true and `deletionWindowInDays` to `minimumKeyDeletionDays` or more.",
    severity="medium",
    frameworks=("CIS AWS 3.6", "AWS Security Hub KMS.3"),
    parameters=("minimum_key_deletion_days",),
)
def key_rotation(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield a problem if a symmetric key does not rotate, or if a key is deleted too early. AWS rotates only symmetric keys."""
    symmetric = view.text("customerMasterKeySpec", "SYMMETRIC_DEFAULT") == "SYMMETRIC_DEFAULT"
    if symmetric and not view.flag("enableKeyRotation"):
        yield at(view, "enableKeyRotation", "the key does not rotate", "set enableKeyRotation to true")
    days = view.number("deletionWindowInDays")
    if days is not None and days < limits.minimum_key_deletion_days:
        yield at(
            view,
            "deletionWindowInDays",
            f"the key is deleted {days} days after the request",
            f"set deletionWindowInDays to {limits.minimum_key_deletion_days} or more",
        )


@PACK.rule(
    "data-volume-encrypted",
    LAUNCH_TEMPLATE,
    VOLUME,
    FILE_SYSTEM,
    DATABASE_INSTANCE,
    DATABASE_CLUSTER,
    CACHE,
    STORAGE_CLASS,
    CLAIM,
    STATEFUL_SET,
    title="Every volume, file system and database is encrypted",
    why="Without encryption, everyone who gets a disk or a snapshot can read the data.",
    fix="Set the resource's property for encryption at rest to true. In a claim, name a StorageClass of the program.",
    severity="high",
    frameworks=("CIS AWS 2.2.1", "CIS AWS 2.3.1", "CIS AWS 2.4.1"),
    deferred=frozenset({"spec.storageClassName", "spec.volumeClaimTemplates"}),
    parameters=("storage_classes",),
)
def volume_encrypted(view: View, index: ResourceIndex, limits: Limits) -> Iterator[Problem]:
    """Yield a problem if data at rest is not encrypted; each type has its own property for the encryption.

    If a claim names a StorageClass, the program must declare it, or the environment must allow it. Other classes, such as EKS'
    class gp2, can be without encryption.
    """
    if view.resource.type in (CLAIM, STATEFUL_SET):
        allowed = {*limits.storage_classes, *(each.text("metadata.name") for each in index.of(STORAGE_CLASS))}
        for claim in [view] if view.resource.type == CLAIM else view.views("spec.volumeClaimTemplates"):
            name = claim.text("spec.storageClassName")
            if name and name not in allowed:
                message = f"the program does not declare the StorageClass {name}, so its volumes may be unencrypted"
                fix = " or ".join([f"declare {name} in the program", *(f"use {each}" for each in sorted(allowed))])
                yield at(claim, "spec.storageClassName", message, fix)
        return
    keys = {DATABASE_INSTANCE: "storageEncrypted", DATABASE_CLUSTER: "storageEncrypted", CACHE: "atRestEncryptionEnabled"}
    if view.resource.type == LAUNCH_TEMPLATE:
        disks = view.views("blockDeviceMappings")
        for disk in disks:
            if not disk.flag("ebs.encrypted"):
                yield at(disk, "ebs.encrypted", "the machine's disk is not encrypted", "set ebs.encrypted to true")
        if not disks:
            yield at(
                view, "blockDeviceMappings", "the machine's disk is not declared encrypted", "map the disk with ebs.encrypted true"
            )
    elif view.resource.type == STORAGE_CLASS:
        if view.text("provisioner") in EBS_DRIVERS and view.map("parameters").get("encrypted") != "true":
            yield at(view, "parameters", "volumes of this class are not encrypted", 'set parameters.encrypted to "true"')
    else:
        key = keys.get(view.resource.type, "encrypted")
        if not view.flag(key):
            yield at(view, key, "the data is not encrypted at rest", f"set {key} to true")


@PACK.rule(
    "data-cache-in-transit",
    CACHE,
    title="Clients connect to caches over TLS",
    why="Otherwise sessions and passwords can be read on the network, even inside the VPC.",
    fix="Set `transitEncryptionEnabled` to true.",
    severity="high",
    frameworks=("AWS Security Hub ElastiCache.5",),
)
def cache_in_transit(view: View) -> Iterator[Problem]:
    """Yield a problem if the cache does not encrypt data in transit."""
    if not view.flag("transitEncryptionEnabled"):
        yield at(view, "transitEncryptionEnabled", "the cache accepts plain text", "set transitEncryptionEnabled to true")


@PACK.rule(
    "data-deletion-protected",
    LOAD_BALANCER,
    CLUSTER,
    *BUCKETS,
    DATABASE_INSTANCE,
    DATABASE_CLUSTER,
    TABLE,
    title="Resources with data or traffic are protected from deletion",
    why="Otherwise one wrong `destroy` deletes the service and its data.",
    fix="Set the resource's deletion protection to true, and `forceDestroy` of a bucket to false.",
    severity="high",
    frameworks=("AWS Security Hub ELB.6", "AWS Security Hub RDS.8", "AWS Security Hub DynamoDB.6"),
    levels={"local": "disabled", "staging": "advisory"},
)
def deletion_protected(view: View) -> Iterator[Problem]:
    """Yield a problem if deletion protection is disabled, or if a destroy also deletes a bucket that is not empty."""
    keys = {LOAD_BALANCER: "enableDeletionProtection", TABLE: "deletionProtectionEnabled"}
    if view.resource.type in BUCKETS:
        if view.flag("forceDestroy"):
            yield at(view, "forceDestroy", "a destroy deletes every object", "set forceDestroy to false")
    else:
        key = keys.get(view.resource.type, "deletionProtection")
        if not view.flag(key):
            yield at(view, key, "the resource has no deletion protection", f"set {key} to true")


@PACK.rule(
    "data-backups",
    DATABASE_INSTANCE,
    DATABASE_CLUSTER,
    TABLE,
    CACHE,
    title="Databases have automatic backups",
    why="Encryption and replicas do not help if a wrong command deletes or changes data.",
    fix="Keep automatic backups for `minimumBackupDays` or more; for a table, enable point-in-time recovery.",
    severity="high",
    frameworks=("AWS Security Hub RDS.11", "AWS Security Hub DynamoDB.2", "AWS Security Hub ElastiCache.1"),
    parameters=("minimum_backup_days",),
)
def backups(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield a problem if backups are kept for too few days, or if a table has no point-in-time recovery."""
    if view.resource.type == TABLE:
        if not view.flag("pointInTimeRecovery.enabled"):
            path = "pointInTimeRecovery.enabled"
            yield at(view, path, "the table cannot be restored to a point in time", f"set {path} to true")
        return
    key = "snapshotRetentionLimit" if view.resource.type == CACHE else "backupRetentionPeriod"
    days = view.number(key) or 0
    if days < limits.minimum_backup_days:
        yield at(view, key, f"backups are kept for {days} days", f"set {key} to {limits.minimum_backup_days} or more")


@PACK.rule(
    "data-volume-retained",
    STORAGE_CLASS,
    title="A volume is kept when its claim is deleted",
    why="One command deletes a claim. By default, the data of the claim is then deleted too.",
    fix="Set `reclaimPolicy` of the StorageClass to Retain.",
    severity="medium",
    levels={"local": "disabled", "staging": "disabled"},
)
def volume_retained(view: View) -> Iterator[Problem]:
    """Yield a problem if the reclaim policy of the storage class is not Retain."""
    if view.text("reclaimPolicy", "Delete") != "Retain":
        yield at(view, "reclaimPolicy", "a deleted claim deletes its data", "set reclaimPolicy to Retain")
