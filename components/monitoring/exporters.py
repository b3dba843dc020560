"""The exporters: kube-state-metrics for Kubernetes objects, and node-exporter for the nodes."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi import ResourceOptions
from pulumi_kubernetes.apps.v1 import DaemonSet, DaemonSetSpecArgs
from pulumi_kubernetes.core.v1 import (
    ContainerArgs,
    ContainerPortArgs,
    HostPathVolumeSourceArgs,
    PodSecurityContextArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    SeccompProfileArgs,
    ServiceAccount,
    TolerationArgs,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.core.v1 import Namespace as NamespaceObject
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import NetworkPolicy, NetworkPolicySpecArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs

from components.component import Component
from components.monitoring.discovery import METRICS_PORT_NAME, STATE_PORT_NAME
from components.monitoring.prometheus import API_SERVER_PORTS
from components.settings import MonitoringSettings
from components.workload import pods
from components.workload.namespace import Namespace, pod_security
from components.workload.network_policies import Endpoint, allow, from_pods, to_anywhere
from components.workload.objects import name_of
from components.workload.workloads import Workload, bind_everywhere

STATE_PORT = 8080
STATE_SELF_PORT = 8081
"""The default ports of kube-state-metrics: ``STATE_PORT`` for metrics, ``STATE_SELF_PORT`` for its own metrics and readiness."""

NODE_EXPORTER_PORT = 9100
"""The default port of node-exporter."""

EXEMPTION = "dwcp/pod-security-exemption"
"""Annotation with the reason why a namespace does not enforce the Pod Security Standard ``restricted``."""

NODE_UID = 65534
"""User id of the node-exporter image. This user suffices, because every user can read the files that node-exporter reads."""

HOST_ROOT = "/host/root"
IGNORED_MOUNTS = "^/(dev|proc|run|sys|var/lib/(containerd|kubelet))($|/)"


@dataclass(frozen=True, kw_only=True)
class ExporterArgs:
    """Inputs of an exporter."""

    settings: MonitoringSettings
    namespace: Namespace
    prometheus: str
    """Value of the label ``app`` of the pods that may scrape the exporter."""


class KubeStateMetrics(Component):
    """kube-state-metrics, which exports replicas, restarts and node conditions.

    It can read only nodes, and the pods, volume claims, Deployments and autoscalers of its own namespace.
    """

    deployment: pulumi.Output[str]

    def __init__(self, name: str, args: ExporterArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        workload = Workload(name=name, namespace=args.namespace, opts=ResourceOptions(parent=self))
        self.metrics = Endpoint(name, STATE_PORT)
        account = workload.account()
        reading = ["list", "watch"]
        workload.role(
            account,
            [
                PolicyRuleArgs(api_groups=[""], resources=["pods", "persistentvolumeclaims"], verbs=reading),
                PolicyRuleArgs(api_groups=["apps"], resources=["deployments"], verbs=reading),
                PolicyRuleArgs(api_groups=["autoscaling"], resources=["horizontalpodautoscalers"], verbs=reading),
            ],
        )
        bind_everywhere(workload, [PolicyRuleArgs(api_groups=[""], resources=["nodes"], verbs=reading)], account)
        allow(
            name,
            args.namespace.name,
            name,
            ingress=[from_pods(args.prometheus, STATE_PORT)],
            egress=[to_anywhere(*API_SERVER_PORTS)],
            opts=workload.opts,
        )
        workload.deployment(_state_exporter(args), account=account, api_access=True)
        self.deployment = pulumi.Output.from_input(name)
        self.publish()


def _state_exporter(args: ExporterArgs) -> ContainerArgs:
    return ContainerArgs(
        name="exporter",
        image=args.settings.kube_state_metrics_image,
        args=[
            f"--port={STATE_PORT}",
            f"--telemetry-port={STATE_SELF_PORT}",
            pulumi.Output.concat("--namespaces=", args.namespace.name),
            "--resources=deployments,horizontalpodautoscalers,nodes,persistentvolumeclaims,pods",
        ],
        ports=[
            ContainerPortArgs(name=STATE_PORT_NAME, container_port=STATE_PORT),
            ContainerPortArgs(name="self", container_port=STATE_SELF_PORT),
        ],
        resources=pods.resources(cpu=("10m", "100m"), memory=("32Mi", "128Mi")),
        security_context=pods.container_security(),
        startup_probe=pods.http_probe("/livez", STATE_PORT, period_seconds=2, failures=30),
        liveness_probe=pods.http_probe("/livez", STATE_PORT, period_seconds=10),
        readiness_probe=pods.http_probe("/readyz", STATE_SELF_PORT, period_seconds=5),
    )


class NodeExporter(Component):
    """node-exporter on each node, in a separate namespace, because the platform's namespace (``restricted``) forbids host access.

    node-exporter reads the host's network counters, processes and mounts as an unprivileged user. NetworkPolicies do not apply to
    pods on the host's network; the nodes' security groups restrict access instead.
    """

    namespace: pulumi.Output[str]

    def __init__(self, name: str, args: ExporterArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        child = ResourceOptions(parent=self)
        self.namespace = name_of(_exempt_namespace(name, args.namespace.kubernetes_version, child))
        metadata = ObjectMetaArgs(name=name, namespace=self.namespace, labels={"app": name})
        NetworkPolicy(
            f"{name}-default-deny",
            metadata=metadata,
            spec=NetworkPolicySpecArgs(pod_selector=LabelSelectorArgs(), policy_types=["Ingress", "Egress"]),
            opts=child,
        )
        account = ServiceAccount(f"{name}-account", metadata=metadata, automount_service_account_token=False, opts=child)
        labels = {"app": name}
        DaemonSet(
            f"{name}-daemon-set",
            metadata=metadata,
            spec=DaemonSetSpecArgs(
                selector=LabelSelectorArgs(match_labels=labels),
                template=PodTemplateSpecArgs(metadata=ObjectMetaArgs(labels=labels), spec=_node_pod(args, name_of(account))),
            ),
            opts=child,
        )
        self.publish()


def _exempt_namespace(name: str, kubernetes_version: str, opts: ResourceOptions) -> NamespaceObject:
    levels = pod_security("privileged", kubernetes_version)
    return NamespaceObject(
        f"{name}-namespace",
        metadata=ObjectMetaArgs(
            name=name,
            labels={"app": name, **levels},
            annotations={EXEMPTION: "node-exporter reads the host's network counters, processes and mounts"},
        ),
        opts=opts,
    )


def _node_pod(args: ExporterArgs, account: pulumi.Input[str]) -> PodSpecArgs:
    return PodSpecArgs(
        service_account_name=account,
        automount_service_account_token=False,
        enable_service_links=False,
        priority_class_name=args.namespace.priority_class,
        host_network=True,
        host_pid=True,
        node_selector={"kubernetes.io/os": "linux"},
        # A full disk must be reported on every node, including tainted nodes.
        tolerations=[TolerationArgs(operator="Exists")],
        security_context=PodSecurityContextArgs(
            run_as_non_root=True,
            run_as_user=NODE_UID,
            run_as_group=NODE_UID,
            seccomp_profile=SeccompProfileArgs(type="RuntimeDefault"),
        ),
        containers=[_node_exporter(args.settings)],
        volumes=[VolumeArgs(name="root", host_path=HostPathVolumeSourceArgs(path="/", type="Directory"))],
    )


def _node_exporter(settings: MonitoringSettings) -> ContainerArgs:
    return ContainerArgs(
        name="exporter",
        image=settings.node_exporter_image,
        args=[
            f"--path.rootfs={HOST_ROOT}",
            f"--path.procfs={HOST_ROOT}/proc",
            f"--path.sysfs={HOST_ROOT}/sys",
            f"--collector.filesystem.mount-points-exclude={IGNORED_MOUNTS}",
            "--no-collector.wifi",
            f"--web.listen-address=:{NODE_EXPORTER_PORT}",
        ],
        ports=[ContainerPortArgs(name=METRICS_PORT_NAME, container_port=NODE_EXPORTER_PORT, host_port=NODE_EXPORTER_PORT)],
        resources=pods.resources(cpu=("20m", "200m"), memory=("32Mi", "128Mi")),
        security_context=pods.container_security(),
        startup_probe=pods.http_probe("/", NODE_EXPORTER_PORT, period_seconds=2, failures=30),
        liveness_probe=pods.http_probe("/", NODE_EXPORTER_PORT, period_seconds=10),
        readiness_probe=pods.http_probe("/", NODE_EXPORTER_PORT, period_seconds=10),
        volume_mounts=[VolumeMountArgs(name="root", mount_path=HOST_ROOT, read_only=True, mount_propagation="HostToContainer")],
    )
