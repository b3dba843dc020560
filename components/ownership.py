"""Who owns which property, where it is not the program: the one table behind ``ignore_changes``, drift, preview and rollout.

The program sets the first value of each property listed here and leaves it alone from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from contract import APPLICATION, DEPLOYMENTS, ROLLOUT_CONFIG_MAP, ROLLOUT_KEY

Owner = Literal["autoscaler", "delivery"]

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
HORIZONTAL_POD_AUTOSCALER = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
LISTENER_RULE = "aws:lb/listenerRule:ListenerRule"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"


@dataclass(frozen=True)
class Ownership:
    """One property of one resource that somebody else changes after its creation."""

    type: str
    """Pulumi type token."""
    name: str
    """Logical name, the last part of the URN."""
    path: str
    """Property path in the provider's camelCase, as ``ignore_changes`` takes it."""
    owner: Owner


OWNERSHIP: tuple[Ownership, ...] = (
    Ownership(NODE_GROUP, f"{APPLICATION}-nodes", "scalingConfig.desiredSize", "autoscaler"),
    Ownership(DEPLOYMENT, f"{APPLICATION}-deployment", "spec.replicas", "autoscaler"),
    Ownership(DEPLOYMENT, f"{DEPLOYMENTS['canary']}-deployment", "spec.replicas", "delivery"),
    # The canary's image. Under server-side apply the kubernetes provider compares ignored paths with the object's field managers
    # and cannot match one with a list index: `containers[0].image` would end in a field conflict with delivery, so the whole list
    # is delivery's, which takes it from the stable track at the start of a rollout.
    Ownership(DEPLOYMENT, f"{DEPLOYMENTS['canary']}-deployment", "spec.template.spec.containers", "delivery"),
    Ownership(DEPLOYMENT, f"{DEPLOYMENTS['canary']}-deployment", "spec.template.metadata.labels.version", "delivery"),
    Ownership(HORIZONTAL_POD_AUTOSCALER, f"{APPLICATION}-autoscaler", "spec.minReplicas", "delivery"),
    Ownership(HORIZONTAL_POD_AUTOSCALER, f"{DEPLOYMENTS['canary']}-autoscaler", "spec.minReplicas", "delivery"),
    Ownership(CONFIG_MAP, ROLLOUT_CONFIG_MAP, f"data.{ROLLOUT_KEY}", "delivery"),
    Ownership(LISTENER_RULE, f"{APPLICATION}-tracks", "actions[0].forward.targetGroups[*].weight", "delivery"),
)


def ignored(type_: str, name: str) -> list[str]:
    """The property paths of a resource that the program leaves to their owners, for ``ResourceOptions.ignore_changes``.

    Raises ``LookupError`` for a resource that is not in the table: a renamed one would otherwise overwrite its owners' work.
    """
    paths = [row.path for row in OWNERSHIP if (row.type, row.name) == (type_, name)]
    if not paths:
        raise LookupError(f"{type_} {name!r} has no owner but the program; add it to OWNERSHIP or drop ignore_changes")
    return paths
