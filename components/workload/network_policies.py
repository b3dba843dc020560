"""NetworkPolicies and their fragments.

The namespace's default policy denies all traffic; each component allows what it needs. Policies use port numbers, since not every
network plugin resolves named ports.
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
"""Label with the namespace's name, which the API server sets on every namespace."""


@dataclass(frozen=True)
class Endpoint:
    """A port of the pods that carry the label ``app``."""

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
    """The pods of ``app`` on every track."""
    return LabelSelectorArgs(match_labels={"app": app})


def from_pods(app: str, port: int) -> NetworkPolicyIngressRuleArgs:
    """Calls to ``port`` from the pods of ``app`` in the same namespace."""
    return NetworkPolicyIngressRuleArgs(from_=[NetworkPolicyPeerArgs(pod_selector=pods_of(app))], ports=[tcp(port)])


def from_namespace(namespace: str, port: int) -> NetworkPolicyIngressRuleArgs:
    """Calls to ``port`` from any pod of another namespace."""
    selector = LabelSelectorArgs(match_labels={NAMESPACE_LABEL: namespace})
    return NetworkPolicyIngressRuleArgs(from_=[NetworkPolicyPeerArgs(namespace_selector=selector)], ports=[tcp(port)])


def from_networks(networks: Sequence[IPv4Network], port: int | str) -> NetworkPolicyIngressRuleArgs:
    """Calls to ``port`` from addresses that no pod label can name, such as a load balancer's."""
    peers = [NetworkPolicyPeerArgs(ip_block=IPBlockArgs(cidr=str(network))) for network in networks]
    return NetworkPolicyIngressRuleArgs(from_=peers, ports=[tcp(port)])


def to_pods(endpoint: Endpoint) -> NetworkPolicyEgressRuleArgs:
    """Calls to pods in the same namespace."""
    return NetworkPolicyEgressRuleArgs(to=[NetworkPolicyPeerArgs(pod_selector=pods_of(endpoint.app))], ports=[tcp(endpoint.port)])


def to_network(network: IPv4Network, ports: Sequence[int]) -> NetworkPolicyEgressRuleArgs:
    """Calls to addresses outside the cluster."""
    return NetworkPolicyEgressRuleArgs(
        to=[NetworkPolicyPeerArgs(ip_block=IPBlockArgs(cidr=str(network)))], ports=[tcp(port) for port in ports]
    )


def to_anywhere(*ports: int) -> NetworkPolicyEgressRuleArgs:
    """Calls to ports whose addresses are not known in advance."""
    return NetworkPolicyEgressRuleArgs(ports=[tcp(port) for port in ports])


def tcp(port: int | str) -> NetworkPolicyPortArgs:
    """A TCP port; a name means the port that each pod gives that name."""
    return NetworkPolicyPortArgs(protocol="TCP", port=port)
