"""The kubeconfig of the stack's cluster."""

from __future__ import annotations

import json
from typing import Any

import pulumi

from components.settings import ClusterSettings, EnvironmentSettings


def kubeconfig(
    settings: ClusterSettings,
    environment: EnvironmentSettings,
    *,
    name: pulumi.Input[str],
    endpoint: pulumi.Input[str],
    authority: pulumi.Input[str],
) -> pulumi.Output[str] | None:
    """The kubeconfig of an EKS cluster as JSON; ``None`` if ``cluster.kubeconfig`` is ``ambient``.

    With ``ambient``, the program uses the kubeconfig file that the environment variable KUBECONFIG names. ``authority`` is the
    certificate authority, base64-encoded.
    """
    if settings.kubeconfig == "ambient":
        return None
    return pulumi.Output.all(name=name, endpoint=endpoint, authority=authority, region=environment.region).apply(_eks)


def _eks(facts: dict[str, str]) -> str:
    return json.dumps(eks_kubeconfig(**facts))


def eks_kubeconfig(*, name: str, endpoint: str, authority: str, region: str) -> dict[str, Any]:
    """A kubeconfig for the program and for `dwcp`. Its tokens come from the AWS CLI.

    Source: EKS User Guide, page "Connect kubectl to a cluster".
    """
    token = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "aws",
        "args": ["--region", region, "eks", "get-token", "--cluster-name", name, "--output", "json"],
        "interactiveMode": "Never",
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": endpoint, "certificate-authority-data": authority}}],
        "users": [{"name": name, "user": {"exec": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
