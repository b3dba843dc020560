"""The explicit AWS and Kubernetes providers; default providers are disabled in every stack."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from components.aws.caller import require_access_entry
from components.aws.cluster import Cluster
from components.aws.kubeconfig import kubeconfig
from components.aws.names import physical_name
from components.settings import AccountSettings, ClusterSettings, EnvironmentSettings, Settings
from contract import APPLICATION, PROJECT, SHARED


def aws_provider(settings: Settings) -> aws.Provider:
    """The AWS provider for the stack's region; it sets the default tags of every resource (``environment.tags`` in
    ``components/settings/groups/environment.py``).

    On AWS, raises ``ComponentsError`` before the first AWS resource is created, if the caller has no access to the cluster, or only
    read access in an update.
    """
    environment = settings.environment
    provider = _tagging(environment.region, environment.tags)
    if environment.name != "local":
        caller = aws.get_caller_identity(opts=pulumi.InvokeOptions(provider=provider)).arn
        require_access_entry(caller, settings.cluster, dry_run=pulumi.runtime.is_dry_run())
    return provider


def account_provider(settings: AccountSettings) -> aws.Provider:
    """The AWS provider of the account's stack, which has its own tags because it has no ``environment`` settings."""
    return _tagging(settings.region, {"project": PROJECT, "environment": SHARED, "managed-by": "pulumi"})


def _tagging(region: str, tags: Mapping[str, str]) -> aws.Provider:
    return aws.Provider("aws", region=region, default_tags=aws.ProviderDefaultTagsArgs(tags=tags))


def kubernetes_provider(settings: ClusterSettings, environment: EnvironmentSettings, cluster: Cluster) -> kubernetes.Provider:
    """The Kubernetes provider for the stack's EKS cluster, or for the cluster that KUBECONFIG names (``cluster.kubeconfig``).

    - With the options ``enable_..._mutable``, the provider updates ConfigMaps and Secrets in place. By default, the provider
      replaces an object whose data changes, and an object with a fixed name does not exist during its replacement. Most pods still
      restart after an update in place, because an annotation of the pods contains the digest of their configuration. Prometheus
      does not restart, because it reloads its files.
    - With ``cluster_identifier``, the provider keeps all objects if the cluster's endpoint or the kubeconfig changes. Without this
      option, it would replace every object.
    - With ``enable_patch_force``, an update restores the program's value of a field that kubectl has changed. Without this option,
      the update would fail with a conflict.

    Source: https://www.pulumi.com/registry/packages/kubernetes/api-docs/provider/
    """
    return kubernetes.Provider(
        "kubernetes",
        kubeconfig=kubeconfig(
            settings,
            environment,
            name=cluster.cluster_name,
            endpoint=cluster.endpoint,
            authority=cluster.certificate_authority,
        ),
        cluster_identifier=physical_name(APPLICATION, environment),
        enable_config_map_mutable=True,
        enable_secret_mutable=True,
        enable_patch_force=True,
        opts=pulumi.ResourceOptions(depends_on=[cluster]),
    )
