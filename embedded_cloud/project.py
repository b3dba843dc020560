"""The description of a Pulumi project for the embedded cloud."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from embedded_cloud.account import Account, SecretsKey
from embedded_cloud.instructions import Instructions
from embedded_cloud.processes import Processes
from embedded_cloud.toolchain import Cache, Toolchain

__all__ = ["PROVIDERS", "Account", "Built", "Cache", "Instructions", "Node", "Project", "RealPods", "SecretsKey", "Toolchain"]


@dataclass(frozen=True)
class Built:
    """An official provider that the toolchain builds as the program ``tool``."""

    tool: str


PROVIDERS: Mapping[str, str | Built] = MappingProxyType(
    {
        "aws": "embedded_cloud.providers.aws",
        "docker": "embedded_cloud.providers.docker",
        "kubernetes": Built("pulumi-resource-kubernetes"),
    }
)
"""Plugin name -> the official provider that the toolchain builds, or the module of an embedded provider for ``python -m``."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node of the cluster; its address is in a subnet of its zone. Nothing answers at this address if pods are simulated."""

    name: str
    zone: str
    address: str


@dataclass(frozen=True, kw_only=True)
class RealPods:
    """The settings for pods that run as containers on this machine. Without these settings, pods are simulated.

    Each node is a set of Linux namespaces; a separate network connects the nodes.
    """

    gateway: str
    """The address of the network's bridge, and the source address of the load balancer's requests."""

    prefix: int
    """The prefix length of the network, which contains the gateway, the nodes and their pods."""

    images: Callable[[], Path]
    """Builds missing images, and returns the path of a tar file with all images. The file name changes with the content."""


@dataclass(frozen=True, kw_only=True)
class Project:
    """A Pulumi project and its stack on the embedded cloud."""

    directory: Path
    """The folder with ``Pulumi.yaml`` and the program."""

    name: str
    """The project's name in ``Pulumi.yaml``."""

    stack: str
    """The name of the stack on the embedded cloud."""

    cluster: str | None = None
    """The name of the EKS cluster of the stack. The embedded control plane serves as this cluster's API server, and accepts the
    principals of the cluster's access entries."""

    bucket: str
    """The S3 bucket of the state; the project's name is the prefix of the state's keys."""

    account: Account

    providers: Mapping[str, str | Built]
    """Plugin name -> provider: one of :data:`PROVIDERS`, or the project's own. The SDK ``pulumi-NAME`` of each provider must be
    installed, because the SDK's version is also the plugin's version."""

    nodes: tuple[Node, ...]

    toolchain: Toolchain

    instructions: Instructions

    pod_stages: Callable[[Sequence[dict[str, Any]]], Sequence[dict[str, Any]]] = list
    """Returns the pod stages for this project, given kwok's default stages: https://kwok.sigs.k8s.io/docs/user/stages-configuration/."""

    pods: RealPods | None = None
    """The settings of pods that are containers; None if pods are simulated."""

    pods_process: str = "pods"
    """The name of the project's process that answers requests to the simulated pods. Its log is the log of every pod."""

    annotation_domain: str = "embedded-cloud"
    """The domain of the pod annotations ``DOMAIN/cpu`` and ``DOMAIN/memory``, which set the simulated usage of a pod."""

    environment_files: tuple[str, ...] = ()
    """Files in the cloud's folder. The file ``env`` in that folder reads them (``source``) if they exist."""

    owner_variable: str = "EMBEDDED_CLOUD"
    """The environment variable that identifies a cloud's processes."""

    @property
    def state_prefix(self) -> str:
        """The prefix of the engine's objects in the bucket."""
        return f"{self.name}/.pulumi"

    @property
    def state_key(self) -> str:
        """The key of the stack's checkpoint in the bucket."""
        return f"{self.state_prefix}/stacks/{self.name}/{self.stack}.json"

    secrets_alias: str | None = None
    """The alias of the KMS key of the stack's secrets, if it is not the account's ``secrets_key``."""

    @property
    def secrets_provider(self) -> str:
        """The URL of the stack's secrets provider, for ``pulumi stack init``."""
        return f"awskms://{self.secrets_alias or self.account.secrets_key.alias}?region={self.account.region}&awssdk=v2"

    def processes(self, folder: Path) -> Processes:
        """The processes of the project's cloud in ``folder``."""
        return Processes(folder, self.owner_variable, self.instructions)
