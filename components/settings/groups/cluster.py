"""The settings group ``cluster`` of a stack file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from annotated_types import Interval, Len
from pydantic import AfterValidator, Field
from typing_extensions import override

from components.settings.groups._group import Conflict, Group
from components.settings.types import (
    AddonName,
    AddonVersion,
    EndpointCidr,
    InstanceType,
    KubernetesVersion,
    Nodes,
    RoleArn,
    Switch,
    Whole,
    unique,
)


class ClusterSettings(Group):
    """The EKS cluster, its nodes, and the IAM roles that have access to it."""

    version: KubernetesVersion = "1.35"
    """Kubernetes minor version, in quotes (AWS: EKS Kubernetes versions)."""
    addon_versions: dict[AddonName, AddonVersion] = Field(default={})
    """Pinned add-on versions by name; other add-ons get the version that AWS recommends for `version` (AWS: EKS add-ons)."""
    kubeconfig: Literal["eks", "ambient"] = "eks"
    """`eks`: the stack's EKS cluster; `ambient`: the cluster that KUBECONFIG names, in the sandbox (docs: Embedded cloud)."""
    public_access_cidrs: Annotated[tuple[EndpointCidr, ...], AfterValidator(unique)] = ()
    """Networks that may reach the API over the internet; an empty list disables this access (AWS: EKS cluster endpoint access)."""
    private_access_cidrs: Annotated[tuple[EndpointCidr, ...], AfterValidator(unique)] = ()
    """Networks in the VPC, or connected to it, that may reach the API, such as CI runners (AWS: EKS cluster endpoint access)."""
    admin_role_arns: Annotated[tuple[RoleArn, ...], AfterValidator(unique)] = ()
    """IAM roles that administer the cluster; the creator's role is not added automatically (AWS: EKS access entries)."""
    ci_role_arn: RoleArn | None = None
    """IAM role with which CI deploys; `bootstrap/` creates it (AWS: EKS access entries)."""
    preview_role_arn: RoleArn | None = None
    """IAM role with which CI previews and detects drift; it has read access only (AWS: EKS access policies)."""
    instance_types: Annotated[tuple[InstanceType, ...], Len(1), AfterValidator(unique)] = ("m7i.xlarge",)
    """EC2 instance types of the nodes; with ON_DEMAND in order of preference (AWS: EKS managed node groups)."""
    capacity_type: Literal["ON_DEMAND", "SPOT"] = "ON_DEMAND"
    """Purchase option of the nodes; AWS reclaims a SPOT node with two minutes' notice (AWS: EKS managed node groups)."""
    min_nodes: Nodes = 3
    """Minimum number of nodes (AWS: EKS managed node groups)."""
    max_nodes: Nodes = 6
    """Maximum number of nodes (AWS: EKS service quotas)."""
    desired_nodes: Nodes = 3
    """Number of nodes at creation; afterwards the node autoscaler owns the number (AWS: EKS managed node groups)."""
    resize_nodes: Switch = False
    """Whether updates set `desiredNodes`; must be true to change node limits, node types or `capacityType` (docs: Upgrading)."""
    disk_gib: Annotated[Whole, Interval(ge=20, le=16384)] = 50
    """Size of a node's encrypted gp3 root volume in GiB (AWS: EBS volume types)."""
    controllers: Switch = True
    """Whether to install controllers for load balancers, nodes, logs and, if enabled, the Ingress (AWS: EKS user guide)."""

    @property
    def changing_roles(self) -> tuple[str, ...]:
        """The IAM roles that may change objects in the cluster, including the role that runs `pulumi up` in CI."""
        return tuple(dict.fromkeys((*self.admin_role_arns, *((self.ci_role_arn,) if self.ci_role_arn else ()))))

    @override
    def conflicts(self) -> Iterator[Conflict]:
        if self.min_nodes > self.max_nodes:
            yield "max_nodes", f"is below minNodes ({self.min_nodes})", str(self.min_nodes)
        elif not self.min_nodes <= self.desired_nodes <= self.max_nodes:
            nearest = self.min_nodes if self.desired_nodes < self.min_nodes else self.max_nodes
            yield "desired_nodes", f"is not between minNodes ({self.min_nodes}) and maxNodes ({self.max_nodes})", str(nearest)
