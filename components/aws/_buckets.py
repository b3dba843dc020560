"""The component for all S3 buckets of the program: private, versioned, encrypted, and accessible only with TLS."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
from pulumi import ResourceOptions
from pulumi_aws import s3

from components.aws.iam import Statement, document
from components.aws.names import physical_name
from components.component import Component
from components.settings import EnvironmentSettings

ABANDONED_UPLOAD_DAYS = 7


class PrivateBucket(Component):
    """A bucket that blocks public access, even if a policy that is added later allows it.

    The bucket's name contains the environment, because the policies that separate the environments select buckets by name. They
    cannot use tags: by default, S3 ignores a bucket's tags in the conditions of a policy.

    Without ``key_arn``, the bucket is encrypted with an S3-managed key, which a load balancer's access logs require. The caller
    must call :meth:`attach_policy`, which denies requests without TLS.
    """

    bucket_name: pulumi.Output[str]
    bucket_arn: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        environment: EnvironmentSettings,
        lifecycle_rules: Sequence[s3.BucketLifecycleConfigurationRuleArgs],
        key_arn: pulumi.Input[str] | None = None,
        force_destroy: bool = False,
        opts: ResourceOptions,
    ) -> None:
        super().__init__(name, opts)
        child = ResourceOptions(parent=self)
        bucket = s3.Bucket(name, bucket_prefix=f"{physical_name(name, environment)}-", force_destroy=force_destroy, opts=child)
        s3.BucketVersioning(
            name,
            bucket=bucket.id,
            versioning_configuration=s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=child,
        )
        default = s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
            sse_algorithm="aws:kms" if key_arn else "AES256", kms_master_key_id=key_arn
        )
        s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=bucket.id,
            rules=[
                s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=default, bucket_key_enabled=key_arn is not None
                )
            ],
            opts=child,
        )
        s3.BucketPublicAccessBlock(
            name,
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
        s3.BucketOwnershipControls(
            name,
            bucket=bucket.id,
            rule=s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=child,
        )
        s3.BucketLifecycleConfiguration(name, bucket=bucket.id, rules=list(lifecycle_rules), opts=child)
        self.bucket_name = bucket.id
        self.bucket_arn = bucket.arn
        self.publish()

    def attach_policy(self, name: str, *statements: Statement) -> s3.BucketPolicy:
        """Attach the bucket policy, which contains ``statements`` and a Deny of requests without TLS."""
        tls_only = Statement(
            effect="Deny",
            actions=["s3:*"],
            resources=[self.bucket_arn, pulumi.Output.concat(self.bucket_arn, "/*")],
            principals="*",
            conditions={"Bool": {"aws:SecureTransport": "false"}},
        )
        return s3.BucketPolicy(
            name, bucket=self.bucket_name, policy=document(*statements, tls_only), opts=ResourceOptions(parent=self)
        )
