"""Rules for the EKS cluster: endpoint, encryption, logs, version, add-ons, subnets."""

from __future__ import annotations

import json
from collections.abc import Iterator

from policies.addresses import internet_in
from policies.limits import Limits
from policies.rule import Pack, Problem, at
from policies.views import ResourceIndex, View
from program.types import ADDON, CLUSTER, NODE_GROUP, SUBNET

PACK = Pack("cluster")


LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
NETWORK_POLICY_SWITCH = "enableNetworkPolicy"
MONITOR_ALL = "manager.applicationSignals.autoMonitor.monitorAllServices"
NEEDED_ADDONS = ("vpc-cni", "eks-pod-identity-agent")


@PACK.rule(
    "cluster-private-endpoint",
    CLUSTER,
    title="The Kubernetes API is not open to the internet",
    why="Otherwise anyone on the internet could exploit a vulnerability of the API server.",
    fix="Enable the private endpoint. Disable the public endpoint, or name its callers in `cluster.publicAccessCidrs`.",
    severity="critical",
    frameworks=("CIS EKS 5.4.1", "CIS EKS 5.4.2", "AWS Security Hub EKS.1"),
)
def private_endpoint(view: View) -> Iterator[Problem]:
    """Yield a problem if the private endpoint is disabled, or the public endpoint is open to the internet."""
    if not view.flag("vpcConfig.endpointPrivateAccess"):
        path = "vpcConfig.endpointPrivateAccess"
        yield at(view, path, "nodes would call the API over the internet", f"set {path} to true")
    if view.flag("vpcConfig.endpointPublicAccess", default=True):
        path = "vpcConfig.publicAccessCidrs"
        sources = view.texts(path) or ["0.0.0.0/0"]
        if internet_in(sources):
            fix = f"set vpcConfig.endpointPublicAccess to false, or {path} to the networks that need the API"
            yield at(view, path, f"the API is open to {', '.join(sources)}", fix)


@PACK.rule(
    "cluster-secrets-encrypted",
    CLUSTER,
    title="Kubernetes Secrets are encrypted with a customer managed KMS key",
    why="etcd and its backups contain the Secrets. Without access to the key, no one can read the Secrets there.",
    fix="Set `encryptionConfig` with resources [secrets] and a key.",
    severity="high",
    frameworks=("CIS EKS 5.3.1", "AWS Security Hub EKS.3"),
    deferred=frozenset({"encryptionConfig.provider.keyArn"}),
)
def secrets_encrypted(view: View) -> Iterator[Problem]:
    """Yield a problem if the cluster does not encrypt Secrets with a KMS key."""
    if "secrets" not in view.texts("encryptionConfig.resources"):
        path = "encryptionConfig.resources"
        yield at(
            view,
            path,
            "Secrets are not encrypted with a customer managed KMS key",
            f"set {path} to [secrets], with provider.keyArn",
        )
    elif not view.text("encryptionConfig.provider.keyArn"):
        path = "encryptionConfig.provider.keyArn"
        yield at(view, path, "no key is named", f"set {path} to the ARN of a KMS key")


@PACK.rule(
    "cluster-logs",
    CLUSTER,
    title="The control plane writes all five kinds of logs",
    why="Only the audit log shows who did what in the cluster.",
    fix="List the five kinds in `enabledClusterLogTypes`.",
    severity="medium",
    frameworks=("CIS EKS 2.1.1", "AWS Security Hub EKS.8"),
)
def control_plane_logs(view: View) -> Iterator[Problem]:
    """Yield a problem if one of the five kinds of control plane logs is not enabled."""
    missing = [kind for kind in LOG_TYPES if kind not in view.texts("enabledClusterLogTypes")]
    if missing:
        path = "enabledClusterLogTypes"
        yield at(view, path, f"{', '.join(missing)} are not logged", f"set {path} to [{', '.join(LOG_TYPES)}]")


@PACK.rule(
    "cluster-version",
    CLUSTER,
    title="The Kubernetes version is in standard support",
    why="Extended support costs six times as much. When it ends, AWS upgrades the cluster on a day that AWS chooses.",
    fix="Raise `cluster.version` in the settings, one minor version at a time.",
    severity="high",
    frameworks=("AWS Security Hub EKS.2",),
    parameters=("kubernetes_support_ends",),
)
def supported_version(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield a problem if the version has no standard support on the day of the check."""
    version, ends = view.text("version"), limits.kubernetes_support_ends
    newest = max(ends, key=lambda each: [int(part) for part in each.split(".")])
    if version not in ends:
        supported = ", ".join(each for each, end in ends.items() if limits.today < end)
        fix = f"use one of {supported}, or add the version to kubernetes_support_ends in policies/limits.py"
        yield at(view, "version", f"{version or 'no version'} is not in standard support", fix)
    elif limits.today >= ends[version]:
        fix = f'raise version to "{newest}", one minor version at a time'
        yield at(view, "version", f"standard support of {version} ended on {ends[version]}", fix)


@PACK.rule(
    "cluster-add-ons-required",
    CLUSTER,
    title="The cluster enforces NetworkPolicies and has Pod Identity",
    why="Without `enableNetworkPolicy`, NetworkPolicies have no effect. Without Pod Identity, pods get no AWS permissions.",
    fix="Declare the add-ons vpc-cni (with `enableNetworkPolicy`) and eks-pod-identity-agent.",
    severity="critical",
    frameworks=("CIS EKS 4.3.1", "EKS best practices: network policy"),
    levels={"local": "advisory"},
)
def required_add_ons(view: View, index: ResourceIndex) -> Iterator[Problem]:
    """Yield a problem if a required add-on is missing, or if vpc-cni does not enforce NetworkPolicies."""
    addons = {addon.text("addonName"): addon for addon in index.users(view, "clusterName", ADDON)}
    for name in NEEDED_ADDONS:
        if name not in addons:
            yield at(view, "", f"the cluster has no add-on {name}", f"add an {ADDON} with addonName {name}")
    if "vpc-cni" in addons:
        switch = addons["vpc-cni"].document("configurationValues").get(NETWORK_POLICY_SWITCH)
        if str(switch).lower() != "true":
            wanted = json.dumps({NETWORK_POLICY_SWITCH: "true"})
            fix = f"set configurationValues of the add-on vpc-cni to {wanted}"
            yield at(view, "", "the VPC CNI ignores NetworkPolicies", fix)


@PACK.rule(
    "cluster-add-ons-inject-nothing",
    ADDON,
    title="The observability add-on injects nothing into pods",
    why="By default, the add-on injects init containers without a security context, and Pod Security rejects such pods.",
    fix="Set `manager.applicationSignals.autoMonitor.monitorAllServices` to false in the add-on's configuration.",
    severity="high",
    frameworks=("Amazon CloudWatch: Application Signals, monitor all",),
)
def injects_nothing(view: View) -> Iterator[Problem]:
    """Yield a problem if the add-on amazon-cloudwatch-observability instruments all services, which is its default."""
    if view.text("addonName") != "amazon-cloudwatch-observability":
        return
    if str(view.document("configurationValues").get(MONITOR_ALL)).lower() != "false":
        problem = "the add-on injects init containers into every pod behind a Service, and Pod Security rejects these pods"
        yield Problem("configurationValues", problem, f"set {MONITOR_ALL} to false")


@PACK.rule(
    "cluster-private-nodes",
    NODE_GROUP,
    CLUSTER,
    title="Nodes and control plane are in private subnets",
    why="The internet has no route to a private subnet.",
    fix="Give the node group and the control plane private subnets.",
    severity="high",
    frameworks=("CIS EKS 5.4.3",),
)
def private_nodes(view: View, index: ResourceIndex) -> Iterator[Problem]:
    """Yield a problem if the node group or the cluster uses a public subnet.

    A subnet is public if it has the tag ``kubernetes.io/role/elb``, or gives public addresses to instances.
    """
    path = "subnetIds" if view.resource.type == NODE_GROUP else "vpcConfig.subnetIds"
    public = [
        each.resource.name
        for each in index.sources(view, path, SUBNET)
        if each.flag("mapPublicIpOnLaunch") or "kubernetes.io/role/elb" in each.map("tags")
    ]
    if public:
        yield at(view, path, f"{', '.join(public)} are public subnets", f"set {path} to private subnets")
