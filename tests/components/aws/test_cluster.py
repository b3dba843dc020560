import json

from manifests import registrations
from recording import run_platform


def test_the_api_is_private_unless_networks_are_named() -> None:
    closed = run_platform("production").one("aws:eks/cluster:Cluster")["vpcConfig"]
    opened = run_platform("local", cluster={"publicAccessCidrs": ["198.51.100.0/24"]}).one("aws:eks/cluster:Cluster")["vpcConfig"]
    assert (closed["endpointPrivateAccess"], closed["endpointPublicAccess"]) == (True, False)
    assert (opened["endpointPublicAccess"], opened["publicAccessCidrs"]) == (True, ["198.51.100.0/24"])


def test_only_named_roles_may_enter() -> None:
    graph = run_platform("local", cluster={"adminRoleArns": ["arn:aws:iam::123456789012:role/admin"]})
    access = graph.one("aws:eks/cluster:Cluster")["accessConfig"]
    assert access == {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False}
    assert [each.inputs["principalArn"] for each in graph.of("AccessEntry")] == ["arn:aws:iam::123456789012:role/admin"]


def test_roles_of_one_name_in_two_accounts_and_a_role_named_twice_get_one_entry_each() -> None:
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


def test_the_clusters_log_group_is_ours() -> None:
    graph = run_platform("local")
    assert graph.one("LogGroup", "dwcp-v3-cluster")["name"] == f"/aws/eks/{graph.one('aws:eks/cluster:Cluster')['name']}/cluster"


def test_nodes_keep_pods_from_their_metadata() -> None:
    options = run_platform("production").one("LaunchTemplate")["metadataOptions"]
    assert (options["httpTokens"], options["httpPutResponseHopLimit"]) == ("required", 1)


def test_nodes_carry_the_groups_of_what_runs_on_them() -> None:
    groups = run_platform("local").one("LaunchTemplate")["vpcSecurityGroupIds"]
    assert groups == ["sg-cluster", *(f"dwcp-v3-groups-{role}-id" for role in ("application", "metrics", "redis"))]


def test_every_add_on_of_the_design_is_installed() -> None:
    graph = run_platform("local")
    assert {each.inputs["addonName"] for each in graph.of("Addon")} == {
        *("vpc-cni", "eks-pod-identity-agent", "kube-proxy"),
        *("coredns", "aws-ebs-csi-driver", "metrics-server"),
    }
    assert json.loads(graph.one("Addon", "dwcp-v3-vpc-cni")["configurationValues"]) == {"enableNetworkPolicy": "true"}


def test_nodes_join_after_their_network_and_before_what_runs_on_them() -> None:
    registered = registrations("production")
    nodes = registered["aws:eks/nodeGroup:NodeGroup", "dwcp-v3-nodes"].dependencies
    assert {"dwcp-v3-vpc-cni", "dwcp-v3-eks-pod-identity-agent", "dwcp-v3-kube-proxy"} <= nodes
    for addon in ("coredns", "aws-ebs-csi-driver", "metrics-server"):
        assert "dwcp-v3-nodes" in registered["aws:eks/addon:Addon", f"dwcp-v3-{addon}"].dependencies


def test_the_control_plane_comes_after_its_log_group() -> None:
    assert "dwcp-v3-cluster" in registrations("production")["aws:eks/cluster:Cluster", "dwcp-v3"].dependencies


def test_nodes_are_scaled_by_the_autoscaler_once_they_exist() -> None:
    registered = registrations("production")["aws:eks/nodeGroup:NodeGroup", "dwcp-v3-nodes"]
    assert registered.ignored == {"scalingConfig.desiredSize"}


def test_add_ons_that_call_aws_have_a_role_of_their_own() -> None:
    accounts = {each.inputs["serviceAccount"] for each in run_platform("local").of("PodIdentityAssociation")}
    assert accounts == {"aws-node", "ebs-csi-controller-sa"}


def test_container_logs_are_shipped_to_our_group_where_controllers_are_installed() -> None:
    graph = run_platform("production")
    assert graph.one("Addon", "dwcp-v3-amazon-cloudwatch-observability")["addonName"] == "amazon-cloudwatch-observability"
    assert graph.one("PodIdentityAssociation", "dwcp-v3-amazon-cloudwatch-observability")["namespace"] == "amazon-cloudwatch"
    cluster = graph.one("aws:eks/cluster:Cluster")["name"]
    assert graph.one("LogGroup", "dwcp-v3-application")["name"] == f"/aws/containerinsights/{cluster}/application"
