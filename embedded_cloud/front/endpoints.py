"""The paths and names that the control plane and the middleware share; this module does not import moto."""

from __future__ import annotations

CLUSTERS = "/moto-api/embedded-cloud/clusters/"
"""PUT ``{endpoint, certificateAuthority}`` to this path plus a cluster's name registers the cluster's API server."""
TOKENS = "/moto-api/embedded-cloud/tokens/"
"""POST a TokenReview to this path plus a cluster's name; the answer is the TokenReview with its status."""
TARGETS = "/moto-api/embedded-cloud/targets/"
"""PUT ``{"IP:PORT": STATE}`` to this path plus a target group's ARN reports the measured health of the group's targets."""


def group_of(cluster_role: str) -> str:
    """The Kubernetes group that has this cluster role.

    An access policy that grants the role makes a principal a member of the group.
    """
    return "system:masters" if cluster_role == "cluster-admin" else f"eks-access-policy:{cluster_role}"
