"""What production must not lose by one wrong command: the engine refuses to delete or replace it until someone unprotects it."""

from __future__ import annotations

import pulumi

from components.settings import EnvironmentSettings

HOLDS_DATA = (
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:eks/cluster:Cluster",
    "aws:kms/key:Key",
    "aws:s3/bucket:Bucket",
    "kubernetes:core/v1:Namespace",
    "kubernetes:core/v1:PersistentVolumeClaim",
)
"""The types of the program whose data nothing brings back, and what takes them with it."""


def protect_data(environment: EnvironmentSettings) -> None:
    """Let every resource of :data:`HOLDS_DATA` be protected in production; elsewhere all of a stack can be destroyed."""
    if environment.name == "production":
        pulumi.runtime.register_stack_transformation(_protect)


def _protect(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
    if args.type_ not in HOLDS_DATA:
        return None
    opts = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(protect=True))
    return pulumi.ResourceTransformationResult(args.props, opts)
