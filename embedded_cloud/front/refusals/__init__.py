"""The calls that AWS refuses because of the present state of an account; each module contains the checks of some services."""

from embedded_cloud.front.refusals import balancers, clusters, data, identity, network
from embedded_cloud.front.refusals._table import TABLE, require_possible

__all__ = ["TABLE", "balancers", "clusters", "data", "identity", "network", "require_possible"]
