"""The machines of the cluster: role, launch template and managed node group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi import ResourceOptions
from pulumi_aws import ec2, eks, iam

from components.aws.iam import service_role, trust
from components.aws.network import Network
from components.component import Component
from components.ownership import NODE_GROUP, ignored
from components.settings import ClusterSettings, EnvironmentSettings

NODE_POLICIES = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")
"""AWS: "Amazon EKS node IAM role". The VPC CNI has a role of its own by Pod Identity."""


@dataclass(frozen=True, kw_only=True)
class NodesArgs:
    """What :class:`Nodes` needs; ``cluster`` must have its networking add-ons before nodes join."""

    settings: ClusterSettings
    environment: EnvironmentSettings
    network: Network
    cluster: eks.Cluster
    before: Sequence[pulumi.Resource]


class Nodes(Component):
    """A managed node group whose instances answer metadata requests of their own processes only.

    IMDSv2 with a hop limit of 1 keeps pods from taking the node's role; they have Pod Identity.
    """

    role_arn: pulumi.Output[str]
    node_group_name: pulumi.Output[str]

    def __init__(self, name: str, args: NodesArgs, opts: ResourceOptions) -> None:
        super().__init__(name, opts)
        child = ResourceOptions(parent=self)
        role = service_role(name, trust("ec2.amazonaws.com"), args.environment, child)
        attachments = [
            iam.RolePolicyAttachment(f"{name}-{policy}", role=role.name, policy_arn=f"arn:aws:iam::aws:policy/{policy}", opts=child)
            for policy in NODE_POLICIES
        ]
        template = _launch_template(name, args, child)
        group = eks.NodeGroup(
            name,
            cluster_name=args.cluster.name,
            node_role_arn=role.arn,
            subnet_ids=args.network.private_subnet_ids,
            instance_types=list(args.settings.instance_types),
            capacity_type=args.settings.capacity_type,
            launch_template=eks.NodeGroupLaunchTemplateArgs(id=template.id, version=template.latest_version.apply(_as_text)),
            scaling_config=eks.NodeGroupScalingConfigArgs(
                min_size=args.settings.min_nodes, max_size=args.settings.max_nodes, desired_size=args.settings.desired_nodes
            ),
            update_config=eks.NodeGroupUpdateConfigArgs(max_unavailable=1),
            opts=ResourceOptions(
                parent=self,
                depends_on=[*attachments, *args.before],
                ignore_changes=ignored(NODE_GROUP, name),
            ),
        )
        self.role_arn = role.arn
        self.node_group_name = group.node_group_name
        self.publish()


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
        opts=child,
    )


def _as_text(version: int) -> str:
    return str(version)
