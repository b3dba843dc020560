"""The bucket of build and deployment artifacts."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi import ResourceOptions
from pulumi_aws import kms, s3

from components.aws._buckets import ABANDONED_UPLOAD_DAYS, PrivateBucket
from components.aws.names import physical_name
from components.component import Component
from components.settings import ArtifactsSettings, EnvironmentSettings

KEY_DELETION_WINDOW_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class ArtifactsArgs:
    """Inputs of :class:`Artifacts`."""

    settings: ArtifactsSettings
    environment: EnvironmentSettings


class Artifacts(Component):
    """A private, versioned bucket with its own encryption key. Noncurrent versions of artifacts expire."""

    bucket_name: pulumi.Output[str]
    bucket_arn: pulumi.Output[str]
    key_arn: pulumi.Output[str]

    def __init__(self, name: str, args: ArtifactsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        child = ResourceOptions(parent=self)
        resource_name = f"{name}-artifacts"
        key = kms.Key(
            resource_name,
            description=f"Encrypts the artifacts of {name}",
            enable_key_rotation=True,
            deletion_window_in_days=KEY_DELETION_WINDOW_DAYS,
            opts=child,
        )
        alias = f"alias/{physical_name(name, args.environment)}-artifacts"
        kms.Alias(resource_name, name=alias, target_key_id=key.key_id, opts=child)
        bucket = PrivateBucket(
            resource_name,
            environment=args.environment,
            key_arn=key.arn,
            force_destroy=args.settings.force_destroy,
            lifecycle_rules=_lifecycle(args.settings),
            opts=child,
        )
        bucket.attach_policy(resource_name)
        self.bucket_name = bucket.bucket_name
        self.bucket_arn = bucket.bucket_arn
        self.key_arn = key.arn
        self.publish()


def _lifecycle(settings: ArtifactsSettings) -> list[s3.BucketLifecycleConfigurationRuleArgs]:
    everything = s3.BucketLifecycleConfigurationRuleFilterArgs(prefix="")
    return [
        s3.BucketLifecycleConfigurationRuleArgs(
            id="infrequent-access",
            status="Enabled",
            filter=everything,
            transitions=[
                s3.BucketLifecycleConfigurationRuleTransitionArgs(
                    days=settings.infrequent_access_after_days, storage_class="STANDARD_IA"
                )
            ],
        ),
        s3.BucketLifecycleConfigurationRuleArgs(
            id="old-versions",
            status="Enabled",
            filter=everything,
            noncurrent_version_expiration=s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                noncurrent_days=settings.noncurrent_version_days
            ),
            abort_incomplete_multipart_upload=s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                days_after_initiation=ABANDONED_UPLOAD_DAYS
            ),
        ),
    ]
