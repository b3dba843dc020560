"""The settings group ``cluster`` of a stack file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from annotated_types import Interval, Len
from pydantic import AfterValidator, Field
from typing_extensions import override

from components.settings.groups.group import Conflict, Group
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
    """The EKS cluster, its nodes, and the roles that have access."""

    version: KubernetesVersion = "1.35"
    """Kubernetes minor version, in quotes (AWS: EKS Kubernetes versions)."""
    addon_versions: dict[AddonName, AddonVersion] = Field(default={})
    """Pinned add-on versions by name; other add-ons get the version that AWS recommends for `version` (AWS: EKS add-ons)."""
    kubeconfig: Literal["eks", "ambient"] = "eks"
    """The cluster's own endpoint, or the cluster that KUBECONFIG names, as in the sandbox (docs: Embedded cloud)."""
    public_access_cidrs: Annotated[tuple[EndpointCidr, ...], AfterValidator(unique)] = ()
    """Networks that may reach the API over the internet; an empty list closes that endpoint (AWS: EKS cluster endpoint access)."""
    private_access_cidrs: Annotated[tuple[EndpointCidr, ...], AfterValidator(unique)] = ()
    """Networks in or connected to the VPC that may reach the API, such as the runners' (AWS: EKS cluster endpoint access)."""
    admin_role_arns: Annotated[tuple[RoleArn, ...], AfterValidator(unique)] = ()
    """IAM roles that administer the cluster; add the creator's if it needs access (AWS: EKS access entries)."""
    ci_role_arn: RoleArn | None = None
    """IAM role with which CI deploys; `bootstrap/` creates it (AWS: EKS access entries)."""
    preview_role_arn: RoleArn | None = None
    """IAM role with which CI previews and detects drift; it can only read (AWS: EKS access policies)."""
    instance_types: Annotated[tuple[InstanceType, ...], Len(1), AfterValidator(unique)] = ("m7i.xlarge",)
    """EC2 instance types of the nodes, in order of preference (AWS: EKS managed node groups)."""
    capacity_type: Literal["ON_DEMAND", "SPOT"] = "ON_DEMAND"
    """Purchase option of the nodes; AWS reclaims a SPOT node with two minutes' notice (AWS: EKS managed node groups)."""
    min_nodes: Nodes = 3
    """Fewest nodes (AWS: EKS managed node groups)."""
    max_nodes: Nodes = 6
    """Most nodes (AWS: EKS service quotas)."""
    desired_nodes: Nodes = 3
    """Nodes at creation; node autoscaling owns the number after that (AWS: EKS managed node groups)."""
    resize_nodes: Switch = False
    """Whether an update sets the number of nodes to `desiredNodes`, which new limits can require (AWS: EKS node groups)."""
    disk_gib: Annotated[Whole, Interval(ge=20, le=16384)] = 50
    """GiB of a node's encrypted gp3 root volume (AWS: EBS volume types)."""
    controllers: Switch = True
    """Whether to install AWS' controllers in the cluster: load balancers, node autoscaling, log shipping (docs: On AWS)."""

    @property
    def changing_roles(self) -> tuple[str, ...]:
        """The roles that may change what is in the cluster, `pulumi up` included."""
        return tuple(dict.fromkeys((*self.admin_role_arns, *((self.ci_role_arn,) if self.ci_role_arn else ()))))

    @override
    def conflicts(self) -> Iterator[Conflict]:
        if self.min_nodes > self.max_nodes:
            yield "max_nodes", f"is below minNodes ({self.min_nodes})", str(self.min_nodes)
        elif not self.min_nodes <= self.desired_nodes <= self.max_nodes:
            nearest = self.min_nodes if self.desired_nodes < self.min_nodes else self.max_nodes
            yield "desired_nodes", f"is not between minNodes ({self.min_nodes}) and maxNodes ({self.max_nodes})", str(nearest)
