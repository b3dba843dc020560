"""The parts of EKS that moto lacks: access entries and policies, add-ons, Pod Identity associations, attributes of clusters."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

from embedded_cloud.front.accounts import ACCOUNT
from embedded_cloud.front.backends import backend
from embedded_cloud.front.call import AwsError, Call
from embedded_cloud.front.endpoints import group_of

Properties = dict[str, Any]

POLICY_PREFIX = "arn:aws:eks::aws:cluster-access-policy/"
POLICIES = {
    "AmazonEKSClusterAdminPolicy": "cluster-admin",
    "AmazonEKSAdminPolicy": "admin",
    "AmazonEKSEditPolicy": "edit",
    "AmazonEKSViewPolicy": "view",
    "AmazonEKSAdminViewPolicy": "embedded-cloud:admin-view",
}
"""Each access policy with the cluster role that grants the same permissions.

Source: https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html; the last policy can read all kinds.
"""

ADDONS = (
    *("vpc-cni", "coredns", "kube-proxy", "eks-pod-identity-agent", "aws-ebs-csi-driver", "aws-efs-csi-driver"),
    *("metrics-server", "amazon-cloudwatch-observability", "cert-manager", "snapshot-controller", "external-dns"),
)
"""Some of the add-ons of EKS: https://docs.aws.amazon.com/eks/latest/userguide/workloads-add-ons-available-eks.html"""


@dataclass
class Parts:
    """The resources that belong to one cluster, by their keys."""

    settings: Properties = field(default_factory=dict[str, Any])
    entries: dict[str, Properties] = field(default_factory=dict[str, Properties])
    policies: dict[tuple[str, str], Properties] = field(default_factory=dict[tuple[str, str], Properties])
    addons: dict[str, Properties] = field(default_factory=dict[str, Properties])
    pods: dict[str, Properties] = field(default_factory=dict[str, Properties])
    upgraded_at: float | None = None
    """The time of the upgrade to the present version; None for a new cluster, and after a rollback."""


PARTS: dict[str, Parts] = {}
API_SERVERS: dict[str, Properties] = {}
"""Cluster name -> endpoint and certificate authority of the cluster's API server."""


def parts(cluster: str) -> Parts:
    """The resources that belong to a cluster."""
    return PARTS.setdefault(cluster, Parts())


def access_of(cluster: str, arn: str) -> tuple[str, list[str]] | None:
    """The user name and the groups of a principal in a cluster; None if it has no access entry.

    ``arn`` is the ARN of a role or of an assumed role's session. An access entry contains the ARN of the role.
    """
    role = arn
    if ":assumed-role/" in arn:
        role = f"arn:aws:iam::{arn.split(':')[4]}:role/{arn.split('/')[1]}"
    entry = parts(cluster).entries.get(role)
    if entry is None:
        return None
    granted = [POLICIES[policy.removeprefix(POLICY_PREFIX)] for principal, policy in parts(cluster).policies if principal == role]
    return arn, [*entry["kubernetesGroups"], *(group_of(each) for each in granted)]


def logs(cluster: str, call: Call) -> bool:
    """Whether the control plane of a cluster writes logs to CloudWatch."""
    enabled = parts(cluster).settings.get("logging")
    if enabled is None:
        enabled = call.parameters.get("logging")
    return any(each.get("enabled") for each in (enabled or {}).get("clusterLogging", ()))


def after(call: Call) -> None:
    """Store the attributes of a cluster that moto does not store."""
    name = call.parameters.get("name", "")
    match call.name:
        case "CreateCluster":
            wanted = {
                key: call.parameters[key] for key in ("accessConfig", "deletionProtection", "logging") if key in call.parameters
            }
            PARTS[name] = Parts(settings=wanted)
        case "UpdateClusterConfig":
            changed = {
                key: call.parameters[key] for key in ("accessConfig", "deletionProtection", "logging") if key in call.parameters
            }
            parts(name).settings.update(changed)
        case "DeleteCluster":
            PARTS.pop(name, None)
        case _:
            pass


def completed(call: Call, answer: Properties) -> Properties:
    """moto's description of a cluster with access mode, deletion protection, a separate OIDC issuer, and the real API server."""
    cluster = answer.get("cluster")
    if cluster is None:
        return answer
    settings = parts(cluster["name"]).settings
    access = {"authenticationMode": "CONFIG_MAP", **settings.get("accessConfig", {})}
    server = API_SERVERS.get(cluster["name"], {})
    number = hashlib.sha256(f"{cluster['arn']} {cluster['createdAt']}".encode()).hexdigest()[:32].upper()
    # moto has one issuer for all clusters.
    issuer = {"oidc": {"issuer": f"https://oidc.eks.{call.region}.amazonaws.com/id/{number}"}}
    protected = settings.get("deletionProtection", False)
    extra = {"accessConfig": access, "deletionProtection": protected, "identity": issuer, **server}
    return {**answer, "cluster": {**cluster, **extra}}


def minor(version: str) -> int:
    """The minor version as a number: 35 for ``1.35``."""
    return int(version.split(".")[1])


def _given(call: Call, *names: str) -> Properties:
    """The given parameters of a call among ``names``."""
    return {name: call.parameters[name] for name in names if name in call.parameters}


def _update(kind: str) -> Properties:
    """The answer to an update, which has already succeeded."""
    return {"update": {"id": token_hex(8), "status": "Successful", "type": kind, "createdAt": time.time()}}


def create_access_entry(call: Call) -> Properties:
    """Give a principal access to a cluster."""
    cluster, principal = _cluster(call), call.parameters["principalArn"]
    kind = call.parameters.get("type", "STANDARD")
    if parts(cluster).settings.get("accessConfig", {}).get("authenticationMode", "CONFIG_MAP") == "CONFIG_MAP":
        raise AwsError(
            "InvalidRequestException",
            "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.",
        )
    if principal in parts(cluster).entries:
        raise AwsError("ResourceInUseException", "The specified access entry resource is already in use on this cluster.", 409)
    entry = {
        "clusterName": cluster,
        "principalArn": principal,
        "kubernetesGroups": call.parameters.get("kubernetesGroups", []),
        "accessEntryArn": _arn(call, "access-entry", cluster, "role", ACCOUNT, principal.rsplit("/", 1)[-1], token_hex(8)),
        "tags": call.parameters.get("tags", {}),
        "username": call.parameters.get("username", principal),
        "type": kind,
        **_times(),
    }
    parts(cluster).entries[principal] = entry
    return {"accessEntry": entry}


def describe_access_entry(call: Call) -> Properties:
    """Describe an access entry."""
    return {"accessEntry": _entry(call)}


def update_access_entry(call: Call) -> Properties:
    """Change the groups or the user name of a principal."""
    entry = _entry(call)
    entry.update(_given(call, "kubernetesGroups", "username"))
    return {"accessEntry": entry}


def delete_access_entry(call: Call) -> Properties:
    """Delete a principal's access entry and its access policies."""
    _entry(call)
    owner, principal = parts(_cluster(call)), call.parameters["principalArn"]
    del owner.entries[principal]
    owner.policies = {key: each for key, each in owner.policies.items() if key[0] != principal}
    return {}


def list_access_entries(call: Call) -> Properties:
    """List the principals with an access entry."""
    return {"accessEntries": list(parts(_cluster(call)).entries)}


def associate_access_policy(call: Call) -> Properties:
    """Grant a principal an access policy."""
    entry, policy = _entry(call), call.parameters["policyArn"]
    if policy.removeprefix(POLICY_PREFIX) not in POLICIES:
        raise AwsError("ResourceNotFoundException", f"The specified policyArn is invalid: {policy}", 404)
    association = {
        "policyArn": policy,
        "accessScope": call.parameters["accessScope"],
        "associatedAt": time.time(),
        "modifiedAt": time.time(),
    }
    parts(_cluster(call)).policies[entry["principalArn"], policy] = association
    return {"clusterName": entry["clusterName"], "principalArn": entry["principalArn"], "associatedAccessPolicy": association}


def disassociate_access_policy(call: Call) -> Properties:
    """Remove an access policy from a principal."""
    key = (_entry(call)["principalArn"], call.parameters["policyArn"])
    if parts(_cluster(call)).policies.pop(key, None) is None:
        raise _not_found("association of this access policy")
    return {}


def list_associated_access_policies(call: Call) -> Properties:
    """List the access policies of a principal."""
    principal = _entry(call)["principalArn"]
    found = [each for (owner, _), each in parts(_cluster(call)).policies.items() if owner == principal]
    return {"clusterName": _cluster(call), "principalArn": principal, "associatedAccessPolicies": found}


def create_addon(call: Call) -> Properties:
    """Install an add-on."""
    cluster, name = _cluster(call), call.parameters["addonName"]
    kubernetes = backend("eks", call).clusters[cluster].version
    version = call.parameters.get("addonVersion") or _versions(kubernetes)[0]
    if name not in ADDONS or version not in _versions(kubernetes):
        raise AwsError(
            "InvalidParameterException", f"Addon version specified is not supported: {name} {version} on Kubernetes {kubernetes}"
        )
    if name in parts(cluster).addons:
        raise AwsError("ResourceInUseException", "Addon already exists.", 409)
    addon = {
        "addonName": name,
        "clusterName": cluster,
        "status": "ACTIVE",
        "addonVersion": version,
        "health": {"issues": []},
        "addonArn": _arn(call, "addon", cluster, name, token_hex(8)),
        "tags": call.parameters.get("tags", {}),
        **_given(call, "serviceAccountRoleArn", "configurationValues"),
        **_times(),
    }
    parts(cluster).addons[name] = addon
    return {"addon": addon}


def describe_addon(call: Call) -> Properties:
    """Describe an add-on."""
    return {"addon": _addon(call)}


def update_addon(call: Call) -> Properties:
    """Change version or configuration of an add-on."""
    addon = _addon(call)
    addon.update(_given(call, "addonVersion", "serviceAccountRoleArn", "configurationValues"))
    return _update("AddonUpdate")


def delete_addon(call: Call) -> Properties:
    """Remove an add-on."""
    addon = _addon(call)
    del parts(_cluster(call)).addons[addon["addonName"]]
    return {"addon": {**addon, "status": "DELETING"}}


def list_addons(call: Call) -> Properties:
    """List the installed add-ons."""
    return {"addons": list(parts(_cluster(call)).addons)}


def describe_addon_versions(call: Call) -> Properties:
    """List invented versions of add-ons; one is the default for each Kubernetes version."""
    wanted, kubernetes = call.parameters.get("addonName"), call.parameters.get("kubernetesVersion", "1.35")
    versions = [
        {"addonVersion": version, "compatibilities": [{"clusterVersion": kubernetes, "defaultVersion": index == 0}]}
        for index, version in enumerate(_versions(kubernetes))
    ]
    return {"addons": [{"addonName": name, "addonVersions": versions} for name in ADDONS if wanted in (None, name)]}


def create_pod_identity_association(call: Call) -> Properties:
    """Associate a role with the pods of a service account."""
    cluster = _cluster(call)
    account = (call.parameters["namespace"], call.parameters["serviceAccount"])
    if account in {(each["namespace"], each["serviceAccount"]) for each in parts(cluster).pods.values()}:
        raise AwsError("ResourceInUseException", f"Association already exists: {'/'.join(account)}", 409)
    id = f"a-{token_hex(8)}"
    association = {
        "clusterName": cluster,
        "namespace": account[0],
        "serviceAccount": account[1],
        "roleArn": call.parameters["roleArn"],
        "associationArn": _arn(call, "podidentityassociation", cluster, id),
        "associationId": id,
        "tags": call.parameters.get("tags", {}),
        **_times(),
    }
    parts(cluster).pods[id] = association
    return {"association": association}


def describe_pod_identity_association(call: Call) -> Properties:
    """Describe an association of a service account with a role."""
    return {"association": _pods(call)}


def update_pod_identity_association(call: Call) -> Properties:
    """Change the role of a service account's pods."""
    association = _pods(call)
    association.update(_given(call, "roleArn"))
    return {"association": association}


def delete_pod_identity_association(call: Call) -> Properties:
    """Remove the role of a service account."""
    return {"association": parts(_cluster(call)).pods.pop(_pods(call)["associationId"])}


def list_pod_identity_associations(call: Call) -> Properties:
    """List the associations of a cluster, of a namespace or of a service account."""
    wanted = {key: call.parameters[key] for key in ("namespace", "serviceAccount") if call.parameters.get(key)}
    found = [each for each in parts(_cluster(call)).pods.values() if wanted.items() <= each.items()]
    return {"associations": found}


def update_cluster_config(call: Call) -> Properties | None:
    """Change the attributes of a cluster that moto cannot change; None if moto can answer the call."""
    if "deletionProtection" not in call.parameters and "accessConfig" not in call.parameters:
        return None
    after(call)
    return _update("ConfigUpdate")


def update_cluster_version(call: Call) -> Properties:
    """Change the version of the control plane, without a delay."""
    name = call.parameters["name"]
    clusters = backend("eks", call).clusters
    if name not in clusters:
        raise AwsError("ResourceNotFoundException", f"No cluster found for name: {name}.", 404)
    before, wanted = clusters[name].version, call.parameters["version"]
    back = minor(wanted) < minor(before)
    parts(name).upgraded_at = None if back else time.time()
    clusters[name].version = wanted
    return _update("VersionRollback" if back else "VersionUpdate")


def tag_resource(call: Call) -> Properties | None:
    """Tag a resource of this module; None for a resource of moto."""
    found = by_arn(call.parameters["resourceArn"])
    if found is None:
        return None
    found["tags"] = {**found["tags"], **call.parameters["tags"]}
    return {}


def untag_resource(call: Call) -> Properties | None:
    """Remove tags of a resource of this module; None for a resource of moto."""
    found = by_arn(call.parameters["resourceArn"])
    if found is None:
        return None
    found["tags"] = {key: value for key, value in found["tags"].items() if key not in call.parameters["tagKeys"]}
    return {}


OPERATIONS: dict[str, Callable[[Call], Properties | None]] = {
    "CreateAccessEntry": create_access_entry,
    "DescribeAccessEntry": describe_access_entry,
    "UpdateAccessEntry": update_access_entry,
    "DeleteAccessEntry": delete_access_entry,
    "ListAccessEntries": list_access_entries,
    "AssociateAccessPolicy": associate_access_policy,
    "DisassociateAccessPolicy": disassociate_access_policy,
    "ListAssociatedAccessPolicies": list_associated_access_policies,
    "CreateAddon": create_addon,
    "DescribeAddon": describe_addon,
    "UpdateAddon": update_addon,
    "DeleteAddon": delete_addon,
    "ListAddons": list_addons,
    "DescribeAddonVersions": describe_addon_versions,
    "CreatePodIdentityAssociation": create_pod_identity_association,
    "DescribePodIdentityAssociation": describe_pod_identity_association,
    "UpdatePodIdentityAssociation": update_pod_identity_association,
    "DeletePodIdentityAssociation": delete_pod_identity_association,
    "ListPodIdentityAssociations": list_pod_identity_associations,
    "UpdateClusterConfig": update_cluster_config,
    "UpdateClusterVersion": update_cluster_version,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
}


def _cluster(call: Call) -> str:
    name = call.parameters["clusterName"]
    if name not in backend("eks", call).clusters:
        raise AwsError("ResourceNotFoundException", f"No cluster found for name: {name}.", 404)
    return name


def _entry(call: Call) -> Properties:
    principal = call.parameters["principalArn"]
    found = parts(_cluster(call)).entries.get(principal)
    if found is None:
        raise _not_found(f"access entry for {principal}")
    return found


def _addon(call: Call) -> Properties:
    name = call.parameters["addonName"]
    found = parts(_cluster(call)).addons.get(name)
    if found is None:
        raise AwsError("ResourceNotFoundException", f"No addon: {name} found in cluster: {_cluster(call)}", 404)
    return found


def _pods(call: Call) -> Properties:
    id = call.parameters["associationId"]
    found = parts(_cluster(call)).pods.get(id)
    if found is None:
        raise _not_found(f"association {id}")
    return found


def _not_found(what: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"The specified {what} could not be found.", 404)


def by_arn(arn: str) -> Properties | None:
    """The access entry, add-on or Pod Identity association with this ARN; None if there is none."""
    for owner in PARTS.values():
        for found in (*owner.entries.values(), *owner.addons.values(), *owner.pods.values()):
            if arn in (found.get("accessEntryArn"), found.get("addonArn"), found.get("associationArn")):
                return found
    return None


def _versions(kubernetes: str) -> tuple[str, ...]:
    """The invented versions of any add-on for a Kubernetes version, the default first."""
    return tuple(f"v{kubernetes}.{patch}-eksbuild.1" for patch in (1, 0))


def _arn(call: Call, kind: str, *parts: str) -> str:
    return f"arn:aws:eks:{call.region}:{ACCOUNT}:{kind}/{'/'.join(parts)}"


def _times() -> Properties:
    return {"createdAt": time.time(), "modifiedAt": time.time()}
