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
    """An official provider, as a program of the toolchain."""

    tool: str


PROVIDERS: Mapping[str, str | Built] = MappingProxyType(
    {
        "aws": "embedded_cloud.providers.aws",
        "docker": "embedded_cloud.providers.docker",
        "kubernetes": Built("pulumi-resource-kubernetes"),
    }
)
"""The providers by plugin name: an official one that the toolchain builds, or a module of ours, started with ``python -m``."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node of the cluster. Nothing answers at its address; a zone's node stands in a subnet of that zone."""

    name: str
    zone: str
    address: str


@dataclass(frozen=True, kw_only=True)
class RealPods:
    """Pods that are containers: the nodes are machines on a network of their own, whose address there is ``gateway``."""

    gateway: str
    """The source address of the load balancer's calls."""

    prefix: int
    """Length of the network's prefix: it holds the gateway, the nodes and their pods."""

    images: Callable[[], Path]
    """Builds missing images, and returns the tar file with all of them; a changed one has another name."""


@dataclass(frozen=True, kw_only=True)
class Project:
    """A Pulumi project and its stack on the embedded cloud."""

    directory: Path
    """The folder of ``Pulumi.yaml`` and the program."""

    name: str
    """The project's name, as ``Pulumi.yaml`` has it."""

    stack: str
    """The stack that the embedded cloud holds."""

    cluster: str | None = None
    """The EKS cluster that the stack makes: the control plane is its API server, and lets in whom its access entries name."""

    bucket: str
    """The S3 bucket of the state, which lies under the project's name."""

    account: Account

    providers: Mapping[str, str | Built]
    """Plugin name -> what serves it: some of :data:`PROVIDERS`, or the project's own. The SDK of each,
    ``pulumi-NAME``, must be installed: its version is the plugin's."""

    nodes: tuple[Node, ...]

    toolchain: Toolchain

    instructions: Instructions

    pod_stages: Callable[[Sequence[dict[str, Any]]], Sequence[dict[str, Any]]] = list
    """Makes the pod stages that kwok runs of kwok's own: https://kwok.sigs.k8s.io/docs/user/stages-configuration/."""

    pods: RealPods | None = None
    """The settings of pods that are containers; without them pods are simulated."""

    pods_process: str = "pods"
    """The process that answers for the pods, if the project has one; its log is the log of each pod."""

    annotation_domain: str = "embedded-cloud"
    """The pod annotations ``DOMAIN/cpu`` and ``DOMAIN/memory`` say what a pod uses."""

    environment_files: tuple[str, ...] = ()
    """Files under the cloud's folder that its file ``env`` sources once they are there."""

    owner_variable: str = "EMBEDDED_CLOUD"
    """The environment variable by which a cloud's processes are known."""

    @property
    def state_prefix(self) -> str:
        """The prefix of the engine's objects in the bucket."""
        return f"{self.name}/.pulumi"

    @property
    def state_key(self) -> str:
        """The stack's checkpoint in the bucket."""
        return f"{self.state_prefix}/stacks/{self.name}/{self.stack}.json"

    @property
    def secrets_provider(self) -> str:
        """The stack's secrets provider, as ``pulumi stack init`` takes it."""
        return f"awskms://{self.account.secrets_key.alias}?region={self.account.region}&awssdk=v2"

    def processes(self, folder: Path) -> Processes:
        """The processes of the project's cloud in ``folder``."""
        return Processes(folder, self.owner_variable, self.instructions)
