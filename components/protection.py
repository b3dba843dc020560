"""Protects the resources that hold data in production: Pulumi refuses to delete or replace them until they are unprotected."""

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
"""Resource types whose data cannot be restored after a deletion, and types whose deletion also deletes such resources."""


def protect_data(environment: EnvironmentSettings) -> None:
    """In production, protect every resource of a type in :data:`HOLDS_DATA`; other stacks can be destroyed with one command."""
    if environment.name == "production":
        pulumi.runtime.register_stack_transformation(_protect)


def _protect(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
    if args.type_ not in HOLDS_DATA:
        return None
    opts = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(protect=True))
    return pulumi.ResourceTransformationResult(args.props, opts)
