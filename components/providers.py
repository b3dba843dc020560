"""The two explicit providers; default ones are disabled in every stack."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from components.aws.caller import refuse_strangers
from components.aws.cluster import Cluster
from components.aws.kubeconfig import kubeconfig
from components.aws.names import physical_name
from components.aws.tags import tags_of
from components.settings import AccountSettings, ClusterSettings, EnvironmentSettings, Settings
from contract import APPLICATION, PROJECT


def aws_provider(settings: Settings) -> aws.Provider:
    """The AWS provider of the stack's region, which tags everything with whose it is.

    Raises ``ComponentsError`` for a caller whom the cluster would not let in, before anything is created.
    """
    environment = settings.environment
    provider = _tagging(environment.region, tags_of(environment))
    if environment.name != "local":
        caller = aws.get_caller_identity(opts=pulumi.InvokeOptions(provider=provider)).arn
        refuse_strangers(caller, settings.cluster, dry_run=pulumi.runtime.is_dry_run())
    return provider


def account_provider(settings: AccountSettings) -> aws.Provider:
    """The AWS provider of the account's own stack."""
    return _tagging(settings.region, {"project": PROJECT, "environment": "account", "managed-by": "pulumi"})


def _tagging(region: str, tags: Mapping[str, str]) -> aws.Provider:
    return aws.Provider("aws", region=region, default_tags=aws.ProviderDefaultTagsArgs(tags=tags))


def kubernetes_provider(settings: ClusterSettings, environment: EnvironmentSettings, cluster: Cluster) -> kubernetes.Provider:
    """The provider of the stack's cluster: its own endpoint with AWS credentials, or whatever KUBECONFIG names.

    ConfigMaps and Secrets change in place. By default the provider replaces one whose data changes; ours have fixed names,
    so they would be gone in between, and pods restart by the digest of their configuration anyway. The identifier says that the
    cluster is the same when its endpoint or the kubeconfig changes: without it the provider would replace every object.
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
        opts=pulumi.ResourceOptions(depends_on=[cluster]),
    )
