"""NetworkPolicies and their rules.

The namespace's default policy denies all traffic, and each component allows the traffic that it needs. Not every network plugin
resolves named ports, so most rules use port numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

import pulumi
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import (
    IPBlockArgs,
    NetworkPolicy,
    NetworkPolicyEgressRuleArgs,
    NetworkPolicyIngressRuleArgs,
    NetworkPolicyPeerArgs,
    NetworkPolicyPortArgs,
    NetworkPolicySpecArgs,
)

NAMESPACE_LABEL = "kubernetes.io/metadata.name"
"""Label that the API server sets on every namespace; its value is the namespace's name."""


@dataclass(frozen=True)
class Endpoint:
    """A port of the pods whose label ``app`` has the value of the field ``app``."""

    app: str
    port: int


def allow(
    name: str,
    namespace: pulumi.Input[str],
    app: str,
    *,
    ingress: Sequence[NetworkPolicyIngressRuleArgs] = (),
    egress: Sequence[NetworkPolicyEgressRuleArgs] = (),
    opts: pulumi.ResourceOptions,
) -> NetworkPolicy:
    """Allow the given traffic to and from the pods of ``app``."""
    return NetworkPolicy(
        name,
        metadata=ObjectMetaArgs(name=name, namespace=namespace, labels={"app": app}),
        spec=NetworkPolicySpecArgs(
            pod_selector=pods_of(app),
            policy_types=[*(["Ingress"] if ingress else []), *(["Egress"] if egress else [])],
            ingress=list(ingress) or None,
            egress=list(egress) or None,
        ),
        opts=opts,
    )


def pods_of(app: str) -> LabelSelectorArgs:
    """The label selector for all pods of ``app``, in the stable and in the canary Deployment."""
    return LabelSelectorArgs(match_labels={"app": app})


def from_pods(app: str, port: int) -> NetworkPolicyIngressRuleArgs:
    """A rule that allows connections to ``port`` from the pods of ``app`` in the same namespace."""
    return NetworkPolicyIngressRuleArgs(from_=[NetworkPolicyPeerArgs(pod_selector=pods_of(app))], ports=[tcp(port)])


def from_namespace(namespace: str, port: int) -> NetworkPolicyIngressRuleArgs:
    """A rule that allows connections to ``port`` from all pods of another namespace."""
    selector = LabelSelectorArgs(match_labels={NAMESPACE_LABEL: namespace})
    return NetworkPolicyIngressRuleArgs(from_=[NetworkPolicyPeerArgs(namespace_selector=selector)], ports=[tcp(port)])


def from_networks(networks: Sequence[IPv4Network], port: int | str) -> NetworkPolicyIngressRuleArgs:
    """A rule that allows connections to ``port`` from networks, for clients that are not pods, such as a load balancer."""
    peers = [NetworkPolicyPeerArgs(ip_block=IPBlockArgs(cidr=str(network))) for network in networks]
    return NetworkPolicyIngressRuleArgs(from_=peers, ports=[tcp(port)])


def to_pods(endpoint: Endpoint) -> NetworkPolicyEgressRuleArgs:
    """A rule that allows connections to an endpoint in the same namespace."""
    return NetworkPolicyEgressRuleArgs(to=[NetworkPolicyPeerArgs(pod_selector=pods_of(endpoint.app))], ports=[tcp(endpoint.port)])


def to_network(network: IPv4Network, ports: Sequence[int]) -> NetworkPolicyEgressRuleArgs:
    """A rule that allows connections to ``ports`` in a network outside the cluster."""
    return NetworkPolicyEgressRuleArgs(
        to=[NetworkPolicyPeerArgs(ip_block=IPBlockArgs(cidr=str(network)))], ports=[tcp(port) for port in ports]
    )


def to_anywhere(*ports: int) -> NetworkPolicyEgressRuleArgs:
    """A rule that allows connections to ``ports`` at any address, for servers whose addresses are not known in advance."""
    return NetworkPolicyEgressRuleArgs(ports=[tcp(port) for port in ports])


def tcp(port: int | str) -> NetworkPolicyPortArgs:
    """A TCP port of a rule; a name stands for the container port with that name in each pod."""
    return NetworkPolicyPortArgs(protocol="TCP", port=port)
