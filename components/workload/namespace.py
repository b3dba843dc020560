"""The namespace, with the objects that every workload in it needs."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

import pulumi
from pulumi import ResourceOptions
from pulumi_kubernetes.core.v1 import Namespace as NamespaceObject
from pulumi_kubernetes.core.v1 import Secret
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import (
    NetworkPolicy,
    NetworkPolicyEgressRuleArgs,
    NetworkPolicyPeerArgs,
    NetworkPolicyPortArgs,
    NetworkPolicySpecArgs,
)
from pulumi_kubernetes.scheduling.v1 import PriorityClass
from pulumi_kubernetes.storage.v1 import StorageClass

from components.component import Component
from components.settings import ClusterSettings, EnvironmentSettings, RegistryCredentials
from components.workload.network_policies import NAMESPACE_LABEL
from components.workload.objects import encoded, name_of
from contract import PULL_SECRET

STORAGE_CLASS = "gp3"
"""Name of the storage class, which is also the default of ``redis.storageClass``."""

PRIORITY = 1_000_000
"""Higher than the priority of pods without a class (0), and much lower than the system's classes (2,000,000,000)."""

DNS_PORT = 53


@dataclass(frozen=True, kw_only=True)
class NamespaceArgs:
    """Inputs of :class:`Namespace`."""

    environment: EnvironmentSettings
    cluster: ClusterSettings
    registry: RegistryCredentials


class Namespace(Component):
    """A namespace that admits only pods of the Pod Security Standard ``restricted`` and, by default, allows only DNS traffic.

    The component also creates the pull secret, the priority class and the storage class.
    """

    name: pulumi.Output[str]
    pull_secret: pulumi.Output[str]
    priority_class: pulumi.Output[str]
    storage_class: pulumi.Output[str]
    """The storage class of encrypted gp3 volumes (EBS CSI driver)."""

    def __init__(self, name: str, args: NamespaceArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        child = ResourceOptions(parent=self)
        self.kubernetes_version = args.cluster.version
        self.name = name_of(_namespace(name, self.kubernetes_version, child))
        self.pull_secret = name_of(_pull_secret(name, self.name, args.registry, child))
        self.priority_class = name_of(_priority_class(name, child))
        self.storage_class = name_of(_storage_class(name, args.environment, child))
        _deny_by_default(name, self.name, child)
        _allow_dns(name, self.name, child)
        self.publish()


def pod_security(level: str, kubernetes_version: str) -> dict[str, str]:
    """The labels with which a namespace enforces ``level`` of the Pod Security Standards, in the cluster's Kubernetes version."""
    return {
        f"pod-security.kubernetes.io/{mode}{suffix}": value
        for mode in ("enforce", "audit", "warn")
        for suffix, value in (("", level), ("-version", f"v{kubernetes_version}"))
    }


def _namespace(name: str, kubernetes_version: str, opts: ResourceOptions) -> NamespaceObject:
    security = pod_security("restricted", kubernetes_version)
    # With this label, the load balancer controller adds a readiness gate to each new pod, so that the pod is ready only when its
    # target is healthy.
    readiness_gates = {"elbv2.k8s.aws/pod-readiness-gate-inject": "enabled"}
    return NamespaceObject(
        f"{name}-namespace",
        metadata=ObjectMetaArgs(name=name, labels={"app": name, **security, **readiness_gates}),
        opts=opts,
    )


def _pull_secret(name: str, namespace: pulumi.Output[str], registry: RegistryCredentials, opts: ResourceOptions) -> Secret:
    def docker_config(token: str) -> dict[str, str]:
        basic = base64.b64encode(f"{registry.username}:{token}".encode()).decode()
        return encoded({".dockerconfigjson": json.dumps({"auths": {registry.server: {"auth": basic}}})})

    return Secret(
        f"{name}-{PULL_SECRET}",
        metadata=ObjectMetaArgs(name=PULL_SECRET, namespace=namespace, labels={"app": name}),
        type="kubernetes.io/dockerconfigjson",
        data=registry.token.apply(docker_config),
        opts=opts,
    )


def _priority_class(name: str, opts: ResourceOptions) -> PriorityClass:
    return PriorityClass(
        f"{name}-priority",
        metadata=ObjectMetaArgs(name=name, labels={"app": name}),
        description="The DWCP v3 service and its dependencies.",
        value=PRIORITY,
        global_default=False,
        preemption_policy="PreemptLowerPriority",
        opts=opts,
    )


def _storage_class(name: str, environment: EnvironmentSettings, opts: ResourceOptions) -> StorageClass:
    return StorageClass(
        f"{name}-storage",
        metadata=ObjectMetaArgs(name=STORAGE_CLASS, labels={"app": name}),
        provisioner="ebs.csi.aws.com",
        parameters={"type": "gp3", "encrypted": "true"},
        # An EBS volume belongs to one zone, so it is created after its pod is scheduled to a zone.
        volume_binding_mode="WaitForFirstConsumer",
        allow_volume_expansion=True,
        # In production, the volume of a deleted claim is kept, in case the deletion was a mistake.
        reclaim_policy="Retain" if environment.name == "production" else "Delete",
        opts=opts,
    )


def _deny_by_default(name: str, namespace: pulumi.Output[str], opts: ResourceOptions) -> None:
    NetworkPolicy(
        f"{name}-default-deny",
        metadata=ObjectMetaArgs(name="default-deny", namespace=namespace, labels={"app": name}),
        spec=NetworkPolicySpecArgs(pod_selector=LabelSelectorArgs(), policy_types=["Ingress", "Egress"]),
        opts=opts,
    )


def _allow_dns(name: str, namespace: pulumi.Output[str], opts: ResourceOptions) -> None:
    peer = NetworkPolicyPeerArgs(
        namespace_selector=LabelSelectorArgs(match_labels={NAMESPACE_LABEL: "kube-system"}),
        pod_selector=LabelSelectorArgs(match_labels={"k8s-app": "kube-dns"}),
    )
    ports = [NetworkPolicyPortArgs(protocol=protocol, port=DNS_PORT) for protocol in ("UDP", "TCP")]
    NetworkPolicy(
        f"{name}-allow-dns",
        metadata=ObjectMetaArgs(name="allow-dns", namespace=namespace, labels={"app": name}),
        spec=NetworkPolicySpecArgs(
            pod_selector=LabelSelectorArgs(),
            policy_types=["Egress"],
            egress=[NetworkPolicyEgressRuleArgs(to=[peer], ports=ports)],
        ),
        opts=opts,
    )
