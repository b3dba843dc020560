"""EKS: versions, zones, roles, routes of nodes, and deletion protection."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from embedded_cloud.front import eks
from embedded_cloud.front.backends import backend, live_endpoints, reaches_outside, subnet
from embedded_cloud.front.call import Call
from embedded_cloud.front.refusals._table import refuses

API = "https://docs.aws.amazon.com/eks/latest/APIReference"
GUIDE = "https://docs.aws.amazon.com/eks/latest/userguide"

VERSIONS = tuple(f"1.{minor}" for minor in range(32, 38))
"""The versions with standard or extended support at the end of November 2026. Extended support of 1.31 ended on 2026-11-26.

Source: https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html
"""

ROLLBACK_WINDOW = 7 * 24 * 60 * 60
"""The time after an upgrade in which EKS allows a rollback: https://docs.aws.amazon.com/eks/latest/userguide/rollback-cluster.html"""

SKEW = 3
"""The number of minor versions by which nodes may be older than the control plane: https://kubernetes.io/releases/version-skew-policy/"""

REFUSED_ZONES = ("use1-az3", "usw1-az2", "cac1-az3")


@refuses(
    "eks", "CreateCluster", "UpdateClusterVersion", code="InvalidParameterException", source=f"{GUIDE}/kubernetes-versions.html"
)
def unknown_version(call: Call) -> str | None:
    """A Kubernetes version that EKS does not support."""
    version = call.parameters.get("version")
    return f"unsupported Kubernetes version {version}" if version and version not in VERSIONS else None


@refuses("eks", "UpdateClusterVersion", code="InvalidParameterException", source=f"{GUIDE}/update-cluster.html")
def version_out_of_step(call: Call) -> str | None:
    """An upgrade or a rollback by more than one minor version."""
    cluster, step = _step(call)
    if abs(step) <= 1:
        return None
    return f"Unsupported Kubernetes minor version update from {cluster.version} to {call.parameters['version']}"


@refuses("eks", "UpdateClusterVersion", code="InvalidRequestException", source=f"{GUIDE}/rollback-cluster.html")
def rollback_without_recent_upgrade(call: Call) -> str | None:
    """A rollback of a cluster that was not upgraded to its present version in the last 7 days."""
    cluster, step = _step(call)
    upgraded = eks.parts(cluster.name).upgraded_at if step == -1 else None
    if step != -1 or (upgraded is not None and time.time() - upgraded <= ROLLBACK_WINDOW):
        return None
    return f"Cluster {cluster.name} was not upgraded to {cluster.version} within the last 7 days and cannot be rolled back"


@refuses("eks", "UpdateClusterVersion", code="InvalidRequestException", source=f"{GUIDE}/rollback-cluster.html")
def rollback_below_nodes(call: Call) -> str | None:
    """A rollback of a cluster to a version that is older than a node group's version, without ``force``."""
    cluster, step = _step(call)
    if step != -1 or call.parameters.get("force"):
        return None
    wanted = call.parameters["version"]
    newer = [each.nodegroup_name for each in cluster.nodegroups.values() if eks.minor(each.version) > eks.minor(wanted)]
    return f"Kubelet version skew: nodegroups {', '.join(newer)} must be rolled back to {wanted} first" if newer else None


@refuses("eks", "UpdateClusterVersion", code="InvalidRequestException", source=f"{GUIDE}/update-cluster.html")
def nodes_too_old(call: Call) -> str | None:
    """An upgrade of a cluster that would make a node group more than three minor versions older than the cluster."""
    cluster = _cluster(call)
    for group in cluster.nodegroups.values() if cluster else ():
        if eks.minor(call.parameters["version"]) - eks.minor(group.version) > SKEW:
            name, version = group.nodegroup_name, cluster.version
            return f"Nodegroup {name} must be updated to match cluster version {version} before updating cluster version"
    return None


@refuses(
    "eks", "CreateNodegroup", "UpdateNodegroupVersion", code="InvalidParameterException", source=f"{API}/API_CreateNodegroup.html"
)
def nodes_newer_than_cluster(call: Call) -> str | None:
    """A node group with a newer Kubernetes version than its cluster."""
    cluster, version = _cluster(call), call.parameters.get("version")
    if cluster is None or not version or eks.minor(version) <= eks.minor(cluster.version):
        return None
    return f"Requested Nodegroup version {version} is newer than the cluster version {cluster.version}"


@refuses("eks", "CreateCluster", code="UnsupportedAvailabilityZoneException", source=f"{GUIDE}/network-reqs.html")
def zone_without_control_planes(call: Call) -> str | None:
    """A cluster's subnet in a zone in which EKS places no control plane."""
    for id in call.parameters["resourcesVpcConfig"].get("subnetIds") or ():
        found = subnet(call, id)
        if found is not None and found.availability_zone_id in REFUSED_ZONES:
            zone = found.availability_zone
            return f"Cannot create cluster because {zone}, the targeted availability zone, does not have sufficient capacity"
    return None


@refuses("eks", "CreateCluster", code="InvalidParameterException", source=f"{GUIDE}/network-reqs.html")
def cluster_in_one_zone(call: Call) -> str | None:
    """A cluster whose subnets are in fewer than two zones, or with a subnet that does not exist."""
    ids = call.parameters["resourcesVpcConfig"].get("subnetIds") or ()
    found = {id: subnet(call, id) for id in ids}
    if missing := [id for id, each in found.items() if each is None]:
        return f"The subnet ID '{missing[0]}' does not exist"
    if len({each.availability_zone for each in found.values()}) < 2:
        return "Subnets specified must be in at least two different AZs"
    return None


@refuses("eks", "UpdateClusterConfig", code="InvalidParameterException", source=f"{GUIDE}/network-reqs.html")
def subnets_in_other_zones(call: Call) -> str | None:
    """A change of a cluster's subnets to another VPC or to other zones."""
    cluster, wanted = _cluster(call), (call.parameters.get("resourcesVpcConfig") or {}).get("subnetIds")
    if cluster is None or not wanted:
        return None
    places = [_places(call, ids) for ids in (cluster.resources_vpc_config["subnetIds"], wanted)]
    return None if places[0] == places[1] else "Provided subnets must be in the VPC and the AZs that the cluster was created with"


def _places(call: Call, ids: Sequence[str]) -> set[tuple[str, str]]:
    return {(each.vpc_id, each.availability_zone) for id in ids if (each := subnet(call, id)) is not None}


@refuses("eks", "CreateCluster", code="InvalidParameterException", source=f"{GUIDE}/cluster-iam-role.html")
def cluster_role_without_trust(call: Call) -> str | None:
    """A cluster with a role that does not exist or that EKS may not assume."""
    return _untrusted(call, call.parameters["roleArn"], "eks.amazonaws.com")


@refuses("eks", "CreateNodegroup", code="InvalidParameterException", source=f"{GUIDE}/create-node-role.html")
def node_role_without_trust(call: Call) -> str | None:
    """A node group with a role that does not exist or that EC2 may not assume."""
    return _untrusted(call, call.parameters["nodeRole"], "ec2.amazonaws.com")


@refuses("eks", "CreateNodegroup", code="NodeCreationFailure", source=f"{GUIDE}/troubleshooting.html")
def nodes_without_egress(call: Call) -> str | None:
    """A node group in a subnet without a default route, in a VPC without an endpoint of the registry ECR.

    EKS accepts the call, and the node group fails later with this code. The official provider waits for the node group, and reports
    the code.
    """
    for id in call.parameters["subnets"]:
        found = subnet(call, id)
        private = any(
            each.vpc_id == found.vpc_id and str(each.service_name).endswith(".ecr.dkr") for each in live_endpoints(call) if found
        )
        if found and not private and not reaches_outside(call, id):
            return (
                f"Instances failed to join the kubernetes cluster: the subnet {id} has no default route (0.0.0.0/0), for example "
                "through a NAT gateway"
            )
    return None


@refuses("eks", "CreatePodIdentityAssociation", code="InvalidParameterException", source=f"{GUIDE}/pod-id-association.html")
def pod_role_without_trust(call: Call) -> str | None:
    """A Pod Identity association with a role that does not exist or that EKS Pod Identity may not assume."""
    return _untrusted(call, call.parameters["roleArn"], "pods.eks.amazonaws.com")


@refuses("eks", "DeleteCluster", code="InvalidRequestException", source=f"{API}/API_DeleteCluster.html")
def protected_cluster(call: Call) -> str | None:
    """Deleting a cluster under deletion protection."""
    name = call.parameters["name"]
    if not eks.parts(name).settings.get("deletionProtection"):
        return None
    return f"Cluster {name} has deletion protection enabled"


def _cluster(call: Call) -> Any:
    return backend("eks", call).clusters.get(call.parameters.get("clusterName") or call.parameters.get("name"))


def _step(call: Call) -> tuple[Any, int]:
    """The cluster (None if it does not exist), and the number of minor versions of the change; negative for a rollback."""
    cluster = _cluster(call)
    return cluster, eks.minor(call.parameters["version"]) - eks.minor(cluster.version) if cluster else 0


def _untrusted(call: Call, arn: str, service: str) -> str | None:
    name = arn.rsplit("/", 1)[-1]
    role = next((each for each in list(backend("iam", call).roles.values()) if each.name == name), None)
    trusted = role and service in json.dumps(json.loads(role.assume_role_policy_document))
    return (
        None
        if trusted
        else f"Role with arn: {arn}, could not be assumed because it does not exist or the trusted entity is not correct"
    )
