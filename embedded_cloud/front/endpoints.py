"""The paths and names that the control plane, the load balancer and the middleware share; this module does not import moto."""

from __future__ import annotations

CLUSTERS = "/moto-api/embedded-cloud/clusters/"
"""To register a cluster's API server, PUT ``{endpoint, certificateAuthority}`` to this path plus the cluster's name."""
TOKENS = "/moto-api/embedded-cloud/tokens/"
"""POST a TokenReview to this path plus a cluster's name; the answer is the TokenReview with its status."""
TARGETS = "/moto-api/embedded-cloud/targets/"
"""To report the measured health of a group's targets, PUT ``{"IP:PORT": STATE}`` to this path plus the target group's ARN."""


def group_of(cluster_role: str) -> str:
    """The Kubernetes group that has this cluster role.

    An access policy that grants the role makes a principal a member of the group.
    """
    return "system:masters" if cluster_role == "cluster-admin" else f"eks-access-policy:{cluster_role}"
