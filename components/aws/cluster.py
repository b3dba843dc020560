"""The EKS cluster: control plane, access entries, add-ons, nodes and controllers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi import ResourceOptions
from pulumi_aws import eks, iam, kms, vpc

from components.aws._last_update import checked_version, described_network, described_node_groups
from components.aws._pod_identity import pod_role
from components.aws.controllers import Controllers, ControllersArgs
from components.aws.iam import service_role, trust
from components.aws.kubeconfig import kubeconfig
from components.aws.logs import Logs
from components.aws.names import physical_name
from components.aws.network import Network
from components.aws.nodes import Nodes, NodesArgs
from components.component import Component
from components.settings import Settings
from components.settings.types import AddonName

CLUSTER_POLICY = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"
ADMIN_POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
READ_POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminViewPolicy"
"""Allows a role to read all objects, including Secrets, because a refresh also reads Secrets.

Source: https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html
"""
API_PORT = 443
LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
KEY_DELETION_WINDOW_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class Addon:
    """An EKS add-on. Its ``service_account``, if any, gets a role with ``role_policy`` through Pod Identity."""

    name: AddonName
    namespace: str = "kube-system"
    configuration: Mapping[str, Any] = field(default_factory=dict[str, Any])
    service_account: str | None = None
    role_policy: str | None = None


BEFORE_NODES = (
    Addon(name="eks-pod-identity-agent"),
    Addon(
        name="vpc-cni",
        configuration={"enableNetworkPolicy": "true"},
        service_account="aws-node",
        role_policy="arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy",
    ),
    Addon(name="kube-proxy"),
)
"""Add-ons that must exist before the nodes. Without them, a node does not become ready, or does not enforce network policies."""

AFTER_NODES = (
    Addon(name="coredns"),
    Addon(
        name="aws-ebs-csi-driver",
        service_account="ebs-csi-controller-sa",
        role_policy="arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy",
    ),
    Addon(name="metrics-server"),
)
"""Add-ons that run as Deployments, and therefore need nodes."""

NO_INSTRUMENTATION = {"manager": {"applicationSignals": {"autoMonitor": {"monitorAllServices": False}}}}
"""Prevents the CloudWatch add-on from injecting an init container into every workload behind a Service.

Pod Security would reject this init container, because it has no security context:
https://github.com/aws/amazon-cloudwatch-agent-operator/issues/361
"""

CONTROLLER_ADDONS = (
    # Ships the containers' logs to the application's log group (AWS: "Amazon CloudWatch Observability EKS add-on").
    Addon(
        name="amazon-cloudwatch-observability",
        namespace="amazon-cloudwatch",
        configuration=NO_INSTRUMENTATION,
        service_account="cloudwatch-agent",
        role_policy="arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy",
    ),
)
"""Controllers that AWS offers as add-ons; they are installed if ``cluster.controllers`` is true."""

INGRESS_ADDONS = (Addon(name="cert-manager"),)
"""Add-ons for the ingress controller; they are installed if ``cluster.controllers`` and ``ingress.enabled`` are true.

If ``ingress.issuer`` is set, cert-manager issues the TLS certificate of the Ingress.
"""


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """Inputs of :class:`Cluster`."""

    settings: Settings
    network: Network
    logs: Logs


class Cluster(Component):
    """An EKS cluster. Only the roles in the settings have access, and the API is private unless the settings name public CIDRs.

    The cluster's creator gets no access, because access must not depend on the identity that runs the first ``pulumi up``.
    """

    cluster_name: pulumi.Output[str]
    cluster_arn: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    certificate_authority: pulumi.Output[str]
    oidc_provider_arn: pulumi.Output[str]
    node_group_names: pulumi.Output[list[str]]
    version: pulumi.Output[str]
    network: pulumi.Output[str]
    node_groups: pulumi.Output[str]
    """A text with the settings of the node groups. ``network`` is a text with the settings of the network.

    The next update compares ``version`` and the two texts with its settings.
    """

    def __init__(self, name: str, args: ClusterArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._name = name
        self._args = args
        self._child = ResourceOptions(parent=self)
        self._physical_name = physical_name(name, args.settings.environment)
        self._cluster = self._control_plane()
        entries = [*self._access_entries(), *self._api_openings()]
        before = [self._addon(addon) for addon in BEFORE_NODES]
        nodes = Nodes(
            f"{name}-nodes",
            NodesArgs(
                settings=args.settings.cluster,
                environment=args.settings.environment,
                network=args.network,
                cluster=self._cluster,
                before=before,
            ),
            self._child,
        )
        addons = [self._addon(addon, after=[nodes]) for addon in AFTER_NODES]
        if args.settings.cluster.controllers:
            self._controllers([*entries, *addons])
        issuer = self._cluster.identities[0].oidcs[0].issuer
        identity = iam.OpenIdConnectProvider(name, url=issuer, client_id_lists=["sts.amazonaws.com"], opts=self._child)

        self.cluster_name = self._cluster.name
        self.cluster_arn = self._cluster.arn
        self.endpoint = self._cluster.endpoint
        self.certificate_authority = self._cluster.certificate_authority.data
        self.oidc_provider_arn = identity.arn
        self.node_group_names = nodes.node_group_names
        self.version = self._cluster.version
        self.network = pulumi.Output.from_input(described_network(args.settings))
        self.node_groups = pulumi.Output.from_input(described_node_groups(args.settings))
        self.publish()

    def _control_plane(self) -> eks.Cluster:
        settings, network = self._args.settings.cluster, self._args.network
        role = service_role(f"{self._name}-cluster", trust("eks.amazonaws.com"), self._args.settings.environment, self._child)
        attachment = iam.RolePolicyAttachment(f"{self._name}-cluster", role=role.name, policy_arn=CLUSTER_POLICY, opts=self._child)
        key = kms.Key(
            f"{self._name}-cluster",
            description=f"Encrypts the Kubernetes secrets of {self._name}",
            enable_key_rotation=True,
            deletion_window_in_days=KEY_DELETION_WINDOW_DAYS,
            opts=self._child,
        )
        return eks.Cluster(
            self._name,
            name=self._physical_name,  # the names of the log groups contain this name
            version=checked_version(self._args.settings),
            role_arn=role.arn,
            bootstrap_self_managed_addons=False,
            deletion_protection=True if self._args.settings.environment.name == "production" else None,
            enabled_cluster_log_types=list(LOG_TYPES),
            access_config=eks.ClusterAccessConfigArgs(authentication_mode="API", bootstrap_cluster_creator_admin_permissions=False),
            encryption_config=eks.ClusterEncryptionConfigArgs(
                provider=eks.ClusterEncryptionConfigProviderArgs(key_arn=key.arn), resources=["secrets"]
            ),
            vpc_config=eks.ClusterVpcConfigArgs(
                subnet_ids=network.private_subnet_ids,
                endpoint_private_access=True,
                endpoint_public_access=bool(settings.public_access_cidrs),
                public_access_cidrs=[str(cidr) for cidr in settings.public_access_cidrs] or None,
            ),
            # Depends on the whole network: nodes need routes to pull images, and in a destroy, controllers need routes to AWS to
            # remove their finalizers.
            opts=ResourceOptions(parent=self, depends_on=[attachment, self._args.logs, network]),
        )

    def _access_entries(self) -> list[pulumi.Resource]:
        """One access entry per role. The entry's name contains the role's name, so that a new entry changes no other entry."""
        settings = self._args.settings.cluster
        reading = [settings.preview_role_arn] if settings.preview_role_arn else []
        policies = dict.fromkeys(settings.changing_roles, ADMIN_POLICY) | dict.fromkeys(reading, READ_POLICY)
        return [self._access_entry(arn, policy) for arn, policy in policies.items()]

    def _access_entry(self, arn: str, policy: str) -> pulumi.Resource:
        account, path = arn.split(":")[4:]
        name = f"{self._name}-{account}-{path.rsplit('/', 1)[-1]}"
        entry = eks.AccessEntry(name, cluster_name=self._cluster.name, principal_arn=arn, type="STANDARD", opts=self._child)
        return eks.AccessPolicyAssociation(
            name,
            cluster_name=self._cluster.name,
            principal_arn=entry.principal_arn,
            policy_arn=policy,
            access_scope=eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
            opts=self._child,
        )

    def _api_openings(self) -> list[pulumi.Resource]:
        """Rules that open the private endpoint to ``cluster.privateAccessCidrs``.

        Without a rule, only members of the cluster's security group can reach the endpoint.
        """
        return [
            vpc.SecurityGroupIngressRule(
                f"{self._name}-api-from-{cidr}",
                security_group_id=self._cluster.vpc_config.cluster_security_group_id,
                description=f"API from {cidr}",
                ip_protocol="tcp",
                from_port=API_PORT,
                to_port=API_PORT,
                cidr_ipv4=str(cidr),
                opts=self._child,
            )
            for cidr in self._args.settings.cluster.private_access_cidrs
        ]

    def _addon(self, addon: Addon, after: Sequence[pulumi.Resource] = ()) -> eks.Addon:
        name = f"{self._name}-{addon.name}"
        configuration = {**addon.configuration, **self._tagging(addon.name)}
        granted: list[pulumi.Resource] = []
        if addon.service_account:
            granted = pod_role(
                name,
                environment=self._args.settings.environment,
                cluster_name=self._cluster.name,
                namespace=addon.namespace,
                service_account=addon.service_account,
                managed_policy=addon.role_policy,
                opts=self._child,
            )
        return eks.Addon(
            name,
            cluster_name=self._cluster.name,
            addon_name=addon.name,
            addon_version=self._addon_version(addon.name),
            configuration_values=json.dumps(configuration, sort_keys=True) if configuration else None,
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            opts=ResourceOptions(parent=self, depends_on=[*after, *granted]),
        )

    def _addon_version(self, name: AddonName) -> pulumi.Input[str]:
        """The pinned version, or else the version that AWS recommends for the cluster's Kubernetes version."""
        settings = self._args.settings.cluster
        if pinned := settings.addon_versions.get(name):
            return pinned
        return eks.get_addon_version_output(
            addon_name=name, kubernetes_version=settings.version, opts=pulumi.InvokeOptions(parent=self)
        ).version

    def _tagging(self, addon: str) -> dict[str, Any]:
        """Configuration that makes an add-on tag the AWS resources that it creates, because they do not get the default tags."""
        tags = self._args.settings.environment.cluster_tags
        match addon:
            case "aws-ebs-csi-driver":
                return {"controller": {"extraVolumeTags": tags}}
            case "vpc-cni":
                return {"env": {"ADDITIONAL_ENI_TAGS": json.dumps(tags, sort_keys=True)}}
            case _:
                return {}

    def _controllers(self, after: Sequence[pulumi.Resource]) -> None:
        """Install the controllers as children, so that a resource that depends on this component also waits for the controllers."""
        args = self._args
        wanted = INGRESS_ADDONS if args.settings.ingress.enabled else ()
        addons = [self._addon(addon, after) for addon in (*CONTROLLER_ADDONS, *wanted)]
        access = kubeconfig(
            args.settings.cluster,
            args.settings.environment,
            name=self._cluster.name,
            endpoint=self._cluster.endpoint,
            authority=self._cluster.certificate_authority.data,
        )
        Controllers(
            self._name,
            ControllersArgs(
                cluster=self._cluster,
                cluster_name=self._physical_name,
                vpc_id=args.network.vpc_id,
                environment=args.settings.environment,
                most_nodes=args.settings.cluster.max_nodes,
                ingress=args.settings.ingress,
                kubeconfig=access,
                after=[*after, *addons],
            ),
            self._child,
        )
