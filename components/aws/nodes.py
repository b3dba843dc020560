"""The nodes of the cluster: role, launch template and managed node groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi import ResourceOptions
from pulumi_aws import ec2, eks, iam

from components.aws.iam import service_role, trust
from components.aws.network import Network
from components.component import Component
from components.field_owners import NODE_GROUP, ignored
from components.settings import ClusterSettings, EnvironmentSettings

NODE_POLICIES = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")
"""Policies of the nodes' role (AWS: "Amazon EKS node IAM role"). The VPC CNI has its own role through Pod Identity."""

MADE_BY_A_GROUP = ("instance", "volume", "network-interface")


@dataclass(frozen=True, kw_only=True)
class NodesArgs:
    """Inputs of :class:`Nodes`; ``before`` are the add-ons that the cluster must have before nodes join."""

    settings: ClusterSettings
    environment: EnvironmentSettings
    network: Network
    cluster: eks.Cluster
    before: Sequence[pulumi.Resource]


class Nodes(Component):
    """Managed node groups, one per zone. A volume exists in one zone, so the autoscaler must be able to add a node in that zone.

    IMDSv2 with a hop limit of 1 prevents pods outside the host's network from using the nodes' role. Pods use Pod Identity instead.
    """

    node_group_names: pulumi.Output[list[str]]

    def __init__(self, name: str, args: NodesArgs, opts: ResourceOptions) -> None:
        super().__init__(name, opts)
        self._name = name
        self._args = args
        child = ResourceOptions(parent=self)
        role = service_role(name, trust("ec2.amazonaws.com"), args.environment, child)
        attachments = [
            iam.RolePolicyAttachment(f"{name}-{policy}", role=role.name, policy_arn=f"arn:aws:iam::aws:policy/{policy}", opts=child)
            for policy in NODE_POLICIES
        ]
        template = _launch_template(name, args, child)
        groups = [
            self._group(zone, size, role, template, [*attachments, *args.before])
            for zone, size in zone_sizes(args.settings, args.network.zones).items()
        ]
        self.node_group_names = pulumi.Output.all(*(group.node_group_name for group in groups))
        self.publish()

    def _group(
        self,
        zone: str,
        size: tuple[int, int, int],
        role: iam.Role,
        template: ec2.LaunchTemplate,
        depends_on: Sequence[pulumi.Resource],
    ) -> eks.NodeGroup:
        least, first, most = size
        name = f"{self._name}-{zone}"
        return eks.NodeGroup(
            name,
            cluster_name=self._args.cluster.name,
            node_role_arn=role.arn,
            subnet_ids=[self._args.network.private_subnets[zone].id],
            # The nodes have the same version as the control plane.
            version=self._args.cluster.version,
            instance_types=list(self._args.settings.instance_types),
            capacity_type=self._args.settings.capacity_type,
            launch_template=eks.NodeGroupLaunchTemplateArgs(id=template.id, version=template.latest_version.apply(str)),
            scaling_config=eks.NodeGroupScalingConfigArgs(min_size=least, max_size=most, desired_size=first),
            update_config=eks.NodeGroupUpdateConfigArgs(max_unavailable=1),
            opts=ResourceOptions(
                parent=self,
                depends_on=depends_on,
                ignore_changes=[] if self._args.settings.resize_nodes else ignored(NODE_GROUP, name),
            ),
        )


def zone_sizes(settings: ClusterSettings, zones: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """Minimum, initial and maximum number of nodes in each zone."""
    totals = (settings.min_nodes, settings.desired_nodes, settings.max_nodes)
    shared = zip(*(shares(total, len(zones)) for total in totals), strict=True)
    return {zone: (least, first, most) for zone, (least, first, most) in zip(zones, shared, strict=True)}


def shares(total: int, zones: int) -> list[int]:
    """The equal shares of ``total`` in each zone. If there is a remainder, the first zones get one more node each."""
    each, more = divmod(total, zones)
    return [each + 1] * more + [each] * (zones - more)


def _launch_template(name: str, args: NodesArgs, child: ResourceOptions) -> ec2.LaunchTemplate:
    network = args.network
    groups = [
        args.cluster.vpc_config.cluster_security_group_id,
        network.application_group_id,
        network.metrics_group_id,
        network.redis_group_id,
    ]
    disk = ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
        volume_size=args.settings.disk_gib, volume_type="gp3", encrypted="true", delete_on_termination="true"
    )
    return ec2.LaunchTemplate(
        name,
        vpc_security_group_ids=groups,
        update_default_version=True,
        metadata_options=ec2.LaunchTemplateMetadataOptionsArgs(
            http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
        ),
        block_device_mappings=[ec2.LaunchTemplateBlockDeviceMappingArgs(device_name="/dev/xvda", ebs=disk)],
        monitoring=ec2.LaunchTemplateMonitoringArgs(enabled=True),
        # The provider's default tags do not apply to resources that an autoscaling group creates.
        tag_specifications=[
            ec2.LaunchTemplateTagSpecificationArgs(resource_type=made, tags={**args.environment.cluster_tags, "Name": name})
            for made in MADE_BY_A_GROUP
        ],
        opts=child,
    )
