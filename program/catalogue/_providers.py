"""The types of providers and of the engine.

``in_place`` lists the inputs that do not select the account, region or cluster of the resources. After a change of an input that
selects one of these, the provider cannot find the resources that it managed before.
"""

from __future__ import annotations

from collections.abc import Mapping

from program.catalogue._type import ResourceType

TYPES: Mapping[str, ResourceType] = {
    "pulumi:providers:aws": ResourceType(
        replaces="region",
        in_place=(
            "defaultTags ignoreTags maxRetries retryMode insecure httpProxy httpsProxy noProxy userAgents "
            "tokenBucketRateLimitCapacity skipCredentialsValidation skipMetadataApiCheck skipRegionValidation "
            "skipRequestingAccountId stsRegion useDualstackEndpoint useFipsEndpoint s3UsEast1RegionalEndpoint"
        ),
    ),
    "pulumi:providers:kubernetes": ResourceType(
        in_place=(
            "enableConfigMapMutable enablePatchForce enableSecretMutable enableServerSideApply helmReleaseSettings "
            "kubeClientSettings suppressDeprecationWarnings suppressHelmHookWarnings skipUpdateUnreachable deleteUnreachable"
        ),
        reviewed="connects to the cluster of the stack",
    ),
    "pulumi:providers:docker": ResourceType(
        in_place="registryAuth sshOpts", reviewed="connects to the Docker host of the stack file"
    ),
    "pulumi:providers:pulumi": ResourceType(reviewed="reads outputs of other stacks; the engine creates it"),
    "pulumi:pulumi:StackReference": ResourceType(reviewed="reads outputs of another stack"),
}
"""An input that is in neither list of an entry can select another account or cluster: a role to assume, a file of credentials, or a
kubeconfig."""
