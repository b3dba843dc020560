"""The cluster: control plane, nodes, add-ons, access entries, and the roles of its pods."""

from __future__ import annotations

from typing import Any, ClassVar

from embedded_cloud.providers.aws._values import Properties, first, pick, unflatten
from embedded_cloud.providers.aws.resource import TAGS, AwsResource, Tagging
from embedded_cloud.providers.aws.session import unless_absent, until_absent
from embedded_cloud.providers.modelled import names, properties


class EksResource(AwsResource):
    """The common base of EKS' resources: tags are set by ARN."""

    service = "eks"
    tagging = Tagging(resource="resourceArn", tags=lambda tags: {"tags": tags}, keys=lambda keys: {"tagKeys": keys})

    def tagged(self, id: str) -> str:
        return (self.read(id) or {})["arn"]


class Cluster(EksResource):
    """A control plane. EKS also creates and deletes a security group for it. moto does not, so this class does."""

    token = "aws:eks/cluster:Cluster"
    replace_on = names("name roleArn encryptionConfig kubernetesNetworkConfig")
    updatable = TAGS | names("version vpcConfig enabledClusterLogTypes accessConfig deletionProtection")
    provider_only = names("bootstrapSelfManagedAddons")
    auto_name = "name"
    name_limit = 100

    def create(self, inputs: Properties) -> str:
        name: str = inputs["name"]
        parameters: Properties = {"resourcesVpcConfig": _vpc_config(inputs), "logging": _logging(inputs)}
        if network := inputs.get("kubernetesNetworkConfig"):
            parameters["kubernetesNetworkConfig"] = network
        if encryption := inputs.get("encryptionConfig"):
            parameters["encryptionConfig"] = [encryption]
        for key in ("version", "accessConfig", "deletionProtection"):
            if key in inputs:
                parameters[key] = inputs[key]
        self.api.create_cluster(name=name, roleArn=inputs["roleArn"], tags=inputs["tagsAll"], **parameters)
        self.aws.client("ec2").create_security_group(
            GroupName=_group_name(name), Description=f"EKS created security group of {name}", VpcId=self._vpc(inputs["vpcConfig"])
        )
        return name

    def _vpc(self, vpc_config: Properties) -> str:
        return self.aws.client("ec2").describe_subnets(SubnetIds=vpc_config["subnetIds"][:1])["Subnets"][0]["VpcId"]

    def _security_groups(self, name: str) -> list[dict[str, Any]]:
        filters = [{"Name": "group-name", "Values": [_group_name(name)]}]
        return self.aws.client("ec2").describe_security_groups(Filters=filters)["SecurityGroups"]

    def read(self, id: str) -> Properties | None:
        cluster = self.api.describe_cluster(name=id)["cluster"]
        config = pick(
            cluster["resourcesVpcConfig"],
            *("subnetIds", "securityGroupIds", "endpointPrivateAccess", "endpointPublicAccess", "publicAccessCidrs"),
        )
        for group in self._security_groups(id):
            config |= {"clusterSecurityGroupId": group["GroupId"], "vpcId": group["VpcId"]}
        encryption = cluster.get("encryptionConfig")
        return {
            **pick(
                cluster,
                *("name", "roleArn", "version", "kubernetesNetworkConfig", "accessConfig", "deletionProtection"),
                *("arn", "endpoint", "status", "platformVersion"),
            ),
            "vpcConfig": config,
            "enabledClusterLogTypes": [
                kind for each in cluster["logging"]["clusterLogging"] if each["enabled"] for kind in each["types"]
            ],
            "encryptionConfig": encryption[0] if encryption else None,
            "certificateAuthority": cluster["certificateAuthority"],
            "identities": [{"oidcs": [{"issuer": cluster["identity"]["oidc"]["issuer"]}]}],
            "tagsAll": cluster.get("tags", {}),
        }

    def update(self, id: str, old: Properties, new: Properties) -> None:
        if "version" in new and new["version"] != old.get("version"):  # a cluster without the input keeps its version
            self.api.update_cluster_version(name=id, version=new["version"])
        if new["vpcConfig"] != old.get("vpcConfig"):
            self.api.update_cluster_config(name=id, resourcesVpcConfig=_vpc_config(new))
        if new.get("deletionProtection") != old.get("deletionProtection"):
            self.api.update_cluster_config(name=id, deletionProtection=bool(new.get("deletionProtection")))
        if "accessConfig" in new and new["accessConfig"] != old.get("accessConfig"):  # without the input, a cluster keeps its mode
            self.api.update_cluster_config(name=id, accessConfig={"authenticationMode": new["accessConfig"]["authenticationMode"]})
        if new.get("enabledClusterLogTypes") != old.get("enabledClusterLogTypes"):
            self.api.update_cluster_config(name=id, logging=_logging(new))

    def delete(self, id: str, inputs: Properties) -> None:
        unless_absent(lambda: self.api.delete_cluster(name=id))  # a cluster deleted by hand leaves its security group
        for group in self._security_groups(id):
            self.aws.client("ec2").delete_security_group(GroupId=group["GroupId"])


def _group_name(cluster: str) -> str:
    return f"eks-cluster-sg-{cluster}"


def _vpc_config(inputs: Properties) -> Properties:
    return {"endpointPrivateAccess": False, "endpointPublicAccess": True, **inputs["vpcConfig"]}


def _logging(inputs: Properties) -> Properties:
    kinds = inputs.get("enabledClusterLogTypes", [])
    return {"clusterLogging": [{"types": kinds, "enabled": bool(kinds)}]}


class NodeGroup(EksResource):
    """A node group; its id is ``CLUSTER:NAME``.

    moto cannot update the version, the launch template or the tags of a node group. Therefore such a change deletes the node group
    and creates it again under the same name. On AWS, a new version or launch template replaces only the nodes.
    """

    token = "aws:eks/nodeGroup:NodeGroup"
    rolled_out = names("version launchTemplate tagsAll")
    replace_on = names("clusterName nodeGroupName nodeRoleArn subnetIds instanceTypes capacityType amiType")
    updatable = TAGS | rolled_out | names("scalingConfig updateConfig labels")
    set_by_update = names("updateConfig")
    volatile = names("arn resources")
    auto_name = "nodeGroupName"
    name_limit = 63

    def create(self, inputs: Properties) -> str:
        parameters = {key: inputs[key] for key in ("clusterName", "scalingConfig", "instanceTypes", "capacityType", "amiType")
                      if key in inputs}  # fmt: skip
        parameters |= {key: inputs[key] for key in ("version", "launchTemplate", "labels") if inputs.get(key)}
        self.api.create_nodegroup(
            nodegroupName=inputs["nodeGroupName"],
            nodeRole=inputs["nodeRoleArn"],
            subnets=inputs["subnetIds"],
            tags=inputs["tagsAll"],
            **parameters,
        )
        return f"{inputs['clusterName']}:{inputs['nodeGroupName']}"

    def read(self, id: str) -> Properties | None:
        cluster, name = id.split(":", 1)
        group = self.api.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]
        if group["status"] == "DELETING":
            return None
        wanted = (
            "clusterName",
            "scalingConfig",
            "updateConfig",
            "instanceTypes",
            "capacityType",
            "amiType",
            "version",
            "status",
        )
        return {
            **pick(group, *wanted),
            "labels": group.get("labels", {}),  # the keys are the user's and must not be converted
            **unflatten(group, {"nodeGroupName": "nodegroupName", "nodeRoleArn": "nodeRole", "subnetIds": "subnets"}),
            "launchTemplate": pick(group.get("launchTemplate", {}), "id", "version"),
            "arn": group["nodegroupArn"],
            "tagsAll": group.get("tags", {}),
        }

    def change(self, id: str, old: Properties, new: Properties) -> None:
        self.update(id, old, new)

    def update(self, id: str, old: Properties, new: Properties) -> None:
        if "version" not in new and "version" in old:  # a node group without the input keeps its version
            new = {**new, "version": old["version"]}
        if any(new.get(name) != old.get(name) for name in self.rolled_out):
            self.delete(id, old)
            self.create(new)
            old = {name: value for name, value in new.items() if name in self.set_by_create()}
        cluster, name = id.split(":", 1)
        changes = {key: new[key] for key in ("scalingConfig", "updateConfig") if key in new and new[key] != old.get(key)}
        if new.get("labels") != old.get("labels"):
            gone = [key for key in old.get("labels", {}) if key not in new.get("labels", {})]
            changes["labels"] = {"addOrUpdateLabels": new.get("labels", {}), "removeLabels": gone}
        if changes:
            self.api.update_nodegroup_config(clusterName=cluster, nodegroupName=name, **changes)

    def delete(self, id: str, inputs: Properties) -> None:
        cluster, name = id.split(":", 1)
        self.api.delete_nodegroup(clusterName=cluster, nodegroupName=name)
        until_absent(lambda: self.api.describe_nodegroup(clusterName=cluster, nodegroupName=name))


class PartOfCluster(EksResource):
    """The base of resources that belong to a cluster. An id consists of the values of the parameters in :attr:`key`."""

    key: ClassVar[tuple[str, ...]]
    """The parameters that identify the resource in a call."""
    separator: ClassVar[str] = ":"

    def where(self, id: str) -> dict[str, str]:
        """The parts of an id as the parameters of a call."""
        return dict(zip(self.key, id.split(self.separator, len(self.key) - 1), strict=True))


class Addon(PartOfCluster):
    """An add-on: software that EKS installs in the cluster."""

    token = "aws:eks/addon:Addon"
    key = ("clusterName", "addonName")
    replace_on = names("clusterName addonName")
    updatable = TAGS | names("addonVersion configurationValues")
    provider_only = names("resolveConflictsOnCreate resolveConflictsOnUpdate")
    changing = ("addonVersion", "configurationValues")

    def create(self, inputs: Properties) -> str:
        wanted = {key: inputs[key] for key in ("clusterName", "addonName", *self.changing) if inputs.get(key)}
        if conflicts := inputs.get("resolveConflictsOnCreate"):
            wanted["resolveConflicts"] = conflicts
        self.api.create_addon(**wanted, tags=inputs["tagsAll"])
        return f"{inputs['clusterName']}:{inputs['addonName']}"

    def read(self, id: str) -> Properties | None:
        addon = self.api.describe_addon(**self.where(id))["addon"]
        wanted = ("clusterName", "addonName", "addonVersion", "configurationValues")
        return {**pick(addon, *wanted), "arn": addon["addonArn"], "tagsAll": addon["tags"]}

    def update(self, id: str, old: Properties, new: Properties) -> None:
        wanted = {key: new[key] for key in self.changing if new.get(key) and new[key] != old.get(key)}
        if conflicts := new.get("resolveConflictsOnUpdate"):
            wanted["resolveConflicts"] = conflicts
        self.api.update_addon(**self.where(id), **wanted)

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.delete_addon(**self.where(id))


class AccessEntry(PartOfCluster):
    """An access entry: the access of a principal to the Kubernetes API."""

    token = "aws:eks/accessEntry:AccessEntry"
    key = ("clusterName", "principalArn")
    replace_on = names("clusterName principalArn type")
    updatable = TAGS | names("kubernetesGroups")
    defaults = properties(type="STANDARD")

    def create(self, inputs: Properties) -> str:
        wanted = {key: inputs[key] for key in ("clusterName", "principalArn", "type", "kubernetesGroups") if key in inputs}
        self.api.create_access_entry(**wanted, tags=inputs["tagsAll"])
        return f"{inputs['clusterName']}:{inputs['principalArn']}"

    def read(self, id: str) -> Properties | None:
        entry = self.api.describe_access_entry(**self.where(id))["accessEntry"]
        wanted = ("clusterName", "principalArn", "type", "kubernetesGroups", "accessEntryArn")
        return {**pick(entry, *wanted), "userName": entry["username"], "tagsAll": entry["tags"]}

    def tagged(self, id: str) -> str:
        return (self.read(id) or {})["accessEntryArn"]

    def update(self, id: str, old: Properties, new: Properties) -> None:
        self.api.update_access_entry(**self.where(id), kubernetesGroups=new.get("kubernetesGroups", []))

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.delete_access_entry(**self.where(id))


class AccessPolicyAssociation(PartOfCluster):
    """An access policy of a principal in the cluster; its id is ``CLUSTER#PRINCIPAL#POLICY``."""

    token = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
    key = ("clusterName", "principalArn", "policyArn")
    separator = "#"
    replace_on = names("clusterName principalArn policyArn accessScope")

    def create(self, inputs: Properties) -> str:
        self.api.associate_access_policy(**{key: inputs[key] for key in self.replace_on})
        return self.separator.join(inputs[key] for key in self.key)

    def read(self, id: str) -> Properties | None:
        where = self.where(id)
        policy = where.pop("policyArn")
        found = self.api.list_associated_access_policies(**where)["associatedAccessPolicies"]
        association = first([each for each in found if each["policyArn"] == policy])
        return {**where, **pick(association, "policyArn", "accessScope")}

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.disassociate_access_policy(**self.where(id))


class PodIdentityAssociation(PartOfCluster):
    """The association of a role with the pods of a service account; its id is ``CLUSTER,ASSOCIATION_ID``."""

    token = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
    key = ("clusterName", "associationId")
    separator = ","
    replace_on = names("clusterName namespace serviceAccount")
    updatable = TAGS | names("roleArn")

    def create(self, inputs: Properties) -> str:
        wanted = {key: inputs[key] for key in ("clusterName", "namespace", "serviceAccount", "roleArn")}
        made = self.api.create_pod_identity_association(**wanted, tags=inputs["tagsAll"])["association"]
        return f"{inputs['clusterName']},{made['associationId']}"

    def read(self, id: str) -> Properties | None:
        found = self.api.describe_pod_identity_association(**self.where(id))["association"]
        wanted = ("clusterName", "namespace", "serviceAccount", "roleArn", "associationId", "associationArn")
        return {**pick(found, *wanted), "tagsAll": found["tags"]}

    def tagged(self, id: str) -> str:
        return (self.read(id) or {})["associationArn"]

    def update(self, id: str, old: Properties, new: Properties) -> None:
        self.api.update_pod_identity_association(**self.where(id), roleArn=new["roleArn"])

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.delete_pod_identity_association(**self.where(id))
