"""The effects that follow a call: deletions that take time, and the log group that EKS creates for a cluster.

A slow deletion ends after :data:`DESCRIBE_CALLS` describe calls of the resource, and not after a period of time.
Therefore a client that does not wait for the end of a deletion gets the same errors as on AWS, and tests need not sleep.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from embedded_cloud.front import eks
from embedded_cloud.front.backends import backend
from embedded_cloud.front.call import Call

DESCRIBE_CALLS = 2


class Endings:
    """The resources in deletion, each with the number of describe calls that remain, and the function that deletes the resource."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[int, Callable[[], None]]] = {}

    def begin(self, id: str, end: Callable[[], None]) -> None:
        """Call ``end``, which deletes ``id``, after :data:`DESCRIBE_CALLS` describe calls."""
        self._left.setdefault(id, (DESCRIBE_CALLS, end))

    def described(self, id: str) -> None:
        """Count a describe call of ``id``; the last describe call deletes the resource."""
        if id not in self._left:
            return
        calls, end = self._left[id]
        if calls > 1:
            self._left[id] = (calls - 1, end)
        else:
            del self._left[id]
            end()


ENDINGS = Endings()


def before(call: Call) -> dict[str, Any] | None:
    """The answer to a call that starts a slow deletion; ``None`` if moto must answer.

    moto would delete the resource immediately. This function also counts describe calls; the last one deletes the resource.
    """
    match call.service, call.name:
        case "ec2", "DeleteNatGateway":
            return _nat_gateway(call)
        case "eks", "DeleteNodegroup":
            return _node_group(call)
        case "ec2", "DescribeNatGateways":
            for id in call.parameters.get("NatGatewayIds") or ():
                ENDINGS.described(id)
        case "eks", "DescribeNodegroup":
            ENDINGS.described(f"{call.parameters['clusterName']}:{call.parameters['nodegroupName']}")
        case _:
            pass
    return None


def _nat_gateway(call: Call) -> dict[str, Any] | None:
    ec2 = backend("ec2", call)
    gateway = ec2.nat_gateways.get(call.parameters["NatGatewayId"])
    if gateway is None:
        return None

    def end() -> None:
        gateway.state = "deleted"
        for address in ec2.addresses:
            if address.allocation_id in {each.get("allocationId") for each in gateway.address_set}:
                ec2.disassociate_address(association_id=address.association_id)

    gateway.state = "deleting"
    ENDINGS.begin(gateway.id, end)
    return {"NatGatewayId": gateway.id}


def _node_group(call: Call) -> dict[str, Any] | None:
    cluster, name = call.parameters["clusterName"], call.parameters["nodegroupName"]
    backend_ = backend("eks", call)
    found = backend_.clusters.get(cluster)
    group = found.nodegroups.get(name) if found else None
    if group is None:
        return None
    group.status = "DELETING"
    ENDINGS.begin(f"{cluster}:{name}", lambda: backend_.delete_nodegroup(cluster, name))
    return {"nodegroup": {"nodegroupName": name, "clusterName": cluster, "nodegroupArn": group.arn, "status": "DELETING"}}


def after(call: Call) -> None:
    """After a successful call of EKS, create the cluster's log group and update the stored attributes of the cluster.

    As on AWS, both the creation and the deletion of a cluster create the log group, if the control plane writes logs and the group
    does not exist.
    """
    if call.service == "eks" and call.name in ("CreateCluster", "DeleteCluster"):
        name = call.parameters["name"]
        if eks.writes_logs(name, call):
            group = f"/aws/eks/{name}/cluster"
            logs = backend("logs", call)
            if group not in logs.groups:
                logs.create_log_group(group, {})
    if call.service == "eks":
        eks.after(call)
