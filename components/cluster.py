"""The EKS cluster: control plane, who may enter it, add-ons, nodes."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi import ResourceOptions
from pulumi_aws import eks, iam, kms

from components.component import Component
from components.iam import trust
from components.logs import Logs
from components.network import Network
from components.nodes import Nodes, NodesArgs
from components.settings import ClusterSettings, EnvironmentSettings

CLUSTER_POLICY = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"
ADMIN_POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
KEY_DELETION_WINDOW_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class Addon:
    """An EKS add-on; with ``role_policy``, its ``service_account`` gets a role with that policy by Pod Identity."""

    name: str
    namespace: str = "kube-system"
    configuration: str | None = None
    service_account: str | None = None
    role_policy: str | None = None


BEFORE_NODES = (
    Addon(name="eks-pod-identity-agent"),
    Addon(
        name="vpc-cni",
        configuration='{"enableNetworkPolicy": "true"}',
        service_account="aws-node",
        role_policy="arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy",
    ),
    Addon(name="kube-proxy"),
)
"""A node without these never becomes ready, or comes up without network policies."""

AFTER_NODES = (
    Addon(name="coredns"),
    Addon(
        name="aws-ebs-csi-driver",
        service_account="ebs-csi-controller-sa",
        role_policy="arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy",
    ),
    Addon(name="metrics-server"),
)
"""These run as Deployments and need nodes to be placed on."""

LOG_SHIPPER = Addon(
    name="amazon-cloudwatch-observability",
    namespace="amazon-cloudwatch",
    service_account="cloudwatch-agent",
    role_policy="arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy",
)
"""Ships what containers print to the application's log group (AWS: "Amazon CloudWatch Observability EKS add-on")."""


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """What :class:`Cluster` needs."""

    settings: ClusterSettings
    environment: EnvironmentSettings
    network: Network
    logs: Logs


class Cluster(Component):
    """An EKS cluster that only named roles may enter and whose API is private unless CIDRs are given.

    Its creator gets no access by itself: the entry would follow whoever ran the first ``up``.
    """

    cluster_name: pulumi.Output[str]
    cluster_arn: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    certificate_authority: pulumi.Output[str]
    oidc_provider_arn: pulumi.Output[str]
    node_group_name: pulumi.Output[str]

    def __init__(self, name: str, args: ClusterArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._name = name
        self._args = args
        self._child = ResourceOptions(parent=self)
        self._cluster = self._control_plane()
        self._access_entries()
        before = [self._addon(addon) for addon in BEFORE_NODES]
        nodes = Nodes(
            f"{name}-nodes",
            NodesArgs(settings=args.settings, network=args.network, cluster=self._cluster, before=before),
            self._child,
        )
        for addon in (*AFTER_NODES, LOG_SHIPPER) if args.settings.controllers else AFTER_NODES:
            self._addon(addon, after=[nodes])
        issuer = self._cluster.identities[0].oidcs[0].issuer
        identity = iam.OpenIdConnectProvider(name, url=issuer, client_id_lists=["sts.amazonaws.com"], opts=self._child)

        self.cluster_name = self._cluster.name
        self.cluster_arn = self._cluster.arn
        self.endpoint = self._cluster.endpoint
        self.certificate_authority = self._cluster.certificate_authority.data
        self.oidc_provider_arn = identity.arn
        self.node_group_name = nodes.node_group_name
        self.publish()

    def _control_plane(self) -> eks.Cluster:
        settings, network = self._args.settings, self._args.network
        role = iam.Role(f"{self._name}-cluster", assume_role_policy=trust("eks.amazonaws.com"), opts=self._child)
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
            name=self._name,  # the log group above is named after it
            version=settings.version,
            role_arn=role.arn,
            bootstrap_self_managed_addons=False,
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
            opts=ResourceOptions(parent=self, depends_on=[attachment, self._args.logs]),
        )

    def _access_entries(self) -> None:
        """One entry per role, named after it: adding one touches no other."""
        settings = self._args.settings
        roles = [*settings.admin_role_arns, *([settings.ci_role_arn] if settings.ci_role_arn else [])]
        for arn in roles:
            name = f"{self._name}-{arn.rsplit('/', 1)[-1]}"
            entry = eks.AccessEntry(name, cluster_name=self._cluster.name, principal_arn=arn, type="STANDARD", opts=self._child)
            eks.AccessPolicyAssociation(
                name,
                cluster_name=self._cluster.name,
                principal_arn=entry.principal_arn,
                policy_arn=ADMIN_POLICY,
                access_scope=eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
                opts=self._child,
            )

    def _addon(self, addon: Addon, after: list[pulumi.Resource] | None = None) -> eks.Addon:
        name = f"{self._name}-{addon.name}"
        needed: list[pulumi.Resource] = list(after or [])
        if addon.role_policy and addon.service_account:
            role = iam.Role(name, assume_role_policy=trust("pods.eks.amazonaws.com", pod_identity=True), opts=self._child)
            needed.append(iam.RolePolicyAttachment(name, role=role.name, policy_arn=addon.role_policy, opts=self._child))
            needed.append(
                eks.PodIdentityAssociation(
                    name,
                    cluster_name=self._cluster.name,
                    namespace=addon.namespace,
                    service_account=addon.service_account,
                    role_arn=role.arn,
                    opts=self._child,
                )
            )
        return eks.Addon(
            name,
            cluster_name=self._cluster.name,
            addon_name=addon.name,
            configuration_values=addon.configuration,
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            opts=ResourceOptions(parent=self, depends_on=needed),
        )
