"""Compares the settings with the outputs of the stack's last update. Rejects changes that AWS refuses or that may remove nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pulumi

from components.aws.nodes import zone_sizes
from components.errors import ComponentsError
from components.settings import Settings
from contract import PROJECT

OUTPUT = "cluster"
"""The stack output in which ``__main__.py`` exports the outputs of the cluster component."""


def checked_version(settings: Settings) -> pulumi.Output[str]:
    """The configured Kubernetes version, after a check of the settings against the last update (:func:`refuse_changes`)."""
    this_stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    outputs = pulumi.StackReference("last-cluster", this_stack).outputs

    def check(outputs: Mapping[str, Any] | None) -> str:
        last: Any = (outputs or {}).get(OUTPUT)
        if isinstance(last, dict):
            refuse_changes(cast("dict[str, Any]", last), settings)
        return settings.cluster.version

    return outputs.apply(check)


def refuse_changes(last: Mapping[str, Any], settings: Settings) -> None:
    """Raise ``ComponentsError`` for a change that EKS refuses or that may remove nodes.

    ``last`` contains the outputs of the cluster component at the last update.
    """
    if version := last.get("version"):
        _refuse_version(str(version), settings.cluster.version)
    before, now = last.get("network"), described_network(settings)
    if before and before != now:
        raise ComponentsError(
            f"network.vpcCidr and network.zones give {now}, but the cluster was created in {before}: EKS cannot move a cluster "
            "to other zones or to another VPC\n"
            "  fix: restore both settings; to use another VPC or other zones, add an environment with its own stack "
            "(docs/handbook/development.md), and change the DNS record to the load balancer of that stack"
        )
    before, now = last.get("nodeGroups"), described_node_groups(settings)
    if before and before != now and not settings.cluster.resize_nodes:
        raise ComponentsError(
            f"the node groups would change from {before} to {now}: an update of a node group also sets the number of nodes. "
            "Without cluster.resizeNodes, the update would set the number that the group had at its creation\n"
            "  fix: set cluster.desiredNodes to the number that runs now (kubectl get nodes) and cluster.resizeNodes to true for "
            "one update"
        )


def described_network(settings: Settings) -> str:
    """The VPC's addresses and zones, as the text that the cluster component exports."""
    return f"{settings.network.vpc_cidr} in {', '.join(sorted(settings.network.zones))}"


def described_node_groups(settings: Settings) -> str:
    """The minimum and maximum number of nodes per zone, the instance types and the capacity type.

    This is the text that the cluster component exports.
    """
    cluster = settings.cluster
    sizes = ", ".join(f"{zone} {least} to {most}" for zone, (least, _, most) in zone_sizes(cluster, settings.network.zones).items())
    return f"{sizes} of {', '.join(cluster.instance_types)} {cluster.capacity_type}"


def _refuse_version(running: str, wanted: str) -> None:
    """Raise ``ComponentsError`` unless ``wanted`` is at most one minor version above or below ``running``.

    EKS accepts a downgrade by one minor version only within 7 days of the upgrade, and only if no node is newer. The program knows
    neither the time of the upgrade nor the nodes' versions, so it prints a warning and leaves the decision to EKS.
    Sources: https://docs.aws.amazon.com/eks/latest/userguide/update-cluster.html and .../rollback-cluster.html
    """
    major, minor = map(int, running.split("."))
    step = int(wanted.split(".")[1]) - minor
    if step == -1:
        pulumi.log.warn(
            f"cluster.version is downgraded from {running} to {wanted}: EKS accepts this only within 7 days of the upgrade to "
            f"{running}, and only if no node is newer than {wanted} (docs: Upgrading). The program does not know "
            "the time of the upgrade"
        )
    elif step not in (0, 1):
        problem = "EKS downgrades by one minor version at most" if step < 0 else "EKS upgrades one minor version at a time"
        right = running if step < 0 else f"{major}.{minor + 1}"
        raise ComponentsError(
            f"cluster.version is {wanted}, but the cluster runs {running}: {problem}\n"
            f"  fix: pulumi config set -s {pulumi.get_stack()} --path '{PROJECT}:cluster.version' '{right}'"
        )
