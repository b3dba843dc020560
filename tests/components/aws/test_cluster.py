import json
from typing import Any

import pytest
from manifests import dependencies
from recording import Graph, run_platform

TAGS = {"project": "dwcp-v3", "environment": "staging", "owner": "platform", "cost-center": "dwcp", "managed-by": "pulumi"}
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
ADDON = "aws:eks/addon:Addon"


def configuration(graph: Graph, addon: str) -> dict[str, Any]:
    return json.loads(graph.one("Addon", f"dwcp-v3-{addon}")["configurationValues"])


def sizes(graph: Graph, field: str) -> dict[str, int]:
    return {each.name[-1]: each.inputs["scalingConfig"][field] for each in graph.of(NODE_GROUP)}


def test_the_api_is_private_unless_networks_are_configured() -> None:
    closed = run_platform("production").one("aws:eks/cluster:Cluster")["vpcConfig"]
    opened = run_platform("local", cluster={"publicAccessCidrs": ["198.51.100.0/24"]}).one("aws:eks/cluster:Cluster")["vpcConfig"]
    assert (closed["endpointPrivateAccess"], closed["endpointPublicAccess"]) == (True, False)
    assert (opened["endpointPublicAccess"], opened["publicAccessCidrs"]) == (True, ["198.51.100.0/24"])


def test_only_configured_roles_have_access() -> None:
    graph = run_platform("local", cluster={"adminRoleArns": ["arn:aws:iam::123456789012:role/admin"]})
    access = graph.one("aws:eks/cluster:Cluster")["accessConfig"]
    assert access == {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False}
    assert [each.inputs["principalArn"] for each in graph.of("AccessEntry")] == ["arn:aws:iam::123456789012:role/admin"]


def test_each_role_has_one_access_entry_even_if_names_or_roles_repeat() -> None:
    arns = [f"arn:aws:iam::{account}:role/team/admin" for account in ("111122223333", "444455556666")]
    entries = run_platform("local", cluster={"adminRoleArns": arns, "ciRoleArn": arns[0]}).of("AccessEntry")
    assert {each.name: each.inputs["principalArn"] for each in entries} == {
        "dwcp-v3-111122223333-admin": arns[0],
        "dwcp-v3-444455556666-admin": arns[1],
    }


def test_secrets_are_encrypted_and_control_plane_logs_are_on() -> None:
    cluster = run_platform("staging").one("aws:eks/cluster:Cluster")
    assert cluster["encryptionConfig"]["resources"] == ["secrets"]
    assert set(cluster["enabledClusterLogTypes"]) == {"api", "audit", "authenticator", "controllerManager", "scheduler"}


def test_the_program_creates_the_clusters_log_group() -> None:
    graph = run_platform("local")
    assert graph.one("LogGroup", "dwcp-v3-cluster")["name"] == f"/aws/eks/{graph.one('aws:eks/cluster:Cluster')['name']}/cluster"


def test_pods_cannot_read_the_instance_metadata_of_nodes() -> None:
    options = run_platform("production").one("LaunchTemplate")["metadataOptions"]
    assert (options["httpTokens"], options["httpPutResponseHopLimit"]) == ("required", 1)


def test_nodes_have_the_security_groups_of_their_pods() -> None:
    groups = run_platform("local").one("LaunchTemplate")["vpcSecurityGroupIds"]
    assert groups == ["sg-cluster", *(f"dwcp-v3-groups-{role}-id" for role in ("application", "metrics", "redis"))]


def test_the_required_add_ons_are_installed() -> None:
    graph = run_platform("local")
    assert {each.inputs["addonName"] for each in graph.of("Addon")} == {
        *("vpc-cni", "eks-pod-identity-agent", "kube-proxy"),
        *("coredns", "aws-ebs-csi-driver", "metrics-server"),
    }
    assert configuration(graph, "vpc-cni")["enableNetworkPolicy"] == "true"


def test_nodes_are_created_after_the_network_add_ons_and_before_add_ons_with_pods() -> None:
    before = {(ADDON, f"dwcp-v3-{each}") for each in ("vpc-cni", "eks-pod-identity-agent", "kube-proxy")}
    assert before <= dependencies("production", NODE_GROUP, "dwcp-v3-nodes-b")
    for addon in ("coredns", "aws-ebs-csi-driver", "metrics-server"):
        assert (NODE_GROUP, "dwcp-v3-nodes-b") in dependencies("production", ADDON, f"dwcp-v3-{addon}")


def test_the_cluster_is_created_after_its_log_group() -> None:
    """The key and the role of the cluster have the same logical name as the log group."""
    log_group = ("aws:cloudwatch/logGroup:LogGroup", "dwcp-v3-cluster")
    assert log_group in dependencies("production", "aws:eks/cluster:Cluster", "dwcp-v3")


def test_add_ons_that_call_aws_have_their_own_roles() -> None:
    accounts = {each.inputs["serviceAccount"] for each in run_platform("local").of("PodIdentityAssociation")}
    assert accounts == {"aws-node", "ebs-csi-controller-sa"}


def test_container_logs_go_to_a_log_group_of_the_program() -> None:
    graph = run_platform("production")
    assert graph.one("Addon", "dwcp-v3-amazon-cloudwatch-observability")["addonName"] == "amazon-cloudwatch-observability"
    assert graph.one("PodIdentityAssociation", "dwcp-v3-amazon-cloudwatch-observability")["namespace"] == "amazon-cloudwatch"
    cluster = graph.one("aws:eks/cluster:Cluster")["name"]
    assert graph.one("LogGroup", "dwcp-v3-application")["name"] == f"/aws/containerinsights/{cluster}/application"


def test_the_observability_add_on_changes_no_pods() -> None:
    """It would inject an init container without a security context into the service's pods, which Pod Security rejects."""
    monitoring = configuration(run_platform("production"), "amazon-cloudwatch-observability")
    assert monitoring["manager"]["applicationSignals"]["autoMonitor"]["monitorAllServices"] is False


@pytest.mark.parametrize("stack", ["local", "production"])
def test_nodes_and_add_ons_have_the_clusters_version(stack: str) -> None:
    graph = run_platform(stack, cluster={"version": "1.36"})
    assert graph.one("aws:eks/cluster:Cluster")["version"] == "1.36"
    assert {each.inputs["version"] for each in graph.of(NODE_GROUP)} == {"1.36"}
    calls = {(each.args["addonName"], each.args["kubernetesVersion"]) for each in graph.invokes if "getAddonVersion" in each.token}
    assert calls == {(each.inputs["addonName"], "1.36") for each in graph.of("Addon")}
    assert all(each.inputs["addonVersion"] for each in graph.of("Addon"))


def test_an_add_on_version_can_be_pinned() -> None:
    graph = run_platform("production", cluster={"addonVersions": {"coredns": "v1.13.1-eksbuild.1"}})
    assert graph.one("Addon", "dwcp-v3-coredns")["addonVersion"] == "v1.13.1-eksbuild.1"
    assert "coredns" not in {each.args.get("addonName") for each in graph.invokes}


def test_each_zone_has_its_own_node_group() -> None:
    groups = {each.name: each.inputs["subnetIds"] for each in run_platform("production").of(NODE_GROUP)}
    assert groups == {f"dwcp-v3-nodes-{zone}": [f"dwcp-v3-private-{zone}-id"] for zone in "abc"}


def test_the_number_of_nodes_is_divided_among_the_zones() -> None:
    graph = run_platform("production", cluster={"minNodes": 2, "desiredNodes": 4, "maxNodes": 7})
    assert sizes(graph, "minSize") == {"a": 1, "b": 1, "c": 0}
    assert sizes(graph, "desiredSize") == {"a": 2, "b": 1, "c": 1}
    assert sizes(graph, "maxSize") == {"a": 3, "b": 2, "c": 2}
    scaler = graph.one("kubernetes:helm.sh/v3:Release", "dwcp-v3-cluster-autoscaler")["values"]["extraArgs"]
    assert scaler["max-nodes-total"] == 7


def test_the_autoscaler_removes_nodes_that_have_local_storage() -> None:
    scaler = run_platform("production").one("kubernetes:helm.sh/v3:Release", "dwcp-v3-cluster-autoscaler")["values"]["extraArgs"]
    assert scaler["skip-nodes-with-local-storage"] is False


def test_resources_that_aws_creates_are_tagged() -> None:
    graph = run_platform("staging")
    tags_by_type = {each["resourceType"]: each["tags"] for each in graph.one("LaunchTemplate")["tagSpecifications"]}
    assert tags_by_type.keys() == {"instance", "volume", "network-interface"}
    by_cluster = TAGS | {"managed-by": "cluster"}  # `dwcp drift` does not report these resources
    assert all(tags.items() >= by_cluster.items() for tags in tags_by_type.values())
    assert configuration(graph, "aws-ebs-csi-driver")["controller"]["extraVolumeTags"] == by_cluster
    assert json.loads(configuration(graph, "vpc-cni")["env"]["ADDITIONAL_ENI_TAGS"]) == by_cluster
