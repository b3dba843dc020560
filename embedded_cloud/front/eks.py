"""The parts of EKS that moto lacks: access entries and policies, add-ons, Pod Identity associations, attributes of clusters."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator
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
"""The supported access policies, each with the cluster role that grants the same permissions.

Source: https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html
"""

ADDONS = (
    *("vpc-cni", "coredns", "kube-proxy", "eks-pod-identity-agent", "aws-ebs-csi-driver", "aws-efs-csi-driver"),
    *("metrics-server", "amazon-cloudwatch-observability", "cert-manager", "snapshot-controller", "external-dns"),
)
"""Some of the add-ons of EKS: https://docs.aws.amazon.com/eks/latest/userguide/workloads-add-ons-available-eks.html"""


SETTINGS = ("accessConfig", "deletionProtection", "logging")
"""The attributes of a cluster that this module stores. moto stores only ``logging``."""


@dataclass
class Parts:
    """The stored data of one cluster: the settings of the cluster, and the resources in the cluster by key."""

    settings: Properties = field(default_factory=dict[str, Any])
    entries: dict[str, Properties] = field(default_factory=dict[str, Properties])
    policies: dict[tuple[str, str], Properties] = field(default_factory=dict[tuple[str, str], Properties])
    addons: dict[str, Properties] = field(default_factory=dict[str, Properties])
    associations: dict[str, Properties] = field(default_factory=dict[str, Properties])
    """The Pod Identity associations."""
    upgraded_at: float | None = None
    """The time of the upgrade to the present version; None for a new cluster, and after a rollback."""


Answer = Callable[[Call], Properties | None]
OPERATIONS: dict[str, Answer] = {}
"""Operation -> the function that answers a call. The function returns None if moto can answer the call."""


def operation(answer: Answer) -> Answer:
    """Register a function that answers an operation.

    The function's name selects the operation: ``create_addon`` for CreateAddon.
    """
    OPERATIONS["".join(part.capitalize() for part in answer.__name__.split("_"))] = answer
    return answer


@dataclass(frozen=True, kw_only=True)
class PartKind:
    """One kind of resource in a cluster.

    Each instance registers the operations Describe and Update of its kind.
    """

    name: str
    answer: str
    """The field of an answer that contains the resource. The resource's own field ``{answer}Arn`` contains the ARN."""
    key: str
    """The parameter that identifies the resource in its cluster."""
    table: Callable[[Parts], dict[str, Properties]]
    """Returns a cluster's resources of this kind."""
    changeable: tuple[str, ...]
    absent: str
    """The message about a missing resource, with ``{key}`` and ``{cluster}``."""

    def __post_init__(self) -> None:
        """Register the operations."""
        OPERATIONS.update({f"Describe{self.name}": self.describe, f"Update{self.name}": self.update})

    def find(self, call: Call) -> Properties:
        """The resource that a call names. Raises ``AwsError`` if the resource does not exist."""
        cluster, key = _cluster(call), call.parameters[self.key]
        if (found := self.table(parts(cluster)).get(key)) is None:
            raise AwsError("ResourceNotFoundException", self.absent.format(key=key, cluster=cluster), 404)
        return found

    def create(self, call: Call, key: str, arn: str, **properties: Any) -> Properties:
        """Store a new resource, and return the answer to the call."""
        cluster = call.parameters["clusterName"]
        common = {"clusterName": cluster, f"{self.answer}Arn": arn, "tags": call.parameters.get("tags", {}), **_times()}
        self.table(parts(cluster))[key] = {**common, **properties}
        return {self.answer: {**common, **properties}}

    def describe(self, call: Call) -> Properties:
        """The answer with the resource."""
        return {self.answer: self.find(call)}

    def update(self, call: Call) -> Properties:
        """Set the changeable properties that the call contains."""
        self.find(call).update(_given(call, *self.changeable))
        return self.describe(call)

    def delete(self, call: Call) -> Properties:
        """Remove the resource, and return it."""
        return self.table(parts(_cluster(call))).pop(self.find(call)[self.key])


ACCESS_ENTRY = PartKind(
    name="AccessEntry",
    answer="accessEntry",
    key="principalArn",
    table=lambda parts: parts.entries,
    changeable=("kubernetesGroups", "username"),
    absent="The specified access entry for {key} could not be found.",
)
ADDON = PartKind(
    name="Addon",
    answer="addon",
    key="addonName",
    table=lambda parts: parts.addons,
    changeable=("addonVersion", "serviceAccountRoleArn", "configurationValues"),
    absent="No addon: {key} found in cluster: {cluster}",
)
POD_IDENTITY = PartKind(
    name="PodIdentityAssociation",
    answer="association",
    key="associationId",
    table=lambda parts: parts.associations,
    changeable=("roleArn",),
    absent="The specified association {key} could not be found.",
)

PARTS: dict[str, Parts] = {}
API_SERVERS: dict[str, Properties] = {}
"""Cluster name -> endpoint and certificate authority of the cluster's API server."""


def parts(cluster: str) -> Parts:
    """The stored parts of a cluster."""
    return PARTS.setdefault(cluster, Parts())


def access_of(cluster: str, arn: str) -> tuple[str, list[str]] | None:
    """The user name and the groups of a principal in a cluster; None if the principal has no access entry.

    ``arn`` is the ARN of a role or of an assumed role's session. An access entry contains the ARN of the role. The user name is
    that of the entry, with the name of the session in place of ``{{SessionName}}`` and ``{{SessionNameRaw}}``.

    Source: https://github.com/kubernetes-sigs/aws-iam-authenticator#full-configuration-format
    """
    role = arn
    if ":assumed-role/" in arn:
        role = f"arn:aws:iam::{arn.split(':')[4]}:role/{arn.split('/')[1]}"
    entry = parts(cluster).entries.get(role)
    if entry is None:
        return None
    granted = [POLICIES[policy.removeprefix(POLICY_PREFIX)] for principal, policy in parts(cluster).policies if principal == role]
    session = arn.rsplit("/", 1)[-1]
    name = entry["username"].replace("{{SessionName}}", session.replace("@", "-")).replace("{{SessionNameRaw}}", session)
    return name, [*entry["kubernetesGroups"], *(group_of(each) for each in granted)]


def writes_logs(cluster: str, call: Call) -> bool:
    """Whether the control plane of a cluster writes logs to CloudWatch."""
    enabled = parts(cluster).settings.get("logging")
    if enabled is None:
        enabled = call.parameters.get("logging")
    return any(each.get("enabled") for each in (enabled or {}).get("clusterLogging", ()))


def after(call: Call) -> None:
    """After a successful call, store the cluster's attributes that ``SETTINGS`` names, or remove the data of a deleted cluster."""
    name = call.parameters.get("name", "")
    match call.name:
        case "CreateCluster":
            PARTS[name] = Parts(settings=_given(call, *SETTINGS))
        case "UpdateClusterConfig":
            parts(name).settings.update(_given(call, *SETTINGS))
        case "DeleteCluster":
            PARTS.pop(name, None)
        case _:
            pass


def completed(call: Call, answer: Properties) -> Properties:
    """moto's answer about a cluster, completed with the access mode, deletion protection, OIDC issuer and API server."""
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
    """The parameters in ``names`` that the call contains."""
    return {name: call.parameters[name] for name in names if name in call.parameters}


def _update(kind: str) -> Properties:
    """The answer to a call that has changed a cluster or an add-on: a description of a successful update."""
    return {"update": {"id": token_hex(8), "status": "Successful", "type": kind, "createdAt": time.time()}}


@operation
def create_access_entry(call: Call) -> Properties:
    """Give a principal access to a cluster."""
    cluster, principal = _cluster(call), call.parameters["principalArn"]
    if parts(cluster).settings.get("accessConfig", {}).get("authenticationMode", "CONFIG_MAP") == "CONFIG_MAP":
        raise AwsError(
            "InvalidRequestException",
            "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.",
        )
    if principal in parts(cluster).entries:
        raise AwsError("ResourceInUseException", "The specified access entry resource is already in use on this cluster.", 409)
    return ACCESS_ENTRY.create(
        call,
        principal,
        _arn(call, "access-entry", cluster, "role", ACCOUNT, principal.rsplit("/", 1)[-1], token_hex(8)),
        principalArn=principal,
        kubernetesGroups=call.parameters.get("kubernetesGroups", []),
        username=call.parameters.get("username", _user_name(principal)),
        type=call.parameters.get("type", "STANDARD"),
    )


def _user_name(principal: str) -> str:
    """The user name that EKS gives a principal by default. The user name of a role contains the session.

    Source: https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html
    """
    role = re.fullmatch(r"arn:aws:iam::(\d+):role/(?:.+/)?([^/]+)", principal)
    return f"arn:aws:sts::{role[1]}:assumed-role/{role[2]}/{{{{SessionName}}}}" if role else principal


@operation
def delete_access_entry(call: Call) -> Properties:
    """Delete a principal's access entry and its access policies."""
    principal = ACCESS_ENTRY.delete(call)["principalArn"]
    owner = parts(call.parameters["clusterName"])
    owner.policies = {key: each for key, each in owner.policies.items() if key[0] != principal}
    return {}


@operation
def list_access_entries(call: Call) -> Properties:
    """List the principals with an access entry."""
    return {"accessEntries": list(parts(_cluster(call)).entries)}


@operation
def associate_access_policy(call: Call) -> Properties:
    """Grant a principal an access policy for the whole cluster."""
    entry, policy = ACCESS_ENTRY.find(call), call.parameters["policyArn"]
    if policy.removeprefix(POLICY_PREFIX) not in POLICIES:
        raise AwsError("ResourceNotFoundException", f"The specified policyArn is invalid: {policy}", 404)
    scope, now = call.parameters["accessScope"], time.time()
    if scope.get("type") == "namespace":
        raise AwsError("InvalidParameterException", "the embedded cloud does not support access policies with the scope namespace")
    association = {"policyArn": policy, "accessScope": scope, "associatedAt": now, "modifiedAt": now}
    parts(_cluster(call)).policies[entry["principalArn"], policy] = association
    return {"clusterName": entry["clusterName"], "principalArn": entry["principalArn"], "associatedAccessPolicy": association}


@operation
def disassociate_access_policy(call: Call) -> Properties:
    """Remove an access policy from a principal."""
    key = (ACCESS_ENTRY.find(call)["principalArn"], call.parameters["policyArn"])
    if parts(_cluster(call)).policies.pop(key, None) is None:
        message = "The specified association of this access policy could not be found."
        raise AwsError("ResourceNotFoundException", message, 404)
    return {}


@operation
def list_associated_access_policies(call: Call) -> Properties:
    """List the access policies of a principal."""
    principal = ACCESS_ENTRY.find(call)["principalArn"]
    found = [each for (owner, _), each in parts(_cluster(call)).policies.items() if owner == principal]
    return {"clusterName": _cluster(call), "principalArn": principal, "associatedAccessPolicies": found}


@operation
def create_addon(call: Call) -> Properties:
    """Install an add-on."""
    cluster, name = _cluster(call), call.parameters["addonName"]
    kubernetes = backend("eks", call).clusters[cluster].version
    version = call.parameters.get("addonVersion") or _versions(kubernetes)[0]
    _require_addon(name, version, kubernetes)
    if name in parts(cluster).addons:
        raise AwsError("ResourceInUseException", "Addon already exists.", 409)
    return ADDON.create(
        call,
        name,
        _arn(call, "addon", cluster, name, token_hex(8)),
        addonName=name,
        status="ACTIVE",
        addonVersion=version,
        health={"issues": []},
        **_given(call, "serviceAccountRoleArn", "configurationValues"),
    )


@operation
def update_addon(call: Call) -> Properties:
    """Change version or configuration of an add-on."""
    found, version = ADDON.find(call), call.parameters.get("addonVersion")
    if version:
        _require_addon(found["addonName"], version, backend("eks", call).clusters[found["clusterName"]].version)
    ADDON.update(call)
    return _update("AddonUpdate")


def _require_addon(name: str, version: str, kubernetes: str) -> None:
    """Raise ``AwsError`` if there is no such add-on, or not in this version for this Kubernetes version."""
    if name not in ADDONS or version not in _versions(kubernetes):
        raise AwsError(
            "InvalidParameterException", f"Addon version specified is not supported: {name} {version} on Kubernetes {kubernetes}"
        )


@operation
def delete_addon(call: Call) -> Properties:
    """Remove an add-on."""
    return {"addon": {**ADDON.delete(call), "status": "DELETING"}}


@operation
def list_addons(call: Call) -> Properties:
    """List the installed add-ons."""
    return {"addons": list(parts(_cluster(call)).addons)}


@operation
def describe_addon_versions(call: Call) -> Properties:
    """List the invented versions of add-ons for one Kubernetes version (default: 1.35). The default version is the first."""
    wanted, kubernetes = call.parameters.get("addonName"), call.parameters.get("kubernetesVersion", "1.35")
    versions = [
        {"addonVersion": version, "compatibilities": [{"clusterVersion": kubernetes, "defaultVersion": index == 0}]}
        for index, version in enumerate(_versions(kubernetes))
    ]
    return {"addons": [{"addonName": name, "addonVersions": versions} for name in ADDONS if wanted in (None, name)]}


@operation
def create_pod_identity_association(call: Call) -> Properties:
    """Associate a role with the pods of a service account."""
    cluster = _cluster(call)
    account = (call.parameters["namespace"], call.parameters["serviceAccount"])
    if account in {(each["namespace"], each["serviceAccount"]) for each in parts(cluster).associations.values()}:
        raise AwsError("ResourceInUseException", f"Association already exists: {'/'.join(account)}", 409)
    id = f"a-{token_hex(8)}"
    arn = _arn(call, "podidentityassociation", cluster, id)
    return POD_IDENTITY.create(call, id, arn, associationId=id, **_given(call, "namespace", "serviceAccount", "roleArn"))


@operation
def delete_pod_identity_association(call: Call) -> Properties:
    """Remove the role of a service account."""
    return {"association": POD_IDENTITY.delete(call)}


@operation
def list_pod_identity_associations(call: Call) -> Properties:
    """List the associations of a cluster, of a namespace or of a service account."""
    wanted = {key: call.parameters[key] for key in ("namespace", "serviceAccount") if call.parameters.get(key)}
    found = [each for each in parts(_cluster(call)).associations.values() if wanted.items() <= each.items()]
    return {"associations": found}


@operation
def update_cluster_config(call: Call) -> Properties | None:
    """Change the attributes of a cluster that moto cannot change; None if moto can answer the call."""
    if "deletionProtection" not in call.parameters and "accessConfig" not in call.parameters:
        return None
    _cluster(call, "name")
    after(call)
    return _update("ConfigUpdate")


@operation
def update_cluster_version(call: Call) -> Properties:
    """Change the version of the control plane, without a delay."""
    name, clusters = _cluster(call, "name"), backend("eks", call).clusters
    before, wanted = clusters[name].version, call.parameters["version"]
    back = minor(wanted) < minor(before)
    parts(name).upgraded_at = None if back else time.time()
    clusters[name].version = wanted
    return _update("VersionRollback" if back else "VersionUpdate")


@operation
def tag_resource(call: Call) -> Properties | None:
    """Tag a resource of this module; None for a resource of moto."""
    found = by_arn(call.parameters["resourceArn"])
    if found is None:
        return None
    found["tags"] = {**found["tags"], **call.parameters["tags"]}
    return {}


@operation
def untag_resource(call: Call) -> Properties | None:
    """Remove tags of a resource of this module; None for a resource of moto."""
    found = by_arn(call.parameters["resourceArn"])
    if found is None:
        return None
    found["tags"] = {key: value for key, value in found["tags"].items() if key not in call.parameters["tagKeys"]}
    return {}


def _cluster(call: Call, parameter: str = "clusterName") -> str:
    """The name of the cluster in a parameter of the call. Raises ``AwsError`` if this cluster does not exist."""
    name = call.parameters[parameter]
    if name not in backend("eks", call).clusters:
        raise AwsError("ResourceNotFoundException", f"No cluster found for name: {name}.", 404)
    return name


def tagged_parts(cluster: str) -> Iterator[tuple[str, dict[str, str]]]:
    """ARN and tags of the access entries, add-ons and Pod Identity associations of a cluster."""
    for kind in (ACCESS_ENTRY, ADDON, POD_IDENTITY):
        for found in list(kind.table(parts(cluster)).values()):
            yield found[f"{kind.answer}Arn"], found["tags"]


def by_arn(arn: str) -> Properties | None:
    """The access entry, add-on or Pod Identity association with this ARN; None if there is none."""
    for owner in PARTS.values():
        for kind in (ACCESS_ENTRY, ADDON, POD_IDENTITY):
            for found in kind.table(owner).values():
                if arn == found[f"{kind.answer}Arn"]:
                    return found
    return None


def _versions(kubernetes: str) -> tuple[str, ...]:
    """The invented versions of any add-on for a Kubernetes version, the default first."""
    return tuple(f"v{kubernetes}.{patch}-eksbuild.1" for patch in (1, 0))


def _arn(call: Call, kind: str, *parts: str) -> str:
    return f"arn:aws:eks:{call.region}:{ACCOUNT}:{kind}/{'/'.join(parts)}"


def _times() -> Properties:
    return {"createdAt": time.time(), "modifiedAt": time.time()}
