"""What works in the cluster on AWS' behalf and is no EKS add-on: installed from its project's own Helm chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import ResourceOptions
from pulumi_aws import eks

from components.aws.iam import Statement, document
from components.aws.pod_identity import pod_role
from components.component import Component
from components.settings import EnvironmentSettings, IngressSettings
from components.workload.pods import TOPOLOGY_KEYS

INSTALL_TIMEOUT_SECONDS = 600
REPLICAS = 2
"""So that one is left while a node is drained."""


@dataclass(frozen=True)
class Chart:
    """Where a chart comes from: its name in ``repository``, or by itself an OCI reference, and the exact version."""

    name: str
    version: str
    repository: str | None = None


LOAD_BALANCER_CONTROLLER = Chart("aws-load-balancer-controller", "3.5.0", "https://aws.github.io/eks-charts")
NODE_AUTOSCALER = Chart("cluster-autoscaler", "9.59.0", "https://kubernetes.github.io/autoscaler")
INGRESS_CONTROLLER = Chart("oci://ghcr.io/nginx/charts/nginx-ingress", "2.7.2")
"""NGINX' own controller: the Kubernetes project's ingress-nginx is retired and gets no security fixes."""


@dataclass(frozen=True, kw_only=True)
class ControllersArgs:
    """What :class:`Controllers` needs; ``after`` is what must stand before pods can run and reach AWS."""

    cluster: eks.Cluster
    cluster_name: str
    """In plain text, for the tags that EKS makes of it."""
    vpc_id: pulumi.Input[str]
    environment: EnvironmentSettings
    most_nodes: int
    ingress: IngressSettings
    kubeconfig: pulumi.Input[str] | None
    after: Sequence[pulumi.Resource]


class Controllers(Component):
    """Target registration, node autoscaling and the internal ingress, each with no more AWS permissions than it uses.

    Helm releases and not rendered charts: the load balancer controller's makes a certificate on
    every rendering, which only an installed release keeps.
    """

    def __init__(self, name: str, args: ControllersArgs, opts: ResourceOptions) -> None:
        super().__init__(name, opts)
        self._name = name
        self._args = args
        self._child = ResourceOptions(parent=self)
        provider = kubernetes.Provider(
            f"{name}-installer",
            kubeconfig=args.kubeconfig,
            cluster_identifier=args.cluster_name,  # the same cluster, whatever its kubeconfig says
            opts=ResourceOptions(parent=self, depends_on=args.after),
        )
        self._releases = ResourceOptions(parent=self, provider=provider)
        self._load_balancer_controller()
        self._node_autoscaler()
        if args.ingress.enabled:
            self._ingress_controller(args.ingress)
        self.publish()

    def _load_balancer_controller(self) -> None:
        """It binds pods to the target groups that the program owns and may make no load balancer of its own."""
        account = "aws-load-balancer-controller"
        values = {
            "clusterName": self._args.cluster.name,
            # Pods cannot ask the node's metadata service, whose hop limit is 1.
            "region": self._args.environment.region,
            "vpcId": self._args.vpc_id,
            "replicaCount": REPLICAS,
            "serviceAccount": {"name": account},
            "createIngressClassResource": False,
            # Services of type LoadBalancer stay with the cloud controller of EKS.
            "enableServiceMutatorWebhook": False,
            # Else each upgrade makes a new certificate, and the webhooks fail until every replica has read it.
            "keepTLSSecret": True,
        }
        granted = self._role(account, _binds_targets())
        self._release(account, LOAD_BALANCER_CONTROLLER, "kube-system", values, granted)

    def _node_autoscaler(self) -> None:
        """It finds the node group by the tags that EKS puts on it."""
        account = "cluster-autoscaler"
        values = {
            "cloudProvider": "aws",
            "awsRegion": self._args.environment.region,
            "autoDiscovery": {"clusterName": self._args.cluster.name},
            "rbac": {"serviceAccount": {"name": account}},
            # Without it one zone could take all new nodes.
            "extraArgs": {
                "balance-similar-node-groups": True,
                "expander": "least-waste",
                "max-nodes-total": self._args.most_nodes,
                # Ours hold scratch files only; with the default a node with such a pod is never given back.
                "skip-nodes-with-local-storage": False,
            },
        }
        granted = self._role(account, _scales_nodes(self._args.cluster_name))
        self._release(account, NODE_AUTOSCALER, "kube-system", values, granted)

    def _ingress_controller(self, settings: IngressSettings) -> None:
        """Behind a network load balancer that only the VPC and what is connected to it can reach."""
        annotations = {
            "service.beta.kubernetes.io/aws-load-balancer-type": "nlb",
            "service.beta.kubernetes.io/aws-load-balancer-internal": "true",
        }
        controller = {
            "replicaCount": REPLICAS,
            "ingressClass": {"name": settings.class_name, "create": True},
            "enableCustomResources": False,
            "service": {"annotations": annotations},
            # One replica stays while nodes are drained or a zone is lost, and nothing of the service's own takes its place.
            "podDisruptionBudget": {"enabled": True, "maxUnavailable": 1},
            "topologySpreadConstraints": [_spread(key) for key in TOPOLOGY_KEYS],
            "priorityClassName": "system-cluster-critical",
            "telemetryReporting": {"enable": False},
        }
        self._release("ingress-controller", INGRESS_CONTROLLER, settings.controller_namespace, {"controller": controller})

    def _role(self, account: str, policy: pulumi.Output[str]) -> list[pulumi.Resource]:
        return pod_role(
            f"{self._name}-{account}",
            environment=self._args.environment,
            cluster_name=self._args.cluster.name,
            namespace="kube-system",
            service_account=account,
            policy=policy,
            opts=self._child,
        )

    def _release(
        self, role: str, chart: Chart, namespace: str, values: Mapping[str, Any], granted: Sequence[pulumi.Resource] = ()
    ) -> None:
        kubernetes.helm.v3.Release(
            f"{self._name}-{role}",
            name=role,
            chart=chart.name,
            version=chart.version,
            repository_opts=kubernetes.helm.v3.RepositoryOptsArgs(repo=chart.repository) if chart.repository else None,
            namespace=namespace,
            create_namespace=True,
            values=values,
            atomic=True,
            timeout=INSTALL_TIMEOUT_SECONDS,
            opts=ResourceOptions.merge(self._releases, ResourceOptions(depends_on=list(granted))),
        )


def _spread(key: str) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": "nginx-ingress"}
    return {
        "topologyKey": key,
        "maxSkew": 1,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels},
    }


def _binds_targets() -> pulumi.Output[str]:
    """AWS Load Balancer Controller, Installation, IAM permissions: what TargetGroupBindings need.

    Without leave to modify target groups: those are the program's.
    """
    reads = [
        *("ec2:DescribeAvailabilityZones", "ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces"),
        *("ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"),
        *("elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetGroupAttributes"),
        "elasticloadbalancing:DescribeTargetHealth",
    ]
    writes = ["elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"]
    return document(
        Statement(actions=reads, resources=["*"]),
        Statement(actions=writes, resources=["arn:aws:elasticloadbalancing:*:*:targetgroup/*"]),
    )


def _scales_nodes(cluster: str) -> pulumi.Output[str]:
    """Cluster Autoscaler on AWS, IAM policy; it changes the size of this cluster's node groups only."""
    reads = [
        *("autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingInstances"),
        *("autoscaling:DescribeLaunchConfigurations", "autoscaling:DescribeScalingActivities", "autoscaling:DescribeTags"),
        *("ec2:DescribeImages", "ec2:DescribeInstanceTypes", "ec2:DescribeLaunchTemplateVersions"),
        *("ec2:GetInstanceTypesFromInstanceRequirements", "eks:DescribeNodegroup"),
    ]
    writes = ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"]
    owned = {f"aws:ResourceTag/k8s.io/cluster-autoscaler/{cluster}": "owned"}
    return document(
        Statement(actions=reads, resources=["*"]),
        Statement(actions=writes, resources=["*"], conditions={"StringEquals": owned}),
    )
