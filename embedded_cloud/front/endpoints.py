"""What the control plane and the gate agree on; nothing here needs moto."""

from __future__ import annotations

CLUSTERS = "/moto-api/embedded-cloud/clusters/"
"""PUT ``{endpoint, certificateAuthority}`` at a cluster's name says which API server stands for it."""
TOKENS = "/moto-api/embedded-cloud/tokens/"
"""POST a TokenReview at a cluster's name."""
TARGETS = "/moto-api/embedded-cloud/targets/"
"""PUT ``{"IP:PORT": STATE}`` at a target group's ARN says what the load balancer that runs has measured of its targets."""


def group_of(cluster_role: str) -> str:
    """The group by which a cluster role is bound in the cluster, for an access policy that grants it."""
    return "system:masters" if cluster_role == "cluster-admin" else f"eks-access-policy:{cluster_role}"
