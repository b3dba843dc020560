"""Controllers that are not available as EKS add-ons, installed from the Helm charts of their projects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import ResourceOptions
from pulumi_aws import eks

from components.aws._pod_identity import pod_role
from components.aws.iam import Statement, document
from components.component import Component
from components.settings import EnvironmentSettings, IngressSettings
from contract import TOPOLOGY_KEYS

INSTALL_TIMEOUT_SECONDS = 600
REPLICAS = 2
"""Two replicas, so that one replica runs while a node is drained."""


@dataclass(frozen=True)
class Chart:
    """The source of a chart: its name in ``repository`` or its OCI reference, and the exact version."""

    name: str
    version: str
    repository: str | None = None


LOAD_BALANCER_CONTROLLER = Chart("aws-load-balancer-controller", "3.5.0", "https://aws.github.io/eks-charts")
NODE_AUTOSCALER = Chart("cluster-autoscaler", "9.59.0", "https://kubernetes.github.io/autoscaler")
INGRESS_CONTROLLER = Chart("oci://ghcr.io/nginx/charts/nginx-ingress", "2.7.2")
"""NGINX's ingress controller. The Kubernetes project's ingress-nginx is retired, and gets no security fixes."""


@dataclass(frozen=True, kw_only=True)
class ControllersArgs:
    """Inputs of :class:`Controllers`; ``after`` are the resources that must exist before pods can run and call AWS."""

    cluster: eks.Cluster
    cluster_name: str
    """The cluster's name as a plain string, because a policy contains it in the key of a tag, and a key cannot be an output."""
    vpc_id: pulumi.Input[str]
    environment: EnvironmentSettings
    most_nodes: int
    ingress: IngressSettings
    kubeconfig: pulumi.Input[str] | None
    after: Sequence[pulumi.Resource]


class Controllers(Component):
    """The load balancer controller, the node autoscaler and, if ``ingress.enabled`` is true, the ingress controller.

    Each controller has only the AWS permissions that it uses.

    The controllers are Helm releases and not rendered charts, because the chart of the load balancer controller creates a new
    certificate at every rendering. An installed release keeps the first certificate.
    """

    def __init__(self, name: str, args: ControllersArgs, opts: ResourceOptions) -> None:
        super().__init__(name, opts)
        self._name = name
        self._args = args
        self._child = ResourceOptions(parent=self)
        provider = kubernetes.Provider(
            f"{name}-installer",
            kubeconfig=args.kubeconfig,
            cluster_identifier=args.cluster_name,  # identifies the cluster if its kubeconfig changes
            opts=ResourceOptions(parent=self, depends_on=args.after),
        )
        self._releases = ResourceOptions(parent=self, provider=provider)
        self._load_balancer_controller()
        self._node_autoscaler()
        if args.ingress.enabled:
            self._ingress_controller(args.ingress)
        self.publish()

    def _load_balancer_controller(self) -> None:
        """Install the controller that binds pods to the program's target groups. The controller may not create load balancers."""
        account = "aws-load-balancer-controller"
        values = {
            "clusterName": self._args.cluster.name,
            # Set explicitly, because pods cannot read the region and the VPC from the node's metadata service (hop limit 1).
            "region": self._args.environment.region,
            "vpcId": self._args.vpc_id,
            "replicaCount": REPLICAS,
            "serviceAccount": {"name": account},
            "createIngressClassResource": False,
            # The cloud controller of EKS continues to handle Services of type LoadBalancer.
            "enableServiceMutatorWebhook": False,
            # Otherwise each upgrade creates a new certificate, and the webhooks fail until every replica has read the certificate.
            "keepTLSSecret": True,
        }
        granted = self._role(account, _target_policy())
        self._release(account, LOAD_BALANCER_CONTROLLER, "kube-system", values, granted)

    def _node_autoscaler(self) -> None:
        """Install the node autoscaler, which finds the node groups by the tags that EKS sets."""
        account = "cluster-autoscaler"
        values = {
            "cloudProvider": "aws",
            "awsRegion": self._args.environment.region,
            "autoDiscovery": {"clusterName": self._args.cluster.name},
            "rbac": {"serviceAccount": {"name": account}},
            # Without balancing, one zone could get all new nodes.
            "extraArgs": {
                "balance-similar-node-groups": True,
                "expander": "least-waste",
                "max-nodes-total": self._args.most_nodes,
                # By default, a node whose pods have local volumes is never removed. Our local volumes hold only scratch files.
                "skip-nodes-with-local-storage": False,
            },
        }
        granted = self._role(account, _scaling_policy(self._args.cluster_name))
        self._release(account, NODE_AUTOSCALER, "kube-system", values, granted)

    def _ingress_controller(self, settings: IngressSettings) -> None:
        """Install the ingress controller behind a network load balancer that only the VPC and connected networks can reach."""
        annotations = {
            "service.beta.kubernetes.io/aws-load-balancer-type": "nlb",
            "service.beta.kubernetes.io/aws-load-balancer-internal": "true",
        }
        controller = {
            "replicaCount": REPLICAS,
            "ingressClass": {"name": settings.class_name, "create": True},
            "enableCustomResources": False,
            "service": {"annotations": annotations},
            # One replica must run while nodes are drained or a zone is down. The priority class prevents a preemption by the
            # service's pods.
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


def _target_policy() -> pulumi.Output[str]:
    """The policy that TargetGroupBindings need (AWS Load Balancer Controller: Installation, IAM permissions).

    The controller may register targets, but not change target groups, because the program owns the target groups.
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


def _scaling_policy(cluster: str) -> pulumi.Output[str]:
    """The policy that allows the autoscaler to resize only this cluster's node groups (Cluster Autoscaler on AWS: IAM policy)."""
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
