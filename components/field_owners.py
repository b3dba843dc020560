"""The properties that the program does not own after creation.

The program's ``ignore_changes``, the previews, drift detection, deployments, rollouts, rollbacks and the policies use this table.

The program sets the first value of each property in the table, and does not change the property afterwards. There is one exception:
with ``cluster.resizeNodes``, an update sets the number of nodes again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from contract import APPLICATION, DEPLOYMENTS, ROLLOUT_CONFIG_MAP, ROLLOUT_KEY, ZONES

Owner = Literal["autoscaler", "delivery"]
"""``autoscaler`` is the HorizontalPodAutoscaler or the node autoscaler; ``delivery`` is the ``dwcp`` command."""

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
HORIZONTAL_POD_AUTOSCALER = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
LISTENER_RULE = "aws:lb/listenerRule:ListenerRule"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"


@dataclass(frozen=True)
class Ownership:
    """One property of one resource, and the owner that changes it after creation."""

    type: str
    """Pulumi type token."""
    name: str
    """Logical name, the last part of the URN."""
    path: str
    """Property path in camelCase, in the syntax of ``ignore_changes``."""
    owner: Owner


OWNERSHIP: tuple[Ownership, ...] = (
    *(Ownership(NODE_GROUP, f"{APPLICATION}-nodes-{zone}", "scalingConfig.desiredSize", "autoscaler") for zone in ZONES),
    Ownership(DEPLOYMENT, f"{APPLICATION}-deployment", "spec.replicas", "autoscaler"),
    Ownership(DEPLOYMENT, f"{DEPLOYMENTS['canary']}-deployment", "spec.replicas", "delivery"),
    # This row is for the canary's image. With server-side apply, the Kubernetes provider compares ignored paths with the object's
    # field managers. The provider cannot match a path with a list index, so `containers[0].image` would cause a field conflict with
    # delivery. Delivery therefore owns the whole list of containers, and copies the list from the stable track at the start of a
    # rollout.
    Ownership(DEPLOYMENT, f"{DEPLOYMENTS['canary']}-deployment", "spec.template.spec.containers", "delivery"),
    Ownership(DEPLOYMENT, f"{DEPLOYMENTS['canary']}-deployment", "spec.template.metadata.labels.version", "delivery"),
    Ownership(HORIZONTAL_POD_AUTOSCALER, f"{APPLICATION}-autoscaler", "spec.minReplicas", "delivery"),
    Ownership(HORIZONTAL_POD_AUTOSCALER, f"{DEPLOYMENTS['canary']}-autoscaler", "spec.minReplicas", "delivery"),
    Ownership(CONFIG_MAP, ROLLOUT_CONFIG_MAP, f"data.{ROLLOUT_KEY}", "delivery"),
    # The program ignores the whole list of actions, not only the weights. The provider stores target groups as a set, so a refresh
    # can swap the indexes of the two tracks. The list also contains the target groups' ARNs. They do not change, because no setting
    # replaces a target group.
    Ownership(LISTENER_RULE, f"{APPLICATION}-tracks", "actions", "delivery"),
)


def ignored(type_: str, name: str) -> list[str]:
    """The property paths of a resource that the program does not own, for ``ResourceOptions.ignore_changes``.

    Raises ``LookupError`` for a resource that is not in the table. Without this error, an update of a renamed resource would
    overwrite the owners' values.
    """
    paths = [row.path for row in OWNERSHIP if (row.type, row.name) == (type_, name)]
    if not paths:
        raise LookupError(f"{type_} {name!r} is not in OWNERSHIP; add it to the table or remove ignore_changes")
    return paths
