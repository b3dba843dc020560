"""The two explicit providers; default ones are disabled in every stack."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from components.aws.cluster import Cluster
from components.aws.kubeconfig import kubeconfig
from components.settings import ClusterSettings, EnvironmentSettings
from contract import PROJECT


def aws_provider(environment: EnvironmentSettings) -> aws.Provider:
    """The AWS provider of the stack's region, which tags everything with whose it is."""
    tags = {
        "project": PROJECT,
        "environment": environment.name,
        "owner": environment.owner,
        "cost-center": environment.cost_center,
        "managed-by": "pulumi",
    }
    return aws.Provider("aws", region=environment.region, default_tags=aws.ProviderDefaultTagsArgs(tags=tags))


def kubernetes_provider(settings: ClusterSettings, environment: EnvironmentSettings, cluster: Cluster) -> kubernetes.Provider:
    """The provider of the stack's cluster: its own endpoint with AWS credentials, or whatever KUBECONFIG names.

    ConfigMaps and Secrets change in place. By default the provider replaces one whose data changes; ours have fixed names,
    so they would be gone in between, and pods restart by the digest of their configuration anyway.
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
        enable_config_map_mutable=True,
        enable_secret_mutable=True,
        opts=pulumi.ResourceOptions(depends_on=[cluster]),
    )
