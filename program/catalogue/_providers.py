"""The providers themselves: which of their settings say where their resources are.

A provider whose place changes manages other resources: what it managed before is not there.
"""

from __future__ import annotations

from collections.abc import Mapping

from program.catalogue._type import ResourceType

TYPES: Mapping[str, ResourceType] = {
    "pulumi:providers:aws": ResourceType(
        replaces="region",
        in_place=(
            "defaultTags ignoreTags maxRetries retryMode insecure httpProxy httpsProxy noProxy userAgents "
            "tokenBucketRateLimitCapacity sharedConfigFiles sharedCredentialsFiles skipCredentialsValidation skipMetadataApiCheck "
            "skipRegionValidation "
            "skipRequestingAccountId stsRegion useDualstackEndpoint useFipsEndpoint s3UsEast1RegionalEndpoint"
        ),
    ),
    "pulumi:providers:kubernetes": ResourceType(
        in_place=(
            "enableConfigMapMutable enablePatchForce enableSecretMutable enableServerSideApply helmReleaseSettings "
            "kubeClientSettings suppressDeprecationWarnings suppressHelmHookWarnings skipUpdateUnreachable deleteUnreachable"
        ),
    ),
    "pulumi:providers:docker": ResourceType(in_place="registryAuth sshOpts"),
}
"""What is in neither list, such as a role to assume or a kubeconfig, may lead to another account or cluster."""
